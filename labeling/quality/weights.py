"""How much each labeler's judgments weigh: estimated from everybody's answers, written to the
memberships, and carried into the preferences that they settled.

Runs hourly (labeling.tasks.update_reliability) and by hand
(`manage.py update_reliability`, or the button on the people page). Doing it twice changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from labeling.models import Gold, Project
from labeling.people.members import lock_membership, write_changes
from labeling.preferences.resettling import Resettled, resettle_pending
from labeling.quality import votes as answers
from labeling.quality.measures import dawid_skene
from labeling.quality.measures.dawid_skene import Choices, LabelerReliability
from labeling.quality.votes import Votes

# So many answers decide; a labeler of years ago is another labeler.
NEWEST = 200_000
# Weights are rounded, and small changes wait: an hourly tremble would rewrite every preference.
DECIMALS = 2
LEAST_CHANGE = 0.02


@dataclass(frozen=True)
class ReliabilityUpdate:
    labelers: int
    resettled: Resettled


def update_reliability(project: Project) -> ReliabilityUpdate:
    """Estimates everybody's reliability and settles the preferences anew that it changes."""
    reliabilities = estimate_labelers(project)
    now = timezone.now().isoformat(timespec="seconds")
    members = project.memberships.filter(user__in=reliabilities).order_by("pk")
    people = list(members.values_list("user_id", "user__outside_project_id"))
    changed = sum(
        _write_weight(project.pk, user_id, reliabilities[user_id], now)
        for user_id, outside_project in people
        # A file may bring very many who share no pair with anybody: there is nothing to say.
        if outside_project is None or reliabilities[user_id].shared
    )
    return ReliabilityUpdate(changed, resettle_pending(project))


@transaction.atomic
def _write_weight(project_id: int, user_id: int, labeler: LabelerReliability, now: str) -> bool:
    """Writes the labeler's measures; True where the weight became another one. What others note at
    that moment stays: that answers were taken out, and are to be settled anew."""
    member = lock_membership(project_id, user_id)
    if member is None:
        return False
    weight = round(labeler.weight, DECIMALS)
    is_other = abs(weight - member.reliability) >= LEAST_CHANGE
    values: dict[str, Any] = {"measured": {**_described(labeler), "at": now}}
    if is_other:
        values |= {"reliability": weight, "resettle_since": timezone.now()}
    write_changes(member, values)
    return is_other


def update_all() -> None:
    """Updates every project in which people judge."""
    for project in Project.objects.filter(memberships__isnull=False).distinct():
        update_reliability(project)


def estimate_labelers(project: Project) -> dict[int, LabelerReliability]:
    """Estimates the reliability of every member, by user id. Those without shared answers stand as
    the average labeler."""
    votes = answers.read_votes(
        project, newest=NEWEST, in_training=False, purposes=answers.WORK_AND_GOLD
    )
    members = set(project.memberships.values_list("user_id", flat=True))
    # Those who left too: their answers tell how reliable the others are.
    people = sorted(members | set(np.unique(votes.labeler).tolist()))
    decided = votes.where(votes.direction != 0)
    pairs = int(votes.pair.max()) + 1 if len(votes) else 0
    result = dawid_skene.estimate_reliabilities(
        Choices(
            pair=decided.pair,
            labeler=np.searchsorted(np.array(people, dtype=np.int64), decided.labeler),
            chose_first=decided.direction > 0,
            first_on_left=decided.first_on_left,
        ),
        labelers=len(people),
        pairs=pairs,
        gold=_known_answers(project, votes),
    )
    return dict(zip(people, result.labelers, strict=True))


def _known_answers(project: Project, votes: Votes) -> dict[int, bool]:
    """Pair number -> whether its first response, the one with the lower id, is the better."""
    expected: Mapping[int, Any] = dict(
        Gold.objects.filter(
            project=project, comparison__size=2, released_at__isnull=False
        ).values_list("comparison_id", "expected")
    )
    first_better = {
        comparison: tiers[0][0] < tiers[1][0]
        for comparison, tiers in expected.items()
        if len(tiers) == 2
    }
    pairs, rows = np.unique(votes.pair, return_index=True)
    return {
        int(pair): first_better[int(comparison)]
        for pair, comparison in zip(pairs, votes.comparison[rows], strict=True)
        if int(comparison) in first_better
    }


def _described(labeler: LabelerReliability) -> dict[str, Any]:
    return {
        "accuracy": round(labeler.accuracy, 3),
        "low": round(labeler.low, 3),
        "high": round(labeler.high, 3),
        "left": round(labeler.left, 3),
        "shared": labeler.shared,
        "is_known": labeler.is_known,
    }
