"""Celery's entry points for people's work."""

from celery import shared_task

from labeling import leases, reliability
from labeling.models import Project


@shared_task(name="labeling.tasks.expire_leases")
def expire_leases() -> None:
    leases.expire_leases()


@shared_task(name="labeling.tasks.update_reliability")
def update_reliability(project_id: int | None = None) -> None:
    """Of one project, or of all."""
    if project_id is None:
        reliability.update_all()
        return
    project = Project.objects.filter(pk=project_id).first()
    if project is not None:
        reliability.update_reliability(project)
