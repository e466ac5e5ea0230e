"""What a reward model said of each comparison, and the figures that follow from it. No torch.

A line of predictions.jsonl: the two rewards beside everything that is needed to count them again
by any slice. Lines written by earlier versions lack some fields; those have defaults.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from modeling.measures.calibration import calibrate
from modeling.measures.intervals import accuracy_interval, difference_interval
from modeling.measures.noise import noise_of
from modeling.measures.points import HEADLINE, point_of

HELD_OUT = ("test", "dev", "calibration")
BANDS = ((200, "under 200 characters"), (800, "200 to 799"), (2000, "800 to 1,999"))
LONGEST = "2,000 and more"
STRENGTHS = ((1.5, "slightly better"), (2.5, "better"))
STRONGEST = "much better"
MARGIN_BINS = 24


@dataclass(frozen=True)
class Prediction:
    """What a model said of one comparison. `target` is the share of judgments for chosen, 0.5 for a
    tie. Lengths are in characters."""

    id: str
    split: str
    reward_chosen: float
    reward_rejected: float
    prompt: str = ""
    target: float = 1.0
    weight: float = 1.0
    strength: float | None = None
    arm: str | None = ""
    round: int | None = None
    chosen_length: int = 0
    rejected_length: int = 0
    members_chosen: Sequence[float] = ()  # of an ensemble, on one scale; empty for one alone
    members_rejected: Sequence[float] = ()
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)  # e.g. {"tag": ["maths"]}

    @property
    def delta(self) -> float:
        return self.reward_chosen - self.reward_rejected

    @property
    def point(self) -> float | None:
        """1 for the judged order, 0 for the reverse, 0.5 for equal rewards; None for a tie."""
        return point_of(self.delta, self.target)

    @property
    def margins(self) -> list[float]:
        """For each member, the reward of the judged winner less that of the other."""
        members = zip(self.members_chosen, self.members_rejected, strict=True)
        deltas = [chosen - rejected for chosen, rejected in members] or [self.delta]
        return deltas if self.target > 0.5 else [-delta for delta in deltas]

    @property
    def longer_by(self) -> int:
        """How many characters the judged winner is longer than the other."""
        longer = self.chosen_length - self.rejected_length
        return longer if self.target >= 0.5 else -longer


def read_predictions(path: Path) -> list[Prediction]:
    """Reads the predictions of a run; [] when it has left none."""
    if not path.is_file():
        return []
    with path.open("rb") as lines:
        return predictions_of(json.loads(line) for line in lines if line.strip())


def predictions_of(rows: Iterable[dict[str, Any]]) -> list[Prediction]:
    """Makes predictions of the file's lines. Unknown fields are passed over."""
    known = Prediction.__dataclass_fields__.keys()
    known_columns = [{key: row[key] for key in row.keys() & known} for row in rows]
    return [Prediction(**{"prompt": row["id"]} | row) for row in known_columns]


def prompt_key(prompt: Iterable[Sequence[str]]) -> str:
    """A short name for a prompt: comparisons of one prompt are drawn together."""
    text = json.dumps([list(message) for message in prompt], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def headline_of(rows: Sequence[Prediction]) -> tuple[str, list[Prediction]]:
    """Gives the most honest split that there is, and its rows; ("", []) without one."""
    for split in HEADLINE:
        held_out = [row for row in rows if row.split == split]
        if any(row.point is not None for row in held_out):
            return split, held_out
    return "", []


def accuracy_of(
    rows: Iterable[Prediction], point: Callable[[Prediction], float | None] | None = None
) -> dict[str, float] | None:
    """Computes accuracy with its interval by prompt; None without a decided comparison."""
    by_prompt: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        value = row.point if point is None else point(row)
        if value is not None:
            by_prompt[row.prompt].append(value)
    return accuracy_interval(list(by_prompt.values()))


def length_band(row: Prediction) -> str:
    """Names the band of the longer of the two responses."""
    longer = max(row.chosen_length, row.rejected_length)
    return next((name for limit, name in BANDS if longer < limit), LONGEST)


def strength_band(row: Prediction) -> str:
    if row.strength is None:
        return "not given"
    return next((name for limit, name in STRENGTHS if abs(row.strength) < limit), STRONGEST)


def slices_of(row: Prediction) -> dict[str, Sequence[str]]:
    """Lists every slice that the row is in, by kind."""
    return {
        "strength": [strength_band(row)],
        "length": [length_band(row)],
        "arm": [row.arm or "not known"],
        "round": ["imported" if row.round is None else str(row.round)],
        **row.slices,
    }


def by_slice(rows: Iterable[Prediction]) -> dict[str, dict[str, list[Prediction]]]:
    """Groups the rows: kind -> name -> rows."""
    by_kind: dict[str, dict[str, list[Prediction]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for kind, names in slices_of(row).items():
            for name in names:
                by_kind[kind][name].append(row)
    return by_kind


def _order(kind: str, name: str) -> tuple[int, str]:
    """Sorts bands by size, rounds by number, the rest by name."""
    known = [*(n for _, n in BANDS), LONGEST, *(n for _, n in STRENGTHS), STRONGEST]
    if kind in ("length", "strength"):
        return (known.index(name) if name in known else len(known), name)
    return (int(name) if name.isdecimal() else -1, name)


def slice_table(rows: Iterable[Prediction]) -> dict[str, list[dict[str, Any]]]:
    """Makes kind -> [{"name", "value", "low", "high", "n"}]."""
    table: dict[str, list[dict[str, Any]]] = {}
    for kind, named in by_slice(rows).items():
        lines: list[dict[str, Any]] = []
        for name in sorted(named, key=lambda name, kind=kind: _order(kind, name)):  # type: ignore[misc]
            accuracy = accuracy_of(named[name])
            if accuracy is not None:
                lines.append({"name": name, **accuracy})
        table[kind] = lines
    return table


def newest_slice(rows: Iterable[Prediction]) -> list[Prediction]:
    """Chooses held-out comparisons of the newest round that were drawn at random: what today's
    policy writes."""
    drawn = [r for r in rows if r.arm == "random" and r.split in HELD_OUT and r.round is not None]
    newest = max((row.round or 0 for row in drawn), default=None)
    return [row for row in drawn if row.round == newest]


def arrays(rows: Sequence[Prediction]) -> tuple[np.ndarray, np.ndarray]:
    """Gives (deltas, targets)."""
    return np.array([row.delta for row in rows]), np.array([row.target for row in rows])


def length_correlation(rows: Sequence[Prediction]) -> float | None:
    """Correlation of the difference in reward with the difference in length; None when either
    does not vary. Each pair counts both ways round, so that who won does not enter."""
    delta = np.array([row.delta for row in rows])
    longer = np.array([row.chosen_length - row.rejected_length for row in rows], dtype=float)
    largest = max((max(abs(r.reward_chosen), abs(r.reward_rejected)) for r in rows), default=0.0)
    if not (np.abs(delta) > noise_of(largest)).any():
        return None  # rewards that differ by rounding
    scale = float(np.sqrt((delta**2).sum() * (longer**2).sum()))
    return float((delta * longer).sum() / scale) if scale > 0 else None


def longer_point(row: Prediction) -> float | None:
    """The point that “the longer one is better” would score on this comparison."""
    return point_of(row.chosen_length - row.rejected_length, row.target)


def length_report(rows: Sequence[Prediction]) -> dict[str, Any]:
    return {
        "correlation": length_correlation(rows),
        "longer_wins": accuracy_of(rows, longer_point),
        "longer_lost": accuracy_of([row for row in rows if row.longer_by < 0]),
    }


def margin_histogram(rows: Sequence[Prediction]) -> dict[str, list[Any]]:
    """How far apart the rewards of the judged winner and loser are, in bins of equal width."""
    margins = [row.delta if row.target > 0.5 else -row.delta for row in rows if row.target != 0.5]
    if not margins:
        return {"edges": [], "counts": []}
    reach = float(np.quantile(np.abs(margins), 0.99)) or 1.0
    counts, edges = np.histogram(np.clip(margins, -reach, reach), MARGIN_BINS, (-reach, reach))
    return {"edges": [round(float(edge), 4) for edge in edges], "counts": counts.tolist()}


def evaluate(rows: Sequence[Prediction]) -> dict[str, Any]:
    """Computes every figure about one model that is not about its training. `split` names the split
    that figures are of unless they say otherwise. {} without a held-out comparison."""
    split, held_out = headline_of(rows)
    if not split:
        return {}
    fit_on = [(name, [r for r in rows if r.split == name]) for name in ("calibration", "dev")]
    newest = newest_slice(rows)
    newest_accuracy = accuracy_of(newest)
    return {
        "split": split,
        "accuracy": accuracy_of(held_out),
        "slices": slice_table(held_out),
        "newest": newest_accuracy and {"round": newest[0].round, **newest_accuracy},
        "calibration": calibrate(
            [(name, *arrays(part)) for name, part in fit_on if name != split], *arrays(held_out)
        ),
        "length": length_report(held_out),
        "margins": margin_histogram(held_out),
    }


def paired(
    new: Iterable[Prediction], old: Mapping[str, Prediction]
) -> list[tuple[Prediction, Prediction]]:
    """Pairs the rows that both models have scored, as (new, old)."""
    return [(row, old[row.id]) for row in new if row.id in old]


def compare(pairs: Iterable[tuple[Prediction, Prediction]]) -> dict[str, float] | None:
    """Computes how much more accurate the new model is on the same rows, with its interval by
    prompt."""
    by_prompt: dict[str, list[float]] = defaultdict(list)
    for new, old in pairs:
        if new.point is not None and old.point is not None:
            by_prompt[new.prompt].append(new.point - old.point)
    return difference_interval(list(by_prompt.values()))
