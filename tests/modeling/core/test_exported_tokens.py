"""Every token of an exported tokenizer has a row in the model, and padded batches can be read."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GenerationConfig,
)

from modeling.core import sample, train_policy, train_reward
from modeling.core.loading.pretrained import load_causal_model, load_tokenizer
from modeling.core.texts.text import complete_tokenizer
from modeling.core.texts.token_rows import give_rows
from tests.modeling.core.factories import (
    error_of,
    lines,
    make_run,
    messages,
    preferences,
    read,
    run,
    training_run,
)
from tests.tiny_model import build_tiny_model

PROMPTS = [
    {
        "id": f"q{n}",
        "prompt": [
            *messages("Hi"),
            {"role": "assistant", "content": "Yes?"},
            *messages(f"What is {n} plus one?"),
        ],
    }
    for n in range(8)
]
FAST = {
    "steps": 1,
    "prompts_per_step": 2,
    "responses_per_prompt": 2,
    "max_new_tokens": 4,
    "eval_prompts": 2,
    "eval_responses": 1,
    "best_of": 2,
    "pool_prompts": 2,
    "batch_size": 8,
    "epochs": 1,
}


def base_without(folder: Path, *names: str) -> Path:
    """The tiny model, whose tokenizer has no such special tokens, nor anything in their place."""
    build_tiny_model(folder)
    tokens = {"pad_token": "<|pad|>", "eos_token": "<|end|>"}
    file, config = folder / "tokenizer.json", read(folder / "tokenizer_config.json")
    for name in names:
        file.write_text(file.read_text().replace(tokens[name], f"word{name}"))
        del config[name]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    model = AutoModelForCausalLM.from_pretrained(folder)
    for declaring in (model.config, model.generation_config):
        for name in names:
            setattr(declaring, f"{name}_id", None)
    model.save_pretrained(folder)
    (folder / "chat_template.jinja").unlink()  # as such bases have none
    return folder


@pytest.fixture(params=["pad_token", "eos_token"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return base_without(tmp_path / "base", request.param)


def policy_run(folder: Path, base: Path, reward: Path | None, **config: Any) -> Path:
    settings = FAST | {"policy": base, "reward_models": [str(reward)] if reward else []} | config
    if config["algorithm"] == "dpo":
        return make_run(folder, preferences(20), "preferences.jsonl", **settings)
    return make_run(folder, PROMPTS, "prompts.jsonl", **settings)


def check_export(folder: Path) -> None:
    """As a stranger would use it: a padded batch, generated from and read."""
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert max(tokenizer.get_vocab().values()) < model.get_input_embeddings().weight.shape[0]
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    ends = model.generation_config.eos_token_id
    assert tokenizer.eos_token_id in (ends if isinstance(ends, list) else [ends])
    batch = tokenizer(["Hi", "What is two plus three?"], padding=True, return_tensors="pt")
    batch.pop("token_type_ids", None)
    model.generate(**batch, max_new_tokens=2)
    model(**batch)


@pytest.mark.parametrize("algorithm", ["ppo", "rloo", "best_of_n", "dpo"])
def test_every_token_of_an_exported_policy_has_a_row(
    base: Path, tmp_path: Path, algorithm: str
) -> None:
    reward = None
    if algorithm != "dpo":
        assert run(train_reward, training_run(tmp_path / "reward", base, epochs=1)) == 0
        reward = tmp_path / "reward" / "model"
    folder = policy_run(tmp_path / "run", base, reward, algorithm=algorithm)
    assert run(train_policy, folder) == 0
    check_export(folder / "model")


def test_a_merged_adapter_and_the_round_after_it_have_rows_too(tmp_path: Path) -> None:
    base = base_without(tmp_path / "base", "eos_token")
    first = policy_run(tmp_path / "one", base, None, algorithm="dpo", adapter="lora")
    assert run(train_policy, first) == 0
    check_export(first / "model")
    second = policy_run(
        tmp_path / "two", first / "model", None, algorithm="dpo", reference=str(base)
    )
    assert run(train_policy, second) == 0
    check_export(second / "model")


def test_a_policy_with_a_new_end_token_begins_as_its_reference(tmp_path: Path) -> None:
    base = base_without(tmp_path / "base", "eos_token")
    folder = policy_run(tmp_path / "run", base, None, algorithm="dpo")
    assert run(train_policy, folder) == 0
    assert read(folder / "result.json")["kl_before"] == pytest.approx(0, abs=1e-5)


def test_a_policy_keeps_the_pad_that_it_has(tiny_model: Path, tmp_path: Path) -> None:
    folder = policy_run(tmp_path / "run", tiny_model, None, algorithm="dpo")
    assert run(train_policy, folder) == 0
    before = AutoTokenizer.from_pretrained(tiny_model)
    after = AutoTokenizer.from_pretrained(folder / "model")
    assert after.get_vocab() == before.get_vocab()
    assert after.pad_token == before.pad_token


def test_values_still_begin_as_the_rewards_of_a_model_that_has_a_pad_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = base_without(tmp_path / "base", "pad_token")
    assert run(train_reward, training_run(tmp_path / "reward", base, epochs=1)) == 0
    folder = policy_run(tmp_path / "run", base, tmp_path / "reward" / "model", algorithm="ppo")
    assert run(train_policy, folder) == 0
    assert "Values begin as the rewards of" in capsys.readouterr().err


def test_every_token_of_a_saved_reward_model_has_a_row(base: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", base, epochs=1)
    assert run(train_reward, folder) == 0
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    model = AutoModelForSequenceClassification.from_pretrained(folder / "model")
    rows = model.get_input_embeddings().weight.shape[0]
    assert max(tokenizer.get_vocab().values()) < rows
    batch = tokenizer(["Hi", "What is two plus three?"], padding=True, return_tensors="pt")
    batch.pop("token_type_ids", None)
    assert model(**batch).logits.isfinite().all()


def test_a_policy_without_an_end_token_writes_to_prompts_with_earlier_answers(
    tmp_path: Path,
) -> None:
    base = base_without(tmp_path / "base", "eos_token")
    folder = make_run(
        tmp_path / "run", PROMPTS, "prompts.jsonl", policy=str(base), max_new_tokens=4
    )
    assert run(sample, folder) == 0
    assert len(lines(folder / "samples.jsonl")) == 16


def test_a_generation_config_that_cannot_be_saved_costs_no_training(
    tiny_model: Path, tmp_path: Path
) -> None:
    base = build_tiny_model(tmp_path / "base")
    declared = read(base / "generation_config.json") | {"temperature": 0.6, "top_p": 0.9}
    (base / "generation_config.json").write_text(json.dumps(declared))
    folder = policy_run(tmp_path / "run", base, None, algorithm="dpo")
    assert run(train_policy, folder) == 0
    saved = GenerationConfig.from_pretrained(folder / "model")
    assert (saved.temperature, saved.do_sample) == (0.6, True)


def test_a_new_row_is_the_mean_of_the_others(tmp_path: Path) -> None:
    base = base_without(tmp_path / "base", "eos_token")
    tokenizer, model = load_tokenizer(str(base)), load_causal_model(str(base))
    before = model.get_input_embeddings().weight.detach().clone()  # type: ignore[union-attr]
    complete_tokenizer(tokenizer, is_policy=True)
    assert give_rows(model, tokenizer) == 1
    after = model.get_input_embeddings().weight  # type: ignore[union-attr]
    torch.testing.assert_close(after[:-1], before)
    torch.testing.assert_close(after[-1], before.mean(0))
    assert give_rows(model, tokenizer) == 0


def test_a_policy_that_reloads_otherwise_is_set_aside_with_its_figures(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = policy_run(tmp_path / "run", tiny_model, None, algorithm="dpo")
    with monkeypatch.context() as patch:
        patch.setattr("modeling.core.policy_models.actors.EXPORT_TOLERANCE", -1.0)
        assert "set-aside/model" in error_of(train_policy, folder)
    assert not (folder / "model").exists()
    aside = folder / "set-aside" / "model"
    assert (aside / "model.safetensors").is_file()
    assert "kl_after" in read(aside / "figures.json")["figures"]
    assert run(train_policy, folder) == 0
