"""Attention over packed rows against plain attention of each text alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from modeling.core.reading.last_layer import pick
from modeling.core.reading.pooling import (
    last_of_padded,
    mean_weights_packed,
    mean_weights_padded,
    pool_packed,
    pool_padded,
)
from modeling.core.reading.shared_attention import (
    FlashSlices,
    Slice,
    make_block_mask,
    sdpa_slices,
    slices,
    slices_of_reads,
)
from modeling.core.texts.packing import PackedRow, pack, pad_batch
from modeling.core.texts.text import Encoded

CPU = torch.device("cpu")
IDS = st.lists(st.integers(0, 1), min_size=1, max_size=6)
GROUPS = st.lists(st.lists(IDS, min_size=1, max_size=4), min_size=1, max_size=3)


def groups_of(ids: list[list[list[int]]], prompt: int = 1) -> list[list[Encoded]]:
    return [[Encoded(list(one), min(prompt, len(one)), False) for one in group] for group in ids]


def naive(row: PackedRow) -> Tensor:
    """(T, T): whether a query sees a key, token by token."""
    length = row.ids.shape[1]
    sees = torch.zeros(length, length, dtype=torch.bool)
    for span in row.spans:
        prefix = list(range(span.start, span.start + span.prefix))
        for low, high in span.bounds():
            text = prefix + list(range(low, high))
            for place, query in enumerate(text):
                sees[query, text[: place + 1]] = True
    return sees


def covered(plan: tuple[list[Slice], list[Slice]], queries: int, keys: int) -> Tensor:
    """(Q, T): how often a query meets a key in the plan's kernel calls."""
    count = torch.zeros(queries, keys, dtype=torch.long)
    for a, b, c, d, causal in (*plan[0], *plan[1]):
        part = torch.ones(b - a, d - c, dtype=torch.long)
        count[a:b, c:d] += part.tril() if causal else part
    return count


@given(ids=GROUPS)
def test_the_plan_meets_every_key_that_is_seen_just_once(ids: list[list[list[int]]]) -> None:
    row = pack(groups_of(ids), CPU)
    length = row.ids.shape[1]
    sees = naive(row).long()
    assert torch.equal(covered(slices(row.spans), length, length), sees)
    reads = covered(slices_of_reads(row.spans), len(row.reads), length)
    assert torch.equal(reads, sees[row.reads])


@given(ids=GROUPS)
def test_every_query_is_in_the_first_part_of_a_plan_just_once(ids: list[list[list[int]]]) -> None:
    """The second part is merged into what the first has written."""
    row = pack(groups_of(ids), CPU)
    for plan, queries in (
        (slices(row.spans), row.ids.shape[1]),
        (slices_of_reads(row.spans), len(row.reads)),
    ):
        first = sorted(at for a, b, *_ in plan[0] for at in range(a, b))
        assert first == list(range(queries))


@given(ids=GROUPS)
@settings(max_examples=20, deadline=None)
def test_the_block_mask_says_the_same(ids: list[list[list[int]]]) -> None:
    row = pack(groups_of(ids), CPU)
    mask = make_block_mask(row)
    at = torch.arange(row.ids.shape[1])
    nothing = torch.zeros((), dtype=torch.long)
    sees = mask.mask_mod(nothing, nothing, at[:, None], at[None, :])
    assert torch.equal(sees, naive(row))


def heads(row: PackedRow, count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, count, row.ids.shape[1], 8, generator=generator)


def dense(query: Tensor, key: Tensor, value: Tensor, sees: Tensor) -> Tensor:
    repeat = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(repeat, 1) for x in (key, value))
    return scaled_dot_product_attention(query, key, value, attn_mask=sees, scale=0.3)


def flash(query: Tensor, key: Tensor, value: Tensor, plan: object) -> Tensor:
    groups = key.shape[1]
    grouped = query[0].reshape(groups, query.shape[1] // groups, *query.shape[2:])
    out = FlashSlices.apply(grouped, key[0].unsqueeze(1), value[0].unsqueeze(1), 0.3, plan)
    return out.reshape(1, *query.shape[1:])


ODD = [[[0], [0], [0, 1]], [[1, 1, 0, 1, 0]], [[1, 0, 0, 1], [1, 0, 1], [1, 1], [0]]]


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_flash_slices_and_plain_ones_give_dense_attention_and_its_gradients(kv_heads: int) -> None:
    """Grouped queries too: four query heads on one, two or four of keys and values."""
    row = pack(groups_of(ODD), CPU)
    sees = naive(row)
    inputs = [heads(row, 4, 0), heads(row, kv_heads, 1), heads(row, kv_heads, 2)]
    upstream = heads(row, 4, 3)

    def run(attend: object) -> list[Tensor]:
        leaves = [x.clone().requires_grad_() for x in inputs]
        out = attend(*leaves)  # type: ignore[operator]
        out.backward(upstream)
        return [out.detach(), *(x.grad for x in leaves)]

    expected = run(lambda q, k, v: dense(q, k, v, sees))
    repeat = 4 // kv_heads
    ways = [
        run(lambda q, k, v: flash(q, k, v, slices(row.spans))),
        run(
            lambda q, k, v: sdpa_slices(
                q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1), 0.3, row.spans
            )
        ),
    ]
    for result in ways:
        for one, other in zip(result, expected, strict=True):
            assert torch.allclose(one, other, atol=1e-5)


def test_reading_only_the_last_tokens_gives_what_reading_all_gives_there() -> None:
    row = pack(groups_of(ODD), CPU)
    query, key, value = (heads(row, 2, seed) for seed in range(3))
    whole = dense(query, key, value, naive(row))[:, :, row.reads]
    chosen = query[:, :, row.reads]
    assert torch.allclose(flash(chosen, key, value, slices_of_reads(row.spans)), whole, atol=1e-5)
    assert torch.allclose(sdpa_slices(chosen, key, value, 0.3, row.spans), whole, atol=1e-5)


def test_scores_beyond_what_exponentials_hold_are_merged_all_the_same() -> None:
    """exp(200) is no fp32 number: the shares of both slices come from a sigmoid."""
    row = pack([[Encoded([5, 1], 1, False), Encoded([5, 2], 1, False)]], CPU)
    query, key, value = (heads(row, 1, seed) * 60 for seed in range(3))
    attended = flash(query, key, value, slices(row.spans))
    assert attended.isfinite().all()
    assert torch.allclose(attended, dense(query, key, value, naive(row)), atol=1e-2)


@given(ids=GROUPS, prompt=st.integers(0, 7))
def test_means_over_responses_are_the_same_packed_padded_and_by_hand(
    ids: list[list[list[int]]], prompt: int
) -> None:
    """A state for every (token, position before it): what a causal model would give."""
    groups = groups_of(ids, prompt)
    texts = [text for group in groups for text in group]

    def state(text: Encoded, at: int) -> list[float]:
        return [float(sum(2**k * (i + 1) for k, i in enumerate(text.ids[: at + 1]))), 1.0]

    by_hand = []
    for text in texts:
        start = min(text.prompt_length, len(text.ids) - 1)
        states = torch.tensor([state(text, at) for at in range(start, len(text.ids))])
        by_hand.append(states.mean(0))
    expected = torch.stack(by_hand)
    row = pack(groups, CPU)
    hidden = torch.zeros(row.ids.shape[1], 2)
    for span, group in zip(row.spans, groups, strict=True):
        for text, (low, _) in zip(group, span.bounds(), strict=True):
            for at in range(len(text.ids)):
                place = span.start + at if at < span.prefix else low + at - span.prefix
                hidden[place] = torch.tensor(state(text, at))
    pooled = pool_packed(hidden, mean_weights_packed(row, groups))
    assert torch.allclose(pooled, expected, rtol=1e-4)
    padded, _, last = pad_batch(texts, 0, CPU)
    states = torch.zeros(*padded.shape, 2)
    for number, text in enumerate(texts):
        for at in range(len(text.ids)):
            states[number, at] = torch.tensor(state(text, at))
    weights = mean_weights_padded(texts, padded.shape[1], CPU)
    assert torch.allclose(pool_padded(states, weights), expected, rtol=1e-4)
    assert torch.equal(last_of_padded(states, texts), states[torch.arange(len(texts)), last])


def test_arguments_of_a_layer_are_cut_however_they_are_nested() -> None:
    reads = torch.tensor([0, 2])
    per_token = torch.arange(6.0).view(1, 3, 2)
    other, text = torch.ones(1, 4, 2), "eager"
    chosen = pick({"hidden": per_token, "cos_sin": (per_token, other), "how": text}, reads, 3)
    assert torch.equal(chosen["hidden"], per_token[:, [0, 2]])
    assert torch.equal(chosen["cos_sin"][0], per_token[:, [0, 2]])
    assert chosen["cos_sin"][1] is other, "it is of no token"
    assert chosen["how"] == text
