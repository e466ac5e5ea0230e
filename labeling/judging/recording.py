"""Records what a labeler answers: judge, skip, flag, undo. modes.py reads what a form sends.

One judgment counts per assignment. Submitting again changes nothing and is answered as the first
time; an answer that comes after its lease expired is kept, and counted if its slot is still free.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import Conflict, retried
from labeling.judging import adaptive, checks
from labeling.judging.rewrites import add_rewrite, prefer_rewrite, refresh_rewrites
from labeling.models import Assignment, Comparison, FlagCategory, Judgment, Project, User
from labeling.people.members import lock_membership
from labeling.preferences.resettling import resettle
from labeling.preferences.settling import counted_judgments, settle, unsettle
from labeling.preferences.slots import TakenSlots, refill
from labeling.queue import handout, leases, locking
from labeling.queue.locking import Locked
from labeling.webhooks import events

Kind = Judgment.Kind
Purpose = Assignment.Purpose
State = Assignment.State


class NotYours(Exception):
    """The labeler has no such assignment."""


class NoMember(Exception):
    """The labeler was removed from the project while the comparison was on their screen."""


class CannotUndo(Exception):
    """The last answer cannot be taken back; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What a labeler says about one comparison; `tiers` as in Judgment."""

    kind: str
    tiers: tuple[tuple[int, ...], ...] = ()
    strength: int | None = None
    rationale: str = ""
    seconds: float | None = None
    aspects: dict[str, int | None] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    flag: str = ""
    rewrite: str = ""

    def __post_init__(self) -> None:
        if self.kind not in Kind.values:
            raise ValueError(f"kind: {self.kind!r} is not one of {', '.join(Kind.values)}")
        is_answer = self.kind in Judgment.ANSWERS
        if is_answer != bool(self.tiers):
            raise ValueError(f"tiers: {'missing' if is_answer else 'not allowed'} for {self.kind}")
        if is_answer and (len(self.tiers) > 1) != (self.kind == Kind.PREFER):
            raise ValueError(f"tiers: {len(self.tiers)} tiers contradict the kind {self.kind}")
        if any(not tier for tier in self.tiers):
            raise ValueError("tiers: a tier is empty")
        if self.strength is not None and self.kind != Kind.PREFER:
            raise ValueError(f"strength: not allowed for {self.kind}")
        if self.strength is not None and self.strength not in (0, 1, 2, 3):
            raise ValueError(f"strength: {self.strength} is not 0, 1, 2 or 3")
        if bool(self.flag) != (self.kind == Kind.FLAG):
            raise ValueError(f"flag: {'not allowed' if self.flag else 'missing'} for {self.kind}")
        if self.flag and self.flag not in FlagCategory.values:
            raise ValueError(f"flag: {self.flag!r} is not one of {', '.join(FlagCategory.values)}")
        if self.rewrite and not is_answer:
            raise ValueError(f"rewrite: not allowed for {self.kind}")
        if self.seconds is not None and not 0 <= self.seconds < 1e7:
            raise ValueError(f"seconds: {self.seconds} is not a sensible time")


# An answer in terms of the screen: becomes an Answer once its assignment is read and locked.
AnswerTo = Callable[[Assignment], Answer]


@dataclass(frozen=True)
class Recorded:
    """A judgment that is in the database. `is_new` is false when it was there before."""

    judgment: Judgment
    locked: Locked
    is_new: bool
    outcome: checks.GoldFeedback | None = None

    @property
    def assignment(self) -> Assignment:
        return self.locked.assignment


@retried
def submit_and_claim(
    assignment_uuid: UUID,
    labeler_id: int,
    answer: Answer | AnswerTo,
    on_screen: UUID | None = None,
) -> tuple[Recorded, Assignment | None]:
    """Records the answer and hands out the next comparison, both or neither.

    A page that already shows the next one names it as `on_screen`, and gets the one after it.
    Raises what `record_judgment` raises, and Conflict where the database ended the transaction in
    favour of others each time that it was tried. Then nothing is recorded.
    """
    recorded = record_judgment(assignment_uuid, labeler_id, answer, on_screen)
    locked, done = recorded.locked, recorded.assignment
    if not locked.is_member:
        return recorded, None
    if not recorded.is_new:
        return recorded, handout.current_or_next(done.labeler, done.project, on_screen)
    if done.project.is_paused or not locked.is_active:
        return recorded, None
    if locked.other_lease_id:
        return recorded, Assignment.objects.get(pk=locked.other_lease_id)
    only_gold = checks.in_qualification(locked)
    following = handout.claim_next(labeler_id, done.project, done.queue_cursor, only_gold=only_gold)
    return recorded, following


def record_judgment(
    assignment_uuid: UUID,
    labeler_id: int,
    answer: Answer | AnswerTo,
    on_screen: UUID | None = None,
) -> Recorded:
    """Writes the judgment, and the preference when it was the last one wanted. Call it in a
    transaction.

    An assignment that is answered already gives that answer, whatever this one says. Raises
    NotYours where the labeler has no such assignment, NoMember where they were removed from the
    project, and ValueError, naming the field at fault, for an answer that cannot be read or that
    the project does not allow.
    """
    locked = locking.lock_assignment(assignment_uuid, labeler_id, on_screen)
    if locked is None:
        raise NotYours("This comparison was not handed out to you.")
    assignment = locked.assignment
    if assignment.state in (State.JUDGED, State.SKIPPED):
        existing = Judgment.objects.get(assignment=assignment, superseded_at__isnull=True)
        return Recorded(existing, locked, is_new=False)
    if not isinstance(answer, Answer):
        answer = answer(assignment)
    if not locked.is_member:
        raise NoMember("you are no longer a member of this project")
    _check_answer(answer, assignment)
    judgment = _write_judgment(locked, answer)
    events.judgment_made(assignment.project, judgment, assignment.comparison.prompt_id)
    if judgment.purpose != Purpose.WORK:
        outcome = checks.after_check(locked, judgment)
        return Recorded(judgment, locked, is_new=True, outcome=outcome)
    if answer.kind in Judgment.ANSWERS and not judgment.is_surplus:
        _settle(locked, judgment)
    prefer_rewrite(assignment, judgment, locked.reliability)
    return Recorded(judgment, locked, is_new=True)


def _write_judgment(locked: Locked, answer: Answer) -> Judgment:
    """Appends the judgment and closes the assignment. An answer keeps its slot; a skip gives it
    back to the queue, for others. A check has none."""
    now, assignment = timezone.now(), locked.assignment
    is_answer = answer.kind in Judgment.ANSWERS
    is_work = assignment.purpose == Purpose.WORK
    has_slot = is_work and assignment.state == State.LEASED
    if is_answer and is_work and not has_slot:
        # A late answer counts if nobody else has taken its slot meanwhile.
        has_slot = not locked.is_excluded and leases.take_slot(assignment.comparison_id)
        assignment.comparison.slots_left -= has_slot
    judgment = Judgment(
        project_id=assignment.project_id,
        assignment=assignment,
        comparison_id=assignment.comparison_id,
        labeler_id=assignment.labeler_id,
        kind=answer.kind,
        purpose=assignment.purpose,
        tiers=[list(tier) for tier in answer.tiers],
        strength=answer.strength,
        aspects=answer.aspects,
        rationale=answer.rationale,
        reasons=list(answer.reasons),
        flag=answer.flag,
        rewrite=add_rewrite(assignment, answer.rewrite) if answer.rewrite else None,
        seconds=answer.seconds,
        order=assignment.order,
        guidelines_id=assignment.project.guidelines_id,
        is_late=assignment.expires_at < now,
        is_right=checks.is_right(answer.kind, answer.tiers, locked.expected)
        if assignment.purpose == Purpose.GOLD
        else None,
        too_fast=checks.is_too_fast(assignment, answer.kind, answer.seconds, now),
        is_surplus=_is_surplus(locked, is_answer, has_slot),
        excluded_at=now if locked.is_excluded else None,
        created_at=now,
        supersedes_id=locked.last_judgment_id,
    )
    leases.change_assignment(
        assignment,
        state=State.JUDGED if is_answer else State.SKIPPED,
        finished_at=now,
        repeat_at=checks.repeat_at(assignment, answer.kind, now),
    )
    judgment.save(force_insert=True)
    if has_slot and (not is_answer or locked.is_excluded):
        refill(assignment.comparison)
    return judgment


def _is_surplus(locked: Locked, is_answer: bool, has_slot: bool) -> bool:
    """Whether the judgment is kept without being counted."""
    assignment = locked.assignment
    if assignment.purpose != Purpose.WORK:
        return True
    is_withdrawn = assignment.comparison.state == Comparison.State.WITHDRAWN
    return is_answer and (not has_slot or is_withdrawn or locked.is_excluded)


def _settle(locked: Locked, judgment: Judgment) -> None:
    """Settles the comparison if this was the last judgment it waited for."""
    assignment, held = locked.assignment, locked.held_by_others
    comparison = assignment.comparison
    if comparison.state == Comparison.State.FINISHED:
        resettle(assignment.project, [comparison.pk])
        return
    # Most comparisons are judged once, by this labeler: then nothing has to be read.
    if held or locked.others_judged or comparison.wanted > 1:
        judgments = counted_judgments(comparison)
    else:
        judgment.reliability = locked.reliability
        judgments = [judgment]
    if assignment.project.adaptive_overlap:
        _adapt(assignment.project, comparison, judgments, held)
    if not held and settle(comparison, judgments):
        transaction.on_commit(partial(nudge, "modeling.tasks.advance", comparison.project_id))


def _adapt(project: Project, comparison: Comparison, judgments: list[Judgment], held: int) -> None:
    """Asks for fewer or more judgments from now on, with adaptive overlap. A comparison that is
    complete is written by `settle`."""
    wanted = adaptive.wanted_now(project, comparison.wanted, judgments, held)
    if wanted == comparison.wanted:
        return
    comparison.planned = comparison.planned or comparison.wanted
    comparison.wanted = wanted
    taken = TakenSlots(counted=len(judgments), held=held)
    comparison.slots_left = taken.slots(wanted)
    if not taken.is_complete(wanted):
        Comparison.objects.filter(pk=comparison.pk).update(
            planned=comparison.planned,
            wanted=wanted,
            slots_left=comparison.slots_left,
            waiting_since=timezone.now(),
        )


def _check_answer(answer: Answer, assignment: Assignment) -> None:
    """Raises ValueError where the answer names other responses, or is one that the project does not
    allow."""
    project = assignment.project
    if answer.kind == Kind.TIE and not project.allow_tie:
        raise ValueError("kind: this project does not allow ties")
    if answer.kind == Kind.BOTH_BAD and not project.allow_both_bad:
        raise ValueError("kind: this project does not allow both bad")
    named = sorted(response_id for tier in answer.tiers for response_id in tier)
    if answer.tiers and named != sorted(assignment.order):
        raise ValueError("tiers: these are not the responses of this comparison, each once")


def undo_last(user: User, project: Project) -> Assignment:
    """Takes back the labeler's last answer in the project and hands its comparison out again.

    The judgment stays, superseded; the preference it settled is out of use until the comparison
    is judged again. What the labeler held meanwhile goes back to the queue. Of several undos at
    the same moment (two tabs, a click sent twice) one counts: they all mean the same answer.
    """
    last = _last_judgment(user, project)
    if last is None:
        raise CannotUndo("There is nothing to undo.")
    assignment = _take_back(user, project, last.pk)
    # After the commit, and no part of it: the undo is done, and what is not let go of runs out.
    held = Assignment.objects.filter(labeler=user, project=project, state=State.LEASED)
    others = held.exclude(pk=assignment.pk).order_by("leased_at", "pk")
    for uuid in others.values_list("uuid", flat=True):
        with suppress(Conflict):
            leases.release_lease(uuid, user.pk)
    return assignment


def undo_answer_to(assignment_uuid: UUID, user: User, project: Project) -> bool:
    """Takes back the labeler's last answer if it is the one to this assignment, and keeps what they
    hold. False: their last answer is another one, as when this one has never arrived."""
    last = _last_judgment(user, project)
    if last is None or last.assignment.uuid != assignment_uuid:
        return False
    _take_back(user, project, last.pk)
    return True


@retried
def _take_back(user: User, project: Project, judgment_id: int) -> Assignment:
    lock_membership(project.pk, user.pk)
    last = _last_judgment(user, project)
    if last is None or last.pk != judgment_id:
        raise CannotUndo("Another window has just taken that answer back, or given a newer one.")
    locked = locking.lock_assignment(last.assignment.uuid, user.pk)
    assert locked is not None
    if last.excluded_at is not None:
        raise CannotUndo("A curator has taken this answer out of training.")
    if not locked.is_active:
        raise CannotUndo("A curator has paused your work in this project.")
    _refuse_in_first_round(last, locked)
    _supersede(last, project)
    _reopen(locked.assignment, last)
    return locked.assignment


def _last_judgment(user: User, project: Project) -> Judgment | None:
    judgments = Judgment.objects.filter(labeler=user, project=project, superseded_at__isnull=True)
    return judgments.order_by("-created_at", "-id").select_related("assignment").first()


def judge_again(judgment: Judgment, locked: Locked, answer: Answer | AnswerTo) -> Recorded:
    """Puts another answer in the place of one's earlier one, whose comparison is locked. Call it in
    a transaction. Until when this may be done is in labeling/judging/correcting.py."""
    assignment = locked.assignment
    _refuse_in_first_round(judgment, locked)
    _supersede(judgment, assignment.project)
    _reopen(assignment, judgment)
    return record_judgment(assignment.uuid, assignment.labeler_id, answer)


def _refuse_in_first_round(judgment: Judgment, locked: Locked) -> None:
    if judgment.purpose == Purpose.GOLD and checks.in_qualification(locked):
        raise CannotUndo("Answers of the first round stand: you have seen how they were meant.")


def _supersede(judgment: Judgment, project: Project) -> None:
    changed = Judgment.objects.filter(pk=judgment.pk, superseded_at__isnull=True).update(
        superseded_at=timezone.now()
    )
    if not changed:
        raise CannotUndo("This answer was taken back already.")
    refresh_rewrites([judgment.rewrite_id])
    events.judgment_withdrawn(project, judgment)


def _reopen(assignment: Assignment, judgment: Judgment) -> None:
    """Leases the assignment again. An answer kept its slot; after a skip a free one is taken."""
    if judgment.purpose != Purpose.WORK:
        leases.start_lease(assignment)
        return
    has_slot = judgment.kind in Judgment.ANSWERS and not judgment.is_surplus
    if not has_slot and not judgment.is_surplus:
        if not leases.take_slot(assignment.comparison_id):
            raise CannotUndo("Someone else has this comparison now, so the skip stands.")
        assignment.comparison.slots_left -= 1
    if judgment.is_surplus:
        leases.change_assignment(assignment, state=State.EXPIRED)
    else:
        leases.start_lease(assignment)
    unsettle(assignment.comparison)
    refill(assignment.comparison)
