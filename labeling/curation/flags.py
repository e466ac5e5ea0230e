"""What labelers have flagged, for curators: newest first, a page at a time."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from labeling.models import Comparison, FlagCategory, Judgment, Project, User
from labeling.people.audit import write_entry
from labeling.webhooks import events

PAGE = 30


@dataclass(frozen=True)
class FlaggedPage:
    """Some flags, and the id to go on from (None: these are the last)."""

    flags: list[Judgment]
    following: int | None


def flags_of(project: Project) -> QuerySet[Judgment]:
    """The flags that stand; one that was undone does not."""
    return Judgment.objects.filter(
        project=project, kind=Judgment.Kind.FLAG, superseded_at__isnull=True
    )


def flagged_page(project: Project, *, category: str = "", before: int | None = None) -> FlaggedPage:
    flags = flags_of(project).select_related("comparison__prompt", "labeler").order_by("-id")
    if category in FlagCategory.values:
        flags = flags.filter(flag=category)
    if before is not None:
        flags = flags.filter(pk__lt=before)
    rows = list(flags[: PAGE + 1])
    following = rows[PAGE - 1].pk if len(rows) > PAGE else None
    return FlaggedPage(rows[:PAGE], following)


def withdraw_comparison(
    project: Project, actor: User, comparison_id: int, reason: str = "flagged"
) -> bool:
    """Takes an open comparison out of the queue. False: it is open no more.

    Who has it on screen right now keeps their answer; it is not counted.
    """
    with transaction.atomic():
        comparison = (
            Comparison.objects.select_for_update()
            .filter(pk=comparison_id, project=project, state=Comparison.State.OPEN)
            .first()
        )
        if comparison is None:
            return False
        Comparison.objects.filter(pk=comparison_id).update(
            state=Comparison.State.WITHDRAWN, slots_left=0, waiting_since=None
        )
        write_entry(project, actor, "withdraw", comparison, reason)
        events.comparison_reviewed(project, actor, "withdraw", comparison_id, reason)
    return True
