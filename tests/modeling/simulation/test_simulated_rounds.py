"""A simulation by rounds: its settings for the time being, and when it is over."""

import pytest

from labeling.models import Project
from modeling.models import LoopSettings, Round
from modeling.models.versions import loop_of
from modeling.simulation import rounds as simulated_rounds
from tests.factories import make_member, make_project
from tests.modeling.page_helpers import make_history
from tests.modeling.pages.loop.test_pages_rounds import decided

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(retrain_after=16, improvement="off")
    make_history(project, 1)
    return project


def test_the_settings_are_as_before_afterwards(project: Project) -> None:
    def interrupted() -> None:
        with simulated_rounds.settings_for_rounds(project, make_member(project), 400, "ppo"):
            during = LoopSettings.objects.get(project=project)
            assert (during.retrain_after, during.improvement) == (400, "ppo")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    after = LoopSettings.objects.get(project=project)
    assert (after.retrain_after, after.improvement, after.reward_members) == (16, "off", 1)


def test_so_many_rounds_with_a_verdict_are_the_goal(project: Project) -> None:
    told: list[str] = []
    goal = simulated_rounds.Goal(project, 2, told.append)
    assert goal.look() is None
    decided(project)
    assert goal.look() is None
    decided(project, Round.State.REJECTED, gold={"current": 0.5, "new": 0.25})
    assert goal.look() == ""
    assert told[0] == "Round 2: v1 → v2 Promoted. The new one won."
    assert told[1].endswith("Demo oracle 0.50 → 0.25.")


def test_a_stopped_improvement_ends_it(project: Project) -> None:
    goal = simulated_rounds.Goal(project, 2, print)
    loop = loop_of(project)
    loop.improvement_stopped = "Too long."
    loop.save()
    assert goal.look() == "The guard: Too long."


def test_rounds_without_a_new_policy_end_it(project: Project) -> None:
    goal = simulated_rounds.Goal(project, 1, lambda _line: None)
    for _ in range(simulated_rounds.MOST_WITHOUT):
        decided(project, Round.State.FAILED)
    assert "without a new policy" in (goal.look() or "")


def test_rounds_without_a_new_policy_are_forgiven_after_one_with(project: Project) -> None:
    goal = simulated_rounds.Goal(project, 2, lambda _line: None)
    for state in (Round.State.FINISHED, Round.State.FINISHED, Round.State.PROMOTED):
        decided(project, state)
    for _ in range(simulated_rounds.MOST_WITHOUT - 1):
        decided(project, Round.State.FINISHED)
    assert goal.look() is None
    decided(project, Round.State.FINISHED)
    assert "without a new policy" in (goal.look() or "")


@pytest.mark.parametrize(
    ("algorithm", "asked", "expected"),
    [
        ("ppo", "", "blind"),
        ("best_of_n", "", "automatic"),  # gains too little for a few hundred blind judgments
        ("best_of_n", "blind", "blind"),
        ("ppo", "automatic", "automatic"),
    ],
)
def test_who_decides_about_a_new_policy(
    project: Project, algorithm: str, asked: str, expected: str
) -> None:
    by = make_member(project)
    with simulated_rounds.settings_for_rounds(project, by, 400, algorithm, asked):
        assert Project.objects.get(pk=project.pk).loop_settings.promotion == expected
