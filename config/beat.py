"""The clock of the workers: sends each message of CELERY_BEAT_SCHEDULE every so many seconds."""

import time
from typing import Any

from celery.beat import ScheduleEntry, Scheduler
from celery.schedules import schedule


class SteadyScheduler(Scheduler):
    """Celery's own scheduler reckons with the time of day: once the clock is set back by an hour,
    it sends nothing for an hour. This one counts the seconds that pass, and keeps no file that a
    crash could damage: every entry may come early or twice, and comes at once after a start."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.due_at: dict[str, float] = {}
        super().__init__(*args, **kwargs)

    def install_default_entries(self, _data: Any) -> None:
        """None: no results are kept that would have to be cleaned up."""

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Sends what is due; returns the seconds until something is again."""
        for name, entry in self.schedule.items():
            self._send_if_due(name, entry)
        return max(0.0, min(self.due_at.values()) - time.monotonic())

    def _send_if_due(self, name: str, entry: ScheduleEntry) -> None:
        now = time.monotonic()
        if now < self.due_at.get(name, now):
            return
        assert isinstance(entry.schedule, schedule)  # every so many seconds; no crontab
        self.due_at[name] = now + entry.schedule.seconds
        self.apply_entry(entry, producer=self.producer)
