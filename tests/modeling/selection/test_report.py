"""What the selection page says of the queue, in words: reasons, the gain of choosing, the head."""

from typing import Any

import pytest

from labeling.models import Comparison, Project
from modeling.models import ArmLift, InstantGuess, QueueOrder, RewardModel
from modeling.selection import lift_record, report
from modeling.selection.fallback import order_of_project
from modeling.selection.report import PooledLift
from modeling.settings.choices import Selection
from tests.factories import judge_for, make_comparison, make_comparisons, make_member, make_project
from tests.modeling.page_helpers import make_reward_model

pytestmark = pytest.mark.django_db
PLAIN = {"uncertainty": 0.5, "teaches": False, "moved": 0}


@pytest.mark.parametrize(
    ("figures", "strategy", "reasons"),
    [
        (None, "uncertainty", ["not ranked yet"]),
        (None, "random", ["not ranked yet"]),
        (PLAIN, "random", ["at random"]),
        (PLAIN, "uncertainty", ["open"]),
        (PLAIN, "thompson", ["open"]),
        (PLAIN, "max_min", ["far apart"]),
        (PLAIN, "disagreement", ["much to learn"]),
        (PLAIN | {"uncertainty": 1.0}, "uncertainty", ["nearly even"]),
        (PLAIN | {"uncertainty": 1.0}, "max_min", ["far apart", "nearly even"]),
        (PLAIN | {"teaches": True, "moved": 10}, "uncertainty",
         ["open", "much to learn", "unlike those before"]),
        (PLAIN | {"moved": 9}, "uncertainty", ["open"]),
        (PLAIN | {"moved": -50}, "uncertainty", ["open"]),
    ],
)  # fmt: skip
def test_the_main_reason_comes_first(
    figures: dict[str, Any] | None, strategy: str, reasons: list[str]
) -> None:
    assert report.reasons_of(figures, strategy) == reasons


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.05, "Chosen judgments teach more than random ones: +3.0 points [+1.0, +5.0]."),
        (0.0, 0.05, "No difference between chosen and random judgments is certain yet"),
        (-0.05, -0.01, "Chosen judgments teach less than random ones"),
        (-0.05, 0.0, "No difference"),
    ],
)
def test_a_gain_is_certain_where_its_interval_leaves_zero_out(
    low: float, high: float, words: str
) -> None:
    assert PooledLift(0.03, low, high, -0.01, 90, 3).in_words.startswith(words)


@pytest.fixture
def project() -> Project:
    return make_project(selection="uncertainty")


def lifted(
    project: Project, gain: float, tests: int = 12, strategy: str = "uncertainty"
) -> RewardModel:
    """A reward model in whose time each chosen judgment gained this much on `tests` random ones."""
    model = make_reward_model(project)
    ArmLift.objects.create(
        reward_model=model, strategy=strategy, judgments=100, trained_on=40, tested_on=tests,
        accuracy=gain, accuracy_low=gain, accuracy_high=gain, loss=gain,
        differences=[[prompt, gain, gain] for prompt in range(tests)],
    )  # fmt: skip
    return model


def test_before_anything_is_measured_nothing_is_claimed(project: Project) -> None:
    assert report.pooled_lift(project) is None
    assert report.measured_lifts(project) == []
    assert report.in_one_line(project) == "Uncertainty. Its gain over random is not known yet."


def test_the_gain_is_of_the_projects_own_strategy_over_all_its_models(project: Project) -> None:
    lifted(project, 0.5)
    lifted(project, 1.0)
    lifted(project, -1.0, strategy="max_min")
    lifted(make_project(), -1.0)
    pooled = report.pooled_lift(project)
    assert pooled is not None
    assert (pooled.value, pooled.tested, pooled.models) == (0.75, 24, 2)


def test_a_model_without_a_test_does_not_count(project: Project) -> None:
    lifted(project, 0.5, tests=0)
    assert report.pooled_lift(project) is None
    lifted(project, 0.5)
    pooled = report.pooled_lift(project)
    assert pooled is not None and pooled.models == 1


def test_only_gains_with_enough_tests_are_drawn_the_oldest_first(project: Project) -> None:
    first = lifted(project, 0.1)
    lifted(project, 0.9, tests=lift_record.FEWEST_TESTED - 1)
    third = lifted(project, 0.2, tests=lift_record.FEWEST_TESTED)
    drawn = [row.reward_model for row in report.measured_lifts(project)]
    assert drawn == [first, third]


def test_the_dashboard_says_when_choosing_was_given_up(project: Project) -> None:
    order_of_project(project)
    QueueOrder.objects.filter(project=project).update(fallback_from="uncertainty")
    assert report.in_one_line(project) == (
        "Uncertainty gained nothing, so everything is handed out at random."
    )
    assert report.in_one_line(make_project(selection="random")) == (
        "Everything is handed out at random."
    )


@pytest.mark.parametrize("models", [0, 1, 2])
def test_models_fewer_than_the_patience_prove_nothing(project: Project, models: int) -> None:
    for _ in range(models):
        lifted(project, -1.0)
    live = make_reward_model(project)
    assert lift_record.why_no_lift(live, "uncertainty", patience=3, after=0) == ""
    lifted_enough = lift_record.why_no_lift(live, "uncertainty", patience=max(models, 1), after=0)
    assert bool(lifted_enough) == (models > 0)


def test_models_before_the_last_try_and_after_the_one_in_service_do_not_count(
    project: Project,
) -> None:
    first = lifted(project, -1.0)
    live = make_reward_model(project)
    lifted(project, -1.0)
    assert lift_record.why_no_lift(live, "uncertainty", patience=2, after=0) == ""
    assert lift_record.why_no_lift(live, "uncertainty", patience=1, after=first.version) == ""
    assert lift_record.why_no_lift(live, "uncertainty", patience=1, after=0).startswith(
        "With 1 reward models in a row, the chosen judgments taught no more"
    )


def guesses(project: Project, points: list[tuple[float, float]], arm: str = "random") -> None:
    """What the head and its model foretold of judgments, in order."""
    model = make_reward_model(project)
    labeler = make_member(project)
    for head, alone in points:
        make_comparison(project)
        judge_for(labeler, project, "Good.")
        preference = project.preferences.latest("pk")
        InstantGuess.objects.create(
            preference=preference, reward_model=model, arm=arm, probability=0.7, point=head,
            loss=0.5, model_point=alone, model_loss=0.6,
        )  # fmt: skip


def test_the_head_and_its_model_are_followed_from_the_second_judgment_on(project: Project) -> None:
    assert report.head_standing(project) is None
    guesses(project, [(1.0, 0.0)])
    assert report.head_standing(project) is None, "one judgment is no curve"
    guesses(project, [(0.0, 1.0), (1.0, 0.5)])
    standing = report.head_standing(project)
    assert standing is not None
    assert standing.curve == [(1, 1.0, 0.0), (2, 0.5, 0.5), (3, pytest.approx(2 / 3), 0.5)]
    assert (standing.head.value, standing.model.value) == (pytest.approx(2 / 3), 0.5)


def test_judgments_that_were_chosen_or_excluded_say_nothing_of_the_head(project: Project) -> None:
    guesses(project, [(1.0, 1.0)] * 3, arm="active")
    assert report.head_standing(project) is None
    guesses(project, [(1.0, 1.0)] * 2)
    project.preferences.update(excluded=True, excluded_reason="Spam.")
    assert report.head_standing(project) is None


def test_comparisons_are_counted_by_how_they_were_handed_out(project: Project) -> None:
    assert report.judged_by_arm(project) == {}
    for number, arm in enumerate(("random", "active", "active", "")):
        comparison = make_comparison(project)
        state = Comparison.State.FINISHED if number < 3 else Comparison.State.OPEN
        slots = {"slots_left": 0} if number < 3 else {}
        Comparison.objects.filter(pk=comparison.pk).update(arm=arm, state=state, **slots)
    counts = report.judged_by_arm(project)
    assert counts == {Comparison.Arm.ACTIVE.label: 2, Comparison.Arm.RANDOM.label: 1}


def test_the_head_of_the_line_stands_as_it_is_handed_out(project: Project) -> None:
    low, high, unranked = make_comparisons(project, 3)
    for comparison, priority in ((low, 0.2), (high, 0.9), (unranked, 0.1)):
        Comparison.objects.filter(pk=comparison.pk).update(priority=priority)
    order = order_of_project(project)
    order.summary = {
        "head": [PLAIN | {"comparison": pk, "confidence": 0.8} for pk in (low.pk, high.pk)]
    }
    order.save()
    rows = report.next_in_line(project, order)
    assert [row.comparison for row in rows] == [high, low, unranked]
    assert [row.favoured for row in rows] == [0.8, 0.8, None]
    assert rows[2].reasons == ["not ranked yet"]
    assert [row.reasons for row in report.next_in_line(project, None)] == [["not ranked yet"]] * 3


def test_no_more_rows_are_shown_than_fit(project: Project) -> None:
    make_comparisons(project, report.ROWS + 1)
    assert len(report.next_in_line(project, None)) == report.ROWS


@pytest.mark.parametrize("strategy", list(Selection))
def test_every_strategy_has_a_line_for_the_dashboard(strategy: Selection) -> None:
    assert report.in_one_line(make_project(selection=strategy.value)).endswith(".")
