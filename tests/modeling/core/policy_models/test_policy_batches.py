"""Prompts with responses as batches: padded and packed, against each text alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modeling.core.policy_models.batch import TokenText, by_length, pad_texts, token_logps
from modeling.core.policy_models.packed import by_prompt, pack_texts, places
from modeling.core.policy_models.reading import make_batch, plan_passes

CPU = torch.device("cpu")
TOKENS = st.lists(st.integers(1, 5), min_size=1, max_size=5).map(tuple)
TEXTS = st.lists(st.builds(TokenText, TOKENS, TOKENS), min_size=1, max_size=6)


@given(texts=TEXTS)
def test_padded_rows_begin_their_responses_at_one_column(texts: list[TokenText]) -> None:
    batch = pad_texts(texts, CPU)
    width = max(len(text.response) for text in texts)
    assert batch.is_real.shape == batch.targets.shape == (len(texts), width)
    for number, text in enumerate(texts):
        real = batch.mask[number].bool()
        assert batch.ids[number][real].tolist() == [*text.prompt, *text.response]
        assert batch.positions[number][real].tolist() == list(range(len(text)))
        assert batch.targets[number][batch.is_real[number]].tolist() == list(text.response)


@given(texts=TEXTS)
def test_packed_states_are_those_before_each_response_token(texts: list[TokenText]) -> None:
    """Each state lies at the token before its target, as far behind the start as in the text."""
    batch = pack_texts(texts, CPU)
    ids, positions = batch.row.ids[0], batch.row.positions[0]
    before = [[*t.prompt, *t.response][len(t.prompt) - 1 : -1] for t in texts]
    depth = [range(len(t.prompt) - 1, len(t) - 1) for t in texts]
    assert ids[batch.states].tolist() == [token for tokens in before for token in tokens]
    assert positions[batch.states].tolist() == [at for part in depth for at in part]
    assert batch.targets.tolist() == [token for t in texts for token in t.response]
    numbers = torch.arange(len(batch.targets)).float() + 1
    rows = batch.as_rows(numbers)
    flat = iter(numbers.tolist())
    for text, row in zip(texts, rows, strict=True):
        count = len(text.response)
        assert row[:count].tolist() == [next(flat) for _ in range(count)]
        assert not row[count:].any()


def test_texts_of_one_prompt_share_it_side_by_side_and_not_apart() -> None:
    a, b, c = TokenText((1, 2), (3,)), TokenText((1, 2), (4, 5)), TokenText((9,), (3,))
    assert pack_texts([a, b, c], CPU).row.ids.shape[1] == 2 + 1 + 2 + 2
    assert pack_texts([a, c, b], CPU).row.ids.shape[1] == 3 + 2 + 4


@given(start=st.integers(0, 9), prefix=st.integers(0, 6), length=st.integers(1, 9))
def test_a_texts_tokens_lie_in_the_prefix_and_then_behind_it(
    start: int, prefix: int, length: int
) -> None:
    rest = start + prefix + 7
    where = places(range(length), start, prefix, rest)
    assert where == [start + at if at < prefix else rest + at - prefix for at in range(length)]


@given(texts=TEXTS, budget=st.integers(1, 60))
def test_padded_passes_keep_to_the_budget_the_longest_first(
    texts: list[TokenText], budget: int
) -> None:
    passes = list(by_length(texts, budget))
    assert sorted(at for one in passes for at in one) == list(range(len(texts)))
    for one in passes:
        wide = max(len(texts[at].prompt) for at in one) + max(len(texts[at].response) for at in one)
        assert len(one) == 1 or wide * len(one) <= budget
    lengths = [len(texts[at]) for one in passes for at in one]
    assert lengths == sorted(lengths, reverse=True)


@given(prompts=st.lists(st.integers(0, 3), min_size=1, max_size=12), budget=st.integers(1, 60))
def test_packed_passes_keep_to_the_budget_and_prompts_together(
    prompts: list[int], budget: int
) -> None:
    """Items are pairs of texts of one prompt, as DPO has them."""
    items = [
        (TokenText((p + 1,) * 4, (at + 1,)), TokenText((p + 1,) * 4, (at + 1, 2)))
        for at, p in enumerate(prompts)
    ]
    passes = by_prompt(items, budget)
    assert sorted(at for one in passes for at in one) == list(range(len(items)))
    for one in passes:
        order = [prompts[at] for at in one]
        runs = [p for at, p in enumerate(order) if at == 0 or order[at - 1] != p]
        cost = sum(4 for _ in runs) + sum(3 for _ in one)
        assert len(one) == 1 or cost <= budget


def test_plans_are_by_the_way_of_reading() -> None:
    items = [(TokenText((1,), (2,)), TokenText((1,), (2, 3))), (TokenText((4,), (5,)),) * 2]
    assert list(plan_passes("padded", items, 6)) == [[0], [1]]
    assert list(plan_passes("shared", items, 100)) == [[0, 1]]
    assert list(plan_passes("padded", [], 6)) == []
    assert type(make_batch("padded", items[0], CPU)).__name__ == "Padded"
    assert make_batch("flex", items[0], CPU).flex  # type: ignore[attr-defined]


@given(seed=st.integers(0, 999), temperature=st.sampled_from([0.5, 1.0, 2.0]))
def test_log_probabilities_and_entropies_by_hand(seed: int, temperature: float) -> None:
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(seed))
    targets = torch.tensor([[0, 4, 2], [1, 1, 3]])
    logps, entropy = token_logps(logits, targets, temperature)
    chances = torch.softmax(logits.double() / temperature, -1)
    for row in range(2):
        for at in range(3):
            p = chances[row, at]
            assert logps[row, at].item() == pytest.approx(
                p[targets[row, at]].log().item(), abs=1e-4
            )
            assert entropy[row, at].item() == pytest.approx(-(p * p.log()).sum().item(), abs=1e-4)


def test_the_entropy_has_no_gradient() -> None:
    logits = torch.randn(1, 4, requires_grad=True)
    logps, entropy = token_logps(logits, torch.tensor([2]), 1.0)
    assert logps.requires_grad
    assert not entropy.requires_grad
