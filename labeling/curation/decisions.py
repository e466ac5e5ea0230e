"""What curators do to preferences: exclude, restore, undo; and the history behind one of them.

A change is one transaction with one audit entry for each row that it changed. Rows that are
already as wished are left alone, so a repeated click or a colleague's faster one does no harm
and whoever came first is the one on record.
"""

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from labeling.curation.finding import PreferenceFilter, Window, matching
from labeling.database.inserting import insert_rows
from labeling.database.transactions import retried
from labeling.models import AuditEntry, Comparison, Judgment, Preference, Project, User
from labeling.webhooks import events

BULK_LIMIT = 10_000
EXCLUDE = "exclude"
RESTORE = "restore"
BATCH = 500


class CannotChange(ValueError):
    """The wish cannot be fulfilled, and nothing was changed; the message says why."""


@dataclass(frozen=True)
class Change:
    """What one exclude, restore or undo did: the ids it changed, and the handle to take it back."""

    action: str
    changed: list[int]
    untouched: int
    batch: str = ""
    first_entry: int = 0

    @property
    def undo_token(self) -> str:
        """Names the audit entries to take back: the id to search from, and their batch."""
        return f"{self.first_entry}-{self.batch}" if self.changed else ""


@retried
def exclude(project: Project, actor: User, ids: Collection[int], reason: str) -> Change:
    """Keeps these preferences out of training and exports from now on."""
    reason = checked_reason(reason)
    return _exclude(project, actor, _locked(project, ids), reason)


@retried
def restore(project: Project, actor: User, ids: Collection[int], reason: str = "") -> Change:
    """Puts these preferences back into training and exports."""
    return _restore(project, actor, _locked(project, ids), reason.strip()[:300])


@retried
def change_matching(
    project: Project,
    actor: User,
    action: str,
    wanted: PreferenceFilter,
    window: Window,
    *,
    expected: int,
    reason: str = "",
) -> Change:
    """Excludes or restores all that match the filter. Raises CannotChange unless they are
    `expected`, the number that the curator confirmed."""
    reason = checked_reason(reason) if action == EXCLUDE else reason.strip()[:300]
    if expected > BULK_LIMIT:
        raise CannotChange(
            f"At most {BULK_LIMIT:,} preferences can be changed at once and {expected:,} match. "
            "Narrow the filter."
        )
    by_id = matching(project, wanted, window).order_by("id")
    ids = list(by_id.values_list("id", flat=True)[: BULK_LIMIT + 1])
    _lock(ids)
    # Those that match still, and none that came to match meanwhile.
    rows = list(matching(project, wanted, window).filter(pk__in=ids).order_by("id"))
    if not len(ids) == len(rows) == expected:
        raise CannotChange(
            f"The rows have changed meanwhile: you confirmed {expected:,}, now "
            f"{len(rows):,} match. Nothing was changed; look again and repeat it."
        )
    act = _exclude if action == EXCLUDE else _restore
    return act(project, actor, rows, reason)


@retried
def undo(project: Project, actor: User, token: str) -> Change:
    """Takes back one's own exclude or restore, on all rows that nobody has changed since."""
    first, _, batch = token.partition("-")
    # It comes from a form. A longer number would overflow the column.
    if not (first.isascii() and first.isdigit() and len(first) < 18 and batch):
        raise CannotChange("There is nothing to undo.")
    entries = AuditEntry.objects.filter(
        project=project, target_type="preference", action__in=(EXCLUDE, RESTORE)
    )
    own = list(entries.filter(id__gte=int(first), actor=actor, details__batch=batch).order_by("id"))
    if not own:
        raise CannotChange("There is nothing to undo.")
    by_target = {int(entry.target_id): entry for entry in own}
    rows = {row.pk: row for row in _locked(project, by_target, allow_missing=True)}
    # Read after the rows are locked: a colleague's change is either here or after ours.
    touched = {
        int(target)
        for target in entries.filter(id__gt=own[0].pk, target_id__in=map(str, by_target))
        .exclude(details__batch=batch)
        .values_list("target_id", flat=True)
    }
    untouched = [row for pk, row in rows.items() if pk not in touched]
    if own[0].action == EXCLUDE:
        change = _restore(project, actor, untouched, "undone")
    else:
        before = {pk: entry.details for pk, entry in by_target.items()}
        change = _exclude_as_before(project, actor, untouched, before)
    return Change(
        change.action,
        change.changed,
        len(by_target) - len(change.changed),
        change.batch,
        change.first_entry,
    )


def checked_reason(reason: str) -> str:
    """The reason on one line; raises CannotChange for an empty or too long one."""
    reason = " ".join(reason.split())
    if not reason:
        raise CannotChange("Say in a few words why, so that others can follow it.")
    if len(reason) > 300:
        raise CannotChange(f"A reason has at most 300 characters; this one has {len(reason)}.")
    return reason


def _locked(
    project: Project, ids: Iterable[int], *, allow_missing: bool = False
) -> list[Preference]:
    """Locks these preferences and reads them. Raises CannotChange where one is missing, unless
    `allow_missing`."""
    wanted = set(ids)
    if not wanted:
        raise CannotChange("Tick at least one preference.")
    if len(wanted) > BULK_LIMIT:
        raise CannotChange(f"At most {BULK_LIMIT:,} preferences can be changed at once.")
    _lock(wanted)
    rows = list(Preference.objects.filter(project=project, id__in=wanted).order_by("id"))
    if len(rows) < len(wanted) and not allow_missing:
        missing = sorted(wanted - {row.pk for row in rows})
        raise CannotChange(
            f"Preference {missing[0]} is not in this project"
            + (f" (nor are {len(missing) - 1} others)" if len(missing) > 1 else "")
            + ". Nothing was changed."
        )
    return rows


def _lock(ids: Collection[int]) -> None:
    """Locks the comparisons first, then the preferences, each in the order of ids.

    Whoever settles anew locks in this order too, so no two wait for each other. What is decided on
    is read afterwards.
    """
    rows = Preference.objects.filter(pk__in=ids)
    comparisons = Comparison.objects.filter(pk__in=rows.values("comparison"))
    for locked in (comparisons, rows):
        list(locked.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def _exclude(project: Project, actor: User, rows: list[Preference], reason: str) -> Change:
    to_exclude = [row for row in rows if not row.excluded]
    change = _record(project, actor, EXCLUDE, to_exclude, len(rows), lambda row: (reason, {}))
    _update(to_exclude, excluded=True, excluded_reason=reason, excluded_by=actor)
    return change


def _exclude_as_before(
    project: Project, actor: User, rows: list[Preference], before: dict[int, dict[str, Any]]
) -> Change:
    """Undo of a restore: the old reason and the name of who gave it come back."""
    to_exclude = [row for row in rows if not row.excluded]
    for row in to_exclude:
        row.excluded = True
        row.excluded_reason = before[row.pk]["was_reason"]
        row.excluded_by_id = before[row.pk]["was_by"]
    change = _record(
        project,
        actor,
        EXCLUDE,
        to_exclude,
        len(rows),
        lambda row: (row.excluded_reason, {"undo": True}),
    )
    fields = ["excluded", "excluded_reason", "excluded_by"]
    Preference.objects.bulk_update(to_exclude, fields, batch_size=BATCH)
    return change


def _restore(project: Project, actor: User, rows: list[Preference], reason: str) -> Change:
    to_restore = [row for row in rows if row.excluded]
    change = _record(
        project,
        actor,
        RESTORE,
        to_restore,
        len(rows),
        lambda row: (reason, {"was_reason": row.excluded_reason, "was_by": row.excluded_by_id}),
    )
    _update(to_restore, excluded=False, excluded_reason="", excluded_by=None)
    return change


def _update(rows: list[Preference], **values: Any) -> None:
    Preference.objects.filter(pk__in=[row.pk for row in rows]).update(**values)


def _record(
    project: Project,
    actor: User,
    action: str,
    rows: list[Preference],
    asked: int,
    describe: Callable[[Preference], tuple[str, dict[str, Any]]],
) -> Change:
    """One audit entry for each row, all marked with one batch."""
    if not rows:
        return Change(action, [], asked)
    batch = uuid.uuid4().hex
    # Entries get higher ids than any that is there, however many write at this moment.
    last = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    insert_rows(
        AuditEntry,
        (_entry(project, actor, action, row, batch, len(rows), *describe(row)) for row in rows),
    )
    changed = [row.pk for row in rows]
    events.preferences_reviewed(project, actor, action, changed, describe(rows[0])[0])
    return Change(action, changed, asked - len(rows), batch, last + 1)


def _entry(
    project: Project,
    actor: User,
    action: str,
    row: Preference,
    batch: str,
    of: int,
    reason: str,
    details: dict[str, Any],
) -> dict[str, Any]:
    """The columns of an audit entry, as `audit.new_entry` makes them. Ten thousand model instances
    would keep others waiting."""
    return {
        "project_id": project.pk,
        "actor_id": actor.pk,
        "action": action,
        "target_type": "preference",
        "target_id": str(row.pk),
        "reason": reason,
        "details": {"batch": batch, "of": of, **details},
    }


def judgments_behind(preference: Preference) -> list[Judgment]:
    """Every judgment of its comparison, also superseded ones, in the order they were made."""
    behind = Q(comparison=preference.comparison_id)
    if preference.provenance == Preference.Provenance.HUMAN:
        behind |= Q(rewrite=preference.chosen_id)  # the judgment that came with the rewrite
    return list(
        Judgment.objects.filter(behind)
        .select_related("labeler", "guidelines", "assignment")
        .order_by("created_at", "id")
    )


def history_of(preference: Preference) -> list[AuditEntry]:
    return list(
        AuditEntry.objects.filter(target_type="preference", target_id=str(preference.pk))
        .select_related("actor")
        .order_by("-id")[:50]
    )


def audit_entries(
    project: Project, *, actor: str = "", action: str = "", target: str = ""
) -> QuerySet[AuditEntry]:
    """The project's log, newest first. `target` is a type, or a type and id: "preference 12"."""
    conditions = Q(project=project)
    if actor:
        conditions &= Q(actor__username=actor)
    if action:
        conditions &= Q(action=action)
    if target:
        kind, _, number = target.partition(" ")
        conditions &= Q(target_type=kind.lower())
        if number:
            conditions &= Q(target_id=number.strip().removeprefix("#"))
    return AuditEntry.objects.filter(conditions).select_related("actor").order_by("-id")


def audit_actions(project: Project) -> list[str]:
    entries = AuditEntry.objects.filter(project=project).order_by("action")
    return list(entries.values_list("action", flat=True).distinct())
