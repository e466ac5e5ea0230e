"""Beat counts the seconds that pass; the time of day is nothing to it."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from celery.app.base import Celery

from config import beat
from config.celery import app


class Clocks:
    """Seconds that pass, and a time of day that can be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 1000.0
        self.set_back = timedelta(0)
        time_of_day = Celery.now
        monkeypatch.setattr(Celery, "now", lambda celery: time_of_day(celery) - self.set_back)
        self.time = SimpleNamespace(monotonic=lambda: self.passed)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks(monkeypatch)
    monkeypatch.setattr(beat, "time", clocks.time)
    return clocks


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def note(_scheduler: Any, entry: Any, **_options: Any) -> None:
        names.append(entry.name)

    monkeypatch.setattr(beat.SteadyScheduler, "apply_entry", note)
    monkeypatch.setattr(beat.SteadyScheduler, "producer", None)
    return names


# Every 15 seconds, and what is done more rarely.
LOOKS = ["advance", "expire-leases", "finish-changes", "send-webhooks"]
NOW_AND_THEN = ["forget-requests", "remove-old-deliveries", "update-reliability"]


def test_everything_is_sent_at_once_and_then_when_it_is_due(
    clocks: Clocks, sent: list[str]
) -> None:
    scheduler = beat.SteadyScheduler(app=app)
    assert scheduler.tick() == 15
    assert sorted(sent) == sorted([*LOOKS, *NOW_AND_THEN])
    sent.clear()
    clocks.passed += 14
    assert scheduler.tick() == 1
    assert sent == []
    clocks.passed += 1
    scheduler.tick()
    assert sorted(sent) == LOOKS


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_is_set_moves_no_look(
    clocks: Clocks, sent: list[str], step: timedelta
) -> None:
    scheduler = beat.SteadyScheduler(app=app)
    scheduler.tick()
    sent.clear()
    clocks.set_back = step
    assert scheduler.tick() == 15
    clocks.passed += 15
    scheduler.tick()
    assert sorted(sent) == LOOKS


def test_beat_uses_this_scheduler() -> None:
    assert app.conf.beat_scheduler == "config.beat:SteadyScheduler"
