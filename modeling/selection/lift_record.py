"""What choosing has gained, model by model, and whether that is a reason to stop choosing."""

from labeling.models import Project
from modeling.models import ArmLift, RewardModel
from modeling.selection import lift
from modeling.selection.learner import Follower
from modeling.settings.choices import Selection

# With fewer random judgments to test on, a model's time says nothing.
FEWEST_TESTED = 10
# A lift is measured anew once there are a tenth more judgments, and at least this many: measuring
# fits eight heads, and a few judgments change nothing that can be told from chance.
MORE = 10


def record_lift(follower: Follower, strategy: Selection) -> ArmLift | None:
    """Measures when there is enough news, and notes it; None when there is not."""
    if strategy == Selection.RANDOM:
        return None  # there is no other arm
    model, count = follower.model, len(follower.learnt)
    known = ArmLift.objects.filter(reward_model=model).values_list("judgments", flat=True).first()
    if count < (known or 0) + max(MORE, (known or 0) // 10):
        return None
    measured = lift.measure(follower.judged())
    if measured is None:
        return None
    pooled = lift.pooled(measured.differences)
    accuracy = pooled["accuracy"]
    values = {
        "strategy": strategy,
        "judgments": count,
        "trained_on": measured.trained_on,
        "tested_on": pooled["n"],
        "accuracy": accuracy["value"],
        "accuracy_low": accuracy["low"],
        "accuracy_high": accuracy["high"],
        "loss": pooled["loss"],
        "differences": measured.differences,
    }
    return ArmLift.objects.update_or_create(reward_model=model, defaults=values)[0]


def lifts_of(project: Project, most: int, strategy: str | None = None) -> list[ArmLift]:
    """The newest models' first; of one strategy, if it is named."""
    rows = ArmLift.objects.filter(reward_model__project=project).select_related("reward_model")
    if strategy is not None:
        rows = rows.filter(strategy=strategy)
    return list(rows.order_by("-reward_model__version")[:most])


def why_no_lift(live: RewardModel, strategy: str, patience: int, after: int) -> str:
    """A sentence when the times of the last `patience` models under this strategy, those after
    version `after` and before the one in service, have shown no gain together; "" otherwise."""
    rows = ArmLift.objects.filter(
        reward_model__project=live.project,
        reward_model__version__gt=after,
        reward_model__version__lt=live.version,
        strategy=strategy,
        tested_on__gte=FEWEST_TESTED,
    )
    last = list(rows.order_by("-reward_model__version")[:patience])
    if not patience or len(last) < patience:
        return ""
    pooled = lift.pooled([tuple(d) for row in last for d in row.differences])
    if pooled["loss"] > 0.0:
        return ""
    gain = pooled["accuracy"]
    return (
        f"With {patience} reward models in a row, the chosen judgments taught no more than as many "
        f"random ones: of {pooled['n']} random judgments, {100 * gain['value']:+.1f} points were "
        f"foretold [{100 * gain['low']:+.1f}, {100 * gain['high']:+.1f}]."
    )
