"""What each person said of a settled pair, under a name of the project that is not their own."""

import json
import re
from collections.abc import Iterable
from typing import Any

from labeling.models import Judgment
from labeling.preferences.settling import counted, vote_on
from labeling.preferences.shapes.pairs import Row, VoteOfPair
from labeling.texts.moments import timestamp
from labeling.texts.pseudonyms import pseudonym

SAYS = {1: "chosen", -1: "rejected", 0: "tie", None: "both_bad"}
NOT_ASKED = -1
PSEUDONYM = re.compile(r"annotator-[0-9a-f]{12}")


def _name_of(judgment: Judgment, *, with_names: bool) -> str:
    labeler = judgment.labeler
    if with_names:
        return labeler.username
    # Whom our own export brought has a pseudonym already: it stays theirs.
    if labeler.is_outside and PSEUDONYM.fullmatch(labeler.first_name):
        return labeler.first_name
    return pseudonym(judgment.project_id, judgment.labeler_id)


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
    sides = dict(zip(pair, ("chosen", "rejected"), strict=True))
    aspects = {name: sides.get(better) for name, better in judgment.aspects.items()}
    shown = [sides[response] for response in judgment.order if response in sides]
    return VoteOfPair(
        judgment=judgment.pk,
        annotator=_name_of(judgment, with_names=with_names),
        says=SAYS[vote.direction],
        strength=NOT_ASKED if vote.strength is None else vote.strength,
        shown_first=shown[0] if shown else "",
        aspects=json.dumps(aspects, ensure_ascii=False, separators=(",", ":")),
        seconds=judgment.seconds or 0.0,
        judged_at=timestamp(judgment.created_at),
    )
