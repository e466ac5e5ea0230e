"""Which prompts are sampled and which pairs are worth a label."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.material import add_comparison
from labeling.models import Response
from modeling.models import Policy
from modeling.selection import (
    most_uncertain_pair,
    predictive_entropy,
    prompts_to_sample,
    random_pair,
    worth_of,
)
from tests.factories import make_comparison, make_project, make_prompt, make_response


def test_an_even_pair_is_most_uncertain() -> None:
    assert predictive_entropy(0.0) == pytest.approx(math.log(2))


def test_entropy_is_that_of_the_predicted_preference() -> None:
    p = 1 / (1 + math.exp(-1.3))
    expected = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert predictive_entropy(1.3) == pytest.approx(expected)


@given(st.floats(allow_nan=False))
def test_entropy_is_symmetric_and_bounded_for_any_difference(difference: float) -> None:
    value = predictive_entropy(difference)
    assert 0 <= value <= math.log(2)
    assert value == predictive_entropy(-difference)


def test_the_worth_of_many_responses_is_the_mean_over_their_pairs() -> None:
    pairs = [predictive_entropy(1.0), predictive_entropy(3.0), predictive_entropy(2.0)]
    assert worth_of([0.0, 1.0, 3.0]) == pytest.approx(sum(pairs) / 3)


def test_the_closest_pair_that_is_not_taken_is_chosen() -> None:
    rewards = {1: 0.0, 2: 0.1, 3: 0.5}
    assert most_uncertain_pair([3, 2, 1], rewards, ()) == ((1, 2), predictive_entropy(0.1))
    taken = most_uncertain_pair([1, 2, 3], rewards, {"1-2"})
    assert taken is not None
    assert taken[0] == (2, 3)


def test_one_response_makes_no_pair() -> None:
    assert most_uncertain_pair([7, 7], {7: 1.0}, ()) is None
    assert random_pair([], random.Random(0), ()) is None


def test_random_pairs_reach_every_pair() -> None:
    rng = random.Random(1)
    found = {pair[0] for _ in range(60) if (pair := random_pair([1, 2, 3], rng, ()))}
    assert found == {(1, 2), (1, 3), (2, 3)}


@pytest.mark.django_db
def test_prompts_that_the_policy_was_compared_on_least_come_first() -> None:
    project = make_project()
    policy = Policy.objects.create(project=project, version=2, name="p", location="x/y")
    new, waiting, known = (make_prompt(project, name) for name in ("new", "waiting", "known"))
    make_comparison(project, prompt=waiting)
    written = [
        make_response(known, text, origin=Response.Origin.POLICY, policy_version=2)
        for text in ("one", "two")
    ]
    add_comparison(known, written)
    assert prompts_to_sample(project, policy, 3, seed=0) == [new.pk, waiting.pk, known.pk]
    assert prompts_to_sample(project, policy, 1, seed=0) == [new.pk]


@pytest.mark.django_db
def test_prompts_in_equal_need_are_drawn_by_the_seed() -> None:
    project = make_project()
    policy = Policy.objects.create(project=project, version=1, name="p", location="x/y")
    for _ in range(20):
        make_prompt(project)
    first = prompts_to_sample(project, policy, 5, seed=1)
    assert first == prompts_to_sample(project, policy, 5, seed=1)
    assert first != prompts_to_sample(project, policy, 5, seed=2)
