"""Which token follows: against a plain reading of the probabilities, over random ones."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from modeling.core.generating.drawing import Sampling, derive_seed, pick, uniforms
from modeling.core.generating.generation import Drawn, Request, by_prompt
from modeling.core.program.errors import ProgramError

LOGITS = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=8)
DRAW = st.floats(0, 1, exclude_max=True)


def one(logits: list[float], draw: float, **how: float) -> tuple[int, float]:
    tokens, log_probs = pick(
        torch.tensor([logits]), torch.tensor([draw], dtype=torch.float64), **how
    )
    return int(tokens[0]), float(log_probs[0])


def softmax(logits: list[float], temperature: float) -> list[float]:
    return torch.softmax(torch.tensor(logits) / temperature, 0).tolist()


@given(logits=LOGITS, draw=DRAW, temperature=st.sampled_from([0.5, 1.0, 2.0]))
def test_a_token_is_where_the_draw_falls_in_the_cumulative_probabilities(
    logits: list[float], draw: float, temperature: float
) -> None:
    token, log_prob = one(logits, draw, temperature=temperature)
    chances = softmax(logits, temperature)
    below = sum(chances[:token])
    assert below - 1e-5 <= draw * sum(chances) <= below + chances[token] + 1e-5
    assert log_prob == pytest.approx(math.log(max(chances[token], 1e-30)), abs=1e-3)


@given(logits=LOGITS, draw=DRAW)
def test_at_temperature_0_the_likeliest_token_comes_whatever_is_drawn(
    logits: list[float], draw: float
) -> None:
    token, log_prob = one(logits, draw, temperature=0.0)
    assert logits[token] == max(logits)
    assert log_prob == pytest.approx(math.log(softmax(logits, 1.0)[token]), abs=1e-4)


@given(logits=LOGITS, draw=DRAW, top_p=st.floats(0.05, 0.999))
def test_the_nucleus_is_the_fewest_likeliest_tokens_that_have_top_p(
    logits: list[float], draw: float, top_p: float
) -> None:
    token, _ = one(logits, draw, top_p=top_p)
    chances = softmax(logits, 1.0)
    likelier = sum(chance for chance in chances if chance > chances[token])
    assert likelier < top_p + 1e-5


def test_the_log_probability_is_that_of_the_whole_distribution() -> None:
    """Policy gradients take ratios of it: narrowing the choice must not change it."""
    assert one([1.0, 2.0, 3.0], 0.1, top_p=0.5) == (
        2,
        pytest.approx(one([1.0, 2.0, 3.0], 0.99)[1]),
    )


def test_the_last_tokens_of_a_large_vocabulary_can_be_drawn() -> None:
    """200,000 equally likely ones: a sum in fp32 would stop growing before its end."""
    count = 200_000
    draws = torch.tensor([0.0, 0.5, 1 - 1e-9], dtype=torch.float64)
    tokens, _ = pick(torch.zeros(3, count), draws)
    assert tokens[0] == 0
    assert tokens[1] == pytest.approx(count / 2, abs=2)
    assert tokens[2] >= count - 2


def test_an_impossible_token_is_never_drawn() -> None:
    logits = [-math.inf, 0.0, -math.inf, 0.0, -math.inf]
    drawn = {one(logits, at / 100)[0] for at in range(100)}
    assert drawn == {1, 3}
    assert one(logits, 0.0)[0] == 1


def test_the_share_of_draws_is_the_probability() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0]]).expand(20_000, 3)
    tokens, _ = pick(logits, uniforms(3, 20_000))
    shares = torch.bincount(tokens, minlength=3) / 20_000
    assert torch.allclose(shares, torch.softmax(logits[0], 0), atol=0.015)


@given(seed=st.integers(0, 2**62), count=st.integers(1, 30), more=st.integers(0, 30))
def test_a_responses_first_draws_do_not_depend_on_how_long_it_may_get(
    seed: int, count: int, more: int
) -> None:
    short, long = uniforms(seed, count), uniforms(seed, count + more)
    assert torch.equal(short, long[:count])
    assert ((long >= 0) & (long < 1)).all()


def test_seeds_differ_by_all_that_they_are_of() -> None:
    seeds = {
        derive_seed(seed, identifier, sample)
        for seed in range(5)
        for identifier in ("a", "b", "a:1", "")
        for sample in range(20)
    }
    assert len(seeds) == 5 * 4 * 20
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "q1", 0) == 6995664620386199634, "stored runs are gone on with"


@pytest.mark.parametrize(
    "how",
    [
        {"max_new_tokens": 0},
        {"max_new_tokens": 1, "batch_tokens": 0},
        {"max_new_tokens": 1, "temperature": -0.1},
        {"max_new_tokens": 1, "temperature": math.nan},
        {"max_new_tokens": 1, "top_p": 0.0},
        {"max_new_tokens": 1, "top_p": 1.1},
        {"max_new_tokens": 1, "top_p": math.nan},
    ],
)
def test_settings_that_make_no_sense_are_refused(how: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        Sampling(frozenset(), **how)  # type: ignore[arg-type]


def test_a_response_ends_at_a_stop_token_or_at_its_length() -> None:
    sampling = Sampling(frozenset({9}), 3)
    ended, cut = Drawn(), Drawn()
    assert [ended.take(token, -1.0, sampling) for token in (1, 9)] == [True, False]
    assert (ended.finished, ended.text_tokens) == (True, [1])
    assert [cut.take(token, -1.0, sampling) for token in (1, 2, 3)] == [True, True, False]
    assert (cut.finished, cut.text_tokens) == (False, [1, 2, 3])
    at_last = Drawn(tokens=[1, 2], log_probs=[-1.0, -1.0])
    assert not at_last.take(9, -1.0, sampling)
    assert at_last.finished, "in time, if only just"


def test_a_policy_that_gives_no_numbers_is_refused_with_the_place() -> None:
    drawn = Drawn(tokens=[1, 2], log_probs=[-1.0, -1.0])
    with pytest.raises(ProgramError, match="not a number") as caught:
        drawn.take(3, math.nan, Sampling(frozenset(), 9))
    assert caught.value.where == "token 2 of a response"
    assert drawn.tokens == [1, 2]


def test_requests_are_grouped_by_prompt_the_longest_last() -> None:
    requests = [Request(prompt, 0) for prompt in ((1, 2), (3,), [1, 2], (4, 5, 6))]
    assert by_prompt(requests) == [((3,), [1]), ((1, 2), [0, 2]), ((4, 5, 6), [3])]
    with pytest.raises(ValueError, match="at least one token"):
        Request([], 0)


def test_low_precision_logits_are_drawn_from_in_fp32() -> None:
    logits: Tensor = torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16)
    _, log_probs = pick(logits, torch.tensor([0.5], dtype=torch.float64))
    assert log_probs.dtype == torch.float32
