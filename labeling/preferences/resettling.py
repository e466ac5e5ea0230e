"""Settles comparisons anew when the judgments behind them count differently: other weights, a
labeler's judgments out of training or back in. In batches, each its own transaction, so that
labelers at work never wait for more than a moment."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import retried
from labeling.models import Comparison, Judgment, Membership, Preference, Project
from labeling.preferences.settling import counted, draw_up, store_preferences
from labeling.preferences.slots import TakenSlots, held_by_people
from labeling.webhooks import events

State = Comparison.State

BATCH = 200
# What says the same to a model: smaller changes are not worth a write.
SAME_WEIGHT = 1e-6


@dataclass(frozen=True)
class Resettled:
    """How many comparisons got other preferences, and how many wait for judgments again."""

    changed: int = 0
    turned: int = 0  # of these, preferences with another winner or kind
    reopened: int = 0

    def __add__(self, other: "Resettled") -> "Resettled":
        return Resettled(
            self.changed + other.changed,
            self.turned + other.turned,
            self.reopened + other.reopened,
        )


def resettle(project: Project, comparison_ids: Iterable[int]) -> Resettled:
    """Brings these comparisons in line with the judgments that count now.

    A finished one is settled with the judgments that remain, also when they are fewer than wanted;
    without any it goes back to the queue. An open one is settled if it has enough now. One that was
    never judged here (a file or a rewrite settled it) keeps what it has.
    """
    ids = sorted(set(comparison_ids))
    total = Resettled()
    for start in range(0, len(ids), BATCH):
        total += _resettle_batch(project, ids[start : start + BATCH])
    if ids:
        transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return total


def resettle_pending(project: Project) -> Resettled:
    """Settles anew what rests on judgments of members whose weight or standing has changed.

    The mark goes when all is done: work that was cut off is found again by the next update.
    """
    pending = list(Membership.objects.filter(project=project, resettle_since__isnull=False))
    # Together, since they share comparisons: each is settled once.
    ids = {pk for member in pending for pk in _comparisons_of(project, member.user_id)}
    done = resettle(project, ids)
    for member in pending:
        # Marked again in the meantime: then there is more to do, and the mark stays.
        Membership.objects.filter(pk=member.pk, resettle_since=member.resettle_since).update(
            resettle_since=None
        )
    return done


def _comparisons_of(project: Project, labeler_id: int) -> list[int]:
    """The comparisons that this person has answered, whether the answers count now or not."""
    rows = Judgment.objects.filter(
        project=project,
        labeler=labeler_id,
        superseded_at__isnull=True,
        is_surplus=False,
        kind__in=Judgment.ANSWERS,
    )
    return list(rows.values_list("comparison_id", flat=True).distinct())


@retried
def _resettle_batch(project: Project, ids: Sequence[int]) -> Resettled:
    now = timezone.now()
    was_judged = Exists(Judgment.objects.filter(comparison=OuterRef("pk")))
    # Locked in the order of their ids, as everywhere: no deadlock.
    comparisons = list(
        Comparison.objects.select_for_update(of=("self",))
        .select_related("prompt")
        .filter(Q(state=State.OPEN) | Q(was_judged, state=State.FINISHED))
        .filter(pk__in=ids, project=project)
        .order_by("pk")
    )
    judgments: dict[int, list[Judgment]] = defaultdict(list)
    for judgment in counted(project.pk).filter(comparison__in=ids):
        judgments[judgment.comparison_id].append(judgment)
    held = held_by_people(ids)
    taken = {pk: TakenSlots(len(judgments[pk]), held[pk]) for pk in ids}
    settled, waiting = [], []
    for comparison in comparisons:
        slots = taken[comparison.pk]
        stays_finished = comparison.state == State.FINISHED and slots.counted > 0
        if stays_finished or slots.is_complete(comparison.wanted):
            settled.append(comparison)
        else:
            waiting.append(comparison)
    reopened = _reopen(waiting, taken, now)
    drawn = [
        preference
        for comparison in settled
        for preference in draw_up(comparison, judgments[comparison.pk], now)
    ]
    changed, turned = _store_changes(drawn, ids)
    _finish([comparison for comparison in settled if comparison.state == State.OPEN], now)
    # Those whose weights alone are new keep their time: nothing was settled.
    events.preferences_settled(project, [one for one in changed if one.settled_at == now])
    return Resettled(len(changed), turned, reopened)


def _reopen(
    comparisons: Sequence[Comparison], taken: Mapping[int, TakenSlots], now: datetime
) -> int:
    """Asks for the judgments that are missing now. Preferences stay out of use until they are
    there."""
    reopened = [comparison for comparison in comparisons if comparison.state == State.FINISHED]
    Preference.objects.filter(comparison__in=reopened).update(settled_at=None)
    for comparison in comparisons:
        slots_left = taken[comparison.pk].slots(comparison.wanted)
        if comparison.state == State.OPEN and slots_left == comparison.slots_left:
            continue
        Comparison.objects.filter(pk=comparison.pk).update(
            state=State.OPEN, finished_at=None, slots_left=slots_left, waiting_since=now
        )
    return len(reopened)


def _store_changes(drawn: Sequence[Preference], ids: Sequence[int]) -> tuple[list[Preference], int]:
    """Stores the preferences that differ from what is there, and returns them, and how many have
    another winner or kind.

    The time of settling stays unless the answer became another one: new weights alone are no new
    preferences, and start no training.
    """
    before = {
        (preference.comparison_id, preference.pair_key): preference
        for preference in Preference.objects.filter(comparison__in=ids)
    }
    changed, turned = [], 0
    for preference in drawn:
        old = before.get((preference.comparison_id, preference.pair_key))
        if old is None or old.settled_at is None:
            changed.append(preference)
        elif (old.chosen_id, old.kind) != (preference.chosen_id, preference.kind):
            changed.append(preference)
            turned += 1
        elif _differs(old, preference):
            preference.settled_at = old.settled_at
            changed.append(preference)
    store_preferences(changed)
    return changed, turned


def _differs(old: Preference, new: Preference) -> bool:
    names = ("votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad", "provenance")
    return (
        any(getattr(old, name) != getattr(new, name) for name in names)
        or abs(old.weight - new.weight) > SAME_WEIGHT
        or abs(old.target - new.target) > SAME_WEIGHT
        or abs((old.strength or 0.0) - (new.strength or 0.0)) > SAME_WEIGHT
    )


def _finish(comparisons: Sequence[Comparison], now: datetime) -> None:
    Comparison.objects.filter(pk__in=[comparison.pk for comparison in comparisons]).update(
        state=State.FINISHED, finished_at=now, slots_left=0
    )
