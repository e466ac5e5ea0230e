"""Reads the files of a snapshot, row by row, however large they are."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labeling.models import Snapshot
from labeling.preferences.shapes.annotators import NOT_ASKED
from labeling.preferences.shapes.pairs import Answer, Pair, Row, VoteOfPair
from labeling.preferences.snapshots import SnapshotDamaged
from labeling.snapshots.files import path_of
from labeling.texts.messages import extra_of

EVEN = 1e-6
# What a training's rows do not say.
TRAINED = {"kind": "prefer", "provenance": "", "excluded": False, "excluded_reason": ""}


def rows_path(snapshot: Snapshot) -> Path:
    return path_of(snapshot.sha256)


def votes_path(snapshot: Snapshot) -> Path:
    return path_of(snapshot.votes_sha256)


def lines_of(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except FileNotFoundError:
        raise SnapshotDamaged(f"The file {path.name} is gone: take a new snapshot.") from None


def rows_of(snapshot: Snapshot) -> Iterator[Row]:
    """The rows in id order, each as the style `messages` has it. Of a training's snapshot they have
    only the columns that it kept."""
    for line in lines_of(rows_path(snapshot)):
        yield as_messages(json.loads(line))


def as_messages(row: Row) -> Row:
    """A row of either kind of file, with a number as its id and with its responses as messages."""
    if isinstance(row["id"], int):
        return row
    sides = {side: [_message(row[side])] for side in ("chosen", "rejected")}
    kind = "tie" if abs(row["target"] - 0.5) < EVEN else "prefer"
    strength, number = row.get("strength"), row.get("round")
    numbers = {"strength": float(strength or 0.0), "round": number or 0}
    return {**TRAINED, **row, "id": int(row["id"]), **sides, "kind": kind, **numbers}


def _message(answer: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(answer, dict):
        return {"role": "assistant", **answer}
    return {"role": "assistant", "content": answer}


def judged_rows(snapshot: Snapshot) -> Iterator[tuple[Row, Row]]:
    """Each row, with what the file beside it says of its prompt and judgments."""
    if not snapshot.is_by_hand:
        for row in rows_of(snapshot):
            yield row, {"prompt": 0, "judgments": []}
        return
    votes = lines_of(votes_path(snapshot))
    for row, line in zip(rows_of(snapshot), votes, strict=True):
        yield row, json.loads(line)


def pair_of(row: Row, beside: Row, project: str) -> Pair:
    """The row as styles take it."""
    return Pair(
        prompt=row["prompt"],
        chosen=_answer(row["chosen"]),
        rejected=_answer(row["rejected"]),
        is_both_bad=row["kind"] == "both_bad",
        prompt_id=beside["prompt"],
        project=project,
        split=row["split"],
        votes=[_vote(vote) for vote in beside["judgments"]],
        kind=row["kind"],
        target=row["target"],
        comparison=beside.get("comparison", 0),
        is_turned=row.get("fingerprint", "0")[-1] in "13579bdf",
    )


def _vote(vote: Row) -> VoteOfPair:
    return VoteOfPair(
        judgment=vote["id"],
        annotator=vote["annotator"],
        says=vote["vote"],
        strength=vote.get("strength", NOT_ASKED),
        shown_first=vote.get("shown_first", ""),
        aspects=vote.get("aspects", "{}"),
        seconds=vote.get("seconds", 0.0),
        judged_at=vote.get("judged_at", ""),
    )


def _answer(messages: list[dict[str, Any]]) -> Answer:
    (message,) = messages
    return Answer(message["content"], extra_of(message))
