"""What a run does, in words: while it does it, and before."""

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
ESTIMATE = (
    "What the best of n responses would bring is being estimated",
    "What the best of n responses would bring will be estimated",
)


def doing(run: Run) -> str:
    """Says what the run does now, or what it will do while it waits; without a full stop."""
    now, later = ESTIMATE if is_estimate(run) else WORDS[Kind(run.kind)]
    return f"{later} as soon as a worker is free" if run.state == Run.State.QUEUED else now
