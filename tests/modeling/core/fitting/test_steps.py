"""Steps of fine-tuning and shards of features: rates, shares, refusals, what is read again."""

import math
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modeling.core.fitting import feature_table
from modeling.core.fitting.feature_table import SHARD_TEXTS, keep_shard, load_shard, shards
from modeling.core.fitting.finetune import log_step, must_stop, remember_best, stop_if_asked
from modeling.core.fitting.frozen import check_finite
from modeling.core.fitting.frozen_choice import count_fits, is_clearly_lower
from modeling.core.fitting.step import learning_rate, not_finite, out_of_memory, share_of
from modeling.core.program.errors import ProgramCancelled, ProgramError
from modeling.core.program.parallel import Processes
from modeling.core.reading.recompute import Memory
from modeling.core.reward.state import RewardProgress, take_up_memory
from modeling.core.texts.groups import LabeledPair, PromptGroup, Unit
from modeling.core.texts.text import Encoded


@given(
    total=st.integers(1, 300),
    warmup=st.floats(0, 0.99),
    schedule=st.sampled_from(["linear", "constant"]),
    peak=st.floats(1e-6, 1e-2),
)
def test_the_rate_rises_to_its_peak_and_ends_above_zero(
    total: int, warmup: float, schedule: str, peak: float
) -> None:
    config: Any = SimpleNamespace(learning_rate=peak, warmup=warmup, schedule=schedule)
    rates = [learning_rate(config, step, total) for step in range(total)]
    assert all(0 < rate <= peak * (1 + 1e-9) for rate in rates)
    top = round(warmup * total)
    assert all(a < b for a, b in pairwise(rates[:top]))
    assert all(a >= b for a, b in pairwise(rates[top:]))
    if top < total:
        assert rates[top] == pytest.approx(peak)


def unit(group: int, count: int = 1) -> Unit:
    pairs = (LabeledPair(f"{group}-{k}", 0, 1, 1.0, 1.0, 0.0) for k in range(count))
    return Unit(group, tuple(pairs))


def training(size: int, rank: int, lengths: list[int]) -> Any:
    encoded = [[Encoded([0] * n, 1, False)] * 2 for n in lengths]
    return SimpleNamespace(
        setup=SimpleNamespace(processes=Processes(rank, size), run=SimpleNamespace()),
        reader=SimpleNamespace(tokens=lambda texts: sum(len(text.ids) for text in texts)),
        data=SimpleNamespace(encoded=encoded),
    )


@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=12), size=st.integers(1, 4))
def test_processes_divide_a_batch_without_gap_or_overlap(lengths: list[int], size: int) -> None:
    batch = [unit(group) for group in range(len(lengths))]
    parts = [share_of(training(size, rank, lengths), batch) for rank in range(size)]
    assert sorted(one.group for part in parts for one in part) == list(range(len(lengths)))
    loads = [sum(2 * lengths[one.group] for one in part) for part in parts]
    assert max(loads) - min(loads) <= 2 * max(lengths), "none has a text more than another"


@pytest.mark.parametrize(
    ("step", "exploded", "message", "hint"),
    [
        (1, False, "The loss or its gradient is no longer a finite number at step 1.", "the base"),
        (1, True, "The loss has exploded at step 1.", "Lower the learning rate"),
        (9, False, "The loss or its gradient is no longer a finite number at step 9.", "Lower the"),
    ],
)
def test_a_step_that_goes_wrong_names_its_comparisons(
    step: int, exploded: bool, message: str, hint: str
) -> None:
    problem = not_finite(step, "comparisons a, b", exploded=exploded)
    assert problem.message == message
    assert problem.where == f"step {step}, comparisons a, b"
    assert hint in problem.hint
    assert problem.hint.endswith("Nothing of this step was saved.")


def test_memory_that_holds_no_prompt_is_said_with_what_to_set() -> None:
    assert out_of_memory().where == "config.json: base_model, max_length, adapter"


def test_patience_counts_the_looks_since_the_best() -> None:
    loop = RewardProgress(step=3)
    assert remember_best(loop, 0.6)
    assert (loop.best_step, loop.best_loss, loop.bad_evals) == (3, 0.6, 0)
    loop.step = 4
    assert not remember_best(loop, 0.6), "equal is no better"
    assert not loop.out_of_patience(2)
    assert not remember_best(loop, math.inf)
    assert loop.out_of_patience(2)
    assert remember_best(loop, 0.5)
    assert not loop.out_of_patience(1)


def test_several_processes_stop_after_one_step_and_a_single_one_when_it_is_asked() -> None:
    asked: list[str] = []
    alone = training(1, 0, [1])
    alone.setup.run = SimpleNamespace(
        cancel_asked=True, check_cancelled=lambda: asked.append("checked")
    )
    assert must_stop(alone, {"stop": 0.0})
    stop_if_asked(alone, {"stop": 0.0})
    assert asked == ["checked"]
    several = training(2, 1, [1])
    several.setup.run = SimpleNamespace(cancel_asked=True)
    assert not must_stop(several, {"stop": 0.0}), "the others have not heard of it yet"
    stop_if_asked(several, {"stop": 0.0})
    with pytest.raises(ProgramCancelled):
        stop_if_asked(several, {"stop": 1.0})


def test_a_line_of_the_log_is_the_mean_since_the_one_before() -> None:
    logged: list[tuple[int, dict[str, float]]] = []
    one = training(1, 0, [1])
    one.setup.run = SimpleNamespace(log=lambda step, row: logged.append((step, row)))
    one.config, one.is_main = SimpleNamespace(epochs=2), True
    one.progress = lambda *_: None
    loop = RewardProgress()
    names = ("loss", "weight", "points", "decided", "margin", "reward", "count")
    for loop.step in range(1, 401):
        figures = dict.fromkeys((*names, "grad_norm", "steps", "tokens"), 1.0)
        log_step(one, loop, figures | {"loss": float(loop.step), "decided": 0.0}, 0.1, 400)
    assert len(logged) == 200
    assert logged[0][1]["train/loss"] == 1.5
    assert logged[-1][0] == 400
    assert logged[-1][1]["train/accuracy"] == 2.0, "ties alone: nothing is divided by zero"
    assert logged[-1][1]["train/epoch"] == 2.0


def test_passes_are_those_of_the_checkpoint_or_smaller() -> None:
    one = training(1, 0, [1])
    one.setup.memory = Memory(1000)
    take_up_memory(one, Memory(4000))
    assert one.setup.memory.batch_tokens == 1000
    take_up_memory(one, Memory(300))
    assert one.setup.memory.batch_tokens == 300


@given(sizes=st.lists(st.integers(1, 90), min_size=1, max_size=30))
def test_shards_hold_all_batches_in_order_and_enough_texts(sizes: list[int]) -> None:
    encoded: Any = [[None] * size for size in sizes]
    parts = list(shards(iter([[at] for at in range(len(sizes))]), encoded))
    assert [at for shard in parts for batch in shard for at in batch] == list(range(len(sizes)))
    counts = [sum(sizes[at] for batch in shard for at in batch) for shard in parts]
    assert all(count >= SHARD_TEXTS for count in counts[:-1])


def test_a_shard_is_believed_only_as_it_was_written(tmp_path: Path) -> None:
    file, features = tmp_path / "0.pt", torch.randn(4, 2, 3)
    assert load_shard(file, "run", 4) is None, "not there"
    keep_shard(file, "run", features)
    stored = load_shard(file, "run", 4)
    assert stored is not None and torch.equal(stored, features)
    assert load_shard(file, "another run", 4) is None
    assert load_shard(file, "run", 5) is None
    whole = file.read_bytes()
    at = whole.index(features.numpy().tobytes()[:8])
    file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert load_shard(file, "run", 4) is None, "one other bit is other features"
    file.write_bytes(whole[: len(whole) // 2])
    assert load_shard(file, "run", 4) is None


def test_the_name_of_features_follows_the_passes_they_were_read_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feature_table, "identity", lambda *_: {"seed": 0})
    one = training(1, 0, [1])
    names = set()
    for budget in (100, 200):
        one.setup.memory = Memory(budget)
        names.add(feature_table.digest_of(one, "layers 1"))  # type: ignore[arg-type]
        names.add(feature_table.digest_of(one, "layers 2"))  # type: ignore[arg-type]
    assert len(names) == 4


def test_features_that_are_no_numbers_name_a_response() -> None:
    group = PromptGroup((("user", "Why?"),), "train", ["fine", "odd"])
    one: Any = SimpleNamespace(groups=[group])
    table = torch.zeros(2, 1, 2)
    check_finite(one, table)
    table[1, 0, 1] = math.inf
    with pytest.raises(ProgramError, match="for 1 of 2 responses") as caught:
        check_finite(one, table)
    assert caught.value.where == "the response that begins 'odd', to the prompt 'Why?'"


def test_one_layer_must_be_better_by_more_than_chance() -> None:
    """A gain of 0.1 in each comparison has no error; 10 and -9.8 have one of about 1.4."""
    others = torch.full((50,), 0.7)
    assert is_clearly_lower(others - 0.1, others)
    assert not is_clearly_lower(others, others)
    noise = torch.tensor([10.0, -9.8] * 25)
    assert not is_clearly_lower(others - noise, others)
    assert [count_fits(layers) for layers in (1, 2, 6)] == [45, 135, 315]
