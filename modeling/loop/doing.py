"""What a run does, in words: while it does it, and before; and how long it still takes."""

import math

from modeling.models import Run
from modeling.policies.improving import is_estimate

Kind = Run.Kind

# Kind -> now, and as soon as a worker is free.
WORDS = {
    Kind.TRAIN_REWARD: ("The reward model is being trained", "The reward model will be trained"),
    Kind.SAMPLE: (
        "New pairs are being sampled from the policy",
        "New pairs will be sampled from the policy",
    ),
    Kind.SCORE: (
        "The queue is being ranked by the new reward model",
        "The queue will be ranked by the new reward model",
    ),
    Kind.TRAIN_POLICY: ("The policy is being improved", "The policy will be improved"),
    Kind.COMPARE: (
        "The new and the current policy are answering the same prompts",
        "The new and the current policy will answer the same prompts",
    ),
}
# With less time than this left, the end is said to be near.
FINISHING_SECONDS = 5.0
ESTIMATE = (
    "What the best of n responses would bring is being estimated",
    "What the best of n responses would bring will be estimated",
)


def doing(run: Run) -> str:
    """Says what the run does now, or what it will do while it waits; without a full stop."""
    now, later = ESTIMATE if is_estimate(run) else WORDS[Kind(run.kind)]
    return f"{later} as soon as a worker is free" if run.state == Run.State.QUEUED else now


def time_left(seconds: float | None) -> str:
    """Puts a time left into words, rounded as coarsely as it is known; "" for None. A time that has
    run out is "finishing", since nobody knows that it ends this second."""
    if seconds is None:
        return ""
    if seconds < FINISHING_SECONDS:
        return "finishing"
    if seconds < 90:
        return f"about {5 * math.ceil(seconds / 5)} s left"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min left"
    return f"about {round(seconds / 3600)} h left"
