"""What DPO learns from: the prompt as it is given for sampling, and only what can be told apart."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from modeling.core import train_policy
from modeling.core.policy.offline import of_decided, points_of
from modeling.core.policy.pairs import read_pairs
from modeling.core.policy.texts import render_written
from modeling.core.texts.groups import read_groups
from modeling.core.texts.text import encode_prompts, render_prompt, render_text
from tests.modeling.core.factories import (
    error_of,
    make_run,
    metric,
    preference,
    preferences,
    read,
    run,
    write_lines,
)
from tests.tiny_model import CHAT_TEMPLATE

PROMPT = (("user", "What is two plus three?"),)
# As templates of reasoning models: the answer is begun, and rendered without its reasoning.
THINKING = CHAT_TEMPLATE.replace(
    "{{ message['content'] }}", "{{ message['content'].split('</think>')[-1].strip() }}"
).replace("<|assistant|>\n{% endif %}", "<|assistant|>\n<think>\n{% endif %}")
# As templates with thinking switched off: both have the empty thoughts.
NOT_THINKING = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n"
    "{% if message['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n<think>\n\n</think>\n\n{% endif %}"
)


def tokenizer_with(template: str, folder: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    return tokenizer


def pairs_of(tokenizer: Any, tmp_path: Path, **changes: Any) -> Any:
    write_lines(tmp_path / "preferences.jsonl", [preference(1, **changes)])
    remarks: list[str] = []
    task: Any = SimpleNamespace(
        actor=SimpleNamespace(tokenizer=tokenizer),
        config=SimpleNamespace(max_length=256, algorithm="dpo"),
        run=SimpleNamespace(path=tmp_path),
        remark=remarks.append,
    )
    groups, _ = read_groups(tmp_path / "preferences.jsonl", 0.0)
    return read_pairs(task, groups)


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, THINKING, NOT_THINKING])
def test_a_pair_begins_with_the_prompt_that_sampling_gives(
    template: str, tiny_model: Path, tmp_path: Path
) -> None:
    tokenizer = tokenizer_with(template, tiny_model)
    (pair,) = pairs_of(tokenizer, tmp_path, chosen="It is two.", rejected="Go away.")
    (given,) = encode_prompts(tokenizer, [(("user", "What is 1 plus one?"),)], 256)
    assert list(pair.chosen.prompt) == given.ids
    assert list(pair.rejected.prompt) == given.ids
    assert tokenizer.decode(pair.chosen.response) == "It is two.<|end|>"
    assert tokenizer.decode(pair.rejected.response) == "Go away.<|end|>"


def test_reasoning_that_a_policy_wrote_behind_the_begun_answer_is_learned(
    tiny_model: Path,
) -> None:
    tokenizer = tokenizer_with(THINKING, tiny_model)
    written = render_written(tokenizer, PROMPT, "I add.</think>\nFive.")
    assert written == render_prompt(tokenizer, PROMPT) + "I add.</think>\nFive.<|end|>\n"[:-1]


def test_a_response_that_repeats_the_begun_words_has_them_once(tiny_model: Path) -> None:
    tokenizer = tokenizer_with(THINKING, tiny_model)
    written = render_written(tokenizer, PROMPT, "<think>\nI add.</think>\nFive.")
    assert written.count("<think>") == 1


def test_without_begun_words_a_policy_reads_what_a_reward_model_reads(tiny_model: Path) -> None:
    tokenizer = tokenizer_with(CHAT_TEMPLATE, tiny_model)
    assert render_written(tokenizer, PROMPT, " Five.\n") == render_text(
        tokenizer, PROMPT, " Five.\n"
    )


def dpo_run(folder: Path, base: Path, rows: list[dict[str, Any]], **config: Any) -> Path:
    settings = {
        "algorithm": "dpo",
        "policy": base,
        "max_new_tokens": 4,
        "eval_prompts": 2,
        "eval_responses": 1,
        "batch_size": 8,
    }
    return make_run(folder, rows, "preferences.jsonl", **(settings | config))


def test_ties_do_not_count_as_wrong(tiny_model: Path, tmp_path: Path) -> None:
    """A rate of almost nothing: the policy stays its reference, and no side is ahead."""
    rows = [row | {"target": 0.5 if n % 2 else 1.0} for n, row in enumerate(preferences(30))]
    folder = dpo_run(tmp_path / "run", tiny_model, rows, learning_rate=1e-12)
    assert run(train_policy, folder) == 0
    assert set(metric(folder, "rewards/accuracies")) == {0.5}


def test_a_batch_of_ties_has_no_accuracy(tiny_model: Path, tmp_path: Path) -> None:
    rows = [row | {"target": 0.5} for row in preferences(20)]
    folder = dpo_run(tmp_path / "run", tiny_model, rows)
    assert run(train_policy, folder) == 0
    assert metric(folder, "rewards/accuracies") == []


def test_the_accuracy_is_a_share_of_the_decided_weight() -> None:
    target = torch.tensor([1.0, 0.0, 1.0, 1.0])
    margin = torch.tensor([2.0, 2.0, 1e-6, -1.0])
    assert points_of(margin, target, torch.tensor([-40.0])).tolist() == [1.0, 0.0, 0.5, 0.0]
    figures = {"rewards/accuracies": 0.3, "decided": 0.4, "loss": 0.7}
    of_decided(figures)
    assert figures == {"rewards/accuracies": pytest.approx(0.75), "loss": 0.7}


def test_pairs_that_are_the_same_to_the_policy_are_left_out_and_told(
    tiny_model: Path, tmp_path: Path
) -> None:
    long = "The opposite of hot is cold. " * 12
    alike = preference(99, chosen=f"{long} Yes.", rejected=f"{long} No.")
    folder = dpo_run(tmp_path / "run", tiny_model, [*preferences(20), alike], max_length=64)
    assert run(train_policy, folder) == 0
    warnings = read(folder / "result.json")["warnings"]
    assert any("1 of 13 pairs are the same text to the model" in one for one in warnings)
    assert "are the same text" in error_of(
        train_policy, dpo_run(tmp_path / "none", tiny_model, [alike], max_length=64)
    )


def test_identical_pairs_are_not_called_an_empty_split(tiny_model: Path, tmp_path: Path) -> None:
    rows = [preference(n, chosen="Yes.", rejected="Yes.") for n in range(8)]
    rows.append(preference(9, split="test"))
    said = error_of(train_policy, dpo_run(tmp_path / "run", tiny_model, rows))
    assert "both responses are the same text" in said
    assert "is empty" not in said
