"""How much each labeler's judgments weigh: estimated from everybody's answers, written to the
memberships, and carried into the preferences that they settled.

Runs hourly (labeling.tasks.update_reliability) and by hand
(`manage.py update_reliability`, or the button on the people page). Doing it twice changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils import timezone

from labeling import answers
from labeling.answers import Votes
from labeling.measures import reliability
from labeling.measures.reliability import Choices, LabelerReliability
from labeling.models import Gold, Judgment, Membership, Project
from labeling.resettling import Resettled, resettle

# So many answers decide; a labeler of years ago is another labeler.
NEWEST = 200_000
# Weights are rounded, and small changes wait: an hourly tremble would rewrite every preference.
DECIMALS = 2
LEAST_CHANGE = 0.02


@dataclass(frozen=True)
class Updated:
    labelers: int
    resettled: Resettled


def update_reliability(project: Project) -> Updated:
    """Estimates everybody's reliability and settles the preferences anew that it changes."""
    found = estimate(project)
    now = timezone.now().isoformat(timespec="seconds")
    changed = 0
    for membership in Membership.objects.filter(project=project, user__in=found):
        labeler = found[membership.user_id]
        weight = round(labeler.weight, DECIMALS)
        is_other = abs(weight - membership.reliability) >= LEAST_CHANGE
        measured = {**_described(labeler), "at": now}
        if is_other or membership.measured.get("pending"):
            measured["pending"] = now
        Membership.objects.filter(pk=membership.pk).update(
            reliability=weight if is_other else membership.reliability, measured=measured
        )
        changed += is_other
    return Updated(changed, resettle_pending(project))


def resettle_pending(project: Project) -> Resettled:
    """Settles anew what rests on judgments of members whose weight or standing has changed.

    The mark goes when all is done: work that was cut off is found again by the next update.
    """
    pending = list(Membership.objects.filter(project=project, measured__has_key="pending"))
    # Together, since they share comparisons: each is settled once.
    ids = {pk for member in pending for pk in _comparisons_of(project, member.user_id)}
    done = resettle(project, ids)
    for member in pending:
        measured = {name: value for name, value in member.measured.items() if name != "pending"}
        # Marked again in the meantime: then there is more to do, and the mark stays.
        Membership.objects.filter(
            pk=member.pk, measured__pending=member.measured["pending"]
        ).update(measured=measured)
    return done


def update_all() -> None:
    """Every project in which people judge."""
    for project in Project.objects.filter(memberships__isnull=False).distinct():
        update_reliability(project)


def estimate(project: Project) -> dict[int, LabelerReliability]:
    """Of every member, by user id; those without shared answers stand as the average labeler."""
    votes = answers.read_votes(
        project, newest=NEWEST, in_training=False, purposes=answers.WORK_AND_GOLD
    )
    members = set(project.memberships.values_list("user_id", flat=True))
    people = sorted(members | set(np.unique(votes.labeler).tolist()))
    decided = votes.where(votes.direction != 0)
    pairs = int(votes.pair.max()) + 1 if len(votes) else 0
    result = reliability.estimate(
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
        Gold.objects.filter(project=project, comparison__size=2).values_list(
            "comparison_id", "expected"
        )
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


def _comparisons_of(project: Project, labeler_id: int) -> list[int]:
    """What this person's answers had a part in, whether they count now or not."""
    rows = Judgment.objects.filter(
        project=project,
        labeler=labeler_id,
        superseded_at__isnull=True,
        is_surplus=False,
        kind__in=Judgment.ANSWERS,
    )
    return list(rows.values_list("comparison_id", flat=True).distinct())


def _described(labeler: LabelerReliability) -> dict[str, Any]:
    return {
        "accuracy": round(labeler.accuracy, 3),
        "low": round(labeler.low, 3),
        "high": round(labeler.high, 3),
        "left": round(labeler.left, 3),
        "shared": labeler.shared,
        "is_known": labeler.is_known,
    }
