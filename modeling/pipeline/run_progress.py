"""How far a run is, of all its programs together, and how long it still takes.

A run's figure never falls: a worker that takes a run up goes on from what the last one has shown,
as long as there are files to go on from.
"""

from collections.abc import Sequence
from typing import Any

from modeling.core.program.whole import Phase, WholeRun
from modeling.loop.doing import FINISHING_SECONDS
from modeling.models import Run
from modeling.pipeline.inputs import folder_of
from modeling.runs.tailing import Progress

# What programs cost, one beside another, before anything was measured.
COSTS = {"train_reward": 10.0, "train_policy": 10.0, "sample": 10.0, "score": 2.0, "shadow": 1.0}
# A time that has run out says that the end is near only when that is so.
NEAR_THE_END = 0.95


class RunProgress:
    """Times are seconds by a steady clock."""

    def __init__(self, run: Run, stages: Sequence[str]) -> None:
        goes_on = any((folder_of(run, stage) / "metrics.jsonl").exists() for stage in stages)
        seconds = _measured_before(run)
        costs = {stage: seconds.get(stage, COSTS[stage]) for stage in stages}
        if not costs.keys() <= seconds.keys():
            costs = {stage: COSTS[stage] for stage in stages}
        phases = [Phase(stage, costs[stage]) for stage in stages]
        self.whole = WholeRun(phases, before=run.progress if goes_on else 0.0)
        self.left: float | None = None
        self.text_at = 0.0
        self.text = "starting"

    def begin(self, stage: str, now: float) -> None:
        self.whole.reach(stage, "", 0.0, now)
        self.left = None

    def take(self, stage: str, progress: Progress, now: float) -> None:
        """What the program of this stage says of itself."""
        self.whole.reach(stage, "", progress.share, now)
        self.text, self.text_at = progress.text, now
        self.left = (
            None if progress.seconds_left is None else self.whole.left(progress.seconds_left)
        )

    def values(self, now: float) -> dict[str, Any]:
        """The columns of the run's row. The time left goes on falling while a program is silent."""
        left = None if self.left is None else max(0.0, self.left - (now - self.text_at))
        if left is not None and left < FINISHING_SECONDS and self.whole.shown < NEAR_THE_END:
            left = None  # it was wrong, and nobody knows better
        return {
            "progress": self.whole.shown,
            "progress_text": self.text,
            "seconds_left": left,
        }


def _measured_before(run: Run) -> dict[str, float]:
    """Stage -> seconds, by the last run of this kind; {} where there is none."""
    same = Run.objects.filter(project=run.project, kind=run.kind, state=Run.State.SUCCEEDED)
    last = same.exclude(pk=run.pk).order_by("-pk").first()
    results = last.results if last else {}
    by_stage = {stage: results[stage] for stage in COSTS if isinstance(results.get(stage), dict)}
    seconds = {stage: figures.get("seconds") for stage, figures in by_stage.items()}
    return {
        stage: float(value)
        for stage, value in seconds.items()
        if isinstance(value, int | float) and value > 0
    }
