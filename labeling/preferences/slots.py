"""What a comparison still asks for: one rule for all who hand out, answer, skip and settle.

A comparison is open until every judgment it wants is there and nobody is judging it any more:

- open: `slots_left` is what is wanted, less what counts, less what is being judged right now.
  There is a free slot, or somebody holds it: an open comparison never stands still.
- finished: nobody holds it, and it has no slots. Its preferences are those of the judgments that
  count, also when those have become fewer than were wanted.
- withdrawn, or made for checks: no slots.

The way of a click keeps to this without counting: an answer keeps the slot that its hand-out took.
Whatever else happens (a skip, an expiry, judgments taken out and brought back) counts anew here.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count
from django.utils import timezone

from labeling.models import Assignment, Comparison, Judgment
from labeling.preferences.settling import counted, counted_judgments, settle

State = Comparison.State


@dataclass(frozen=True)
class TakenSlots:
    """The slots of a comparison that are taken: by judgments that count, and by people who hold
    it."""

    counted: int = 0
    held: int = 0

    @property
    def number(self) -> int:
        return self.counted + self.held

    def slots(self, wanted: int) -> int:
        return max(0, wanted - self.number)

    def is_complete(self, wanted: int) -> bool:
        return 0 < self.counted >= wanted and not self.held


def taken_slots(project_id: int, comparison_ids: Collection[int]) -> dict[int, TakenSlots]:
    """Counts the taken slots of each of these comparisons, whose rows are locked, in two
    queries."""
    answers = counted(project_id).filter(comparison__in=comparison_ids).order_by()
    judged = Counter(dict(answers.values_list("comparison_id").annotate(number=Count("id"))))
    held = held_by_people(comparison_ids)
    return {pk: TakenSlots(judged[pk], held[pk]) for pk in comparison_ids}


def held_by_people(comparison_ids: Collection[int]) -> Counter[int]:
    """How many people are judging each comparison at this moment."""
    leased = Assignment.objects.filter(
        comparison__in=comparison_ids,
        state=Assignment.State.LEASED,
        purpose=Assignment.Purpose.WORK,
    )
    return Counter(dict(leased.values_list("comparison_id").annotate(number=Count("id"))))


def refill(comparison: Comparison) -> None:
    """Brings an open comparison in line after somebody let go of it. What is missing is asked for
    again, and what turns out to be complete is settled. The comparison was read under its row's
    lock."""
    if comparison.state != State.OPEN:
        return
    judgments: list[Judgment] = counted_judgments(comparison)
    taken = TakenSlots(len(judgments), held_by_people([comparison.pk])[comparison.pk])
    if taken.is_complete(comparison.wanted):
        settle(comparison, judgments)
        return
    slots_left = taken.slots(comparison.wanted)
    if slots_left == comparison.slots_left:
        return
    changes: dict[str, object] = {"slots_left": slots_left}
    # Only a slot that became free joins the end of the waiting line; others keep their place in it.
    if slots_left > comparison.slots_left:
        changes["waiting_since"] = timezone.now()
    Comparison.objects.filter(pk=comparison.pk).update(**changes)
    comparison.slots_left = slots_left
