"""What the selection page tells: what comes next and why, and what choosing has gained."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from labeling.models import Comparison, Project
from modeling.models import ArmLift, InstantGuess, QueueOrder
from modeling.reward_models.drift import Running, running
from modeling.selection import lift
from modeling.selection.fallback import strategy_of
from modeling.selection.lift_record import FEWEST_TESTED, lifts_of
from modeling.selection.queue_arrays import rankable
from modeling.selection.reasons import EVEN, MOVED
from modeling.settings.choices import Selection

ROWS = 20
LIFTS_POOLED = 20
GUESSES_DRAWN = 500


@dataclass(frozen=True)
class Waiting:
    """A comparison at the head of the line. `favoured` is the predicted share of people who prefer
    the likelier response; None where the order does not come from the reward model."""

    comparison: Comparison
    favoured: float | None
    reasons: list[str]


@dataclass(frozen=True)
class PooledLift:
    """Gain in accuracy of chosen judgments over as many random ones, on `tested` random ones."""

    value: float
    low: float
    high: float
    loss: float
    tested: int
    models: int

    @property
    def in_words(self) -> str:
        gain = f"{100 * self.value:+.1f} points [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"
        if self.low > 0:
            return f"Chosen judgments teach more than random ones: {gain}."
        if self.high < 0:
            return f"Chosen judgments teach less than random ones: {gain}."
        return f"No difference between chosen and random judgments is certain yet: {gain}."


@dataclass(frozen=True)
class HeadStanding:
    """The instant head and the model alone on the same random judgments, each before it learnt
    from them: `curve` has the running shares of both by judgment."""

    head: Running
    model: Running
    curve: list[tuple[int, float, float]]


def pooled_lift(project: Project) -> PooledLift | None:
    """Over the newest reward models under the project's strategy; None before it was measured."""
    asked = project.loop_settings.selection
    rows = [r for r in lifts_of(project, LIFTS_POOLED, asked) if r.differences]
    if not rows:
        return None
    pooled = lift.pooled([tuple(d) for row in rows for d in row.differences])
    gain = pooled["accuracy"]
    return PooledLift(
        gain["value"], gain["low"], gain["high"], pooled["loss"], pooled["n"], len(rows)
    )  # fmt: skip


def in_one_line(project: Project) -> str:
    """For the dashboard: what is followed, and what it gains."""
    name = Selection(project.loop_settings.selection).label.partition(":")[0]
    if strategy_of(project) != project.loop_settings.selection:
        return f"{name} gained nothing, so everything is handed out at random."
    if project.loop_settings.selection == Selection.RANDOM:
        return "Everything is handed out at random."
    gain = pooled_lift(project)
    return f"{name}. {gain.in_words if gain else 'Its gain over random is not known yet.'}"


def measured_lifts(project: Project) -> list[ArmLift]:
    """Oldest first, with enough tests to draw."""
    rows = lifts_of(project, LIFTS_POOLED)
    return [row for row in reversed(rows) if row.tested_on >= FEWEST_TESTED]


def head_standing(project: Project) -> HeadStanding | None:
    """On the newest random judgments; None before there are two."""
    rows = list(
        InstantGuess.objects.filter(reward_model__project=project, arm=Comparison.Arm.RANDOM)
        .exclude(preference__excluded=True)
        .order_by("-pk")
        .values_list("point", "model_point")[:GUESSES_DRAWN]
    )[::-1]
    if len(rows) < 2:
        return None
    head, model, curve = 0.0, 0.0, []
    for count, (ours, theirs) in enumerate(rows, 1):
        head, model = head + ours, model + theirs
        curve.append((count, head / count, model / count))
    count = len(rows)
    return HeadStanding(
        running(head / count, count, 1.0), running(model / count, count, 1.0), curve
    )  # fmt: skip


def judged_by_arm(project: Project) -> dict[str, int]:
    """Judged comparisons by the way they were handed out."""
    finished = Comparison.objects.filter(project=project, state=Comparison.State.FINISHED)
    counts = dict(finished.values_list("arm").annotate(Count("pk")).order_by())
    return {arm.label: counts.get(arm.value, 0) for arm in Comparison.Arm if counts.get(arm.value)}


def next_in_line(project: Project, order: QueueOrder | None) -> list[Waiting]:
    """As they will be handed out, less the blind comparisons of a round that is under way: which
    they are is nobody's to know before it is decided."""
    rows = rankable(project).select_related("prompt")
    figures = {row["comparison"]: row for row in (order.summary.get("head", []) if order else [])}
    strategy = order.strategy if order else Selection.RANDOM
    return [
        Waiting(
            comparison,
            figures[comparison.pk]["confidence"] if comparison.pk in figures else None,
            reasons_of(figures.get(comparison.pk), strategy),
        )
        for comparison in rows.order_by("-priority", "pk")[:ROWS]
    ]


def reasons_of(figures: dict[str, Any] | None, strategy: str) -> list[str]:
    """In a few words each, the main one first."""
    if figures is None:
        return ["not ranked yet"]
    if strategy == Selection.RANDOM:
        return ["at random"]
    reasons = []
    if strategy == Selection.MAX_MIN:
        reasons.append("far apart")
    if figures["uncertainty"] >= EVEN:
        reasons.append("nearly even")
    elif strategy in (Selection.UNCERTAINTY, Selection.THOMPSON):
        reasons.append("open")
    if figures["teaches"] or strategy == Selection.DISAGREEMENT:
        reasons.append("much to learn")
    if figures["moved"] >= MOVED:
        reasons.append("unlike those before")
    return reasons
