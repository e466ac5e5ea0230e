"""Celery's entry points. A message says "look now" and may be lost or come twice."""

from celery import shared_task
from django.utils import timezone

from config.nudges import nudge
from labeling.models import Project
from modeling import following, pipeline, rounds, runs


@shared_task(name="modeling.tasks.advance")
def advance(project_id: int) -> None:
    project = Project.objects.filter(pk=project_id).first()
    if project is not None:
        rounds.advance(project)
        following.follow(project)


@shared_task(name="modeling.tasks.advance_all")
def advance_all() -> None:
    """What beat starts every few seconds: finds everything that a lost message was about."""
    now = timezone.now()
    runs.requeue_abandoned(now)
    rounds.advance_all(now)
    following.follow_all()
    for run_id in runs.waiting(now):
        nudge("modeling.tasks.execute", run_id)


@shared_task(name="modeling.tasks.execute")
def execute(run_id: int) -> None:
    """Early ack: Redis would deliver a task of more than an hour twice. The row is the truth."""
    pipeline.execute(run_id)
