"""Who is taken for dead when somebody sets the clock: nobody who lives, everybody who is dead."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from modeling.models import Run
from modeling.pipeline import executing
from modeling.runs import lifecycle, programs
from modeling.runs.silence import SilenceWatch
from tests.modeling.loop_helpers import advance_one, label, loop_project

pytestmark = pytest.mark.django_db
STEPS = [timedelta(hours=1), timedelta(hours=-1)]
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has begun at NOW, at second 0 of the clock that nobody sets."""
    monkeypatch.setattr(lifecycle, "_watch", SilenceWatch(lifecycle.STALE_AFTER, NOW, 0.0))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    project = loop_project(tmp_path)
    label(project, 10)
    return advance_one(project)


def sign_of_life(run: Run, seconds: float) -> None:
    Run.objects.filter(pk=run.pk).update(heartbeat_at=NOW + timedelta(seconds=seconds))


def look(seconds: float, step: timedelta = timedelta(0)) -> list[Run]:
    return lifecycle.requeue_abandoned(NOW + timedelta(seconds=seconds) + step, seconds)


@pytest.mark.parametrize("step", STEPS)
def test_a_healthy_run_keeps_its_worker(run: Run, step: timedelta) -> None:
    assert executing.claim(run.pk)
    for second in range(0, 59, 15):
        sign_of_life(run, second)
    assert look(58.0) == []
    # Somebody sets the clock; the worker, deep in some work, gives no sign for fifty seconds.
    assert look(59.0, step) == []
    assert look(108.0, step) == []
    sign_of_life(run, 108.0 + step.total_seconds())
    assert look(125.0, step) == []


@pytest.mark.parametrize("step", STEPS)
def test_a_dead_worker_is_found_in_the_same_time(run: Run, step: timedelta) -> None:
    assert executing.claim(run.pk)
    sign_of_life(run, 0.0)
    assert look(1.0) == []
    assert look(15.0, step) == []
    assert look(61.0, step) == [run]


@pytest.mark.parametrize("step", STEPS)
def test_a_free_lock_proves_the_worker_dead_at_once(run: Run, step: timedelta) -> None:
    with programs.sole_use(run.folder):
        assert executing.claim(run.pk)
        sign_of_life(run, 0.0)
        assert look(1.0, step) == []
    assert look(2.0, step) == [run]
