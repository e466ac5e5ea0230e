"""Celery's entry points for people's work."""

from celery import shared_task
from django.utils import timezone

from labeling.importing import applying
from labeling.importing.jobs import reading
from labeling.importing.kept.import_folder import remove_old_folders
from labeling.importing.undoing import taking_back
from labeling.models import Project
from labeling.people import repeats
from labeling.preferences import overlap
from labeling.quality import weights
from labeling.queue import leases
from labeling.snapshots import pushing, taking
from labeling.webhooks import delivering


@shared_task(name="labeling.tasks.expire_leases")
def expire_leases() -> None:
    leases.bring_leases_near()
    leases.expire_leases()


@shared_task(name="labeling.tasks.finish_changes")
def finish_changes() -> None:
    """Goes on with long work in short transactions that nobody is doing any more."""
    applying.finish_imports()
    reading.go_on_with_all()
    taking_back.finish_undos()
    remove_old_folders()
    overlap.finish_changes()
    taking.go_on()
    pushing.go_on()


@shared_task(name="labeling.tasks.take_snapshots")
def take_snapshots() -> None:
    taking.go_on()


@shared_task(name="labeling.tasks.push_snapshots")
def push_snapshots() -> None:
    pushing.go_on()


@shared_task(name="labeling.tasks.go_on_with_import")
def go_on_with_import(import_id: int) -> None:
    """Of the import that was just handed over, taken or is to be taken back."""
    reading.go_on(import_id)


@shared_task(name="labeling.tasks.send_webhooks")
def send_webhooks() -> None:
    delivering.send_due()


@shared_task(name="labeling.tasks.remove_old_deliveries")
def remove_old_deliveries() -> None:
    delivering.remove_old(timezone.now())


@shared_task(name="labeling.tasks.update_reliability")
def update_reliability(project_id: int | None = None) -> None:
    """Of one project, or of all."""
    if project_id is None:
        weights.update_all()
        return
    project = Project.objects.filter(pk=project_id).first()
    if project is not None:
        weights.update_reliability(project)


@shared_task(name="labeling.tasks.forget_requests")
def forget_requests() -> None:
    """Forgets the answers that nobody can ask for again by an idempotency key."""
    repeats.forget_old()
