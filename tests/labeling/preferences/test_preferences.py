"""What votes come to. The arithmetic of each case is worked out beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.judging.recording import Answer
from labeling.models import Membership, Preference
from labeling.preferences.settling import Vote, settled, weigh
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    judge_for,
    make_comparison,
    make_member,
    make_project,
)


def votes(*directions: int | None) -> list[Vote]:
    return [Vote(direction, None, 1.0) for direction in directions]


@pytest.mark.parametrize(
    ("directions", "kind", "direction", "target", "vote_share", "provenance"),
    [
        ([1], "prefer", 1, 1.0, 1.0, "unanimous"),
        ([-1], "prefer", -1, 1.0, 1.0, "unanimous"),
        ([0], "tie", 0, 0.5, 1.0, "unanimous"),
        ([None], "both_bad", 0, 0.5, 1.0, "unanimous"),
        ([1, 1, -1], "prefer", 1, 2 / 3, 2 / 3, "weighted"),
        ([1, -1], "tie", 0, 0.5, 0.0, "contested"),
        ([1, 0], "prefer", 1, 0.75, 0.5, "weighted"),  # (1 + 0.5) / 2
        ([1, 1, None], "prefer", 1, 5 / 6, 2 / 3, "weighted"),  # (1 + 1 + 0.5) / 3
        ([1, None, None], "both_bad", 0, 2 / 3, 2 / 3, "weighted"),
    ],
)
def test_votes_are_weighed(directions, kind, direction, target, vote_share, provenance) -> None:
    verdict = weigh(votes(*directions))
    assert (verdict.kind, verdict.direction, verdict.provenance) == (kind, direction, provenance)
    assert verdict.target == pytest.approx(target)
    assert verdict.vote_share == pytest.approx(vote_share)


def test_a_reliable_vote_outweighs_two_unreliable_ones() -> None:
    """0.9 for the first against 0.3 + 0.3; target = 0.9 / 1.5, weight = 1.5 / 3."""
    verdict = weigh([Vote(1, 2, 0.9), Vote(-1, 1, 0.3), Vote(-1, 1, 0.3)])
    assert verdict.direction == 1
    assert verdict.target == pytest.approx(0.6)
    assert verdict.weight == pytest.approx(0.5)


def test_strength_is_the_signed_mean() -> None:
    """+3, +2, −1 and a tie: (3 + 2 − 1 + 0) / 4 = 1."""
    verdict = weigh([Vote(1, 3, 1), Vote(1, 2, 1), Vote(-1, 1, 1), Vote(0, None, 1)])
    assert verdict.strength == pytest.approx(1.0)


@given(st.lists(st.sampled_from([1, -1, 0, None]), min_size=1, max_size=9))
def test_swapping_the_responses_swaps_the_verdict_and_nothing_else(directions) -> None:
    verdict = weigh(votes(*directions))
    swapped = weigh(votes(*[-d if d else d for d in directions]))
    assert swapped.direction == -verdict.direction
    assert (swapped.kind, swapped.vote_share, swapped.provenance) == (
        verdict.kind,
        verdict.vote_share,
        verdict.provenance,
    )
    if verdict.direction:
        assert swapped.target == pytest.approx(verdict.target)


@pytest.mark.django_db
def test_a_preference_is_settled_when_the_overlap_is_reached_and_not_before() -> None:
    project = make_project(overlap=2)
    make_comparison(project, texts=("Yes.", "No."))
    judge_for(make_member(project), project, "Yes.")
    assert not Preference.objects.exists()
    judge_for(make_member(project), project, "Yes.")
    preference = settled(project).get()
    assert (preference.chosen.text, preference.rejected.text) == ("Yes.", "No.")
    assert (preference.votes_chosen, preference.votes_rejected) == (2, 0)
    assert preference.split == preference.prompt.split


@pytest.mark.django_db
def test_a_labelers_reliability_weighs_their_vote() -> None:
    project = make_project(overlap=2)
    make_comparison(project, texts=("Yes.", "No."))
    good, bad = make_member(project), make_member(project)
    Membership.objects.filter(user=bad).update(reliability=0.25)
    judge_for(bad, project, "No.")
    judge_for(good, project, "Yes.")
    preference = settled(project).get()
    assert preference.chosen.text == "Yes."
    assert preference.target == pytest.approx(0.8)  # 1 / 1.25
    assert preference.weight == pytest.approx(0.625)  # 1.25 / 2


@pytest.mark.django_db
def test_a_ranking_settles_every_pair() -> None:
    """A over B and C, which tie: three preferences, A>B, A>C, B=C."""
    project = make_project()
    make_comparison(project, texts=("A", "B", "C"))
    assignment = claim(make_member(project), project)
    by_text = {response.text: response.pk for response in assignment.shown}
    answer = Answer("prefer", ((by_text["A"],), (by_text["B"], by_text["C"])))
    judge(assignment, answer)
    pairs = {(p.chosen.text, p.rejected.text, p.kind) for p in settled(project)}
    assert pairs == {("A", "B", "prefer"), ("A", "C", "prefer"), ("B", "C", "tie")}


@pytest.mark.django_db
@pytest.mark.parametrize("choice", ["tie", "both_bad"])
def test_a_tie_and_both_bad_stay_what_they_are(choice: str) -> None:
    project = make_project()
    make_comparison(project)
    claim_and_judge(make_member(project), project, choice)
    assert settled(project).get().kind == choice
