"""Sampling from a model in this process: load it, know where its responses end, draw."""

from collections.abc import Sequence
from typing import Any

import torch

from modeling.core.generating.drawing import Sampling
from modeling.core.generating.generation import Drawn, Request
from modeling.core.generating.plain_generation import choose_generator
from modeling.core.generating.samples_file import Keep, Prompt, Wanted
from modeling.core.loading.pretrained import load_causal_model, load_tokenizer
from modeling.core.program.device import choose_device, choose_threads, move_to
from modeling.core.program.errors import ProgramError
from modeling.core.program.run_dir import RunDir, smaller
from modeling.core.texts.chat_end import find_stop_ids
from modeling.core.texts.left_out import find_refusals, sentences
from modeling.core.texts.template_check import check_prompt_template
from modeling.core.texts.text import choose_max_length, complete_tokenizer, encode_prompts
from modeling.core.texts.token_rows import give_rows
from modeling.run_data.sample import SampleConfig

FEWEST_PROMPT_TOKENS = 8


def sample_locally(
    run: RunDir,
    source: str,
    prompts: dict[str, Prompt],
    wanted: Sequence[Wanted],
    config: SampleConfig,
    keep: Keep,
) -> tuple[int, list[str], list[dict[str, Any]]]:
    """Draw the wanted responses. Returns how many of all prompts were truncated, warnings, and rows
    on the prompts that were left out (modeling/core/texts/left_out.py)."""
    run.say(f"Loading the policy {source}.")
    tokenizer = load_tokenizer(source)
    complete_tokenizer(tokenizer, config.template_date, is_policy=True)
    check_prompt_template(tokenizer, source)
    model = load_causal_model(source)
    give_rows(model, tokenizer)
    torch.set_num_threads(choose_threads(config.threads, model.num_parameters()))
    move_to(model, choose_device(config.device))
    refusals = find_refusals([tokenizer], prompts.values())
    left_out = refusals.rows(run.path / "prompts.jsonl", prompts)
    warnings = sentences(refusals, left_out, len(prompts), "prompts")
    prompts = {name: one for name, one in prompts.items() if one not in refusals.reasons}
    wanted = [one for one in wanted if one.id in prompts]
    room = prompt_room(config, choose_max_length(config.max_length, tokenizer, model))
    encoded = dict(
        zip(prompts, encode_prompts(tokenizer, list(prompts.values()), room), strict=True)
    )
    generate, warning = choose_generator(model)
    if warning:
        run.say(warning)

    def tell(at: int, drawn: Drawn) -> None:
        text = tokenizer.decode(drawn.text_tokens, skip_special_tokens=True)
        keep(wanted[at], text, drawn.finished, len(drawn.text_tokens))

    sampling = Sampling(
        find_stop_ids(model, tokenizer),
        config.max_new_tokens,
        float(config.temperature),
        float(config.top_p),
        smaller(config.batch_tokens, config.smaller_passes),
    )
    requests = [Request(encoded[one.id].ids, one.seed) for one in wanted]
    run.begin("sampling", f"Sampling on {model.device}, prompt by prompt, the longest first.")
    run.cancel_at_once = False
    generate(model, requests, sampling, on_done=tell, check=run.check_cancelled)
    truncated = sum(text.truncated for text in encoded.values())
    return truncated, warnings + ([warning] if warning else []), left_out


def prompt_room(config: SampleConfig, max_length: int) -> int:
    """The number of tokens that a prompt may have beside a response of full length. Raises
    ProgramError where it is less than FEWEST_PROMPT_TOKENS."""
    room = max_length - config.max_new_tokens
    if room < FEWEST_PROMPT_TOKENS:
        raise ProgramError(
            f"The policy's context of {max_length} tokens has no room for a prompt and "
            f"{config.max_new_tokens} new tokens.",
            where="config.json: max_new_tokens",
            hint=f"Set max_new_tokens to at most {max_length // 2}.",
        )
    return room
