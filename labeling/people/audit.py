"""The audit log: one entry for every change a person makes to data, settings or models."""

from typing import Any

from django.db.models import Model

from labeling.models import AuditEntry, Project, User

REASON_LENGTH = AuditEntry._meta.get_field("reason").max_length or 0


def new_entry(
    project: Project | None,
    actor: User | None,
    action: str,
    target: Model,
    reason: str = "",
    **details: Any,
) -> AuditEntry:
    """Makes an unsaved entry, for those who write many at once. A reason that is longer than its
    column is cut: rules give reasons too, and none may undo the change that it explains."""
    return AuditEntry(
        project=project,
        actor=actor,
        action=action,
        target_type=target._meta.model_name or "",
        target_id=str(target.pk),
        reason=shorten(reason),
        details=details,
    )


def shorten(reason: str) -> str:
    """Returns the reason as its column takes it; one that was cut ends in an ellipsis."""
    return reason if len(reason) <= REASON_LENGTH else reason[: REASON_LENGTH - 1] + "…"


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
