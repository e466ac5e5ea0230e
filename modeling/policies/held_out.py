"""What a policy wrote to the prompts held out from its training, before and after it.

train_policy leaves it in its run's folder, drawn with the same random numbers. It is read from
there and not stored as rows: nobody compares these responses and nothing learns from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modeling.models import Run
from modeling.runs.files import rows_left


@dataclass(frozen=True)
class Written:
    """One response. `reward` by what the policy was trained against; None without a reward
    model."""

    text: str
    finished: bool
    reward: float | None


@dataclass(frozen=True)
class HeldOutPair:
    """One held-out prompt. `before[i]` and `after[i]` have the same seed."""

    messages: list[dict[str, str]]
    before: list[Written]
    after: list[Written]


def held_out_pairs(run: Run) -> list[HeldOutPair] | None:
    """What the run has left of its held-out prompts, in the order of the file; None when the file
    is gone, with its folder or alone."""
    path = run.folder / "samples.jsonl"
    if not path.exists():
        return None
    is_rewarded = run.asked.reward_model is not None
    return [
        HeldOutPair(
            row["prompt"],
            [_written(response, is_rewarded) for response in row["before"]],
            [_written(response, is_rewarded) for response in row["after"]],
        )
        for row in rows_left(run.folder, path.name)
    ]


def _written(row: Mapping[str, Any], is_rewarded: bool) -> Written:
    reward = row.get("reward") if is_rewarded else None
    return Written(row["text"], bool(row.get("ended", True)), reward)
