"""How good the judgments are: agreement between labelers, position bias, pace.

Pure functions on plain numbers; beside them the thin queries that fetch these numbers, grouped
by the database, so that the cost in Python does not grow with the rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Sum, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import TruncDate
from django.db.models.lookups import Exact
from django.utils import timezone

from labeling.models import Judgment, Preference, Project

# Below this many prompts a bootstrap says more than it knows: no interval is given.
MIN_PROMPTS = 5
DRAWS = 1000
DAYS_SHOWN = 30


@dataclass(frozen=True)
class Estimate:
    """A share with its 95 % interval; the bounds are None on too few prompts to tell."""

    value: float
    low: float | None
    high: float | None
    count: int
    prompts: int

    @property
    def percent(self) -> int:
        return round(100 * self.value)

    @property
    def percent_low(self) -> int | None:
        return None if self.low is None else round(100 * self.low)

    @property
    def percent_high(self) -> int | None:
        return None if self.high is None else round(100 * self.high)


@dataclass(frozen=True)
class PromptGroup:
    """`prompts` prompts, each with `hits` of `trials`: what the bootstrap draws from."""

    hits: int
    trials: int
    prompts: int = 1


def agreeing_pairs(votes: Sequence[int]) -> tuple[int, int]:
    """Of the ordered pairs of judgments behind these vote counts, how many say the same.

    2 for A and 1 for B: labelers 1 and 2 agree (two ordered pairs) of six pairs.
    """
    total = sum(votes)
    return sum(n * (n - 1) for n in votes), total * (total - 1)


def share_by_prompt(groups: Iterable[PromptGroup], *, seed: int = 0) -> Estimate | None:
    """Hits over trials with a percentile bootstrap over prompts; None without trials.

    Prompts with equal figures are interchangeable, so a resample is one multinomial draw over
    the distinct figures: the same distribution as drawing prompts, at a fraction of the work.
    """
    groups = [group for group in groups if group.trials > 0 and group.prompts > 0]
    if not groups:
        return None
    hits = np.array([group.hits for group in groups], dtype=float)  # (G,)
    trials = np.array([group.trials for group in groups], dtype=float)  # (G,)
    prompts = np.array([group.prompts for group in groups])  # (G,)
    count = int(prompts.sum())
    total = float(trials @ prompts)
    value = float(hits @ prompts) / total
    if count < MIN_PROMPTS:
        return Estimate(value, None, None, int(total), count)
    if value in (0.0, 1.0):  # nothing to resample: every draw would repeat the value
        low, high = wilson(value, count)
        return Estimate(value, low, high, int(total), count)
    draws = np.random.default_rng(seed).multinomial(
        count, prompts / count, size=DRAWS
    )  # (DRAWS, G)
    low, high = np.percentile((draws @ hits) / (draws @ trials), [2.5, 97.5])
    return Estimate(value, float(low), float(high), int(total), count)


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share observed in `count` independent trials."""
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count**2)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def agreement(project: Project) -> Estimate | None:
    """Per cent agreement between labelers, over all settled preferences with two judgments.

    Excluded ones count too: leaving them out would let an exclusion polish the figure.
    """
    return share_by_prompt(
        PromptGroup(hits, trials, prompts)
        for hits, trials, prompts in _count_groups(_agreement_rows(project))
    )


def agreement_by_day(project: Project, *, days: int = DAYS_SHOWN) -> dict[date, Estimate]:
    """Agreement of the preferences settled on each of the last `days` days."""
    rows = _agreement_rows(project).filter(settled_at__gte=_start_of(days))
    by_day: dict[date, list[PromptGroup]] = {}
    for day, hits, trials, prompts in _count_groups(rows, day=TruncDate("settled_at")):
        group = PromptGroup(hits, trials, prompts)
        by_day.setdefault(date.fromisoformat(str(day)), []).append(group)
    estimates = {day: share_by_prompt(groups) for day, groups in sorted(by_day.items())}
    return {day: estimate for day, estimate in estimates.items() if estimate}


def left_share(project: Project) -> Estimate | None:
    """Share of preferring judgments of a pair that chose the left side; 0.5 without bias."""
    return share_by_prompt(
        PromptGroup(hits, trials, prompts)
        for hits, trials, prompts in _count_groups(_side_rows(project))
    )


def current_judgments(project: Project) -> QuerySet[Judgment]:
    return Judgment.objects.filter(project=project, superseded_at__isnull=True)


def judgments_per_day(project: Project, *, days: int = DAYS_SHOWN) -> dict[date, int]:
    """Judgments that stand, for every one of the last `days` days, also those without any."""
    rows = (
        current_judgments(project)
        .filter(created_at__gte=_start_of(days))
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(number=Count("id"))
    )
    found = {row["day"]: row["number"] for row in rows}
    return {day: found.get(day, 0) for day in last_days(days)}


def judgments_by_kind(project: Project) -> dict[str, int]:
    rows = current_judgments(project).values("kind").annotate(number=Count("id"))
    found = {row["kind"]: row["number"] for row in rows}
    return {kind: found.get(kind, 0) for kind in Judgment.Kind.values}


def last_days(days: int) -> list[date]:
    today = timezone.localdate()
    return [today - timedelta(days=back) for back in reversed(range(days))]


def _start_of(days: int) -> Any:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days - 1)


def _agreement_rows(project: Project) -> QuerySet[Preference]:
    """Settled preferences with `hits` agreeing of `trials` ordered pairs of judgments."""
    votes = [F(f"votes_{name}") for name in ("chosen", "rejected", "tie", "both_bad")]
    total = sum(votes[1:], start=votes[0])
    agreeing = sum((n * (n - 1) for n in votes[1:]), start=votes[0] * (votes[0] - 1))
    return (
        Preference.objects.filter(project=project, settled_at__isnull=False)
        .annotate(n_votes=total)
        .filter(n_votes__gte=2)
        .annotate(agreeing=agreeing, pairs=total * (total - 1))
    )


def _side_rows(project: Project) -> QuerySet[Judgment]:
    chose_left = Q(Exact(KT("tiers__0__0"), KT("order__0")))
    return (
        current_judgments(project)
        .filter(kind=Judgment.Kind.PREFER, comparison__size=2)
        .annotate(
            prompt_id=F("comparison__prompt_id"),
            agreeing=Case(When(chose_left, then=1), default=0, output_field=IntegerField()),
            pairs=Value(1),
        )
    )


def _count_groups(rows: QuerySet[Any], **keys: Any) -> list[tuple[Any, ...]]:
    """[(*keys, hits, trials, number of prompts with these figures)], summed by prompt first.

    Grouping by a sum needs a query around a query, which the ORM cannot write; the figures of
    100,000 prompts come back as a few dozen rows.
    """
    per_prompt = (
        rows.annotate(**keys)
        .order_by()
        .values(*keys, "prompt_id")
        .annotate(hits=Sum("agreeing"), trials=Sum("pairs"))
    )
    inner, params = per_prompt.query.sql_with_params()
    columns = ", ".join([*keys, "hits", "trials"])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns}, COUNT(*) FROM ({inner}) AS per_prompt GROUP BY {columns}", params
        )
        return [(*row[:-3], int(row[-3]), int(row[-2]), int(row[-1])) for row in cursor.fetchall()]
