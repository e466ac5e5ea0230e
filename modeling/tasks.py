"""Celery's entry points. A message says "look now" and may be lost or come twice."""

from celery import shared_task
from django.utils import timezone

from config.nudges import nudge
from labeling.models import Project
from modeling.loop import new_alarms, rounds
from modeling.pipeline import executing
from modeling.runs import lifecycle
from modeling.selection import ordering


@shared_task(name="modeling.tasks.advance")
def advance(project_id: int) -> None:
    project = Project.objects.filter(pk=project_id).first()
    if project is not None:
        rounds.advance(project)
        ordering.follow(project)
        new_alarms.tell(project)


@shared_task(name="modeling.tasks.advance_all")
def advance_all() -> None:
    """What beat starts every few seconds: finds everything that a lost message was about."""
    now = timezone.now()
    lifecycle.requeue_abandoned(now)
    rounds.advance_all(now)
    ordering.follow_all()
    new_alarms.tell_all()
    for run_id in lifecycle.waiting(now):
        nudge("modeling.tasks.execute", run_id)


@shared_task(name="modeling.tasks.execute")
def execute(run_id: int) -> None:
    """Early ack: Redis would deliver a task of more than an hour twice. The row is the truth."""
    executing.execute(run_id)
