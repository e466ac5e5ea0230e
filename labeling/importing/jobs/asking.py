"""Hands an import over to a worker, and decides what becomes of it: taken, or given up."""

import os
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import retried
from labeling.importing import ImportOptions, import_choices, staging
from labeling.importing.hub.naming import HubDataset
from labeling.importing.kept.import_folder import UPLOAD, folder_of, remove_upload
from labeling.importing.kept.uploads import KeptFiles
from labeling.importing.sources.mapping import ColumnMapping
from labeling.models import Import, Project, User

State = Import.State

# A larger upload is read by a worker.
IN_BACKGROUND_BYTES = 8 * 2**20
GO_ON = "labeling.tasks.go_on_with_import"


class TooLate(ValueError):
    """The import is no longer in the state in which this can be done."""


def ask_worker(
    project: Project,
    actor: User | None,
    source: KeptFiles | HubDataset,
    options: ImportOptions,
    *,
    take: bool = False,
) -> Import:
    """Makes an import of the files or of a hub's data set, for a worker to read. With `take` it is
    taken as soon as it was read; otherwise it waits for a click."""
    asked: dict[str, Any] = {
        "take": take,
        "skip_bad": options.skip_bad,
        "mapping": options.mapping.to_json() if options.mapping else "",
        "source": source.as_dict() if isinstance(source, HubDataset) else "files",
    }
    choices = import_choices(project, source.name, options)
    job = staging.begin(project, actor, source.name, choices, asked)
    if isinstance(source, KeptFiles):
        folder_of(job.pk).mkdir(parents=True, exist_ok=True)
        os.replace(source.folder, folder_of(job.pk) / UPLOAD)
    transaction.on_commit(partial(nudge, GO_ON, job.pk))
    return job


def options_of(job: Import) -> ImportOptions:
    """The choices with which the import was handed over."""
    chosen, mapping = job.options, job.asked.get("mapping")
    return ImportOptions(
        pairs=chosen["pairs_per_prompt"],
        responses_per_comparison=chosen["responses_per_comparison"],
        source=chosen["model"],
        tags=tuple(chosen["tags"]),
        skip_bad=job.asked.get("skip_bad", False),
        mapping=ColumnMapping.from_json(mapping) if mapping else None,
        number_labelers=chosen.get("number_labelers", False),
    )


@retried
def take_import(job: Import) -> None:
    """Lets a worker add the rows of an import that was read and is sound."""
    jobs = Import.objects.select_for_update().filter(pk=job.pk, state=State.READY)
    current = jobs.first()
    if current is None or current.asked.get("take"):
        raise TooLate("This import is no longer waiting: it was taken or given up already.")
    current.asked["take"] = True
    current.touched_at = timezone.now()
    current.save(update_fields=["asked", "touched_at"])
    transaction.on_commit(partial(nudge, GO_ON, job.pk))


@retried
def cancel_import(job: Import, why: str = "Somebody gave it up.") -> None:
    """Gives up an import that was not taken yet. Whoever reads it finds out at the next chunk."""
    waiting = Import.objects.filter(pk=job.pk, state__in=[State.STAGED, State.READY])
    if not waiting.exclude(asked={}).update(
        state=State.CANCELLED, refusal={"summary": why}, touched_at=timezone.now()
    ):
        raise TooLate("It was taken or given up already; what was taken can be undone.")
    transaction.on_commit(partial(clear_away, job))


def clear_away(job: Import) -> None:
    """Removes what an import has left behind that will not be taken."""
    remove_upload(job.pk)
    staging.remove_chunks(job, State.CANCELLED, State.REFUSED)
