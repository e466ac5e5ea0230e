"""Celery's entry points for people's work."""

from celery import shared_task

from labeling import leases


@shared_task(name="labeling.tasks.expire_leases")
def expire_leases() -> None:
    leases.expire_leases()
