"""Which texts are read together, what is refused, and what happens when memory runs out."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from modeling.core.reading.reader import (
    CPU_TOKENS,
    GPU_TOKENS,
    Group,
    Reader,
    batches_by_length,
    check_config,
    choose_batch_tokens,
    choose_reader,
    halves,
    warn_of_padding,
)
from modeling.core.reading.recompute import FEWEST_TOKENS, Memory
from modeling.core.reading.shared_attention import UnsupportedAttentionError, check_supported
from modeling.core.reading.trying import apart, reason_of
from modeling.core.texts.text import Encoded

LENGTHS = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=4), min_size=1, max_size=12)


def groups_of(lengths: list[list[int]]) -> list[list[Encoded]]:
    """Every text has tokens of its own, so that none equals or begins like another."""
    number = iter(range(1, 10_000, 40))
    return [
        [Encoded(list(range(start, start + n)), 0, False) for n, start in zip(sizes, number)]  # noqa: B905
        for sizes in lengths
    ]


@given(lengths=LENGTHS, budget=st.integers(1, 200))
def test_every_group_is_in_one_pass_and_passes_keep_to_the_budget(
    lengths: list[list[int]], budget: int
) -> None:
    groups = groups_of(lengths)
    model: Any = SimpleNamespace()
    for way in ("padded", "shared"):
        passes = list(Reader(model, way).batches(groups, budget))
        assert sorted(at for one in passes for at in one) == list(range(len(groups)))
        for one in passes:
            sizes = [len(text.ids) for at in one for text in groups[at]]
            cost = len(sizes) * max(sizes) if way == "padded" else sum(sizes)
            assert len(one) == 1 or cost <= budget


def test_the_longest_pass_comes_first() -> None:
    """So that what is too much for the memory fails at once."""
    groups = groups_of([[3], [30], [10]])
    assert list(batches_by_length(groups, 30)) == [[1], [2, 0]]
    assert list(batches_by_length([], 30)) == []


class Scarce(Reader):
    """Gives a text's first token as its reward, for at most `most` texts at a time."""

    most = 1

    def member_rewards(self, groups: Any) -> Tensor:
        texts = [text for group in groups for text in group]
        if len(texts) > self.most:
            raise RuntimeError("CPUAllocator: can't allocate memory: you tried")
        return torch.tensor([[float(text.ids[0])] for text in texts])


@given(lengths=LENGTHS, most=st.integers(1, 5))
def test_what_memory_does_not_hold_is_read_in_halves_with_the_same_rewards(
    lengths: list[list[int]], most: int
) -> None:
    groups = groups_of(lengths)
    model: Any = SimpleNamespace()
    reader = Scarce(model, "padded")
    Scarce.most = most
    done: list[int] = []
    rewards = reader.score(groups, 10_000, done.append)
    assert rewards == [[float(text.ids[0]) for text in group] for group in groups]
    assert done[-1] == sum(map(len, groups))


def test_a_single_text_that_memory_does_not_hold_is_an_error() -> None:
    model: Any = SimpleNamespace()
    reader = Scarce(model, "padded")
    Scarce.most = 0
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        reader.within_memory(groups_of([[3]]))


def test_another_error_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = SimpleNamespace()
    reader, calls = Scarce(model, "padded"), []

    def broken(_self: Reader, groups: Any) -> Tensor:
        calls.append(groups)
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(Scarce, "member_rewards", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        reader.within_memory(groups_of([[3], [4]]))
    assert len(calls) == 1


def test_halves_are_of_groups_and_of_the_texts_of_a_single_one() -> None:
    one, two, three = groups_of([[1], [2, 2, 2], [3]])
    whole: list[Group] = [one, two, three]
    assert halves(whole) == ([one], [two, three])
    assert halves([two]) == ([two[:1]], [two[1:]])


def test_texts_that_are_in_several_groups_are_read_once() -> None:
    """As two responses to one prompt in two splits are."""
    text = Encoded([7, 8], 1, False)
    model: Any = SimpleNamespace()
    reader, done = Scarce(model, "padded"), list[int]()
    Scarce.most = 1
    assert reader.score([[text], [text], [text, text]], 100, done.append) == [[7], [7], [7, 7]]
    assert done == [1, 4]
    assert reader.score([], 100) == []


def test_the_tokens_of_a_pass_suit_the_device() -> None:
    assert choose_batch_tokens(77, torch.device("cpu")) == 77
    assert choose_batch_tokens(None, torch.device("cpu")) == CPU_TOKENS
    assert choose_batch_tokens(None, torch.device("cuda")) == GPU_TOKENS


def model_with(**config: Any) -> Any:
    return SimpleNamespace(
        config=SimpleNamespace(get_text_config=lambda: SimpleNamespace(**config))
    )


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"layer_types": ["full_attention", "linear_attention"]}, "layers of linear_attention"),
        ({"layer_types": ["sliding_attention"], "sliding_window": 99}, "of sliding_attention"),
        ({"layer_types": ["sliding_attention"], "sliding_window": None}, "of sliding_attention"),
        ({"attention_chunk_size": 8192}, "chunked or biased by distance"),
        ({"alibi": True}, "chunked or biased by distance"),
        ({"rope_parameters": {"rope_type": "dynamic"}}, "positions depend on the batch"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "positions depend on the batch"),
    ],
)
def test_attention_that_changes_with_the_distance_is_refused(
    config: dict[str, Any], words: str
) -> None:
    with pytest.raises(UnsupportedAttentionError, match=words):
        check_config(model_with(**config), 100)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"layer_types": None, "rope_parameters": None},
        {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 100},
        {"rope_parameters": {"rope_type": "default"}},
    ],
)
def test_a_window_as_long_as_the_texts_hides_nothing(config: dict[str, Any]) -> None:
    check_config(model_with(**config), 100)


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"is_causal": False}, "looks both ways"),
        ({"sliding_window": 99}, "a sliding window of 99 tokens"),
        ({"softcap": 50.0}, "uses softcap"),
        ({"s_aux": torch.ones(1)}, "uses s_aux"),
        ({"position_bias": torch.ones(1)}, "uses position_bias"),
    ],
)
def test_what_changes_the_scores_is_refused(others: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedAttentionError, match=words):
        check_supported(torch.nn.Identity(), others, 100)
    check_supported(torch.nn.Identity(), {"sliding_window": 100, "softcap": None}, 100)


def test_a_model_without_a_linear_head_reads_each_text_in_full() -> None:
    class Pooled(torch.nn.Module):
        pass

    model: Any = Pooled()
    reader = choose_reader(model, "auto", 100)
    assert reader.way == "padded"
    assert reader.warning == warn_of_padding(model, "it pools its texts in its own way")
    assert choose_reader(model, "alone", 100) == Reader(model, "alone"), "as asked, no warning"


def test_differences_are_shares_of_the_largest_value() -> None:
    expected = torch.tensor([0.0, -4.0])
    assert apart(torch.tensor([1.0, -4.0]), expected) == 0.25
    assert apart(torch.tensor([1.0]), expected) == float("inf")
    assert apart(torch.tensor([float("nan"), 0.0]), expected) == float("inf")
    assert apart(torch.zeros(2), torch.zeros(2)) == 0.0


def test_a_foreign_error_is_quoted_by_its_first_line() -> None:
    assert reason_of(ValueError("  one\ntwo")) == "one"
    assert reason_of(ValueError("")) == "ValueError"
    assert reason_of(ValueError("x" * 500)) == "x" * 200


def test_passes_shrink_before_layers_are_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to two texts of full length first; then twice; then to the smallest pass; then never."""
    module = "modeling.core.reading.recompute.recompute_layers"
    monkeypatch.setattr(module, lambda _model: True)
    model: Any = SimpleNamespace()
    memory, said = Memory(4000), []
    while (sentence := memory.less(model, "auto", 500)) is not None:
        said.append((memory.batch_tokens, memory.recompute, "checkpointing" in sentence))
    assert said == [
        (2000, False, False),
        (1000, False, False),
        (1000, True, True),
        (500, True, False),
        (FEWEST_TOKENS, True, False),
    ]


def test_layers_that_cannot_be_told_apart_are_not_computed_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = "modeling.core.reading.recompute.recompute_layers"
    monkeypatch.setattr(module, lambda _model: False)
    model: Any = SimpleNamespace()
    memory = Memory(1000)
    assert memory.less(model, "auto", 500) == (
        "Memory ran out: passes of at most 500 tokens from here on."
    )
    assert not memory.recompute
    assert Memory(FEWEST_TOKENS).less(model, "off", 500) is None
