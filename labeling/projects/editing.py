"""Makes projects and changes their settings and guidelines; every change leaves an audit entry."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from config.nudges import nudge
from labeling.database.transactions import retried
from labeling.models import GuidelineVersion, Membership, Project, Role, User
from labeling.people.audit import write_entry
from labeling.preferences import overlap
from labeling.quality.reviews import excuse_present_members

MAX_GUIDELINES = 100_000
ADDRESSES_TRIED = 20


class GuidelinesMoved(Exception):
    """Somebody else saved a version while this one was being written."""

    def __init__(self, newest: GuidelineVersion) -> None:
        self.newest = newest
        super().__init__(
            f"{newest.created_by or 'Somebody'} saved version {newest.number} while you were "
            "writing. Your text is kept below; compare the two, then save again."
        )


def create_project(actor: User, fields: Mapping[str, Any]) -> Project:
    """Makes a project with its creator as admin. Of two with one name at the same moment, the
    second gets the next address, as if it came later."""
    for _ in range(ADDRESSES_TRIED):
        slug = free_slug(fields["name"])
        try:
            return create_project_at(actor, slug, fields)
        except IntegrityError:
            if not Project.objects.filter(slug=slug).exists():
                raise
    raise IntegrityError(f"{ADDRESSES_TRIED} addresses in succession were taken by others")


def create_project_at(actor: User, slug: str, fields: Mapping[str, Any]) -> Project:
    """Makes it under this address alone; an IntegrityError says that there is one."""
    with transaction.atomic():
        project = Project.objects.create(slug=slug, **fields)
        Membership.objects.create(project=project, user=actor, role=Role.ADMIN)
        write_entry(project, actor, "create", project, name=project.name)
    return project


def free_slug(name: str) -> str:
    """The name as an address that no project has yet."""
    base = slugify(name)[:50] or "project"
    taken = set(Project.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    # The addresses of pages about no project.
    taken |= {"new", "preview"}
    number = 2
    slug = base
    while slug in taken:
        slug = f"{base}-{number}"
        number += 1
    return slug


def change_settings(project: Project, actor: User, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the fields that differ, and has everything follow from them that must.

    Gives what changed as {field: [before, after]}. Fields not named stay as they are, so two
    admins who change different settings do not undo each other.
    """
    changes, is_more_to_do = _write_settings(project, actor, fields)
    for name, (_, value) in changes.items():
        setattr(project, name, value)
    if is_more_to_do:
        overlap.go_on(project)
    return changes


@retried
def _write_settings(
    project: Project, actor: User, fields: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    # Judgments name the project too: its key is not what is changed, so they do not wait.
    current = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    changes = {
        name: [getattr(current, name), value]
        for name, value in fields.items()
        if getattr(current, name) != value
    }
    if not changes:
        return {}, False
    for name, (_, value) in changes.items():
        setattr(current, name, value)
    current.save(update_fields=list(changes))
    if "qualification_items" in changes and not changes["qualification_items"][0]:
        excuse_present_members(current)
    is_more_to_do = "overlap" in changes and overlap.begin_change(current, *changes["overlap"])
    write_entry(project, actor, "change settings", project, changes=changes)
    transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return changes, is_more_to_do


def save_guidelines(
    project: Project, actor: User, text: str, *, written_on: int
) -> GuidelineVersion | None:
    """Adds the next version and points the project at it; None when the text is the same.

    `written_on` is the number of the version that the writer started from (0: none); with a
    newer one in the meantime nothing is saved and GuidelinesMoved is raised.
    """
    text = text.replace("\r\n", "\n").strip()
    with transaction.atomic():
        current = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        newest = project.guideline_versions.select_related("created_by").first()
        if newest is not None and newest.number != written_on:
            is_same = newest.text == text and newest.created_by_id == actor.pk
            if is_same and newest.number == written_on + 1:
                return newest  # sent twice: the second is answered like the first
            raise GuidelinesMoved(newest)
        if (newest.text if newest else "") == text:
            return None
        version = GuidelineVersion.objects.create(
            project=project,
            number=(newest.number if newest else 0) + 1,
            text=text,
            created_by=actor,
        )
        current.guidelines = version
        current.save(update_fields=["guidelines"])
        project.guidelines = version
        write_entry(project, actor, "save guidelines", version, number=version.number)
    return version
