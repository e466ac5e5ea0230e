"""What happens in a project, as events for webhooks. Each function is called inside the transaction
of what it tells of, and does nothing where no webhook asks for it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from labeling.models import EventType, Judgment, Preference, Project, Snapshot, User
from labeling.texts.pseudonyms import pseudonym
from labeling.webhooks.outbox import in_json, link, tell, wants

IDS_IN_ONE = 500  # of a decision about many preferences


def judgment_made(project: Project, judgment: Judgment, prompt_id: int) -> None:
    if not wants(project, EventType.JUDGMENT_MADE):
        return
    fields = {
        **_of_judgment(project, judgment),
        "prompt": prompt_id,
        "kind": judgment.kind,
        "purpose": judgment.purpose,
        "tiers": judgment.tiers,
        "strength": judgment.strength,
        "flag": judgment.flag,
        "seconds": judgment.seconds,
        "counts": judgment.kind in Judgment.ANSWERS and not judgment.is_surplus,
    }
    tell(project, EventType.JUDGMENT_MADE, [fields])


def judgment_withdrawn(project: Project, judgment: Judgment) -> None:
    if wants(project, EventType.JUDGMENT_WITHDRAWN):
        tell(project, EventType.JUDGMENT_WITHDRAWN, [_of_judgment(project, judgment)])


def _of_judgment(project: Project, judgment: Judgment) -> dict[str, Any]:
    return {
        "judgment": judgment.pk,
        "comparison": judgment.comparison_id,
        "labeler": pseudonym(project.pk, judgment.labeler_id),
        "url": f"{link('api-judgments', project.slug)}?after={judgment.pk - 1}&limit=1",
    }


def preferences_settled(project: Project, preferences: Sequence[Preference]) -> None:
    """One event for each comparison, which may have settled many pairs."""
    if not preferences or not wants(project, EventType.PREFERENCE_SETTLED):
        return
    by_comparison = groupby(sorted(preferences, key=_COMPARISON), key=_COMPARISON)
    events = (_settled(project, list(group)) for _, group in by_comparison)
    tell(project, EventType.PREFERENCE_SETTLED, events)


_COMPARISON = attrgetter("comparison_id")


def _settled(project: Project, preferences: Sequence[Preference]) -> dict[str, Any]:
    rows = [
        {
            "id": one.pk,
            "chosen": one.chosen_id,
            "rejected": one.rejected_id,
            "kind": one.kind,
            "target": one.target,
            "strength": one.strength,
            "weight": one.weight,
            "provenance": one.provenance,
            "split": one.split,
            "url": link("preference", project.slug, one.pk),
        }
        for one in preferences
    ]
    first = preferences[0]
    return {
        "comparison": first.comparison_id,
        "prompt": first.prompt_id,
        "preferences": rows,
    }


def preferences_reviewed(
    project: Project, by: User | None, decision: str, ids: Sequence[int], reason: str
) -> None:
    """What a curator has done to preferences, in events of at most IDS_IN_ONE ids."""
    if not ids or not wants(project, EventType.REVIEW_DECIDED):
        return
    parts = (ids[start : start + IDS_IN_ONE] for start in range(0, len(ids), IDS_IN_ONE))
    events = (
        {
            "decision": decision,
            "preferences": list(part),
            "comparison": None,
            "of": len(ids),
            "reason": reason,
            "by": _by(project, by),
            "url": _place(project, part),
        }
        for part in parts
    )
    tell(project, EventType.REVIEW_DECIDED, events)


def _place(project: Project, ids: Collection[int]) -> str:
    if len(ids) == 1:
        return link("preference", project.slug, *ids)
    return link("preferences", project.slug)


def comparison_reviewed(
    project: Project, by: User | None, decision: str, comparison_id: int, reason: str
) -> None:
    """What a curator has done with a comparison that somebody flagged, or that could not be
    shown."""
    if not wants(project, EventType.REVIEW_DECIDED):
        return
    fields = {
        "decision": decision,
        "preferences": [],
        "comparison": comparison_id,
        "of": 1,
        "reason": reason,
        "by": _by(project, by),
        "url": link("flagged", project.slug),
    }
    tell(project, EventType.REVIEW_DECIDED, [fields])


def snapshot_taken(project: Project, snapshot: Snapshot) -> None:
    if not wants(project, EventType.SNAPSHOT_TAKEN):
        return
    fields = {
        "snapshot": snapshot.pk,
        "sha256": snapshot.sha256,
        "count": snapshot.count,
        "last_settled_at": in_json(snapshot.last_settled_at),
        "url": link("snapshot", project.slug, snapshot.pk),
    }
    tell(project, EventType.SNAPSHOT_TAKEN, [fields])


def model_promoted(
    project: Project,
    by: User | None,
    *,
    kind: str,
    version: int,
    name: str,
    instead_of: int | None,
    reason: str,
    url: str,
) -> None:
    """Called by the learning side, which knows the address of the model's page."""
    if not wants(project, EventType.MODEL_PROMOTED):
        return
    fields = {
        "kind": kind,
        "version": version,
        "name": name,
        "instead_of": instead_of,
        "reason": reason,
        "by": _by(project, by),
        "url": url,
    }
    tell(project, EventType.MODEL_PROMOTED, [fields])


def round_finished(
    project: Project,
    *,
    number: int,
    state: str,
    reason: str,
    started_at: datetime,
    finished_at: datetime,
    url: str,
) -> None:
    if not wants(project, EventType.ROUND_FINISHED):
        return
    fields = {
        "round": number,
        "state": state,
        "reason": reason,
        "started_at": in_json(started_at),
        "finished_at": in_json(finished_at),
        "url": url,
    }
    tell(project, EventType.ROUND_FINISHED, [fields])


def alarm_raised(project: Project, *, tone: str, text: str, run: int | None, url: str) -> None:
    if wants(project, EventType.ALARM_RAISED):
        fields = {"tone": tone, "text": text, "run": run, "url": url}
        tell(project, EventType.ALARM_RAISED, [fields])


def _by(project: Project, user: User | None) -> str | None:
    return pseudonym(project.pk, user.pk) if user else None
