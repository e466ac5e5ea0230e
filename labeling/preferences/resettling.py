"""Settles comparisons anew when the judgments behind them count differently: other weights, a
labeler's judgments out of training or back in. In batches, each its own transaction, so that
labelers at work never wait for more than a moment."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from config.nudges import nudge
from labeling.models import Assignment, Comparison, Judgment, Preference, Project
from labeling.preferences import counted, draw_up, store

State = Comparison.State

BATCH = 200
# What says the same to a model: smaller changes are not worth a write.
SAME_WEIGHT = 1e-6


@dataclass(frozen=True)
class Resettled:
    """Comparisons whose preferences changed, and those that wait for judgments again."""

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

    A finished one is settled with what remains, also when that is less than was wanted; with
    nothing left it goes back to the queue. An open one is settled if it has enough now.
    """
    ids = sorted(set(comparison_ids))
    total = Resettled()
    for start in range(0, len(ids), BATCH):
        with transaction.atomic():
            total += _resettle_batch(project, ids[start : start + BATCH])
            if start + BATCH >= len(ids):
                transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return total


def _resettle_batch(project: Project, ids: Sequence[int]) -> Resettled:
    now = timezone.now()
    # Locked in the order of their ids, as everywhere: no deadlock.
    comparisons = list(
        Comparison.objects.select_for_update(of=("self",))
        .select_related("prompt")
        .filter(pk__in=ids, project=project, state__in=(State.OPEN, State.FINISHED))
        .order_by("pk")
    )
    judgments: dict[int, list[Judgment]] = defaultdict(list)
    for judgment in counted(project.pk).filter(comparison__in=ids):
        judgments[judgment.comparison_id].append(judgment)
    held = _held(ids)
    settled, waiting = [], []
    for comparison in comparisons:
        count = len(judgments[comparison.pk])
        is_finished = comparison.state == State.FINISHED
        if count and (is_finished or count >= comparison.wanted):
            settled.append(comparison)
        else:
            waiting.append(comparison)
    reopened = _reopen(waiting, judgments, held, now)
    drawn = [
        preference
        for comparison in settled
        for preference in draw_up(comparison, judgments[comparison.pk], now)
    ]
    changed, turned = _store_changes(drawn, ids)
    _finish([comparison for comparison in settled if comparison.state == State.OPEN], now)
    return Resettled(changed, turned, reopened)


def _held(ids: Sequence[int]) -> Counter[int]:
    """How many people are judging each comparison at this moment."""
    rows = (
        Assignment.objects.filter(
            comparison__in=ids,
            state=Assignment.State.LEASED,
            purpose=Assignment.Purpose.WORK,
        )
        .values_list("comparison_id")
        .annotate(number=Count("id"))
    )
    return Counter(dict(rows))


def _reopen(
    comparisons: Sequence[Comparison],
    judgments: dict[int, list[Judgment]],
    held: Counter[int],
    now: datetime,
) -> int:
    """Asks for the judgments that are missing now; what was settled is out of use till then."""
    reopened = [comparison for comparison in comparisons if comparison.state == State.FINISHED]
    Preference.objects.filter(comparison__in=reopened).update(settled_at=None)
    for comparison in comparisons:
        taken = len(judgments[comparison.pk]) + held[comparison.pk]
        left = max(0, comparison.wanted - taken)
        if comparison.state == State.OPEN and left == comparison.slots_left:
            continue
        Comparison.objects.filter(pk=comparison.pk).update(
            state=State.OPEN, finished_at=None, slots_left=left, waiting_since=now
        )
    return len(reopened)


def _store_changes(drawn: Sequence[Preference], ids: Sequence[int]) -> tuple[int, int]:
    """Stores what differs from what is there. The time of settling stays unless the answer
    became another: new weights alone are not new preferences, and start no training."""
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
    store(changed)
    return len(changed), turned


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
