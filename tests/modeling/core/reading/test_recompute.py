"""Gradient checkpointing, running out of memory, compiled layers: other ways to the same result."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from modeling.core import train_reward
from modeling.core.fitting import step as reward_step
from modeling.core.loading.reward_model import load_reward_model
from modeling.core.program.device import choose_autocast
from modeling.core.program.run_dir import EXIT_CANCELLED
from modeling.core.reading import compiling
from modeling.core.reading.reader import choose_reader
from modeling.core.reading.recompute import Memory, recompute_layers
from modeling.core.texts.groups import Unit
from modeling.core.texts.text import Encoded
from tests.modeling.core.factories import error_of, lines, read, run, stop_after, training_run

GROUPS = [
    [Encoded([5, 6, 7, *rest], 3, False) for rest in ([8, 9], [30, 31, 32, 2], [9])],
    [Encoded([11, 12, 13, 14, 2], 2, False)],
]


def rewards_and_gradients(source: Path, attention: str, recompute: bool) -> tuple[Tensor, Any]:
    model, _, _ = load_reward_model(str(source), 0)
    calls: list[int] = []
    model.model.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    if recompute:
        assert recompute_layers(model)
    reader = choose_reader(model, attention, 64)
    assert reader.way == attention
    calls.clear()
    rewards = reader.rewards(GROUPS)
    (rewards * torch.arange(1, 5)).sum().backward()
    assert len(calls) == (2 if recompute else 1), "the first layer's forwards"
    return rewards.detach(), {name: weight.grad for name, weight in model.named_parameters()}


@pytest.mark.parametrize("attention", ["shared", "padded"])
def test_layers_computed_twice_give_the_same_rewards_and_gradients(
    tiny_model: Path, attention: str
) -> None:
    """Also for packed rows, which the second forward has to see again: exactly equal."""
    expected, gradients = rewards_and_gradients(tiny_model, attention, recompute=False)
    first, again = rewards_and_gradients(tiny_model, attention, recompute=True)
    assert torch.equal(first, expected)
    assert gradients.keys() == again.keys()
    for name, gradient in gradients.items():
        assert torch.equal(again[name], gradient), name


def test_gradient_checkpointing_changes_no_byte_of_the_model(
    tiny_model: Path, tmp_path: Path
) -> None:
    saved = []
    for way in ("on", "off"):
        folder = training_run(tmp_path / way, tiny_model, epochs=2, gradient_checkpointing=way)
        assert run(train_reward, folder) == 0
        saved.append((folder / "model" / "model.safetensors").read_bytes())
    assert saved[0] == saved[1]


def test_what_is_tried_when_memory_runs_out(tiny_model: Path) -> None:
    """Smaller passes while several texts fit into one, then checkpointing, then single groups."""
    model, _, _ = load_reward_model(str(tiny_model), 0)
    memory = Memory(4096)
    said = [memory.less(model, "auto", 512) for _ in range(6)]
    assert [memory.batch_tokens, memory.recompute] == [256, True]
    sizes = ["2048", "1024", "checkpointing", "512", "256"]
    assert all(size in (sentence or "") for size, sentence in zip(sizes, said, strict=False))
    assert said[5] is None
    never = Memory(512)
    assert "256" in (never.less(model, "off", 512) or "")
    assert never.less(model, "off", 512) is None
    assert not never.recompute


def little_memory(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Passes of more than so many tokens run out of memory."""
    whole = reward_step.comparison_loss

    def tight(config: Any, reader: Any, encoded: Any, units: list[Unit], *rest: Any) -> Any:
        if sum(reader.tokens(unit.texts(encoded)) for unit in units) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return whole(config, reader, encoded, units, *rest)

    monkeypatch.setattr(reward_step, "comparison_loss", tight)


def test_a_step_that_ran_out_of_memory_is_done_again_with_less(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And from then on all steps, also after a restart; the rewards agree to rounding."""
    straight = training_run(tmp_path / "a", tiny_model, epochs=2)
    assert run(train_reward, straight) == 0
    folder = training_run(tmp_path / "b", tiny_model, epochs=2)
    little_memory(monkeypatch, 300)
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        assert run(train_reward, folder) == EXIT_CANCELLED
    state = torch.load(folder / "checkpoint" / "state.pt")
    assert state["memory"] == {"batch_tokens": 256, "recompute": True}
    assert run(train_reward, folder) == 0
    said = [
        sentence for sentence in read(folder / "result.json")["warnings"] if "Memory" in sentence
    ]
    assert "Memory ran out: gradient checkpointing from here on." in said
    rewards = [
        [r["reward_chosen"] for r in lines(f / "predictions.jsonl")] for f in (straight, folder)
    ]
    assert rewards[0] == pytest.approx(rewards[1], abs=1e-4)


def test_the_result_says_that_memory_ran_out(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little_memory(monkeypatch, 600)
    folder = training_run(tmp_path / "r", tiny_model, epochs=1, batch_size=32, max_length=64)
    assert run(train_reward, folder) == 0
    said = [warning for warning in read(folder / "result.json")["warnings"] if "Memory" in warning]
    assert said == [
        f"Memory ran out: passes of at most {tokens} tokens from here on." for tokens in (1024, 512)
    ]


def test_memory_that_never_suffices_ends_the_run_in_words(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little_memory(monkeypatch, 5)
    said = error_of(train_reward, training_run(tmp_path / "r", tiny_model, epochs=1))
    assert "not even for one prompt at a time" in said
    assert "Lower max_length" in said


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # the compiler's own
def test_compiled_layers_give_the_same_rewards(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced and run by autograd's own functions, so that the test needs no C++ compiler."""
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")
    rewards = []
    for compiled in (False, True):
        folder = training_run(tmp_path / str(compiled), tiny_model, epochs=1, compile=compiled)
        assert run(train_reward, folder) == 0
        assert not [w for w in read(folder / "result.json")["warnings"] if "compiled" in w]
        rewards.append([row["reward_chosen"] for row in lines(folder / "predictions.jsonl")])
    assert rewards[0] == pytest.approx(rewards[1], abs=1e-4)


def test_norms_and_mlp_are_compiled_and_attention_is_not(tiny_model: Path) -> None:
    model, _, _ = load_reward_model(str(tiny_model), 0)
    parts = compiling.parts_of(model.model.layers[0])
    assert [type(part).__name__ for part in parts] == ["LlamaMLP", "LlamaRMSNorm", "LlamaRMSNorm"]


def test_a_model_that_cannot_be_compiled_is_trained_as_it_is(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "no_such_backend")
    folder = training_run(tmp_path / "r", tiny_model, epochs=1, compile=True)
    assert run(train_reward, folder) == 0
    assert any("not compiled" in warning for warning in read(folder / "result.json")["warnings"])


def test_bf16_is_chosen_where_there_are_matrix_units_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    for units in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda units=units: units)
        assert choose_autocast("auto", cpu, 20_000_000) is units
        assert choose_autocast("auto", cpu, 19_999_999) is False, "tiny: casts cost more"
        assert choose_autocast("bfloat16", cpu, 1) is True
        assert choose_autocast("float32", cpu, 20_000_000) is False


@pytest.mark.parametrize("attention", ["shared", "padded"])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_a_training_in_bf16_leaves_the_model_that_fp32_does_within_rounding(
    tiny_model: Path, tmp_path: Path, attention: str, pooling: str
) -> None:
    rewards = []
    for dtype in ("float32", "bfloat16"):
        settings: dict[str, Any] = {
            "epochs": 2,
            "attention": attention,
            "pooling": pooling,
            "dtype": dtype,
        }
        folder = training_run(tmp_path / dtype, tiny_model, **settings)
        assert run(train_reward, folder) == 0
        assert read(folder / "result.json")["config"]["dtype"] == dtype
        rewards.append([row["reward_chosen"] for row in lines(folder / "predictions.jsonl")])
    plain, half = torch.tensor(rewards)
    assert not torch.equal(plain, half)
    assert (plain - half).abs().max() < 0.1 * (plain.max() - plain.min())
