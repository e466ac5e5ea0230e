"""The first page: a person's projects, how far each has come, and the one thing to do next."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import render

from labeling.models import Comparison, Judgment, Membership, Project, Role, User
from labeling.pages.requests import SignedInRequest
from labeling.people.access import projects_of
from labeling.people.clock import midnight
from labeling.people.invitations import waiting_for
from labeling.queue.outlook import claimable, outlook_for


@dataclass(frozen=True)
class ProjectRow:
    """A project as its member sees it."""

    project: Project
    role: Role
    is_paused: bool
    finished: int
    total: int
    today: int
    is_ready: bool
    why_not: str

    @property
    def coarse_percent(self) -> int | None:
        return coarse_percent(self.finished, self.total) if self.role == Role.LABELER else None


def coarse_percent(finished: int, total: int) -> int:
    """Returns the progress in steps of ten per cent, which is all that a labeler sees of it. An
    exact count would stand still after an answer to a check, and so tell what it was."""
    return 10 * (10 * finished // total) if total else 0


@login_required
def home(request: SignedInRequest) -> HttpResponse:
    context = {"rows": _rows(request.user), "invitations": waiting_for(request.user)}
    return render(request, "projects/home.html", context)


def _rows(user: User) -> list[ProjectRow]:
    return [_row(user, project) for project in _projects_with_counts(user)]


def _row(user: User, project: Any) -> ProjectRow:
    role = Role(project.my_role or Role.ADMIN)
    is_paused = project.is_paused or bool(project.my_pause)
    # Only labelers are told why there is nothing to compare: others have other things to do here,
    # and are spared the query.
    outlook = outlook_for(user, project) if role == Role.LABELER else None
    return ProjectRow(
        project,
        role,
        is_paused,
        project.finished,
        project.total,
        project.today,
        outlook.is_ready if outlook else project.is_ready and not is_paused,
        outlook.words.short if outlook else "",
    )


def _projects_with_counts(user: User) -> QuerySet[Any]:
    mine = Membership.objects.filter(project=OuterRef("pk"), user=user)
    comparisons = Comparison.objects.filter(project=OuterRef("pk")).order_by().values("project")
    counted = comparisons.filter(state__in=[Comparison.State.OPEN, Comparison.State.FINISHED])
    judged = Judgment.objects.filter(
        project=OuterRef("pk"), labeler=user, superseded_at=None, created_at__gte=midnight()
    )
    return projects_of(user).annotate(
        my_role=Subquery(mine.values("role")[:1]),
        my_pause=Subquery(mine.values("is_paused")[:1]),
        is_ready=Exists(claimable(user).filter(project=OuterRef("pk"))),
        total=_count(counted),
        finished=_count(counted, Q(state=Comparison.State.FINISHED)),
        today=_count(judged.filter(kind__in=Judgment.ANSWERS).order_by().values("project")),
    )


def _count(rows: QuerySet, condition: Q | None = None) -> Coalesce:
    number = rows.annotate(number=Count("pk", filter=condition)).values("number")
    return Coalesce(Subquery(number, output_field=IntegerField()), 0)
