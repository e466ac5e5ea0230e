"""The clock of the workers: sends each message of CELERY_BEAT_SCHEDULE at its interval."""

import time
from typing import Any

from celery.beat import ScheduleEntry, Scheduler
from celery.schedules import schedule


class SteadyScheduler(Scheduler):
    """Counts the seconds that pass, and keeps no file that a crash could damage.

    Celery's own scheduler reckons with the time of day: once the clock is set back by an hour, it
    sends nothing for an hour. Here every entry may come early or twice, and comes at once after a
    start, which does no harm to messages that carry no data.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.due_at: dict[str, float] = {}
        super().__init__(*args, **kwargs)

    def install_default_entries(self, _data: Any) -> None:
        """Installs nothing: Celery's own entry would clean up results, and none are kept."""

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Sends what is due. Returns the seconds until the next entry is due."""
        for name, entry in self.schedule.items():
            self._send_if_due(name, entry)
        return max(0.0, min(self.due_at.values()) - time.monotonic())

    def _send_if_due(self, name: str, entry: ScheduleEntry) -> None:
        now = time.monotonic()
        if now < self.due_at.get(name, now):
            return
        assert isinstance(entry.schedule, schedule)  # an interval; a crontab has no seconds
        self.due_at[name] = now + entry.schedule.seconds
        self.apply_entry(entry, producer=self.producer)
