"""Fifty people at once on one queue, with everything that goes wrong: exact counts.

Skips, expired leases, answers that come late, undos, and requests that die in the middle of their
transaction (as when a process is killed). The small version runs always; the large one with
`make stress` (some minutes, on PostgreSQL).
"""

import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from labeling.database.transactions import Conflict
from labeling.judging.modes import parse_choice
from labeling.judging.recording import CannotUndo, submit_and_claim, undo_last
from labeling.models import Assignment, Comparison, Judgment, Project, User
from labeling.quality import gold
from labeling.queue.leases import expire_leases
from tests.factories import (
    claim,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_response,
    release_all,
    submit,
)
from tests.labeling.quality.test_gold import LONG

pytestmark = pytest.mark.django_db(transaction=True)
OVERLAP = 3


class Killed(Exception):
    """The process ended here: nothing of its transaction may stay."""


@dataclass
class Worker:
    """One labeler's tab, until nothing is left to do."""

    user: User
    project: Project
    chance: random.Random
    late: list[Assignment] = field(default_factory=list)

    def work(self) -> None:
        held: Assignment | None = None
        idle = 0
        while idle < 3:
            held = held or claim(self.user, self.project)
            if held is None:
                idle += 1
                expire_leases()
                time.sleep(0.02)
                continue
            idle = 0
            held = self.step(held)
        for assignment in self.late:
            self.answer_late(assignment)

    def step(self, held: Assignment) -> Assignment | None:
        """Mostly answers; gives what is to be judged next, if that is known."""
        draw = self.chance.random()
        if draw < 0.05:
            return self.submit(held, "skip")
        if draw < 0.09:
            Assignment.objects.filter(pk=held.pk).update(expires_at=timezone.now())
            self.late.append(held)
            return None
        if draw < 0.13:
            self.die(held)
            return held
        if draw < 0.16:
            return self.undo() or held
        if draw < 0.18 and self.late:
            self.answer_late(self.late.pop())
        return self.submit(held, self.chance.choice(["left", "right", "right", "tie"]))

    def submit(self, held: Assignment, choice: str) -> Assignment | None:
        try:
            answer = parse_choice(choice, held.order)
            return submit_and_claim(held.uuid, self.user.pk, answer)[1]
        except Conflict:
            return None

    def die(self, held: Assignment) -> None:
        """Killed after the answer was written and the next claimed, before the commit."""
        with suppress(Killed), transaction.atomic():
            self.submit(held, "left")
            raise Killed

    def undo(self) -> Assignment | None:
        try:
            return undo_last(self.user, self.project)
        except (CannotUndo, Conflict):
            return None

    def answer_late(self, assignment: Assignment) -> None:
        # A conflict: changed by another of their tabs in this moment, which the labeler is told.
        with suppress(Conflict):
            submit(assignment, "left")


def in_threads(jobs: list[Callable[[], object]], seconds: float) -> None:
    problems: list[BaseException] = []

    def run(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.1, until - time.monotonic()))
    if problems:
        raise problems[0]
    assert not any(thread.is_alive() for thread in threads), "somebody hangs: deadlock"


def check_counts(project: Project) -> None:
    """Every rule of the queue, over all comparisons, by the database."""
    counted = Q(
        judgments__superseded_at__isnull=True,
        judgments__is_surplus=False,
        judgments__kind__in=Judgment.ANSWERS,
    )
    leased = Q(assignments__state="leased", assignments__purpose="work")
    work = Comparison.objects.filter(project=project).exclude(state=Comparison.State.CHECK)
    rows = work.annotate(
        counted=Count("judgments", filter=counted, distinct=True),
        people=Count("judgments__labeler", filter=counted, distinct=True),
        leased=Count("assignments", filter=leased, distinct=True),
        settled=Count(
            "preferences", filter=Q(preferences__settled_at__isnull=False), distinct=True
        ),
    )
    assert not rows.exclude(counted=F("people")).exists()
    assert not rows.exclude(wanted=F("counted") + F("leased") + F("slots_left")).exists()
    assert not rows.filter(state="finished").exclude(counted=F("wanted"), settled=1).exists()
    assert not rows.filter(state="open").exclude(settled=0).exists()
    assert not Judgment.objects.filter(is_surplus=False).exclude(purpose="work").exists()


def finish_up(workers: list[Worker]) -> None:
    """Everybody comes back, without accidents, until nobody is given anything.

    Somebody may have left while the others still held what would be wanted once more.
    """
    given = True
    while given:
        given = False
        Assignment.objects.filter(state="leased").update(expires_at=timezone.now())
        expire_leases()
        for worker in workers:
            while held := claim(worker.user, worker.project):
                worker.submit(held, "right")
                given = True


def run_stress(people: int, comparisons: int, seconds: float, **settings: object) -> Project:
    project = make_project(overlap=OVERLAP, **settings)
    make_response(make_prompt(project), LONG)
    release_all(project, gold.construct(project, make_member(project, role="curator"), 1))
    make_comparisons(project, comparisons)
    workers = [Worker(make_member(project), project, random.Random(seed)) for seed in range(people)]
    in_threads([worker.work for worker in workers], seconds)
    check_counts(project)
    finish_up(workers)
    check_counts(project)
    for comparison in project.comparisons.filter(state="open"):
        asked = Assignment.objects.filter(comparison=comparison).values("labeler").distinct()
        assert asked.count() == people, f"{comparison}: somebody could still judge it"
    assert project.comparisons.filter(state="finished").count() >= 0.95 * comparisons
    return project


def test_a_few_people_leave_exact_counts() -> None:
    run_stress(8, 40, seconds=120, gold_share=0.1)


def test_adaptive_overlap_leaves_exact_counts() -> None:
    project = run_stress(8, 30, seconds=120, adaptive_overlap=True, overlap_cap=5)
    finished = project.comparisons.filter(state="finished")
    assert not finished.filter(wanted__gt=5).exists()
    assert finished.filter(wanted=2).exists() or finished.filter(wanted__gt=3).exists()


@pytest.mark.slow
@pytest.mark.skipif("STRESS" not in os.environ, reason="takes minutes: make stress")
@pytest.mark.timeout(1800)
def test_fifty_people_leave_exact_counts_on_two_thousand_comparisons() -> None:
    run_stress(50, 2_000, seconds=1700, gold_share=0.05)


def test_two_tabs_of_one_labeler_never_hold_one_slot_twice() -> None:
    """Both claim at the same moment: each comparison is theirs once, and no slot is lost."""
    project = make_project(overlap=OVERLAP, gold_share=0)
    make_comparisons(project, 20)
    ann = make_member(project)

    def tab() -> None:
        while held := claim(ann, project):
            with suppress(Conflict):  # the other tab has answered this very one
                submit(held, "left")

    in_threads([tab, tab], 60)
    assert Judgment.objects.filter(labeler=ann).count() == 20
    check_counts(project)
