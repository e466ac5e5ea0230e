"""The scorer in memory gives the rewards of a plain forward."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from modeling.core.errors import ProgramError
from modeling.core.reward_model import load_reward_model, save_model
from modeling.core.scorer import Scorer
from modeling.core.text import render_text

PROMPTS = [
    (("user", "How do I keep basil fresh?"),),
    (("user", "مرحبا"), ("assistant", "Hi"), ("user", "Why?")),
]
TEXTS = [
    (PROMPTS[at % 2], response)
    for at, response in enumerate(["In water.", "", "No idea. " * 9, "In water."])
]


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    model, tokenizer, _ = load_reward_model(str(tiny_model), 0)
    save_model(model, tokenizer, tmp_path / "model", 128)
    return tmp_path / "model"


def test_rewards_are_those_of_a_plain_forward_in_the_order_of_the_texts(folder: Path) -> None:
    scorer = Scorer(str(folder), device="cpu", threads=1)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = []
    for text in TEXTS:
        ids = tokenizer(
            render_text(tokenizer, *text), add_special_tokens=False, return_tensors="pt"
        )
        with torch.no_grad():
            expected.append(model(**ids).logits[0, 0].item())
    assert scorer.score(TEXTS) == pytest.approx(expected, abs=1e-4)
    assert scorer.score(TEXTS[2:3]) == pytest.approx(expected[2:3], abs=1e-4)


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="There is no folder"):
        Scorer(str(tmp_path / "gone"))
