"""What a snapshot holds, counted while it is written: by split, provenance and kind, by whom it was
judged, and how far those who judged the same pair agree."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from labeling.models import Preference, Snapshot
from labeling.quality.measures.coefficients import percent_estimate
from labeling.snapshots.reading import judged_rows

SAYS = ("chosen", "rejected", "tie", "both_bad")


@dataclass
class Counting:
    """Takes row after row; `result` is what the snapshot's row keeps."""

    rows: int = 0
    split: Counter[str] = field(default_factory=Counter)
    provenance: Counter[str] = field(default_factory=Counter)
    kind: Counter[str] = field(default_factory=Counter)
    # What a trainer can learn from as it is, by split; and the others that nobody has excluded.
    decided: Counter[str] = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)
    excluded: int = 0
    judgments: int = 0
    annotators: set[str] = field(default_factory=set)
    guidelines: set[int] = field(default_factory=set)
    # Of pairs that several people judged: how many said each of SAYS, and the prompt.
    votes: "array[int]" = field(default_factory=lambda: array("q"))
    prompts: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, row: Mapping[str, Any], prompt: int, votes: Sequence[Mapping[str, Any]]) -> None:
        self.rows += 1
        self.split[row["split"]] += 1
        self.provenance[row["provenance"]] += 1
        self.kind[row["kind"]] += 1
        self.excluded += bool(row["excluded"])
        if not row["excluded"]:
            is_decided = row["kind"] == Preference.Kind.PREFER
            (self.decided if is_decided else self.undecided)[row["split"]] += 1
        self.judgments += len(votes)
        self.annotators.update(vote["annotator"] for vote in votes)
        self.guidelines.update(vote["guidelines"] for vote in votes if vote["guidelines"])
        if len(votes) > 1:
            said = Counter(vote["vote"] for vote in votes)
            self.votes.extend(said[one] for one in SAYS)
            self.prompts.append(prompt)

    @property
    def result(self) -> dict[str, Any]:
        return {
            "split": dict(self.split),
            "provenance": {name: number for name, number in self.provenance.items() if name},
            "kind": dict(self.kind),
            "decided": dict(self.decided),
            "undecided": dict(self.undecided),
            "excluded": self.excluded,
            "judgments": self.judgments,
            "annotators": len(self.annotators),
            "agreement": self._agreement(),
        }

    def _agreement(self) -> dict[str, Any] | None:
        """The share of pairs of people who judged the same and said the same, with its 95 %
        interval by prompt. None where nobody judged what another did."""
        if not self.prompts:
            return None
        votes = np.frombuffer(self.votes, dtype=np.int64).reshape(-1, len(SAYS))
        estimate = percent_estimate(votes, np.frombuffer(self.prompts, dtype=np.int64))
        return asdict(estimate) if estimate is not None else None


# A training's snapshot is counted when somebody looks at it, up to this size.
COUNTED_ON_SIGHT = 20_000


def counts_of(snapshot: Snapshot) -> dict[str, Any]:
    """What the snapshot holds; empty for a large one that nobody has counted."""
    if snapshot.counts or snapshot.count > COUNTED_ON_SIGHT:
        return dict(snapshot.counts)
    return count_anew(snapshot)


def count_anew(snapshot: Snapshot) -> dict[str, Any]:
    counting = Counting()
    for row, beside in judged_rows(snapshot):
        counting.add(row, beside["prompt"], beside["judgments"])
    return counting.result
