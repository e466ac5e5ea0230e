"""What static/js/charts.js draws: specifications made of the numbers of runs and models."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.urls import reverse

from modeling.models import RewardModel
from modeling.reward_models.accuracy import CHANCE, accuracy_of, yardsticks_of

Spec = dict[str, Any]
Curve = Sequence[tuple[int, float]]

MAX_POINTS = 200
SPLIT_NAMES = {"train": "training", "dev": "held out", "test": "test"}


def accuracy_by_version(reward_models: Iterable[RewardModel]) -> Spec | None:
    """Draws accuracy with its interval over the versions, oldest first, and what it is held against
    as dashed lines. None before the first figure."""
    versions = [(model, accuracy_of(model)) for model in reward_models]
    rated = [(model, accuracy) for model, accuracy in versions if accuracy is not None]
    if not rated:
        return None
    return {
        "type": "line",
        "labels": [f"v{model.version}" for model, _ in rated],
        "series": [
            {
                "name": "accuracy",
                "data": [percent(accuracy.value) for _, accuracy in rated],
                "band": [[percent(a.low), percent(a.high)] for _, a in rated],
            },
            *_yardstick_lines([model for model, _ in rated]),
            chance_line(len(rated)),
        ],
        "y": {"unit": " %"},
        "links": [reverse("reward-model", args=[model.pk]) for model, _ in rated],
    }


def chance_line(points: int) -> dict[str, Any]:
    """A dashed line at the share that a tossed coin scores, for charts of accuracies in per
    cent."""
    data = [percent(CHANCE)] * points
    return {"name": "chance", "data": data, "dashed": True, "tone": "ink-muted"}


def _yardstick_lines(reward_models: Sequence[RewardModel]) -> list[dict[str, Any]]:
    yardsticks = [yardsticks_of(model) for model in reward_models]
    lines = {
        "labelers agree": [percent(one.agreement) for one in yardsticks],
        "longer wins": [percent(one.longer_wins) for one in yardsticks],
    }
    return [
        {"name": name, "data": data, "dashed": True}
        for name, data in lines.items()
        if any(value is not None for value in data)
    ]


def learning_curve(points: Sequence[Mapping[str, Any]]) -> Spec | None:
    """Held-out accuracy over the number of comparisons learned from; None below two points."""
    rated = [point for point in points if (point.get("accuracy") or {}).get("value") is not None]
    if len(rated) < 2:
        return None
    rated.sort(key=lambda point: point["comparisons"])
    figures = [point["accuracy"] for point in rated]
    return {
        "type": "line",
        "labels": [point["comparisons"] for point in rated],
        "series": [
            {
                "name": "accuracy",
                "data": [percent(figure["value"]) for figure in figures],
                "band": [[percent(figure["low"]), percent(figure["high"])] for figure in figures],
            },
            chance_line(len(rated)),
        ],
        "x": {"log": True, "title": "comparisons learned from"},
        "y": {"unit": " %"},
    }


def judgments_by_day(counts: Mapping[date, int]) -> Spec | None:
    if not any(counts.values()):
        return None
    return {
        "type": "bar",
        "labels": [f"{day.day} {day:%b}" for day in counts],
        "series": [{"name": "judgments", "data": list(counts.values())}],
        "y": {"min": 0},
    }


def run_curves(curves: Mapping[str, Curve], metric: str) -> Spec | None:
    """Draws one metric of a run over its steps, with a series for each split that has it."""
    drawn = {
        SPLIT_NAMES[split]: thin(curves[f"{split}/{metric}"])
        for split in ("train", "dev")
        if curves.get(f"{split}/{metric}")
    }
    if not drawn:
        return None
    steps = sorted({step for curve in drawn.values() for step, _ in curve})
    factor = 100 if metric == "accuracy" else 1
    series = []
    for name, curve in drawn.items():
        at = {step: round(value * factor, 4) for step, value in curve}
        series.append({"name": name, "data": [at.get(step) for step in steps]})
    if metric == "accuracy":
        series.append(chance_line(len(steps)))
    unit = {"unit": " %"} if metric == "accuracy" else {}
    return {"type": "line", "labels": steps, "series": series, "y": unit}


def one_curve(curves: Mapping[str, Curve], name: str) -> Spec | None:
    """Draws a metric that a run logs without splits, over its steps."""
    curve = thin(curves.get(name) or [])
    if not curve:
        return None
    data = [round(value, 4) for _, value in curve]
    series = [{"name": name.rpartition("/")[2], "data": data}]
    return {"type": "line", "labels": [step for step, _ in curve], "series": series, "y": {}}


def thin(curve: Curve, most: int = MAX_POINTS) -> list[tuple[int, float]]:
    """Leaves at most `most` points. Each is the mean of neighbours, at the step of the last of
    them."""
    size = -(-len(curve) // most) or 1
    chunks = (curve[start : start + size] for start in range(0, len(curve), size))
    return [(chunk[-1][0], sum(value for _, value in chunk) / len(chunk)) for chunk in chunks]


def percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)
