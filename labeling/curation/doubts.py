"""Preferences that the reward model contradicts, as questions to the curators.

The learning side calls `note_doubts` when a model goes into service. A curator answers a doubt by
excluding the preference, by having it judged again, or by confirming it: what was confirmed is not
asked again while the preference says the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from labeling.models import Doubt, Preference, Project, User
from labeling.people.audit import write_entry
from labeling.webhooks import events

CONFIRM = "confirm"
DOUBT_AGAIN = "doubt again"
BATCH = 500

_SAYS_THE_SAME = Q(doubt__chosen=F("chosen"))
DOUBTS = {
    "open": _SAYS_THE_SAME
    & Q(doubt__confirmed_at__isnull=True, excluded=False, settled_at__isnull=False),
    "confirmed": _SAYS_THE_SAME & Q(doubt__confirmed_at__isnull=False),
}


@dataclass(frozen=True)
class Contradiction:
    """One preference that the reward model contradicts. `strength` is the probability of the other
    answer by the model; `against` of `members` of its ensemble say so."""

    preference_id: int
    strength: float
    against: int
    members: int
    was_trained_on: bool


def note_doubts(
    project: Project, version: int, contradictions: Sequence[Contradiction], as_of: datetime | None
) -> int:
    """Replaces the project's open doubts by these contradictions, and returns how many doubts there
    are now. Leaves out preferences that were settled again after `as_of`: the model did not see
    them as they are."""
    by_id = {one.preference_id: one for one in contradictions}
    with transaction.atomic():
        doubts = Doubt.objects.filter(preference__project=project)
        doubts.filter(confirmed_at__isnull=True).delete()
        # Confirmed once, but the preference says something else by now.
        doubts.exclude(preference__chosen=F("chosen")).delete()
        rows = Preference.objects.filter(
            project=project, pk__in=by_id, kind=Preference.Kind.PREFER, excluded=False
        ).filter(doubt__isnull=True, settled_at__isnull=False)
        if as_of is not None:
            rows = rows.filter(settled_at__lte=as_of)
        made = [
            Doubt(
                preference_id=pk,
                chosen_id=chosen_id,
                strength=min(1.0, max(0.0, by_id[pk].strength)),
                against=by_id[pk].against,
                members=by_id[pk].members,
                was_trained_on=by_id[pk].was_trained_on,
                model_version=version,
            )
            for pk, chosen_id in rows.values_list("pk", "chosen_id")
        ]
        Doubt.objects.bulk_create(made, BATCH)
    return len(made)


def open_doubts(project: Project) -> int:
    return Preference.objects.filter(DOUBTS["open"], project=project).count()


def doubt_of(preference: Preference) -> Doubt | None:
    """The doubt about the preference; None where the preference has changed since and says
    something else."""
    doubt = Doubt.objects.filter(preference=preference).select_related("confirmed_by").first()
    return doubt if doubt is not None and doubt.chosen_id == preference.chosen_id else None


def confirm(preference: Preference, actor: User) -> bool:
    """Notes that a curator has looked and the preference stands. False: somebody was faster."""
    return _settle(preference, actor, CONFIRM, confirmed_at=timezone.now(), confirmed_by=actor)


def doubt_again(preference: Preference, actor: User) -> bool:
    """Takes a confirmation back."""
    return _settle(preference, actor, DOUBT_AGAIN, confirmed_at=None, confirmed_by=None)


def _settle(
    preference: Preference,
    actor: User,
    action: str,
    *,
    confirmed_at: datetime | None,
    confirmed_by: User | None,
) -> bool:
    waiting = Doubt.objects.filter(
        preference=preference, confirmed_at__isnull=confirmed_at is not None
    )
    with transaction.atomic():
        changed = waiting.update(confirmed_at=confirmed_at, confirmed_by=confirmed_by)
        if changed:
            write_entry(preference.project, actor, action, preference)
            decision = action.replace(" ", "_")
            events.preferences_reviewed(preference.project, actor, decision, [preference.pk], "")
    return bool(changed)
