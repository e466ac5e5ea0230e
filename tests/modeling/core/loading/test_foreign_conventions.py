"""Reward models of other people are read where their own code reads them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    FalconConfig,
    LlamaConfig,
    PretrainedConfig,
)

from modeling.core import score
from tests.modeling.core.factories import (
    error_of,
    lines,
    make_run,
    messages,
    preferences,
    read,
    run,
)
from tests.tiny_model import build_tiny_tokenizer

LLAMA: dict[str, Any] = {
    "vocab_size": 384,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
BERT = {key: value for key, value in LLAMA.items() if not key.endswith("token_id")}
AFTER_THE_END = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{{ eos_token }}\n\n"
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
ROWS = preferences(6)


def foreign(folder: Path, config: PretrainedConfig, **tokenizer_is: Any) -> Path:
    """A classifier with random weights, as somebody would have saved it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_config(config)
        head = model.score if hasattr(model, "score") else model.classifier
        torch.nn.init.normal_(head.weight)
        model.save_pretrained(folder)
    tokenizer = build_tiny_tokenizer()
    for name, value in tokenizer_is.items():
        setattr(tokenizer, name, value)
    tokenizer.save_pretrained(folder)
    return folder


def scored(folder: Path, model: Path) -> list[float]:
    rows = [
        {"id": row["id"], "prompt": row["prompt"], "response": row["chosen"] * (1 + at)}
        for at, row in enumerate(ROWS)
    ]
    make_run(folder, rows, "responses.jsonl", reward_models=[str(model)])
    assert run(score, folder) == 0, read(folder / "error.json")
    return [row["reward"] for row in lines(folder / "scores.jsonl")]


def by_its_own_code(model_folder: Path) -> torch.Tensor:
    """Logits of each text alone, as transformers' own words have it."""
    model = AutoModelForSequenceClassification.from_pretrained(model_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    logits = []
    for at, row in enumerate(ROWS):
        turns = [*row["prompt"], {"role": "assistant", "content": row["chosen"] * (1 + at)}]
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
        with torch.no_grad():
            logits.append(model(input_ids=ids).logits[0])
    return torch.stack(logits)


@pytest.mark.parametrize("pad", [None, 1, 2], ids=["no pad", "pad is end", "own pad"])
def test_a_text_is_read_where_the_model_s_own_code_reads_it(
    pad: int | None, tmp_path: Path
) -> None:
    """Its template goes on behind the end token; its code skips what is padding to it."""
    config = LlamaConfig(**LLAMA, num_labels=1, pad_token_id=pad)
    model = foreign(tmp_path / "model", config, chat_template=AFTER_THE_END)
    expected = by_its_own_code(model)[:, 0].tolist()
    assert scored(tmp_path / "score", model) == pytest.approx(expected, abs=1e-4)


def test_a_padding_token_without_a_row_is_not_padded_with(tmp_path: Path) -> None:
    config = FalconConfig(**LLAMA, num_labels=1, pad_token_id=None)
    model = foreign(tmp_path / "model", config, pad_token=None, chat_template=AFTER_THE_END)
    expected = by_its_own_code(model)[:, 0].tolist()
    assert scored(tmp_path / "score", model) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("names", "sign"),
    [({0: "LABEL_0", 1: "LABEL_1"}, 1), ({0: "bad", 1: "good"}, 1), ({0: "good", 1: "bad"}, -1)],
)
@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_of_two_labels_the_reward_is_the_difference(
    kind: str, names: dict[int, str], sign: int, tmp_path: Path
) -> None:
    config: PretrainedConfig = (
        LlamaConfig(**LLAMA, pad_token_id=2, id2label=names)
        if kind == "decoder"
        else BertConfig(**BERT, pad_token_id=2, id2label=names)
    )
    model = foreign(tmp_path / "model", config)
    logits = by_its_own_code(model)
    expected = (sign * (logits[:, 1] - logits[:, 0])).tolist()
    assert scored(tmp_path / "score", model) == pytest.approx(expected, abs=1e-4)
    (said,) = [w for w in read(tmp_path / "score/result.json")["warnings"] if "labels" in w]
    better = names[1 if sign == 1 else 0]
    assert f"the logit of {better!r} less that of" in said


def test_more_labels_than_two_are_refused(tmp_path: Path) -> None:
    model = foreign(tmp_path / "model", LlamaConfig(**LLAMA, pad_token_id=2, num_labels=5))
    rows = [{"id": "1", "prompt": messages("Hi"), "response": "Hello"}]
    folder = make_run(tmp_path / "score", rows, "responses.jsonl", reward_models=[str(model)])
    assert "gives 5 labels" in error_of(score, folder)


def test_a_model_that_does_not_say_how_its_texts_look_is_scored_and_it_is_said(
    tmp_path: Path,
) -> None:
    config = LlamaConfig(**LLAMA, num_labels=1, pad_token_id=2)
    model = foreign(tmp_path / "model", config, chat_template=None)
    assert len(scored(tmp_path / "score", model)) == len(ROWS)
    said = " ".join(read(tmp_path / "score/result.json")["warnings"])
    assert "no chat template" in said
    assert "may differ" in said
