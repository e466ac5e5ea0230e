"""Sampling from a model in this process: load it, know where its responses end, draw."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.device import choose_device, choose_threads, move_to
from modeling.core.drawing import Sampling
from modeling.core.errors import ProgramError
from modeling.core.generation import Drawn, Request
from modeling.core.loading import load_causal_model, load_tokenizer
from modeling.core.plain_generation import choose_generator
from modeling.core.run_dir import RunDir
from modeling.core.samples_file import Keep, Prompt, Wanted
from modeling.core.text import (
    choose_max_length,
    complete_tokenizer,
    encode_prompts,
    render_text,
)

FEWEST_PROMPT_TOKENS = 8


def find_stop_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The EOS of tokenizer and generation config, and the token with which the chat template ends
    an assistant's turn (`<|im_end|>` and its like, which some checkpoints do not declare)."""
    stop = {tokenizer.eos_token_id}
    config = model.generation_config
    declared = config.eos_token_id if config is not None else None
    stop |= set(declared) if isinstance(declared, list) else {declared}
    prompt = (("user", "?"),)
    tail = render_text(tokenizer, prompt, "mark").rpartition("mark")[2]
    ending = tokenizer(tail.lstrip(), add_special_tokens=False)["input_ids"]
    if ending and ending[0] in tokenizer.added_tokens_decoder:
        stop.add(ending[0])
    return frozenset(token for token in stop if isinstance(token, int))


def sample_locally(
    run: RunDir,
    source: str,
    prompts: dict[str, Prompt],
    wanted: Sequence[Wanted],
    config: dict[str, Any],
    keep: Keep,
) -> tuple[int, list[str]]:
    """Draws the wanted responses; how many of all prompts were truncated, and warnings."""
    tokenizer = load_tokenizer(source)
    complete_tokenizer(tokenizer)
    model = load_causal_model(source)
    torch.set_num_threads(choose_threads(config["threads"], model.num_parameters()))
    move_to(model, choose_device(config["device"]))
    room = prompt_room(config, choose_max_length(config["max_length"], tokenizer, model))
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
        config["max_new_tokens"],
        float(config["temperature"]),
        float(config["top_p"]),
        config["batch_tokens"],
    )
    requests = [Request(encoded[one.id].ids, one.seed) for one in wanted]
    run.cancel_at_once = False
    generate(model, requests, sampling, on_done=tell, check=run.check_cancelled)
    truncated = sum(text.truncated for text in encoded.values())
    return truncated, [warning] if warning else []


def prompt_room(config: dict[str, Any], max_length: int) -> int:
    """How many tokens a prompt may have beside a response of full length."""
    room = max_length - int(config["max_new_tokens"])
    if room < FEWEST_PROMPT_TOKENS:
        raise ProgramError(
            f"The policy's context of {max_length} tokens has no room for a prompt and "
            f"{config['max_new_tokens']} new tokens.",
            where="config.json: max_new_tokens",
            hint=f"Set max_new_tokens to at most {max_length // 2}.",
        )
    return room
