"""Why the queue is in its order, in numbers for the selection page."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.measures.logistic import Array, Beliefs
from modeling.selection.queue_arrays import QueueArrays
from modeling.selection.strategies import disagreement, uncertainty

SHOWN = 50
BINS = 10
# From here on a pair is nearly even: 55 to 45.
EVEN = 0.9928
# Where a label would teach more than in nine of ten others, and noticeably.
FOREMOST, NOTICEABLE = 0.9, 0.02
# A pair this many places further ahead than its worth alone would put it was moved to spread.
MOVED = 10


def summary_of_order(
    queue: QueueArrays, beliefs: Beliefs, worth: Array, order: NDArray[np.intp]
) -> dict[str, Any]:
    """`order` holds the places of the comparisons in the line; those with worth < 0 have gone."""
    here = np.flatnonzero(worth >= 0)
    sure = np.abs(beliefs.probability - 0.5) + 0.5
    confidence, open_, doubt = (
        queue.mean(values) for values in (sure, uncertainty(beliefs), disagreement(beliefs))
    )
    counts, edges = np.histogram(confidence[here], bins=BINS, range=(0.5, 1.0))
    by_worth = np.empty(len(worth), dtype=int)
    by_worth[np.argsort(-worth, kind="stable")] = np.arange(len(worth))
    much = max(NOTICEABLE, float(np.quantile(doubt[here], FOREMOST))) if len(here) else 1.0
    head = [
        {
            "comparison": int(queue.ids[at]),
            "confidence": round(float(confidence[at]), 4),
            "uncertainty": round(float(open_[at]), 4),
            "disagreement": round(float(doubt[at]), 4),
            "teaches": bool(doubt[at] >= much),
            "worth": round(float(worth[at]), 4),
            "moved": int(by_worth[at]) - place,
        }
        for place, at in enumerate(order[:SHOWN].tolist())
    ]
    return {
        "head": head,
        "histogram": {"from": [round(float(edge), 2) for edge in edges[:-1]],
                      "count": counts.tolist()},
    }  # fmt: skip
