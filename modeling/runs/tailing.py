"""Follows a program's metrics.jsonl into Metric rows and a run's progress."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modeling.models import Metric, Run

METRICS_BATCH = 500


@dataclass(frozen=True)
class Progress:
    """How far the whole program is, `share` in 0..1, and what it does now, in its own words."""

    share: float
    text: str
    seconds_left: float | None


class Tail:
    """Reads whole new lines at each call. Reading a file again from its start adds nothing twice:
    a metric exists once per name and step."""

    def __init__(self, run: Run, path: Path) -> None:
        self.run = run
        self.path = path
        self.offset = 0

    def read(self) -> Progress | None:
        """Stores the new metrics; gives the latest new progress."""
        progress = None
        metrics: list[Metric] = []
        for line in self._new_lines():
            if isinstance(line.get("progress"), dict):
                progress = read_progress(line["progress"]) or progress
            elif isinstance(line.get("metrics"), dict):
                metrics += metrics_in(self.run, line)
        if metrics:
            # A resumed program repeats the steps since its checkpoint, with the same values.
            Metric.objects.bulk_create(metrics, METRICS_BATCH, ignore_conflicts=True)
        return progress

    def _new_lines(self) -> list[dict[str, Any]]:
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return [line for text in whole.splitlines() if (line := parse(text)) is not None]


def parse(text: bytes) -> dict[str, Any] | None:
    """A line cut short by a kill, with the next attempt's line behind it, is no reason to stop."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


def metrics_in(run: Run, line: dict[str, Any]) -> list[Metric]:
    """None of a line whose step or time is damaged: curves are no reason to stop a run."""
    try:
        return read_metrics(run, line)
    except (TypeError, ValueError, OverflowError, OSError):
        return []


def read_metrics(run: Run, line: dict[str, Any]) -> list[Metric]:
    step = int(line.get("step", 0))
    if not 0 <= step < 2**31:
        raise ValueError(f"{step} is no step")
    logged_at = datetime.fromtimestamp(float(line.get("time", 0.0)), UTC)
    return [
        Metric(run=run, name=str(name)[:80], step=step, value=float(value), logged_at=logged_at)
        for name, value in line["metrics"].items()
        if isinstance(value, int | float) and math.isfinite(value)
    ]


def read_progress(line: dict[str, Any]) -> Progress | None:
    done, total = _number(line.get("done")), _number(line.get("total"))
    if done is None or total is None or total <= 0:
        return None
    phase, unit = str(line.get("phase") or "working"), str(line.get("unit") or "")
    share = _number(line.get("share"))
    left = _number(line.get("eta_seconds"))
    return Progress(
        share=min(1.0, max(0.0, done / total if share is None else share)),
        text=(f"{phase}: {done:,} of {total:,} {unit}" if unit else phase)[:200],
        seconds_left=float(left) if left is not None and left >= 0 else None,
    )


def _number(value: Any) -> int | float | None:
    """A finite number that a column can hold."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) < 1e15 else None  # NaN is not below it either
