"""Base models of many architectures are trained, saved and loaded again, or refused in words."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from modeling.core import score, train_reward
from modeling.core.loading.reward_model import load_reward_model
from modeling.core.loading.saved_rewards import load_scorer
from modeling.core.reading import reader as reading
from modeling.core.reading.padding import own_rewards
from modeling.core.reading.reader import choose_reader
from modeling.core.texts.text import choose_max_length
from tests.modeling.core.factories import (
    error_of,
    lines,
    make_run,
    messages,
    preference,
    preferences,
    read,
    run,
    training_run,
)
from tests.modeling.core.tiny_bases import build_base

CPU = torch.device("cpu")
LONG = " ".join(f"word {number}" for number in range(300))
SETTINGS: dict[str, dict[str, Any]] = {
    "last": {},
    "mean": {"pooling": "mean"},
    "frozen": {"method": "frozen"},
}
# Narrower last layers, layers of their own shape, no classifier, own positions.
READ_INSIDE = ("OPT", "XLNet", "DistilBert", "Granite", "Roberta")
# Each is of another kind: where its new head lies, how it counts positions, what padding does.
TRAINED = (
    "BigBird", "Cohere", "DebertaV2", "DistilBert", "Falcon", "GPT2", "Granite", "Longformer",
    "Mamba", "ModernBert", "OPT", "Roberta", "Rwkv", "XLNet",
)  # fmt: skip
WITHOUT_CLASSIFIER = ("Cohere", "Granite", "Mamba", "Rwkv")


def trained(folder: Path, base: Path, **config: Any) -> Path:
    """A short training; one of its texts is longer than any of these models reads."""
    rows = [*preferences(20), preference(99, chosen=LONG, prompt=messages(LONG))]
    run_folder = training_run(
        folder, base, rows, **({"epochs": 1, "min_dev": 99, "max_length": 128} | config)
    )
    assert run(train_reward, run_folder) == 0, read(run_folder / "error.json")
    return run_folder


def scored(folder: Path, run_folder: Path) -> list[float]:
    """Of the training's chosen responses, by the score program."""
    rows = [*preferences(20), preference(99, chosen=LONG, prompt=messages(LONG))]
    responses = [
        {"id": row["id"], "prompt": row["prompt"], "response": row["chosen"]} for row in rows
    ]
    make_run(folder, responses, "responses.jsonl", reward_models=[str(run_folder / "model")])
    assert run(score, folder) == 0
    return [row["reward"] for row in lines(folder / "scores.jsonl")]


@pytest.mark.parametrize(
    ("name", "setting"),
    [(name, "last") for name in TRAINED]
    + [(name, setting) for name in READ_INSIDE for setting in ("mean", "frozen")],
)
def test_a_base_is_trained_and_its_saved_model_gives_the_same_rewards(
    name: str, setting: str, tmp_path: Path
) -> None:
    base = build_base(name, tmp_path / "base")
    folder = trained(tmp_path / "run", base, **SETTINGS[setting])
    said = [row["reward_chosen"] for row in lines(folder / "predictions.jsonl")]
    assert scored(tmp_path / "score", folder) == pytest.approx(said, abs=2e-4)
    export = read(folder / "result.json")["export"]
    assert export["plain"] == (setting == "last" and name not in WITHOUT_CLASSIFIER)


@pytest.mark.parametrize("name", ["Granite", "Mamba"])
def test_a_model_without_classifier_says_why_nobody_else_loads_it(
    name: str, tmp_path: Path
) -> None:
    folder = trained(tmp_path / "run", build_base(name, tmp_path / "base"))
    assert "has no sequence classifier" in read(folder / "result.json")["export"]["reason"]


def test_several_heads_stand_on_a_trunk_without_classifier(tmp_path: Path) -> None:
    folder = trained(tmp_path / "run", build_base("Cohere", tmp_path / "base"), heads=3)
    assert load_scorer(str(folder / "model"), CPU).members == 3
    assert len(lines(folder / "predictions.jsonl")[0]["members_chosen"]) == 3


def test_a_trunk_without_classifier_is_trained_further_with_its_head(tmp_path: Path) -> None:
    first = trained(tmp_path / "run", build_base("Granite", tmp_path / "base"))
    again = trained(tmp_path / "again", first / "model", learning_rate=1e-8)
    assert "its head is kept" in " ".join(read(again / "result.json")["warnings"])
    before, after = (lines(f / "predictions.jsonl")[0]["reward_chosen"] for f in (first, again))
    assert after == pytest.approx(before, abs=1e-5)


def without(folder: Path, part: str) -> None:
    """Take weights out of a checkpoint."""
    file = folder / "model.safetensors"
    weights = {key: value for key, value in load_file(file).items() if part not in key}
    save_file(weights, file, metadata={"format": "pt"})


def test_a_trunk_with_a_gap_is_refused(tmp_path: Path) -> None:
    base = build_base("DistilBert", tmp_path / "base")
    without(base, "layer.1.ffn.lin1")
    assert "lack 2 tensors" in error_of(train_reward, training_run(tmp_path / "run", base))


def test_a_reward_model_with_a_gap_in_its_head_is_refused_as_base_and_as_judge(
    tmp_path: Path,
) -> None:
    folder = trained(tmp_path / "run", build_base("DistilBert", tmp_path / "base")) / "model"
    without(folder, "pre_classifier.weight")
    again = training_run(tmp_path / "again", folder)
    assert "pre_classifier.weight" in error_of(train_reward, again)
    responses = [{"id": "1", "prompt": messages("Hi"), "response": "Hello"}]
    judged = make_run(tmp_path / "score", responses, "responses.jsonl", reward_models=[str(folder)])
    assert "pre_classifier.weight" in error_of(score, judged)


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("Roberta", 126),
        ("XLMRoberta", 126),
        ("Longformer", 126),
        ("MPNet", 126),
        ("Bert", 128),
        ("Bart", 128),
        ("OPT", 128),
        ("GPT2", 128),
    ],
)
def test_a_text_is_as_long_as_the_table_of_positions_holds(
    name: str, length: int, tmp_path: Path
) -> None:
    """RoBERTa and its kin count their positions from behind the padding's row."""
    model, tokenizer, _ = load_reward_model(str(build_base(name, tmp_path)), 0)
    assert choose_max_length(None, tokenizer, model) == length
    ids = torch.tensor([[7] * (length - 1) + [tokenizer.eos_token_id]])
    with torch.no_grad():
        assert model(input_ids=ids).logits.isfinite().all()


def test_an_encoder_decoder_without_its_decoders_text_is_refused_in_words(tmp_path: Path) -> None:
    from transformers import T5Config, T5Model

    from tests.tiny_model import build_tiny_tokenizer

    config = T5Config(
        vocab_size=384, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, pad_token_id=2,
        eos_token_id=1, decoder_start_token_id=2,
    )  # fmt: skip
    T5Model(config).save_pretrained(tmp_path / "base")
    build_tiny_tokenizer().save_pretrained(tmp_path / "base")
    folder = training_run(tmp_path / "run", tmp_path / "base", pooling="mean")
    assert 'Set pooling to "last"' in error_of(train_reward, folder)


class TestPadding:
    def test_the_saved_tokenizer_pads_on_the_right_whatever_the_base_s_did(
        self, tmp_path: Path
    ) -> None:
        """With absolute positions, a padded batch of plain transformers gives the same rewards."""
        base = build_base("GPT2", tmp_path / "base")
        tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
        tokenizer.save_pretrained(base)
        assert AutoTokenizer.from_pretrained(base).padding_side == "left"
        self.assert_plain_batch_equals(trained(tmp_path / "run", base), "right")

    def test_xlnet_s_tokenizer_pads_on_the_left_where_alone_its_rewards_stay(
        self, tmp_path: Path
    ) -> None:
        folder = trained(tmp_path / "run", build_base("XLNet", tmp_path / "base"))
        assert read(folder / "result.json")["config"]["attention"] == "alone"
        self.assert_plain_batch_equals(folder, "left")

    def assert_plain_batch_equals(self, folder: Path, side: str) -> None:
        model = AutoModelForSequenceClassification.from_pretrained(folder / "model").eval()
        tokenizer = AutoTokenizer.from_pretrained(folder / "model")
        assert tokenizer.padding_side == side
        rows = lines(folder / "preferences.jsonl")[:4]
        texts = [
            tokenizer.apply_chat_template(
                [*row["prompt"], {"role": "assistant", "content": row["chosen"]}], tokenize=False
            )
            for row in rows
        ]
        texts[0] = texts[0].replace("What", "What " * 9)
        batch = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
        with torch.no_grad():
            together = model(**batch).logits[:, 0]
            alone = [
                model(**tokenizer(text, add_special_tokens=False, return_tensors="pt")).logits[0, 0]
                for text in texts
            ]
        assert together.tolist() == pytest.approx([one.item() for one in alone], abs=1e-5)

    def test_a_model_that_sees_its_padding_reads_each_text_alone(self, tmp_path: Path) -> None:
        folder = trained(
            tmp_path / "run", build_base("ConvBert", tmp_path / "base"), pooling="mean"
        )
        result = read(folder / "result.json")
        assert result["config"]["attention"] == "alone"
        assert "Padding changes" in " ".join(result["warnings"])


class TestWindowsInTheMask:
    """Models whose window is nowhere in their attention's arguments share no row beyond it."""

    @pytest.mark.parametrize("name", ["Phimoe", "Doge"])
    def test_a_text_longer_than_the_window_is_padded(self, name: str, tmp_path: Path) -> None:
        changes = {"sliding_window": 16, "keep_window_size": 16} if name == "Doge" else {}
        model, _, _ = load_reward_model(str(build_base(name, tmp_path, **changes)), 0)
        reader = choose_reader(model, "auto", 64)
        assert reader.way == "padded"
        assert "cannot share prompts" in str(reader.warning)

    def test_a_window_that_no_text_reaches_does_not_matter(self, tmp_path: Path) -> None:
        model, _, _ = load_reward_model(str(build_base("Phimoe", tmp_path, sliding_window=200)), 0)
        assert choose_reader(model, "auto", 64).way == "shared"

    def test_what_no_short_try_shows_is_found_by_a_long_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of an architecture that is not well known: layers that see a text of more than 40 tokens
        in another light, and tell nobody."""
        model, _, _ = load_reward_model(str(build_base("Qwen2", tmp_path)), 0)
        layer = model.base_model.layers[0].mlp
        whole = layer.forward
        layer.forward = lambda hidden: whole(hidden) * (2.0 if hidden.shape[1] > 40 else 1.0)
        monkeypatch.setattr(reading, "WELL_KNOWN", frozenset())
        assert choose_reader(model, "auto", 60).way == "padded"


def test_own_rewards_are_those_of_single_texts_on_either_side(tiny_reward_model: Path) -> None:
    from modeling.core.loading.pretrained import load_classifier
    from modeling.core.texts.text import Encoded

    model, _ = load_classifier(str(tiny_reward_model))
    texts = [Encoded([0, 9, 8, 7, 1], 2, False), Encoded([0, 5, 1], 2, False)]
    with torch.no_grad():
        alone = torch.cat([own_rewards(model, [text], 2, "right") for text in texts])
        for side in ("right", "left"):
            assert torch.allclose(own_rewards(model, texts, 2, side), alone, atol=1e-5)
