"""In which line a labeler's next comparison is looked for: begun, checks, waiting, fresh."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Assignment, Comparison, Gold, Project, User
from labeling.queue import handout, leases, priorities
from labeling.queue.handout import claim_next, draw_order
from labeling.queue.priorities import set_priorities
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    release_all,
    run_out,
)

pytestmark = pytest.mark.django_db

Purpose = Assignment.Purpose
NEVER = dict.fromkeys(("random_share", "gold_share", "repeat_share"), 0.0)


@pytest.fixture
def project() -> Project:
    return make_project(**NEVER)


@pytest.fixture
def ann(project: Project) -> User:
    return make_member(project)


def always(project: Project, **settings: object) -> None:
    """Draws the least number each time, so that whatever may happen by chance does."""
    Project.objects.filter(pk=project.pk).update(**settings)
    project.refresh_from_db()


@pytest.fixture
def lucky(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)


def purposes(labeler: User, project: Project, count: int) -> list[str]:
    given_out = []
    for _ in range(count):
        held = claim(labeler, project)
        given_out.append(held.purpose if held else "nothing")
        if held:
            judge(held, "left")
    return given_out


def make_gold(project: Project) -> Gold:
    comparison = make_comparison(project)
    Comparison.objects.filter(pk=comparison.pk).update(state="check", slots_left=0, wanted=0)
    first, second = comparison.responses.values_list("pk", flat=True)
    gold = Gold.objects.create(
        project=project, comparison=comparison, expected=[[first], [second]], origin="own"
    )
    return release_all(project, [gold])[0]


def test_gold_comes_before_work_and_work_where_none_is_left(
    project: Project, ann: User, lucky: None
) -> None:
    make_comparisons(project, 2)
    make_gold(project)
    always(project, gold_share=0.5)
    assert purposes(ann, project, 4) == [Purpose.GOLD, Purpose.WORK, Purpose.WORK, "nothing"]


def test_no_gold_comes_where_its_share_is_nothing(project: Project, ann: User, lucky: None) -> None:
    make_gold(project)
    make_comparison(project)
    assert purposes(ann, project, 2) == [Purpose.WORK, "nothing"]


def test_a_repeat_comes_when_it_is_due_and_not_before(
    project: Project, ann: User, lucky: None
) -> None:
    always(project, repeat_share=0.5, repeat_after_hours=1)
    make_comparison(project)
    assert purposes(ann, project, 2) == [Purpose.WORK, "nothing"]
    Assignment.objects.update(repeat_at=timezone.now() - timedelta(seconds=1))
    first = Assignment.objects.get()
    held = claim(ann, project)
    assert held is not None
    assert (held.purpose, held.showing) == (Purpose.REPEAT, 2)
    assert held.order == first.order[::-1]
    judge(held, "left")
    assert claim(ann, project) is None, "once only"


def test_a_repeat_is_ones_own_answer_and_nobody_elses(
    project: Project, ann: User, lucky: None
) -> None:
    always(project, repeat_share=0.5, repeat_after_hours=0)
    make_comparison(project)
    claim_and_judge(ann, project)
    assert claim(make_member(project), project) is None


def test_what_was_begun_comes_before_a_new_check(project: Project, ann: User, lucky: None) -> None:
    make_comparison(project)
    held = claim(ann, project)
    assert held is not None
    leases.release_lease(held.uuid, ann.pk)
    make_gold(project)
    always(project, gold_share=0.5)
    again = claim(ann, project)
    assert again is not None
    assert (again.uuid, again.order) == (held.uuid, held.order)


def test_gold_that_was_begun_is_gone_when_it_was_retired_meanwhile(
    project: Project, ann: User, lucky: None
) -> None:
    gold = make_gold(project)
    always(project, gold_share=0.5)
    held = claim(ann, project)
    assert held is not None
    run_out(held)
    leases.expire_leases()
    Gold.objects.filter(pk=gold.pk).update(retired_at=timezone.now())
    assert claim(ann, project) is None


def test_gold_of_another_project_is_never_handed_out(
    project: Project, ann: User, lucky: None
) -> None:
    other = make_project(**NEVER)
    make_gold(other)
    always(project, gold_share=0.5)
    assert claim(ann, project) is None


@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999999])
def test_the_random_arm_finds_a_comparison_wherever_it_begins(
    drawn: float, project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    always(project, random_share=1.0)
    comparison = make_comparison(project)
    Comparison.objects.filter(pk=comparison.pk).update(random_key=0.25)
    monkeypatch.setattr(random, "random", lambda: drawn)
    assert claim(ann, project) is not None
    comparison.refresh_from_db()
    assert comparison.arm == "random"


def test_the_arm_is_that_of_the_first_hand_out(
    project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    always(project, random_share=0.5, overlap=2)
    comparison = make_comparison(project)
    for drawn, arm in ((0.0, "random"), (0.9, "random")):
        monkeypatch.setattr(random, "random", lambda drawn=drawn: drawn)
        claim_and_judge(make_member(project), project)
        comparison.refresh_from_db()
        assert comparison.arm == arm


def test_a_check_changes_nothing_of_its_comparison(
    project: Project, ann: User, lucky: None
) -> None:
    gold = make_gold(project)
    before = Comparison.objects.values("arm", "slots_left", "waiting_since", "state").get(
        pk=gold.comparison_id
    )
    always(project, gold_share=0.5)
    assert claim(ann, project) is not None
    after = Comparison.objects.values(*before).get(pk=gold.comparison_id)
    assert after == before


def test_a_comparison_taken_by_another_tab_at_the_same_moment_gives_its_slot_back(
    project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other tab's lease is there when this claim writes its own: the next one is tried."""
    first, second = make_comparisons(project, 2, wanted=2)
    tries: list[int] = []

    def write_lease(assignment: Assignment) -> bool:
        tries.append(assignment.comparison_id)
        return False if len(tries) == 1 else leases.write_lease(assignment)

    monkeypatch.setattr(handout, "write_lease", write_lease)
    assignment = claim_next(ann.pk, project, None)
    assert assignment is not None
    assert tries[0] == first.pk
    first.refresh_from_db()
    second.refresh_from_db()
    taken = 1 if assignment.comparison_id == first.pk else 0
    assert (first.slots_left, second.slots_left) == (2 - taken, 1 + taken)


def test_after_three_such_moments_the_labeler_is_told_there_is_nothing(
    project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = make_comparison(project)
    monkeypatch.setattr(handout, "write_lease", lambda _assignment: False)
    assert claim_next(ann.pk, project, None) is None
    comparison.refresh_from_db()
    assert comparison.slots_left == 1


def test_priorities_of_comparisons_that_are_gone_are_no_error(project: Project) -> None:
    comparison = make_comparison(project)
    set_priorities({comparison.pk: 0.5, comparison.pk + 1_000: 0.9})
    comparison.refresh_from_db()
    assert comparison.priority == 0.5
    set_priorities({})


def test_priorities_are_written_in_parts_with_a_pause_between(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(priorities, "let_others_write", lambda: pauses.append(0.0))
    monkeypatch.setattr(priorities, "REORDERED_BEFORE_A_PAUSE", 2)
    monkeypatch.setattr(priorities, "REORDERED_AT_ONCE", 2)
    comparisons = make_comparisons(project, 5)
    set_priorities({one.pk: float(place) for place, one in enumerate(comparisons)})
    stored = Comparison.objects.order_by("pk").values_list("priority", flat=True)
    assert list(stored) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert len(pauses) == 2


@given(st.lists(st.integers(1, 10**9), unique=True, min_size=2, max_size=9))
def test_an_order_holds_every_response_once(response_ids: list[int]) -> None:
    order = draw_order(response_ids)
    assert sorted(order) == sorted(response_ids)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, None),
        ("2026-01-31 10:00:00.5", datetime(2026, 1, 31, 10, 0, 0, 500_000, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_time_is_the_same_from_either_database(
    written: str | datetime | None, expected: datetime | None
) -> None:
    assert handout._from_database(written) == expected
