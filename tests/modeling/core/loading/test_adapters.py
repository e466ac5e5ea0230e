"""LoRA: what it trains, what it leaves alone, and that the export is plain and the same."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, GPT2Config, GPT2LMHeadModel

from modeling.core import train_reward
from modeling.core.loading.adapters import add_adapter, linear_names, merge_adapter
from modeling.core.loading.reward_model import load_reward_model
from modeling.core.program.parallel import Processes
from modeling.core.program.run_dir import EXIT_CANCELLED, RunDir
from modeling.core.reading.reader import choose_reader
from modeling.core.reward.settings import resolve
from modeling.core.reward.setup import prepare, unquantise
from modeling.core.texts.text import Encoded
from modeling.run_data.train_reward import TrainRewardConfig
from tests.modeling.core.factories import error_of, read, run, stop_after, training_run

GROUPS = [[Encoded([5, 6, 7, 8, 9], 3, False), Encoded([5, 6, 7, 30, 31, 2], 3, False)]]
LORA: dict[str, Any] = {"adapter": "lora", "lora_rank": 4, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def finished(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = training_run(tmp_path_factory.mktemp("lora") / "run", tiny_model, **LORA)
    assert run(train_reward, folder) == 0
    return folder


def test_only_adapters_and_head_are_trained_and_they_begin_as_no_change(tiny_model: Path) -> None:
    model, _, _ = load_reward_model(str(tiny_model), 0)
    reader = choose_reader(model, "auto", 128)
    with torch.no_grad():
        before = reader.rewards(GROUPS)
        add_adapter(model, "score", rank=4, alpha=8, seed=0)
        assert torch.equal(reader.rewards(GROUPS), before)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert "score.weight" in trained
    assert all("lora_" in name for name in trained - {"score.weight"})
    # Two matrices for each of the seven linear layers of both blocks.
    assert len(trained) == 1 + 2 * 7 * 2


def test_merging_changes_no_reward(tiny_model: Path) -> None:
    """W + (alpha / rank) B A in place of W: read as shared rows, before and after."""
    model, _, _ = load_reward_model(str(tiny_model), 0)
    base = copy.deepcopy(model)
    handle = add_adapter(model, "score", rank=4, alpha=8, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.randn(weight.shape, generator=generator) * 0.1)
    reader = choose_reader(model, "auto", 128)
    assert reader.way == "shared"
    layer = model.model.layers[0].mlp.up_proj
    change = 2 * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    with torch.no_grad():
        before = reader.rewards(GROUPS)
        merge_adapter(handle)
        assert torch.allclose(reader.rewards(GROUPS), before, atol=1e-5)
    plain = base.model.layers[0].mlp.up_proj.weight
    assert torch.allclose(model.model.layers[0].mlp.up_proj.weight, plain + change, atol=1e-6)
    assert model.state_dict().keys() == base.state_dict().keys()


def test_models_with_conv_layers_have_adapters_too(tiny_model: Path, tmp_path: Path) -> None:
    """GPT-2's linear layers keep their weights the other way round."""
    config = GPT2Config(vocab_size=384, n_embd=32, n_layer=2, n_head=4, n_positions=128)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    for file in tiny_model.glob("*token*"):
        (tmp_path / "gpt2" / file.name).write_bytes(file.read_bytes())
    model, _, _ = load_reward_model(str(tmp_path / "gpt2"), 0)
    assert len(linear_names(model, "score")) == 2 * 4
    handle = add_adapter(model, "score", rank=2, alpha=4, seed=0)
    reader = choose_reader(model, "auto", 64)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.05)
        before = reader.rewards(GROUPS)
        merge_adapter(handle)
        assert torch.allclose(reader.rewards(GROUPS), before, atol=1e-5)


def test_it_learns_and_leaves_a_plain_folder(finished: Path) -> None:
    result = read(finished / "result.json")
    assert result["accuracy"]["test"]["value"] == 1.0
    assert result["parity_max_error"] < 1e-4
    names = load_file(finished / "model" / "model.safetensors").keys()
    assert not [name for name in names if "lora" in name or "base_layer" in name]
    assert not list((finished / "model").glob("adapter*"))
    AutoModelForSequenceClassification.from_pretrained(finished / "model")


def test_embeddings_and_norms_stay_those_of_the_base(finished: Path, tiny_model: Path) -> None:
    before = load_file(tiny_model / "model.safetensors")
    after = load_file(finished / "model" / "model.safetensors")
    same = {name for name in before if name in after and torch.equal(before[name], after[name])}
    assert "model.embed_tokens.weight" in same
    assert "model.norm.weight" in same
    assert not {name for name in same if "_proj" in name}


def test_a_checkpoint_holds_the_adapters_alone_and_resumes_to_the_same_bytes(
    finished: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = training_run(tmp_path / "run", tiny_model, **LORA)
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        assert run(train_reward, folder) == EXIT_CANCELLED
    state = torch.load(folder / "checkpoint" / "state.pt")
    assert all("lora_" in name or name == "score.weight" for name in state["model"])
    assert run(train_reward, folder) == 0
    for name in ("model/model.safetensors", "predictions.jsonl"):
        assert (folder / name).read_bytes() == (finished / name).read_bytes()


def test_adapters_move_to_the_model_that_was_not_quantised(
    tiny_model: Path, tmp_path: Path
) -> None:
    """What QLoRA's export does, here between two models that are the same: no reward changes."""
    folder = training_run(tmp_path / "run", tiny_model, heads=2, **LORA)
    training = prepare(RunDir(folder), Processes())
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in training.model.parameters():
            if weight.requires_grad:
                weight.copy_(torch.randn(weight.shape, generator=generator) * 0.1)
        before, model = training.reader.member_rewards(GROUPS), training.model
        unquantise(training)
        assert training.model is not model
        assert torch.allclose(training.reader.member_rewards(GROUPS), before, atol=1e-6)
        merge_adapter(training.adapter)
        assert torch.allclose(training.reader.member_rewards(GROUPS), before, atol=1e-5)


def test_the_rate_follows_from_size_and_adapter(tiny_model: Path) -> None:
    model, tokenizer, _ = load_reward_model(str(tiny_model), 0)

    def rate(adapter: str, parameters: int) -> float:
        model.parameters = lambda: iter([torch.empty(parameters, device="meta")])  # type: ignore[method-assign]
        unresolved = TrainRewardConfig(base_model="any", adapter=adapter)
        return resolve(unresolved, model, tokenizer, 1000, torch.device("cpu")).learning_rate

    assert rate("none", 1_000_000) == 1e-3
    assert rate("none", 500_000_000) == 1e-5
    assert rate("lora", 500_000_000) == 1e-4


def test_qlora_without_its_machine_says_so_once_and_early(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = error_of(train_reward, training_run(tmp_path / "r", tiny_model, adapter="qlora"))
    assert "QLoRA needs a CUDA GPU" in said
    assert 'Use "lora"' in said


def test_an_adapter_of_no_rank_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "r", tiny_model, adapter="lora", lora_rank=0)
    assert "'lora_rank' must be a whole number from 1, not 0." in error_of(train_reward, folder)
