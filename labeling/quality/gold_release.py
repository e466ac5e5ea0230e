"""Gold before its release: what waits for a curator's look, and what becomes of it."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils import timezone

from labeling.database.transactions import retried
from labeling.models import AuditEntry, Gold, Project, Response, User
from labeling.people.audit import new_entry
from labeling.quality.gold import one_at_a_time

# Why the first is the better one, of gold that a rule has made.
REASONS = {
    Gold.Origin.UNANIMOUS: "All labelers who judged it said so.",
    Gold.Origin.TRUNCATED: "The other one is the same text, broken off in the middle.",
    Gold.Origin.SHUFFLED: "The other one is the same text with its sentences in another order.",
    Gold.Origin.OFF_TOPIC: "The other one answers another prompt.",
}


@dataclass(frozen=True)
class GoldToRead:
    """A gold comparison as a curator reads it: its tiers of responses, the best first."""

    gold: Gold
    tiers: list[list[Response]]

    @property
    def why(self) -> str:
        return self.gold.reason or REASONS.get(Gold.Origin(self.gold.origin), "")


def waiting(project: Project) -> QuerySet[Gold]:
    """Gold that nobody has looked at, in the order in which it came."""
    return (
        Gold.objects.filter(project=project, released_at__isnull=True, retired_at__isnull=True)
        .select_related("comparison__prompt")
        .order_by("pk")
    )


def looked_at(golds: Collection[Gold]) -> list[GoldToRead]:
    """Reads the texts of these golds' responses, in one query for all of them."""
    ids = {pk for gold in golds for tier in gold.expected for pk in tier}
    texts = Response.objects.in_bulk(ids)
    return [
        GoldToRead(gold, [[texts[pk] for pk in tier if pk in texts] for tier in gold.expected])
        for gold in golds
    ]


@retried
def release(project: Project, actor: User, ids: Collection[int]) -> int:
    """Lets labelers get these from now on; returns how many. What somebody else has released or
    dropped meanwhile stays as it is."""
    return _decide(project, actor, ids, "release gold", released_by=actor, is_released=True)


@retried
def drop(project: Project, actor: User, ids: Collection[int]) -> int:
    """Drops these for good; returns how many. They are remembered, so that they are not made
    again."""
    return _decide(project, actor, ids, "drop gold")


def _decide(
    project: Project,
    actor: User,
    ids: Collection[int],
    action: str,
    *,
    is_released: bool = False,
    **values: User,
) -> int:
    one_at_a_time(project)
    golds = list(waiting(project).filter(pk__in=ids))
    at = {"released_at" if is_released else "retired_at": timezone.now()}
    Gold.objects.filter(pk__in=[gold.pk for gold in golds]).update(**at, **values)
    AuditEntry.objects.bulk_create(
        new_entry(project, actor, action, gold, origin=str(gold.origin)) for gold in golds
    )
    return len(golds)
