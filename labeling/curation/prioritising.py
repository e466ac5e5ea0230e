"""Says what is handed out sooner, as a curator's decision on record."""

from collections.abc import Mapping

from labeling.database.inserting import insert_rows
from labeling.database.transactions import retried
from labeling.models import AuditEntry, Comparison, Project, User
from labeling.queue.priorities import set_priorities


@retried
def prioritise(project: Project, actor: User, priorities: Mapping[int, float]) -> int:
    """Gives these comparisons of the project their priorities, in one transaction. Returns how many
    were changed."""
    ids = sorted(priorities)
    mine = Comparison.objects.filter(project=project, pk__in=ids)
    locked = mine.select_for_update(no_key=True).order_by("pk")
    list(locked.values_list("pk", flat=True))
    before = dict(mine.values_list("pk", "priority"))
    changed = {pk: priorities[pk] for pk in ids if pk in before and before[pk] != priorities[pk]}
    set_priorities(changed)
    insert_rows(
        AuditEntry,
        [
            {
                "project_id": project.pk,
                "actor_id": actor.pk,
                "action": "change priority",
                "target_type": "comparison",
                "target_id": str(pk),
                "details": {"changes": {"priority": [before[pk], value]}},
            }
            for pk, value in changed.items()
        ],
    )
    return len(changed)
