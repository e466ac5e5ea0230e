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
from datetime import datetime
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.db.models import Count, Q
from django.utils import timezone

from labeling import handout, judging, leases
from labeling.models import Assignment, Comparison, Judgment, Membership, Project, Response, User
from modeling import rounds
from modeling.demo.oracle import oracle_prefers, score
from modeling.models import RewardModel
from modeling.situation import StepKind

Kind = Judgment.Kind
T = TypeVar("T")

SKIP_SHARE = 0.03
TIE_MARGIN = 0.15
BAD_BELOW = -1.5
WORDS_PER_SECOND = 4.0
PAUSE_SECOND = 0.3
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


@dataclass(frozen=True)
class Summary:
    """What came of a simulation. `faults` names every broken promise; it should be empty."""

    kinds: dict[str, int]
    seconds: float
    preferences: int
    reward_models: list[str]
    policy_comparisons: dict[int, int]
    finished: int
    faults: list[str]
    gave_up: str

    @property
    def judgments(self) -> int:
        return sum(self.kinds.get(kind, 0) for kind in Judgment.ANSWERS)


def simulate(
    project: Project,
    *,
    judgments: int,
    labelers: int,
    noise: float = 0.0,
    seed: int = 0,
    wait_for_loop: bool = False,
    patience: float = 300.0,
    tell: Callable[[str], None] = print,
) -> Summary:
    """Makes `judgments` judgments by `labelers` people at once. `noise` is the share of verdicts
    turned round; `patience` how many seconds without any judgment are waited for."""
    started, started_at = time.monotonic(), timezone.now()
    users = [_labeler(project, number) for number in range(1, labelers + 1)]
    tally = Tally(judgments)
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
        gave_up = _watch(project, threads, tally, patience, tell)
    finally:
        tally.is_stopped = True
        for thread in threads:
            thread.join()
    if tally.problems:
        raise tally.problems[0]
    if wait_for_loop and not gave_up:
        gave_up = _wait_for_loop(project, patience, tell)
    return _summary(project, tally, users, started_at, time.monotonic() - started, gave_up)


def _labeler(project: Project, number: int) -> User:
    user, is_new = User.objects.get_or_create(username=f"simulated-{number}")
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
    answer = patiently(lambda: decide(assignment, rng, noise), tally)
    try:
        recorded, following = patiently(
            lambda: judging.submit_and_claim(assignment.uuid, user.pk, answer), tally
        )
    except leases.Conflict:  # somebody changed this very row at the same moment
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


def decide(assignment: Assignment, rng: random.Random, noise: float) -> judging.Answer:
    """What this labeler says about the responses, as the oracle sees them."""
    responses = handout.shown_responses(assignment)
    words = sum(len(response.text.split()) for response in responses)
    seconds = round(1.0 + words / WORDS_PER_SECOND * rng.uniform(0.7, 1.3), 1)
    if rng.random() < SKIP_SHARE:
        return judging.Answer(Kind.SKIP, seconds=seconds)
    if len(responses) != 2:
        return judging.Answer(Kind.PREFER, ranking(responses, rng, noise), seconds=seconds)
    project = assignment.project
    left, right = responses
    verdict = oracle_prefers(
        left.prompt.messages,
        left.text,
        right.text,
        rng,
        noise,
        tie_margin=TIE_MARGIN if project.allow_tie else 0.0,
        bad_below=BAD_BELOW if project.allow_both_bad else float("-inf"),
    )
    if verdict == "tie":
        return judging.Answer(Kind.TIE, ((left.pk, right.pk),), seconds=seconds)
    if verdict == "both_bad":
        return judging.Answer(Kind.BOTH_BAD, ((left.pk, right.pk),), seconds=seconds)
    best, worst = (left, right) if verdict == "a" else (right, left)
    return judging.Answer(Kind.PREFER, ((best.pk,), (worst.pk,)), seconds=seconds)


def ranking(
    responses: list[Response], rng: random.Random, noise: float
) -> tuple[tuple[int, ...], ...]:
    """Best first; with probability `noise` two neighbours change places."""
    order = sorted(responses, key=lambda response: -score(response.prompt.messages, response.text))
    if rng.random() < noise:
        at = rng.randrange(len(order) - 1)
        order[at : at + 2] = reversed(order[at : at + 2])
    return tuple((response.pk,) for response in order)


def _watch(
    project: Project,
    threads: list[threading.Thread],
    tally: Tally,
    patience: float,
    tell: Callable[[str], None],
) -> str:
    """Tells how it goes until all are done; gives the reason when waiting has no use."""
    told, told_at = "", 0.0
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)
        if time.monotonic() - told_at < TELL_EVERY_SECONDS:
            continue
        told_at = time.monotonic()
        try:
            step = rounds.next_step(project)
        except (OperationalError, InterfaceError):
            connection.close()
            continue
        line = f"{tally.judgments:5} of {tally.wanted} judgments. {step.text}"
        if line != told:
            tell(line)
            told = line
        idle = time.monotonic() - tally.last_judgment_at
        if step.kind in HOPELESS and idle > HOPELESS_SECONDS:
            return step.text
        if idle > patience:
            return f"Nothing to judge came for {idle:.0f} s. Does a worker run (manage.py up)?"
    return ""


def _wait_for_loop(project: Project, patience: float, tell: Callable[[str], None]) -> str:
    """Until what the last judgments have set off is done."""
    until, told = time.monotonic() + patience, ""
    while time.monotonic() < until:
        step = rounds.next_step(project)
        if not step.is_due and step.kind != StepKind.RUNNING:
            return ""
        if step.text != told:
            tell(f"All judgments are made. {step.text}")
            told = step.text
        time.sleep(PAUSE_SECOND)
    return f"The loop was not done within {patience:.0f} s. Does a worker run (manage.py up)?"


def _summary(
    project: Project,
    tally: Tally,
    users: list[User],
    since: datetime,
    seconds: float,
    gave_up: str,
) -> Summary:
    by_policy = (
        project.comparisons.filter(responses__origin=Response.Origin.POLICY)
        .values_list("round_number")
        .annotate(Count("pk", distinct=True))
        .order_by("round_number")
    )
    finished = project.comparisons.filter(state=Comparison.State.FINISHED)
    return Summary(
        kinds=dict(tally.kinds),
        seconds=seconds,
        preferences=project.preferences.filter(settled_at__isnull=False).count(),
        reward_models=[
            describe(model)
            for model in RewardModel.objects.filter(project=project).order_by("version")
        ],
        policy_comparisons={number or 0: count for number, count in by_policy},
        finished=finished.count(),
        faults=faults_of(project, tally, users, since),
        gave_up=gave_up,
    )


def describe(model: RewardModel) -> str:
    told = model.results.get("accuracy") or {}
    parts = [
        f"{split} {found['value']:.2f} (n={found['n']})"
        for split in ("test", "dev", "train")
        if (found := told.get(split)) and found.get("value") is not None
    ]
    return f"v{model.version} {model.status}, accuracy {', '.join(parts) or 'unknown'}"


def faults_of(project: Project, tally: Tally, users: list[User], since: datetime) -> list[str]:
    """Promises that were broken: lost or doubled judgments, too many for one comparison."""
    faults = []
    current = Judgment.objects.filter(project=project, superseded_at__isnull=True)
    made = current.filter(labeler__in=users, created_at__gte=since, kind__in=Judgment.ANSWERS)
    if made.count() != tally.judgments:
        faults.append(f"{tally.judgments} judgments were made, {made.count()} are stored")
    counted = Count("pk", filter=Q(kind__in=Judgment.ANSWERS, is_surplus=False))
    people = Count("labeler", distinct=True, filter=Q(kind__in=Judgment.ANSWERS, is_surplus=False))
    for row in (
        current.values("comparison", "comparison__wanted", "comparison__state")
        .annotate(counted=counted, people=people)
        .order_by("comparison")
    ):
        name = f"comparison {row['comparison']}"
        if row["counted"] > row["comparison__wanted"]:
            faults.append(f"{name} has {row['counted']} judgments of {row['comparison__wanted']}")
        if row["people"] != row["counted"]:
            faults.append(f"{name} has two judgments by one labeler")
        is_finished = row["comparison__state"] == Comparison.State.FINISHED
        if is_finished and row["counted"] != row["comparison__wanted"]:
            faults.append(f"{name} is finished with {row['counted']} judgments")
    return faults
