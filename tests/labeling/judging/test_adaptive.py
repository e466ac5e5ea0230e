"""Adaptive overlap: the formula, when it stops, when it asks on, and what it saves."""

import pytest

from labeling.judging.adaptive import confidence_in, judgments_saved, share_above_half
from labeling.models import Comparison, Project
from labeling.preferences.settling import Vote, settled
from tests.factories import claim, judge, judge_for, make_comparison, make_member, make_project


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1, 1, 1 / 2),
        (2, 1, 3 / 4),  # 1 − (1/2)²
        (3, 1, 7 / 8),
        (3, 2, 11 / 16),  # P(at most 2 of 4 heads)
        (8, 3, 968 / 1024),  # P(at most 7 of 10 heads)
        (21, 1, 1 - 0.5**21),
    ],
)
def test_the_posterior_is_that_of_the_beta_distribution(a, b, expected) -> None:
    assert share_above_half(a, b) == pytest.approx(expected, abs=1e-6)


def test_less_reliable_labelers_make_less_sure() -> None:
    sure = confidence_in([Vote(1, None, 1.0), Vote(1, None, 1.0)])
    less = confidence_in([Vote(1, None, 0.3), Vote(1, None, 0.3)])
    assert sure == pytest.approx(0.875, abs=1e-6)
    assert 0.5 < less < sure


def test_ties_are_an_answer_of_their_own() -> None:
    assert confidence_in([Vote(0, None, 1.0), Vote(0, None, 1.0)]) == pytest.approx(0.875, abs=1e-6)
    assert confidence_in([Vote(0, None, 1.0), Vote(1, None, 1.0)]) == pytest.approx(0.5, abs=1e-6)


@pytest.fixture
def project(db) -> Project:
    return make_project(overlap=3, adaptive_overlap=True, overlap_cap=4, gold_share=0)


def state_of(comparison: Comparison) -> tuple[str, int, int]:
    comparison.refresh_from_db()
    return comparison.state, comparison.wanted, comparison.slots_left


def test_two_who_agree_are_enough(project: Project) -> None:
    comparison = make_comparison(project)
    for _ in range(2):
        judge_for(make_member(project), project, "Good.")
    assert state_of(comparison) == ("finished", 2, 0)
    assert settled(project).get().votes_chosen == 2
    assert claim(make_member(project), project) is None
    saved = judgments_saved(project)
    assert (saved.judgments, saved.stopped_early, saved.percent) == (1, 1, 33)


def test_those_who_disagree_ask_for_one_more_up_to_the_cap(project: Project) -> None:
    comparison = make_comparison(project)
    for text in ("Good.", "Bad.", "Good."):
        judge_for(make_member(project), project, text)
    assert state_of(comparison) == ("open", 4, 1)
    judge_for(make_member(project), project, "Bad.")
    assert state_of(comparison) == ("finished", 4, 0)
    assert settled(project).get().provenance == "contested"
    saved = judgments_saved(project)
    assert (saved.judgments, saved.extended) == (-1, 1)


def test_nobodys_work_is_thrown_away(project: Project) -> None:
    """Who is judging when it becomes clear is waited for, and counts."""
    comparison = make_comparison(project)
    held = [claim(make_member(project), project) for _ in range(3)]
    sides = ["left" if held_by.shown[0].text == "Good." else "right" for held_by in held]
    for assignment, side in zip(held[:2], sides[:2], strict=True):
        judge(assignment, side)
    assert state_of(comparison) == ("open", 3, 0)
    judge(held[2], sides[2])
    assert state_of(comparison) == ("finished", 3, 0)
    assert settled(project).get().votes_chosen == 3


@pytest.mark.django_db
def test_a_project_without_the_option_asks_for_its_overlap() -> None:
    project = make_project(overlap=3, gold_share=0)
    comparison = make_comparison(project)
    for _ in range(2):
        judge_for(make_member(project), project, "Good.")
    assert state_of(comparison) == ("open", 3, 1)
    assert judgments_saved(project).comparisons == 0
