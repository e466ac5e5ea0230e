"""What each person said of a settled pair, under a name of the project that is not their own."""

from collections.abc import Iterable
from typing import Any

from django.utils.crypto import salted_hmac

from labeling.models import Judgment
from labeling.preferences.settling import counted, vote_on
from labeling.preferences.shapes.pairs import Row, VoteOfPair

SAYS = {1: "chosen", -1: "rejected", 0: "tie", None: "both_bad"}
NOT_ASKED = -1


def pseudonym(project_id: int, user_id: int) -> str:
    """A name for this person that is the same in all exports of the project, and another in every
    other project. Nobody finds the person by it without the installation's secret key."""
    of = f"{project_id}:{user_id}"
    digest = salted_hmac("labeling.preferences.annotators", of, algorithm="sha256").hexdigest()
    return f"annotator-{digest[:12]}"


def votes_on(
    project_id: int, preferences: Iterable[Row], *, with_names: bool
) -> dict[int, list[VoteOfPair]]:
    """The votes that these preferences were settled by, by the preference's id. One that nobody was
    asked about has none: it was imported, or a rewrite is its chosen response."""
    rows = list(preferences)
    judgments: dict[int, list[Any]] = {}
    of_these = counted(project_id).filter(comparison__in={row["comparison_id"] for row in rows})
    for judgment in of_these.select_related("labeler"):
        judgments.setdefault(judgment.comparison_id, []).append(judgment)
    return {
        row["id"]: [
            _vote(judgment, pair, with_names=with_names)
            for judgment in judgments.get(row["comparison_id"], [])
            if set(pair) <= {shown for tier in judgment.tiers for shown in tier}
        ]
        for row in rows
        for pair in [(row["chosen_id"], row["rejected_id"])]
    }


def _vote(judgment: Judgment, pair: tuple[int, int], *, with_names: bool) -> VoteOfPair:
    vote = vote_on(pair, judgment)
    name = judgment.labeler.username
    return VoteOfPair(
        judgment=judgment.pk,
        annotator=name if with_names else pseudonym(judgment.project_id, judgment.labeler_id),
        says=SAYS[vote.direction],
        strength=NOT_ASKED if vote.strength is None else vote.strength,
    )
