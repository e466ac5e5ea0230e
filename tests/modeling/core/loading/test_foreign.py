"""Reward models that others have made are read where their own code reads them."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from modeling.core import score
from tests.modeling.core.factories import error_of, lines, make_run, messages, read, run
from tests.modeling.core.tiny_bases import build_base

TEXTS = ("Hello", "You are welcome!", "Go away. I do not know.")


def build_judge(
    folder: Path, base: str, *, labels: int = 1, names: tuple[str, ...] = (), pad: bool = True
) -> Path:
    build_base(base, folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=labels)
        torch.nn.init.normal_(model.score.weight)
    if names:
        model.config.id2label = dict(enumerate(names))
    if not pad:
        model.config.pad_token_id = None
    model.save_pretrained(folder)
    return folder


def scored(model: Path, folder: Path) -> list[float]:
    rows = [
        {"id": str(at), "prompt": messages("Hi"), "response": text} for at, text in enumerate(TEXTS)
    ]
    make_run(folder, rows, "responses.jsonl", reward_models=[str(model)])
    assert run(score, folder) == 0, read(folder / "error.json")
    return [row["reward"] for row in lines(folder / "scores.jsonl")]


def own_logits(model: Path) -> list[list[float]]:
    """By plain transformers, text by text, as a model card would have it."""
    classifier = AutoModelForSequenceClassification.from_pretrained(model).eval()
    tokenizer = AutoTokenizer.from_pretrained(model)
    logits = []
    for text in TEXTS:
        chat = [*messages("Hi"), {"role": "assistant", "content": text}]
        ids = tokenizer.apply_chat_template(chat, return_tensors="pt", return_dict=True)[
            "input_ids"
        ]
        with torch.no_grad():
            logits.append(classifier(input_ids=ids).logits[0].tolist())
    return logits


@pytest.mark.parametrize("base", ["Qwen2", "GPT2", "Falcon"])
def test_a_template_that_goes_on_after_the_end_token_is_read_to_its_end(
    base: str, tmp_path: Path
) -> None:
    """The tiny template ends in a newline, where the model's own code reads."""
    model = build_judge(tmp_path / "model", base)
    expected = [row[0] for row in own_logits(model)]
    assert scored(model, tmp_path / "run") == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("base", ["Falcon", "Qwen2"])
def test_a_model_without_padding_token_is_scored_as_its_own_code_does(
    base: str, tmp_path: Path
) -> None:
    model = build_judge(tmp_path / "model", base, pad=False)
    tokenizer = AutoTokenizer.from_pretrained(model)
    template, tokenizer.pad_token = tokenizer.chat_template, None
    tokenizer.chat_template = template
    tokenizer.save_pretrained(model)
    expected = [row[0] for row in own_logits(model)]
    assert scored(model, tmp_path / "run") == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("names", "sign"), [(("rejected", "chosen"), 1), (("chosen", "rejected"), -1)]
)
def test_two_labels_give_the_difference_of_their_logits(
    names: tuple[str, str], sign: int, tmp_path: Path
) -> None:
    model = build_judge(tmp_path / "model", "Qwen2", labels=2, names=names)
    expected = [sign * (second - first) for first, second in own_logits(model)]
    assert scored(model, tmp_path / "run") == pytest.approx(expected, abs=1e-4)
    said = " ".join(read(tmp_path / "run" / "result.json")["warnings"])
    assert "a reward is the logit of 'chosen' less that of 'rejected'" in said


def test_three_labels_are_refused(tmp_path: Path) -> None:
    model = build_judge(tmp_path / "model", "Qwen2", labels=3)
    rows = [{"id": "1", "prompt": messages("Hi"), "response": "Hello"}]
    folder = make_run(tmp_path / "run", rows, "responses.jsonl", reward_models=[str(model)])
    assert "gives 3 labels" in error_of(score, folder)
