"""The answers of a project as columns of numbers, for the measures: one row for each pair of
responses that a judgment compares. Reads rows, decides nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import combinations
from typing import Any

import numpy as np
from django.db.models import BigIntegerField, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Length
from numpy.typing import NDArray

from labeling.models import Judgment, Project, Response
from labeling.quality.measures.coefficients import PLAIN

Ints = NDArray[np.int64]

# What a page looks back on: older answers say little about the people and guidelines of today.
NEWEST = 20_000
# Of one labeler: as many as fit in one statement on every database.
LATELY = 900

WORK = (Judgment.Purpose.WORK,)
WORK_AND_GOLD = (Judgment.Purpose.WORK, Judgment.Purpose.GOLD)

# Columns of a table of counts: the second response much better (0) … negligibly (3), a tie (4),
# the first negligibly (5) … much better (8), both bad (9).
TIE, BOTH_BAD, VALUES = 4, 9, 10
ORDINAL = slice(0, BOTH_BAD)
MIRRORED = (8, 7, 6, 5, 4, 3, 2, 1, 0, 9)
MIRRORED_ORDINAL = MIRRORED[:BOTH_BAD]
# Without strengths: second, tie, first, both bad.
PLAIN_VALUES = 4
PLAIN_OF = np.array([0, 0, 0, 0, 1, 2, 2, 2, 2, 3])
MIRRORED_PLAIN = (2, 1, 0, 3)


@dataclass(frozen=True)
class Votes:
    """Columns of equal length. `pair` numbers the pairs of responses from 0."""

    pair: Ints
    comparison: Ints
    prompt: Ints
    labeler: Ints
    value: Ints  # 0 to 9, as above
    left: Ints  # the side that was chosen: +1 left, −1 right, 0 none
    longer: Ints  # +1 the longer response was chosen, −1 the shorter, 0 not known
    first_on_left: NDArray[np.bool_]
    guidelines: Ints  # 0: none
    at: NDArray[np.float64]  # seconds since 1970

    def __len__(self) -> int:
        return len(self.pair)

    def where(self, rows: NDArray[np.bool_]) -> "Votes":
        return Votes(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def direction(self) -> Ints:
        """+1 the first response, −1 the second, 0 neither."""
        return np.where(self.value == BOTH_BAD, 0, np.sign(self.value - TIE))

    @property
    def plain(self) -> Ints:
        """The value without its strength: second, tie, first, both bad."""
        return PLAIN_OF[self.value]

    def counts(self, values: Ints, width: int) -> tuple[Ints, Ints]:
        """(pairs, width) how many said each value, and each pair's prompt."""
        pairs, first, place = np.unique(self.pair, return_index=True, return_inverse=True)
        table = np.zeros((len(pairs), width), dtype=np.int64)
        np.add.at(table, (place, values), 1)
        return table, self.prompt[first]


def read_votes(
    project: Project,
    *,
    newest: int = NEWEST,
    in_training: bool = True,
    purposes: Sequence[str] = WORK,
    shared_with: int | None = None,
    at: datetime | None = None,
) -> Votes:
    """Reads the newest answers that stand, of everybody. A mirrored repeat is no second opinion, so
    it is never among them.

    `in_training` leaves out what was taken out of training. `shared_with` asks only for comparisons
    that this labeler has judged lately. `at` reads what stood at that moment.
    """
    rows = Judgment.objects.filter(
        Judgment.standing(at),
        project=project,
        kind__in=Judgment.ANSWERS,
        purpose__in=purposes,
    )
    if shared_with is not None:
        theirs = Judgment.objects.filter(project=project, labeler_id=shared_with)
        if at is not None:
            theirs = theirs.filter(created_at__lt=at)
        lately = theirs.order_by("-created_at").values_list("comparison_id", flat=True)
        rows = rows.filter(comparison__in=list(lately[:LATELY]))
    if in_training:
        rows = rows.filter(excluded_at__isnull=True)
    return votes_from(_values(rows.order_by("-id")[:newest]))


def _values(rows: QuerySet[Judgment]) -> Iterable[tuple[Any, ...]]:
    """The columns of these judgments, with the lengths of texts as the database counts them."""
    return (
        rows.annotate(best=_response_in("tiers__0__0"), worst=_response_in("tiers__1__0"))
        .annotate(best_length=_length("best"), worst_length=_length("worst"))
        .values_list(
            "comparison_id", "comparison__prompt_id", "labeler_id", "kind", "strength", "tiers",
            "order", "guidelines_id", "created_at", "best_length", "worst_length",
        )
        .iterator(2000)
    )  # fmt: skip


def _response_in(place: str) -> Cast:
    return Cast(KT(place), BigIntegerField())


def _length(response: str) -> Subquery:
    return Subquery(
        Response.objects.filter(pk=OuterRef(response))
        .annotate(length=Length("text"))
        .values("length")[:1]
    )


def votes_from(rows: Iterable[Sequence[Any]]) -> Votes:
    numbers: dict[tuple[int, int, int], int] = {}
    entries: list[tuple[Any, ...]] = []
    for row in rows:
        comparison, prompt, labeler, kind, strength, tiers, order, guidelines, at, *lengths = row
        tier_of = {response: place for place, tier in enumerate(tiers) for response in tier}
        place_of = {response: place for place, response in enumerate(order)}
        for first, second in combinations(sorted(tier_of), 2):
            pair = numbers.setdefault((comparison, first, second), len(numbers))
            direction = (tier_of[second] > tier_of[first]) - (tier_of[second] < tier_of[first])
            # A ranking has no sides, and a file may not tell those of its judgments.
            sided = len(tier_of) == 2 and bool(order)
            on_left = _is_on_left(place_of, first, second, pair)
            entries.append(
                (
                    pair, comparison, prompt, labeler, _value(kind, direction, strength),
                    (direction if on_left else -direction) if sided else 0,
                    _longer(lengths) if len(tier_of) == 2 else 0,
                    on_left, guidelines or 0, _seconds(at),
                )
            )  # fmt: skip
    columns = list(zip(*entries, strict=True)) if entries else [()] * len(fields(Votes))
    kinds = {"first_on_left": np.bool_, "at": np.float64}
    return Votes(
        *(
            np.array(column, dtype=kinds.get(field.name, np.int64))
            for field, column in zip(fields(Votes), columns, strict=True)
        )
    )


def _is_on_left(place_of: dict[int, int], first: int, second: int, pair: int) -> bool:
    """Whether the first stood left of the second. Where nobody knows, every other pair is taken so:
    that tells of no habit."""
    if not place_of:
        return pair % 2 == 0
    return place_of.get(first, 0) < place_of.get(second, 1)


def _value(kind: str, direction: int, strength: int | None) -> int:
    if kind == Judgment.Kind.BOTH_BAD:
        return BOTH_BAD
    if direction == 0:
        return TIE
    return TIE + direction * (1 + (PLAIN if strength is None else strength))


def _longer(lengths: Sequence[int | None]) -> int:
    best, worst = lengths
    return 0 if best is None or worst is None else (best > worst) - (best < worst)


def _seconds(at: datetime) -> float:
    return at.timestamp()
