"""Changes what a project's loop is told; every change leaves an audit entry."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import transaction

from config.nudges import nudge
from labeling.database.transactions import retried
from labeling.models import Project, User
from labeling.people.audit import write_entry
from modeling.models import LoopSettings


def change_loop_settings(
    project: Project, actor: User, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Writes the fields that differ. Gives what changed as {field: [before, after]}.

    Fields not named stay as they are, so two admins who change different settings do not undo
    each other.
    """
    changes = _write_settings(project, actor, fields)
    for name, (_, value) in changes.items():
        setattr(project.loop_settings, name, value)
    return changes


@retried
def _write_settings(project: Project, actor: User, fields: Mapping[str, Any]) -> dict[str, Any]:
    current = LoopSettings.objects.select_for_update(no_key=True).get(project=project)
    changes = {
        name: [getattr(current, name), value]
        for name, value in fields.items()
        if getattr(current, name) != value
    }
    if not changes:
        return {}
    for name, (_, value) in changes.items():
        setattr(current, name, value)
    current.save(update_fields=list(changes))
    write_entry(project, actor, "change settings", project, changes=changes)
    transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return changes
