"""A round is opened once, and moved by compare-and-set."""

from datetime import UTC, datetime

import pytest

from labeling.models import Project
from modeling.loop.round_states import move, open_round
from modeling.loop.situation import Situation
from modeling.models import Round
from tests.factories import make_project

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def project() -> Project:
    return make_project()


def test_a_second_round_is_opened_when_the_first_is_closed(project: Project) -> None:
    for _ in range(2):
        open_round(Situation(project), NOW)
    assert list(project.rounds.values_list("number", flat=True)) == [1]
    project.rounds.update(state=Round.State.FINISHED)
    open_round(Situation(project), NOW)
    assert sorted(project.rounds.values_list("number", flat=True)) == [1, 2]


def test_a_round_is_moved_only_from_the_state_that_was_read(project: Project) -> None:
    open_round(Situation(project), NOW)
    one, other = (Situation(project).round for _ in range(2))
    assert move(one, Round.State.LABELING, reason="by one")
    assert not move(other, Round.State.GATING, reason="by the other")
    moved = project.rounds.get()
    assert (moved.state, moved.reason) == ("labeling", "by one")


def test_a_round_that_was_closed_in_the_meantime_is_not_moved() -> None:
    assert not move(None, Round.State.LABELING)
