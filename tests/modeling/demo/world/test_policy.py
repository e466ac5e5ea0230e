"""The shipped demo policy: small, loadable, fluent and mediocre; and its build, which repeats."""

import math
import random
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from modeling.demo.world.build_policy import build_policy
from modeling.demo.world.measure_policy import POLICY, draw_samples, load, longer_wins
from modeling.demo.world.oracle import is_fluent, score
from modeling.demo.world.questions import questions

Policy = tuple[PreTrainedModel, PreTrainedTokenizerBase]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(POLICY)


def test_loads_with_plain_transformers_as_float32() -> None:
    model = AutoModelForCausalLM.from_pretrained(POLICY)
    assert model.config.model_type == "llama"
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_is_tiny(policy: Policy) -> None:
    assert sum(parameter.numel() for parameter in policy[0].parameters()) < 1_000_000
    assert sum(file.stat().st_size for file in POLICY.iterdir()) < 2_000_000


def test_samples_are_fluent_and_of_middling_quality(policy: Policy) -> None:
    asked = random.Random(1).sample(questions(), 64)
    samples = draw_samples(*policy, asked)
    assert sum(s.finished and is_fluent(s.text) for s in samples) >= 0.9 * 64
    scores = [score(sample.question.messages, sample.text) for sample in samples]
    assert -0.4 < sum(scores) / 64 < 0.8  # 0.19 over 2048 samples


def test_better_samples_are_there_to_be_found(policy: Policy) -> None:
    asked = random.Random(2).sample(questions(), 24)
    samples = draw_samples(*policy, asked, per_question=8)
    scores = [score(sample.question.messages, sample.text) for sample in samples]
    best = [max(scores[i : i + 8]) for i in range(0, len(scores), 8)]
    assert sum(best) / 24 > sum(scores) / len(scores) + 1.0
    assert 0.40 < longer_wins(samples, scores, 8) < 0.65


def test_the_tokenizer_has_its_own_padding_and_a_chat_template() -> None:
    tokenizer = AutoTokenizer.from_pretrained(POLICY)
    assert tokenizer.pad_token_id is not None
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    messages = [{"role": "user", "content": "How are you?"}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text == "<|user|>How are you?<|end|><|assistant|>"
    assert tokenizer.encode(text)[-1] == tokenizer.convert_tokens_to_ids("<|assistant|>")


TOKENIZER = AutoTokenizer.from_pretrained(POLICY)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=100).filter(lambda text: "<|" not in text))
def test_any_text_survives_the_tokenizer(text: str) -> None:
    ids = TOKENIZER.encode(text, add_special_tokens=False)
    assert TOKENIZER.decode(ids) == text


def test_the_same_build_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        build_policy(tmp_path / name, steps=4, batch_size=4)
    build_policy(tmp_path / "other seed", steps=4, batch_size=4, seed=1)
    first, second, other = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
        for name in ("first", "second", "other seed")
    )
    assert first == second
    assert first["model.safetensors"] != other["model.safetensors"]
    assert {"model.safetensors", "tokenizer.json", "config.json", "README.md"} <= set(first)


def test_training_lowers_the_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_policy(tmp_path, steps=200, batch_size=2)
    loss = float(capsys.readouterr().out.split("loss ")[1].split()[0])
    assert loss < 0.9 * math.log(2048)
