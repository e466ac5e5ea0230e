"""Many labelers at once: exact counts whatever the order of events.

The last test forces the two races that a review of the code would worry about most.
"""

import contextlib
import random
import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from labeling.database.transactions import Conflict
from labeling.judging import recording
from labeling.judging.recording import CannotUndo
from labeling.models import Assignment, Comparison, Judgment, Project, User
from labeling.preferences.settling import settled
from labeling.queue.leases import expire_leases
from tests.factories import (
    claim,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    submit,
)

pytestmark = pytest.mark.django_db(transaction=True)


def in_threads(*jobs: Callable[[], object]) -> None:
    """Runs the jobs at once, each on its own connection, and raises what they raised."""
    problems: list[BaseException] = []
    start = threading.Barrier(len(jobs))

    def work(job: Callable[[], object]) -> None:
        try:
            start.wait(timeout=30)
            job()
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads), "a labeler hangs: deadlock"
    if problems:
        raise problems[0]


def erratic_labeler(user: User, project: Project, seed: int) -> None:
    """Judges, skips, undoes, walks away and comes back late, until nothing is left."""
    chance = random.Random(seed)
    abandoned: list[Assignment] = []
    while (assignment := claim(user, project)) is not None:
        draw = chance.random()
        if draw < 0.08:
            submit(assignment, "skip")
        elif draw < 0.2:
            abandoned.append(assignment)
            Assignment.objects.filter(pk=assignment.pk).update(expires_at=timezone.now())
        else:
            submit(assignment, chance.choice(["left", "right", "tie"]))
        if draw > 0.95:
            take_back(user, project)
        if abandoned and draw < 0.15:
            expire_leases()
            submit(abandoned.pop(), "left")
    for assignment in abandoned:
        submit(assignment, "right")


def take_back(user: User, project: Project) -> None:
    # Somebody else may be faster: exactly what the rules allow.
    with contextlib.suppress(CannotUndo, Conflict):
        submit(recording.undo_last(user, project), "right")


def check_counts(project: Project) -> None:
    """Every invariant of the queue, over all comparisons."""
    counted = Q(
        judgments__superseded_at__isnull=True,
        judgments__is_surplus=False,
        judgments__kind__in=Judgment.ANSWERS,
    )
    comparisons = Comparison.objects.filter(project=project).annotate(
        counted=Count("judgments", filter=counted),
        people=Count("judgments__labeler", filter=counted, distinct=True),
    )
    for comparison in comparisons:
        leased = comparison.assignments.filter(state="leased").count()
        assert comparison.counted == comparison.people
        assert comparison.counted + leased + comparison.slots_left == comparison.wanted
        finished = comparison.state == Comparison.State.FINISHED
        assert finished == (comparison.counted == comparison.wanted)
        assert settled(project).filter(comparison=comparison).count() == (1 if finished else 0)


@pytest.mark.parametrize("overlap", [1, 3])
def test_erratic_labelers_at_once_leave_exact_counts(overlap: int) -> None:
    project = make_project(overlap=overlap)
    make_comparisons(project, 30)
    labelers = [make_member(project) for _ in range(6)]
    in_threads(
        *(
            lambda user=user, seed=seed: erratic_labeler(user, project, seed)
            for seed, user in enumerate(labelers)
        )
    )
    expire_leases()
    check_counts(project)
    assert Comparison.objects.filter(state="finished").count() >= 20


def test_two_labelers_never_get_the_same_single_judgment_comparison() -> None:
    project = make_project(overlap=1)
    make_comparisons(project, 16)
    labelers = [make_member(project) for _ in range(4)]
    claimed: list[int] = []

    def claim_four(user: User) -> None:
        assignment = claim(user, project)
        for answered in range(4):
            assert assignment is not None
            claimed.append(assignment.comparison_id)
            if answered < 3:
                _, assignment = submit(assignment, "left")

    in_threads(*(lambda user=user: claim_four(user) for user in labelers))
    assert len(claimed) == len(set(claimed)) == 16


def test_a_double_click_from_two_tabs_is_one_judgment() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    assignment = claim(make_member(project), project)
    new: list[bool] = []

    def click(choice: str) -> None:
        try:
            new.append(judge(Assignment.objects.get(pk=assignment.pk), choice).is_new)
        except Conflict:
            new.append(False)

    in_threads(lambda: click("left"), lambda: click("right"))
    assert sorted(new) == [False, True]
    assert Judgment.objects.count() == settled(project).count() == 1


def test_the_last_two_judgments_at_once_settle_exactly_once() -> None:
    project = make_project(overlap=2)
    make_comparison(project)
    held = [claim(make_member(project), project) for _ in range(2)]
    in_threads(*(lambda assignment=assignment: judge(assignment, "left") for assignment in held))
    check_counts(project)
    assert settled(project).count() == 1


def test_a_late_answer_and_a_new_claim_at_once_do_not_share_a_slot() -> None:
    for _ in range(5):
        project = make_project(overlap=1)
        make_comparison(project)
        late = claim(make_member(project), project)
        Assignment.objects.filter(pk=late.pk).update(expires_at=timezone.now())
        expire_leases()
        other = make_member(project)
        late.refresh_from_db()
        in_threads(
            partial(judge, late, "left"),
            partial(claim, other, project),
        )
        check_counts(project)
