"""How good the judgments are, from thin queries: per cent agreement, sides, pace.

The figures are summed up by the database, so that the cost in Python does not grow with the rows.
The measures themselves are pure functions in labeling/quality/measures/; what needs the judgments
one by one (alpha, kappas, what is said of each labeler) is in labeling/quality/votes.py.
"""

from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Sum, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import TruncDate
from django.db.models.lookups import Exact

from labeling.models import Judgment, Preference, Project
from labeling.people.clock import server_midnight, server_today, server_zone
from labeling.preferences import counts
from labeling.quality.measures.intervals import Estimate, PromptTally, share_by_prompt

DAYS_SHOWN = 30


def agreement(project: Project) -> Estimate | None:
    """Per cent agreement between labelers, over all settled preferences with two judgments or more.

    Excluded preferences count too: leaving them out would let an exclusion polish the figure.
    """
    return share_by_prompt(
        PromptTally(hits, trials, prompts)
        for hits, trials, prompts in _count_groups(_agreement_rows(project))
    )


def agreement_by_day(project: Project, *, days: int = DAYS_SHOWN) -> dict[date, Estimate]:
    """Agreement of the comparisons finished on each of the last `days` days.

    Not by the time of settling: new weights settle anew just those that people disagree on.
    """
    start = _start_of(days)
    # Settled no earlier than finished: the first condition has an index.
    rows = _agreement_rows(project).filter(
        settled_at__gte=start, comparison__finished_at__gte=start
    )
    by_day: dict[date, list[PromptTally]] = {}
    finished_on = TruncDate("comparison__finished_at", tzinfo=server_zone())
    for day, hits, trials, prompts in _count_groups(rows, day=finished_on):
        group = PromptTally(hits, trials, prompts)
        by_day.setdefault(date.fromisoformat(str(day)), []).append(group)
    estimates = {day: share_by_prompt(groups) for day, groups in sorted(by_day.items())}
    return {day: estimate for day, estimate in estimates.items() if estimate}


def left_share(project: Project) -> Estimate | None:
    """Share of preferring judgments of a pair that chose the left side; 0.5 without bias."""
    return share_by_prompt(
        PromptTally(hits, trials, prompts)
        for hits, trials, prompts in _count_groups(_side_rows(project))
    )


def judgments_per_day(project: Project, *, days: int = DAYS_SHOWN) -> dict[date, int]:
    """How many judgments that stand were given on each of the last `days` days, also 0."""
    rows = (
        counts.judgments(project)
        .filter(created_at__gte=_start_of(days))
        .annotate(day=TruncDate("created_at", tzinfo=server_zone()))
        .values("day")
        .annotate(number=Count("id"))
    )
    numbers = {row["day"]: row["number"] for row in rows}
    return {day: numbers.get(day, 0) for day in last_days(days)}


def judgments_by_kind(project: Project) -> dict[str, int]:
    rows = counts.judgments_of_every_kind(project).values("kind").annotate(number=Count("id"))
    numbers = {row["kind"]: row["number"] for row in rows}
    return {kind: numbers.get(kind, 0) for kind in Judgment.Kind.values}


def outside_judgments(project: Project) -> int:
    """How many of the judgments that stand are of outside labelers."""
    if not project.outside_labelers.exists():
        return 0
    return counts.judgments(project).filter(labeler__outside_project=project).count()


def last_days(days: int) -> list[date]:
    today = server_today()
    return [today - timedelta(days=back) for back in reversed(range(days))]


def _start_of(days: int) -> Any:
    return server_midnight() - timedelta(days=days - 1)  # today is one of them


def _agreement_rows(project: Project) -> QuerySet[Preference]:
    """Settled preferences, each with how many ordered pairs of its judgments agree, of how many.

    Votes that a file brought are left out: they are not this project's labelers', and repeated
    lines among them would agree with each other.
    """
    votes = [F(f"votes_{name}") for name in ("chosen", "rejected", "tie", "both_bad")]
    total = sum(votes[1:], start=votes[0])
    agreeing = sum((n * (n - 1) for n in votes[1:]), start=votes[0] * (votes[0] - 1))
    return (
        Preference.objects.filter(project=project, settled_at__isnull=False)
        .exclude(provenance=Preference.Provenance.IMPORTED)
        .annotate(n_votes=total)
        .filter(n_votes__gte=2)
        .annotate(agreeing=agreeing, pairs=total * (total - 1))
    )


def _side_rows(project: Project) -> QuerySet[Judgment]:
    chose_left = Q(Exact(KT("tiers__0__0"), KT("order__0")))
    return (
        counts.judgments(project)
        .filter(kind=Judgment.Kind.PREFER, comparison__size=2)
        .exclude(order=[])  # of a judgment that a file brought, which may not tell the sides
        .annotate(
            prompt_id=F("comparison__prompt_id"),
            agreeing=Case(When(chose_left, then=1), default=0, output_field=IntegerField()),
            pairs=Value(1),
        )
    )


def _count_groups(rows: QuerySet[Any], **keys: Any) -> list[tuple[Any, ...]]:
    """[(*keys, hits, trials, number of prompts with these figures)], summed up by prompt first.

    Grouping by a sum needs a query around a query, which the ORM cannot write. The figures of
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
