"""Tells which runs' workers have fallen silent, also while somebody sets the clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from modeling.models import Run

Sign = tuple[int, datetime | None]
STEP = timedelta(seconds=2)


class SilenceWatch:
    """What one process has seen of the signs of life that workers give by the time of day.

    When the clock is set forward, a healthy worker's last sign is old at once; set back, a dead
    worker's lies ahead. So the time of day counts only while it runs evenly with `passed`, seconds
    by a clock that nobody sets; otherwise only that no other sign came while this process waited.
    """

    def __init__(self, stale_after: timedelta, now: datetime, passed: float) -> None:
        self.stale_after = stale_after
        self.started = now - timedelta(seconds=passed)
        self.distrusted_until = 0.0
        self.last: dict[int, tuple[Sign, float]] = {}

    def silent(self, running: Sequence[Run], now: datetime, passed: float) -> set[int]:
        """The runs among `running` that gave no sign for too long; all that are under way must be
        among them."""
        self._compare_clocks(now, passed)
        is_trusted = passed >= self.distrusted_until
        self.last = {run.pk: self._seen(run, passed) for run in running}
        return {
            run.pk
            for run in running
            if passed - self.last[run.pk][1] >= self.stale_after.total_seconds()
            or (
                is_trusted
                and (run.heartbeat_at is None or run.heartbeat_at < now - self.stale_after)
            )
        }

    def _compare_clocks(self, now: datetime, passed: float) -> None:
        started = now - timedelta(seconds=passed)
        if abs(started - self.started) > STEP:
            self.distrusted_until = passed + self.stale_after.total_seconds()
        self.started = started

    def _seen(self, run: Run, passed: float) -> tuple[Sign, float]:
        sign = (run.attempt, run.heartbeat_at)
        before = self.last.get(run.pk)
        return before if before is not None and before[0] == sign else (sign, passed)
