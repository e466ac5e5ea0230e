"""Open comparisons follow their project's overlap: the first in the transaction that changes it,
the others in short ones, in the order of their ids, so that no click waits for all of them.

What is left to do is a row (`OverlapChange`): when a process ends in the middle, a worker goes on
within a minute (labeling.tasks.finish_changes).
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F, QuerySet
from django.utils import timezone

from labeling.database.transactions import let_others_write, retried
from labeling.models import Comparison, OverlapChange, Project
from labeling.preferences.resettling import resettle
from labeling.preferences.slots import taken_slots

BATCH = 300
LEFT_ALONE_AFTER = timedelta(seconds=30)


def begin_change(project: Project, old: int, new: int) -> bool:
    """Lets the first open comparisons follow a changed overlap. True when there are more: then call
    `go_on` after the transaction.

    Call it inside the transaction that changes the overlap, with the project's row locked.

    What was finished stays finished. An open comparison that asked for the old overlap asks for the
    new one, but never for fewer judgments than its taken slots: what has been given or is being
    given counts. One that has enough now is settled at once. Comparisons that asked for a number of
    their own keep it.
    """
    earlier = OverlapChange.objects.filter(project=project).exists()
    done_to = 0 if earlier else _follow(project, old, new, _followers(project, old))
    if done_to is None:
        return False
    newest = project.comparisons.order_by("-pk").values_list("pk", flat=True).first()
    OverlapChange.objects.create(
        project=project, old=old, new=new, done_to=done_to, up_to=newest or 0
    )
    return True


def go_on(project: Project) -> None:
    """Lets the other comparisons follow. Changes are followed one after the other, as they were
    made."""
    while OverlapChange.objects.filter(project=project).exists():
        let_others_write()
        _next_step(project)


@retried
def _next_step(project: Project) -> None:
    Project.objects.select_for_update(no_key=True).filter(pk=project.pk).first()
    change = OverlapChange.objects.filter(project=project).order_by("pk").first()
    if change is None:
        return
    followers = _followers(project, change.old).filter(pk__gt=change.done_to, pk__lte=change.up_to)
    done_to = _follow(project, change.old, change.new, followers)
    if done_to is None:
        change.delete()
    else:
        OverlapChange.objects.filter(pk=change.pk).update(
            done_to=done_to, touched_at=timezone.now()
        )


def _followers(project: Project, old: int) -> QuerySet[Comparison]:
    return project.comparisons.filter(state=Comparison.State.OPEN, wanted=old)


def _follow(project: Project, old: int, new: int, followers: QuerySet[Comparison]) -> int | None:
    """Lets the next BATCH of these comparisons follow. Returns the last one's id, or None when
    there are no more."""
    locked = followers.select_for_update(no_key=True).order_by("pk")
    ids = list(locked.values_list("pk", flat=True)[:BATCH])
    if not ids:
        return None
    taken = taken_slots(project.pk, ids)
    by_slots: dict[tuple[int, int], list[int]] = defaultdict(list)
    for pk in ids:
        by_slots[taken[pk].number, taken[pk].slots(new)].append(pk)
    for (number, slots_left), alike in by_slots.items():
        Comparison.objects.filter(pk__in=alike).update(
            wanted=max(new, number),
            slots_left=slots_left,
            # One that was begun joins the end of the waiting line, where every labeler looks again.
            waiting_since=timezone.now() if number else F("waiting_since"),
        )
    _finish_complete(project, [pk for pk in ids if taken[pk].is_complete(new)])
    return ids[-1] if len(ids) == BATCH else None


def _finish_complete(project: Project, ids: Sequence[int]) -> None:
    """Settles those that have all their judgments. One that somebody still holds waits."""
    if ids:
        resettle(project, ids)


def finish_changes() -> None:
    """Goes on with changes that nobody has touched for half a minute, or that were touched in the
    future, before the clock was set back."""
    now = timezone.now()
    abandoned = OverlapChange.objects.exclude(
        touched_at__range=(now - LEFT_ALONE_AFTER, now + LEFT_ALONE_AFTER)
    )
    for project in Project.objects.filter(pk__in=abandoned.values("project")):
        go_on(project)
