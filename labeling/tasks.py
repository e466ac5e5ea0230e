"""Celery's entry points for people's work."""

from celery import shared_task

from labeling import handout


@shared_task(name="labeling.tasks.expire_leases")
def expire_leases() -> None:
    handout.expire_leases()
