"""The audit log: one entry for every change a person makes to data, settings or models."""

from typing import Any

from django.db.models import Model

from labeling.models import AuditEntry, Project, User


def new_entry(
    project: Project | None,
    actor: User | None,
    action: str,
    target: Model,
    reason: str = "",
    **details: Any,
) -> AuditEntry:
    """An unsaved entry, for those who write many at once."""
    return AuditEntry(
        project=project,
        actor=actor,
        action=action,
        target_type=target._meta.model_name or "",
        target_id=str(target.pk),
        reason=reason,
        details=details,
    )


def write_entry(
    project: Project | None,
    actor: User | None,
    action: str,
    target: Model,
    reason: str = "",
    **details: Any,
) -> AuditEntry:
    """Call inside the transaction of the change that it records."""
    entry = new_entry(project, actor, action, target, reason, **details)
    entry.save()
    return entry
