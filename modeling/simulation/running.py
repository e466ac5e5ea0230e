"""Labelers that follow the demo world's oracle, working through the functions that the pages call.

Each labeler is a thread with a user and a database connection of its own. When the queue is dry
they wait for the loop to bring new pairs; a database or Redis that goes away holds them up and
loses nothing.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from labeling.database.transactions import Conflict
from labeling.judging import recording
from labeling.models import Assignment, Judgment, Membership, Project, User
from labeling.people.signing_in.who_signs_in import SIMULATED
from labeling.queue import handout, leases
from modeling.loop import rounds
from modeling.loop.steps import StepKind
from modeling.models import Run
from modeling.simulation.labeler import choose_answer
from modeling.simulation.report import Summary, summary_of_simulation
from modeling.simulation.rounds import Goal

T = TypeVar("T")

PAUSE_SECOND = 0.3
UNLIMITED = 10**9
TELL_EVERY_SECONDS = 2.0
# With these next steps no waiting helps: somebody has to do something.
HOPELESS = (StepKind.OFF, StepKind.NEEDS_MODEL, StepKind.NEEDS_MATERIAL, StepKind.STUCK)
HOPELESS_SECONDS = 10.0


@dataclass
class Tally:
    """What the labelers have done between them. A judgment is reserved before it is made, so the
    number asked for is reached exactly."""

    wanted: int
    reserved: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    last_judgment_at: float = field(default_factory=time.monotonic)
    is_stopped: bool = False
    problems: list[BaseException] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def judgments(self) -> int:
        return sum(self.kinds[kind] for kind in Judgment.ANSWERS)

    @property
    def is_over(self) -> bool:
        return self.is_stopped or self.judgments >= self.wanted

    def reserve(self) -> bool:
        with self.lock:
            if self.reserved >= self.wanted:
                return False
            self.reserved += 1
            return True

    def give_back(self) -> None:
        with self.lock:
            self.reserved -= 1

    def add(self, kind: str) -> None:
        with self.lock:
            self.kinds[kind] += 1
            self.last_judgment_at = time.monotonic()
            if kind not in Judgment.ANSWERS:
                self.reserved -= 1


def simulate(
    project: Project,
    *,
    judgments: int,
    labelers: int,
    noise: float = 0.0,
    seed: int = 0,
    wait_for_loop: bool = False,
    patience: float = 300.0,
    goal: Goal | None = None,
    tell: Callable[[str], None] = print,
) -> Summary:
    """Makes `judgments` judgments by `labelers` people at once, or as many as the goal takes.
    `noise` is the share of verdicts turned round; `patience` how many seconds without any judgment
    are waited for."""
    started, started_at = time.monotonic(), timezone.now()
    users = [labeler(project, number) for number in range(1, labelers + 1)]
    tally = Tally(judgments if goal is None else UNLIMITED)
    threads = [
        threading.Thread(
            target=_work, args=(project, user, tally, random.Random(f"{seed}/{user}"), noise)
        )
        for user in users
    ]
    for thread in threads:
        thread.start()
    gave_up = ""
    try:
        gave_up = _watch(project, threads, tally, patience, goal, tell)
    finally:
        tally.is_stopped = True
        for thread in threads:
            thread.join()
    if tally.problems:
        raise tally.problems[0]
    if wait_for_loop and not gave_up:
        gave_up = _wait_for_loop(project, patience, tell)
    seconds = time.monotonic() - started
    return summary_of_simulation(project, dict(tally.kinds), users, started_at, seconds, gave_up)


def labeler(project: Project, number: int) -> User:
    user, is_new = User.objects.get_or_create(username=f"{SIMULATED}{number}")
    if is_new:
        user.set_unusable_password()
        user.save()
    Membership.objects.get_or_create(project=project, user=user)
    return user


def _work(project: Project, user: User, tally: Tally, rng: random.Random, noise: float) -> None:
    """One labeler, until enough judgments are made."""
    try:
        held: Assignment | None = None
        while not tally.is_over:
            if tally.reserve():
                held = _one_comparison(project, user, held, tally, rng, noise)
                continue
            # Whoever has the last one may turn out unable to judge it: stay, with empty hands.
            _let_go(held, user)
            held = None
            time.sleep(0.05)
        _let_go(held, user)
    except BaseException as problem:
        tally.problems.append(problem)
        tally.is_stopped = True
    finally:
        connection.close()


def _let_go(held: Assignment | None, user: User) -> None:
    if held is not None:
        leases.release_lease(held.uuid, user.pk)


def _one_comparison(
    project: Project,
    user: User,
    held: Assignment | None,
    tally: Tally,
    rng: random.Random,
    noise: float,
) -> Assignment | None:
    """Judges the comparison at hand, or the next one; gives the one that came with the response."""
    assignment = held or patiently(lambda: handout.current_or_next(user, project), tally)
    if assignment is None:
        tally.give_back()
        time.sleep(PAUSE_SECOND)
        return None
    answer = patiently(lambda: choose_answer(assignment, rng, noise), tally)
    try:
        recorded, following = patiently(
            lambda: recording.submit_and_claim(assignment.uuid, user.pk, answer), tally
        )
    except Conflict:  # somebody changed this very row at the same moment
        tally.give_back()
        return None
    tally.add(recorded.judgment.kind)
    return following


def patiently(call: Callable[[], T], tally: Tally) -> T:
    """Calls again until the database is back. A repeated submit is recorded once."""
    while True:
        try:
            return call()
        except (OperationalError, InterfaceError):
            connection.close()
            if tally.is_stopped:
                raise
            time.sleep(PAUSE_SECOND)


def _watch(
    project: Project,
    threads: list[threading.Thread],
    tally: Tally,
    patience: float,
    goal: Goal | None,
    tell: Callable[[str], None],
) -> str:
    """Tells how it goes until all are done; gives the reason when waiting has no use."""
    last_line, told_at = "", 0.0
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)
        if time.monotonic() - told_at < TELL_EVERY_SECONDS:
            continue
        told_at = time.monotonic()
        try:
            step = rounds.next_step(project)
            ended = goal.look() if goal else None
        except (OperationalError, InterfaceError):
            connection.close()
            continue
        if ended is not None:
            return ended
        asked = "" if goal else f" of {tally.wanted}"
        line = f"{tally.judgments:5}{asked} judgments. {step.text}"
        if line != last_line:
            tell(line)
            last_line = line
        if step.run is not None and step.run.state == Run.State.RUNNING:
            tally.last_judgment_at = time.monotonic()  # a worker is at it: nobody is idle in vain
        idle = time.monotonic() - tally.last_judgment_at
        if step.kind in HOPELESS and idle > HOPELESS_SECONDS:
            return step.text
        if idle > patience:
            return f"Nothing to judge came for {idle:.0f} s. Does a worker run (manage.py up)?"
    return ""


def _wait_for_loop(project: Project, patience: float, tell: Callable[[str], None]) -> str:
    """Until what the last judgments have set off is done."""
    until, last_text = time.monotonic() + patience, ""
    while time.monotonic() < until:
        step = rounds.next_step(project)
        if not step.is_due and step.kind != StepKind.RUNNING:
            return ""
        if step.text != last_text:
            tell(f"All judgments are made. {step.text}")
            last_text = step.text
        time.sleep(PAUSE_SECOND)
    return f"The loop was not done within {patience:.0f} s. Does a worker run (manage.py up)?"
