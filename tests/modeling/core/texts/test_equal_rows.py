"""Texts that are one text to the model have one reward, exactly, on every way it is read."""

from pathlib import Path
from typing import Any

import pytest
import torch

from modeling.core import score, train_reward
from modeling.core.loading.saved_rewards import load_scorer
from modeling.core.texts.equal_rows import once
from modeling.core.texts.text import Encoded
from tests.modeling.core.factories import (
    SPLITS,
    error_of,
    lines,
    make_run,
    messages,
    metric,
    preference,
    preferences,
    read,
    run,
    training_run,
)
from tests.tiny_model import CHAT_TEMPLATE, build_tiny_model

LONG = "The opposite of hot is cold. What is two plus three? " * 8
IN_PARTS = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}"
    "{% endif %}{% endfor %}{{ eos_token }}\n{% endfor %}"
)
WAYS: list[dict[str, Any]] = [
    {},
    {"attention": "padded"},
    {"heads": 3},
    {"members": 2},
    {"pooling": "mean"},
    {"method": "frozen"},
    {"method": "frozen", "heads": 2, "attention": "padded"},
]


def cut_alike(count: int) -> list[dict[str, Any]]:
    """Pairs that differ behind the 64th token alone."""
    return [
        preference(
            number,
            split=SPLITS[number % 5],
            chosen=f"{number} {LONG} Thank you very much.",
            rejected=f"{number} {LONG} Go away.",
        )
        for number in range(count)
    ]


def with_template(folder: Path, template: str) -> Path:
    build_tiny_model(folder)
    (folder / "chat_template.jinja").write_text(template)
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_pairs_that_are_equal_after_cutting_count_one_half_and_are_told(
    tiny_model: Path, tmp_path: Path, way: dict[str, Any]
) -> None:
    folder = training_run(
        tmp_path / "run", tiny_model, cut_alike(40), max_length=64, epochs=1, **way
    )
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    assert {one["value"] for one in result["accuracy"].values()} == {0.5}
    assert result["same_to_model"] == {"train": 24, "calibration": 0, "dev": 8, "test": 8}
    assert any(
        "40 of 40 pairs are the same text to the model after cutting at 64 tokens" in warning
        for warning in result["warnings"]
    )
    for row in lines(folder / "predictions.jsonl"):
        assert row["reward_chosen"] == row["reward_rejected"]


def test_equal_pairs_teach_nothing(tiny_model: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", tiny_model, cut_alike(40), max_length=64, epochs=2)
    assert run(train_reward, folder) == 0
    assert set(metric(folder, "train/grad_norm")) == {0.0}


def test_some_equal_pairs_among_others_are_counted(tiny_model: Path, tmp_path: Path) -> None:
    rows = [*preferences(40), *({**row, "id": f"c{row['id']}"} for row in cut_alike(5))]
    folder = training_run(tmp_path / "run", tiny_model, rows, max_length=64)
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    assert sum(result["same_to_model"].values()) == 5
    assert any("5 of 45 pairs" in warning for warning in result["warnings"])
    assert result["accuracy"]["train"]["value"] > 0.5


def test_pairs_whose_difference_the_template_leaves_out_are_told(tmp_path: Path) -> None:
    template = CHAT_TEMPLATE.replace(
        "{{ message['content'] }}", "{{ message['content'].split('</think>')[-1] }}"
    )
    base = with_template(tmp_path / "base", template)
    rows = [
        row | {"chosen": "I count.</think>It is five.", "rejected": "I guess.</think>It is five."}
        for row in preferences(20)
    ]
    folder = training_run(tmp_path / "run", base, rows, epochs=1)
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    assert result["accuracy"]["test"]["value"] == 0.5
    assert any("its chat template leaves out what differs" in one for one in result["warnings"])


def test_a_template_that_leaves_out_the_response_is_refused(tmp_path: Path) -> None:
    base = with_template(tmp_path / "base", IN_PARTS)
    folder = training_run(tmp_path / "run", base)
    assert "leaves out the response" in error_of(train_reward, folder)


def test_a_template_that_fails_on_plain_messages_is_refused(tmp_path: Path) -> None:
    template = CHAT_TEMPLATE.replace("message['content']", "message['content'] + [1]")
    base = with_template(tmp_path / "base", template)
    said = error_of(train_reward, training_run(tmp_path / "r", base))
    assert "refuses every prompt: can only concatenate" in said


def test_responses_that_read_alike_have_one_score_and_are_told(
    tiny_reward_model: Path, tmp_path: Path
) -> None:
    rows = [
        {"id": str(number), "prompt": messages("Hello"), "response": f"{LONG}{number}"}
        for number in range(7)
    ]
    folder = make_run(
        tmp_path / "run",
        [*rows, {**rows[0], "id": "short", "response": "Hi."}],
        "responses.jsonl",
        reward_models=[str(tiny_reward_model)],
        max_length=64,
        attention="padded",
        batch_tokens=64,
    )
    assert run(score, folder) == 0
    rewards = {row["id"]: row["reward"] for row in lines(folder / "scores.jsonl")}
    assert len({rewards[str(number)] for number in range(7)}) == 1
    assert rewards["short"] != rewards["0"]
    assert any("6 of 8 responses" in one for one in read(folder / "result.json")["warnings"])


def test_equal_texts_of_different_prompts_have_one_score(tiny_reward_model: Path) -> None:
    loaded = load_scorer(str(tiny_reward_model), torch.device("cpu"), max_length=16, threads=1)
    texts = [((("user", f"{number} {LONG}"),), f"I do not know. {LONG}") for number in range(9)]
    encoded = [Encoded([3, 4, 5, 6, 1], 2, True)] * 9
    rewards = loaded.score([*texts], encoded, batch_tokens=8)
    assert len(set(rewards[:, 0].tolist())) == 1


def test_once_keeps_the_order_and_finds_every_text_again() -> None:
    a, b, c = (Encoded([token, 1], 1, False) for token in (7, 8, 9))
    assert once([[a, b], [a], [b, c]]) == ([[a, b], [c]], [0, 1, 0, 1, 2])
