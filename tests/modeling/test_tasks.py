"""Celery's entry points: each looks at the rows, whatever its message said."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from config.celery import app
from labeling.tasks import expire_leases
from modeling import tasks
from modeling.models import Run
from modeling.pipeline import executing
from modeling.runs import lifecycle
from tests.factories import claim, make_comparison, make_member, make_project
from tests.modeling.loop_helpers import advance_one, label, long_ago, loop_project

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    sent: list[tuple[str, int]] = []
    monkeypatch.setattr(tasks, "nudge", lambda name, run_id: sent.append((name, run_id)))
    return sent


def test_every_name_that_beat_and_nudges_use_is_a_task() -> None:
    app.loader.import_default_modules()
    used = {entry["task"] for entry in app.conf.beat_schedule.values()}
    used |= {"modeling.tasks.advance", *app.conf.task_routes}
    assert used <= set(app.tasks)


def test_a_message_about_a_project_that_is_gone_does_nothing() -> None:
    tasks.advance(123456789)
    assert not Run.objects.exists()


def test_beat_finds_what_lost_messages_were_about(
    tmp_path: Path, nudged: list[tuple[str, int]]
) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    tasks.advance_all()
    run = Run.objects.get()
    assert nudged == [], "its own message is on the way"
    Run.objects.update(created_at=timezone.now() - timedelta(seconds=30))
    tasks.advance_all()
    assert nudged == [("modeling.tasks.execute", run.pk)]


def test_beat_takes_runs_away_from_dead_workers(
    tmp_path: Path, nudged: list[tuple[str, int]]
) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    run = advance_one(project)
    assert executing.claim(run.pk)
    long_ago(run)
    Run.objects.update(created_at=run.heartbeat_at)
    tasks.advance_all()
    assert nudged == [("modeling.tasks.execute", run.pk)]
    assert lifecycle.can_cancel(Run.objects.get())


def test_executing_a_run_that_is_gone_does_nothing() -> None:
    tasks.execute(123456789)


def test_expired_leases_go_back_into_the_queue() -> None:
    from labeling.models import Assignment

    project = make_project()
    comparison = make_comparison(project)
    assert claim(make_member(project), project)
    Assignment.objects.update(expires_at=timezone.now())
    expire_leases()
    comparison.refresh_from_db()
    assert comparison.slots_left == 1
