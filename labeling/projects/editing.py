"""Makes projects and changes their settings and guidelines; every change leaves an audit entry."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Case, F, When
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.text import slugify

from config.nudges import nudge
from labeling.audit import write_entry
from labeling.models import Comparison, GuidelineVersion, Membership, Project, Role, User
from labeling.preferences import settle
from labeling.reviews import excuse_present_members

MAX_GUIDELINES = 100_000


class GuidelinesMoved(Exception):
    """Somebody else saved a version while this one was being written."""

    def __init__(self, newest: GuidelineVersion) -> None:
        self.newest = newest
        super().__init__(
            f"{newest.created_by or 'Somebody'} saved version {newest.number} while you were "
            "writing. Your text is kept below; compare the two, then save again."
        )


def can_create_projects(user: User) -> bool:
    """Superusers, and everyone who is trusted with some project's settings already."""
    return user.is_superuser or user.memberships.filter(role=Role.ADMIN).exists()


def create_project(actor: User, fields: Mapping[str, Any]) -> Project:
    """A new project with its creator as admin."""
    with transaction.atomic():
        project = Project.objects.create(slug=free_slug(fields["name"]), **fields)
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
    """Writes the fields that differ, in one transaction with all that follows from them.

    Gives what changed as {field: [before, after]}. Fields not named stay as they are, so two
    admins who change different settings do not undo each other.
    """
    with transaction.atomic():
        current = Project.objects.select_for_update().get(pk=project.pk)
        changes = {
            name: [getattr(current, name), value]
            for name, value in fields.items()
            if getattr(current, name) != value
        }
        if not changes:
            return {}
        for name, (_, value) in changes.items():
            setattr(current, name, value)
            setattr(project, name, value)
        current.save(update_fields=list(changes))
        if "overlap" in changes:
            ask_for(current, *changes["overlap"])
        if "qualification_items" in changes and not changes["qualification_items"][0]:
            excuse_present_members(current)
        write_entry(project, actor, "change settings", project, changes=changes)
        transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return changes


def ask_for(project: Project, old: int, new: int) -> None:
    """Open comparisons follow the project's overlap. Call inside the transaction that changes it.

    The rule: what was finished stays finished. An open comparison that asked for the old overlap
    asks for the new one, but never for fewer judgments than have been given or are being given
    at this moment (its taken slots): those are counted. One that has enough now is finished and
    settled at once. Comparisons that asked for a number of their own keep it.
    """
    taken = F("wanted") - F("slots_left")
    followers = project.comparisons.filter(state=Comparison.State.OPEN, wanted=old)
    followers.update(
        wanted=Greatest(new, taken),
        slots_left=Greatest(new - taken, 0),
        # One that was begun joins the end of the waiting line, where every labeler looks again.
        waiting_since=Case(
            When(slots_left__lt=F("wanted"), then=timezone.now()), default=F("waiting_since")
        ),
    )
    if new < old:
        finish_complete(project)


def finish_complete(project: Project) -> None:
    """Settles the open comparisons that have all their judgments; `settle` leaves the others."""
    handed_out = project.comparisons.filter(state=Comparison.State.OPEN, slots_left=0)
    # Locked in the order of their ids, like nowhere else two at a time: no deadlock.
    for pk in list(handed_out.order_by("pk").values_list("pk", flat=True)):
        settle(Comparison.objects.select_for_update().get(pk=pk))


def save_guidelines(
    project: Project, actor: User, text: str, *, written_on: int
) -> GuidelineVersion | None:
    """Adds the next version and points the project at it; None when the text is the same.

    `written_on` is the number of the version that the writer started from (0: none); with a
    newer one in the meantime nothing is saved and GuidelinesMoved is raised.
    """
    text = text.replace("\r\n", "\n").strip()
    with transaction.atomic():
        current = Project.objects.select_for_update().get(pk=project.pk)
        newest = project.guideline_versions.select_related("created_by").first()
        if newest is not None and newest.number != written_on:
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
