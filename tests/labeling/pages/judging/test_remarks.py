"""What a labeler is told after an answer: late, withdrawn, quick, or how the first round stands."""

from types import SimpleNamespace
from typing import Any

import pytest

from labeling.judging.checks import GoldFeedback
from labeling.models import Comparison
from labeling.models.work import Purpose
from labeling.pages.judging.remarks import remark_on


def recorded(**changes: Any) -> Any:
    """An answer that was taken and counted, but for `changes`."""
    values = {
        "outcome": None,
        "is_new": True,
        "is_surplus": False,
        "too_fast": False,
        "purpose": Purpose.WORK,
        "state": Comparison.State.OPEN,
    } | changes
    judgment = SimpleNamespace(
        is_surplus=values["is_surplus"], too_fast=values["too_fast"], purpose=values["purpose"]
    )
    assignment = SimpleNamespace(
        order=[7, 5, 9],
        comparison=SimpleNamespace(state=values["state"]),
        project=SimpleNamespace(min_seconds=4),
    )
    return SimpleNamespace(
        judgment=judgment,
        assignment=assignment,
        outcome=values["outcome"],
        is_new=values["is_new"],
    )


def feedback(ended: str = "", *, is_right: bool = True, best: int = 5) -> GoldFeedback:
    return GoldFeedback(is_right, [[best], [7]], answered=2, needed=5, ended=ended)


def test_an_answer_that_counts_needs_no_word() -> None:
    assert remark_on(recorded()) == ""


def test_a_late_answer_is_kept_and_said_not_to_count() -> None:
    assert "it came late, and others have judged this" in remark_on(recorded(is_surplus=True))


def test_an_answer_to_what_was_withdrawn_says_that() -> None:
    late = recorded(is_surplus=True, state=Comparison.State.WITHDRAWN)
    assert "the comparison was withdrawn meanwhile" in remark_on(late)


@pytest.mark.parametrize("purpose", [each for each in Purpose if each != Purpose.WORK])
def test_no_word_tells_that_a_comparison_was_a_check(purpose: Purpose) -> None:
    assert remark_on(recorded(purpose=purpose, is_surplus=True)) == ""


def test_a_quick_answer_is_told_the_least_time_and_the_way_back() -> None:
    words = remark_on(recorded(too_fast=True))
    assert "at least 4 s" in words
    assert "Undo" in words


def test_the_same_answer_again_is_not_called_quick_again() -> None:
    assert remark_on(recorded(too_fast=True, is_new=False)) == ""


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (feedback(), "Right: B is better. First round: 2 of 5."),
        (feedback(best=9), "Right: C is better. First round: 2 of 5."),
        (feedback(is_right=False), "Here B was expected. First round: 2 of 5."),
        (
            feedback("passed"),
            "Right: B is better. You have passed the first round; the work begins.",
        ),
        (
            feedback("failed", is_right=False),
            "Here B was expected. That was the last of the first round.",
        ),
    ],
)
def test_the_first_round_names_the_letter_that_was_on_screen(
    outcome: GoldFeedback, words: str
) -> None:
    assert remark_on(recorded(outcome=outcome)) == words


def test_feedback_goes_before_a_word_about_speed() -> None:
    assert remark_on(recorded(outcome=feedback(), too_fast=True)).startswith("Right:")
