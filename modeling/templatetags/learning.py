"""How pages write the numbers of the learning side: shares with their interval, times, tones."""

from typing import Any

from django import template

from labeling.texts.shown_paths import without_paths
from modeling.loop import doing as words
from modeling.loop.run_outcomes import outcome_of
from modeling.models import Policy, RewardModel, Round, Run

register = template.Library()

register.filter("shown", without_paths)

# An interval that reaches further to one side by more than these points is given by its ends.
LOPSIDED = 2.0

TONES = {
    Run.State.QUEUED: "neutral",
    Run.State.RUNNING: "accent",
    Run.State.SUCCEEDED: "success",
    Run.State.FAILED: "danger",
    Run.State.CANCELLED: "neutral",
    RewardModel.Status.CANDIDATE: "neutral",
    RewardModel.Status.LIVE: "success",
    RewardModel.Status.RETIRED: "neutral",
    RewardModel.Status.REJECTED: "warning",
    Round.State.LABELING: "accent",
    Round.State.TRAINING: "accent",
    Round.State.SAMPLING: "accent",
    Round.State.GATING: "accent",
    Round.State.IMPROVING: "accent",
    Round.State.COMPARING: "accent",
    Round.State.FINISHED: "neutral",
    Round.State.PROMOTED: "success",
    Policy.Status.ACCEPTED: "success",
    Round.State.FAILED: "danger",
}


ALGORITHMS = {
    "best_of_n": "best of n",
    "rloo": "RLOO",
    "ppo": "PPO",
    "dpo": "DPO",
}


@register.filter
def algorithm(name: str) -> str:
    """Writes a policy's algorithm as people write it."""
    return ALGORITHMS.get(name, name)


@register.filter
def win_rate(figure: Any) -> str:
    """Writes 58 % [53, 63], with the interval that holds however often one looks."""
    return f"{100 * figure.value:.0f} % [{100 * figure.low:.0f}, {100 * figure.high:.0f}]"


@register.filter
def p_value(value: float) -> str:
    """Writes p = 0.012, or p < 0.001."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


@register.filter
def doing(run: Run) -> str:
    return f"{words.doing(run)}."


@register.filter
def tone(state: str) -> str:
    return TONES.get(state, "neutral")  # type: ignore[call-overload, no-any-return]


@register.filter
def outcome(run: Run) -> str:
    return outcome_of(run)


@register.filter
def took(run: Run) -> float | None:
    """The seconds from start to end of a run that has ended."""
    if run.started_at is None or run.finished_at is None:
        return None
    return (run.finished_at - run.started_at).total_seconds()


@register.filter
def percent(share: float | None, digits: int = 0) -> str:
    return "" if share is None else f"{100 * share:.{digits}f} %"


@register.filter
def in_points(share: float | None) -> str:
    """Writes a difference of shares in points, signed: +1.2."""
    return "" if share is None else f"{100 * share:+.1f}"


@register.filter
def odds(share: float) -> str:
    """Writes 52 : 48."""
    rounded = round(100 * share)
    return f"{rounded} : {100 - rounded}"


@register.filter
def thousands(number: int | float | None) -> str:
    """Writes 1840 as 1,840."""
    return "" if number is None else f"{number:,}"


@register.filter
def estimate(figure: Any, digits: int = 1) -> str:
    """71.2 % ± 1.8: a share with half the width of its 95 % interval, where that is known; a
    lopsided interval, as of few comparisons, is given by its ends: 90.0 % [60.1, 98.2].

    Takes anything with `value`, `low` and `high`.
    """
    if figure is None:
        return ""
    text = f"{100 * figure.value:.{digits}f} %"
    if figure.low is None or figure.high is None:
        return text
    above, below = 100 * (figure.high - figure.value), 100 * (figure.value - figure.low)
    if abs(above - below) > LOPSIDED:
        return f"{text} [{100 * figure.low:.{digits}f}, {100 * figure.high:.{digits}f}]"
    return f"{text} ± {(above + below) / 2:.{digits}f}"


@register.filter
def points(figure: Any) -> str:
    """Writes +1.4 [-0.3, 3.1]: a difference of shares in points with its 95 % interval."""
    return f"{points_alone(figure)} {points_between(figure)}"


@register.filter
def points_alone(figure: Any) -> str:
    """Writes +1.4."""
    return f"{100 * figure['value']:+.1f}"


@register.filter
def points_between(figure: Any) -> str:
    """Writes [-0.3, +3.1]."""
    return f"[{100 * figure['low']:+.1f}, {100 * figure['high']:+.1f}]"


@register.filter
def time_left(seconds: float | None) -> str:
    """Writes what stands behind a share done: “ · about 3 min left”, “ · finishing”, or nothing."""
    left = words.time_left(seconds)
    return f" · {left}" if left else ""


@register.filter
def duration(seconds: float | None) -> str:
    """Writes 42 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _with_interval(series: dict[str, Any], at: int) -> Any:
    value, band = series["data"][at], (series.get("band") or {at: None})[at]
    if value is None or not band or band[0] is None:
        return value
    return f"{value} [{band[0]}, {band[1]}]"


@register.filter
def spec_rows(spec: dict[str, Any]) -> list[tuple[Any, list[Any]]]:
    """A chart's numbers as (label, one value per series), for pages without JavaScript. A smooth
    series, a curve drawn, has no rows of its own."""
    measured = [series["data"] for series in spec["series"] if not series.get("smooth")]
    return [
        (label, [_with_interval(series, at) for series in spec["series"]])
        for at, label in enumerate(spec["labels"])
        if any(column[at] is not None for column in measured)
    ]
