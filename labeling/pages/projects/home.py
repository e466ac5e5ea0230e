"""The first page: one's projects, how far each has come, and the one thing to do next."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import render

from labeling.access import projects_of
from labeling.models import Comparison, Judgment, Membership, Project, Role, User
from labeling.pages.days import midnight
from labeling.pages.requests import SignedInRequest


@dataclass(frozen=True)
class Row:
    """A project as its member sees it."""

    project: Project
    role: Role
    is_paused: bool
    finished: int
    total: int
    today: int

    @property
    def waits(self) -> bool:
        return self.total > self.finished


@login_required
def home(request: SignedInRequest) -> HttpResponse:
    return render(request, "projects/home.html", {"rows": _rows(request.user)})


def _rows(user: User) -> list[Row]:
    return [
        Row(
            project,
            Role(project.my_role or Role.ADMIN),
            project.is_paused or bool(project.my_pause),
            project.finished,
            project.total,
            project.today,
        )
        for project in _projects_with_counts(user)
    ]


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
        total=_count(counted),
        finished=_count(counted, Q(state=Comparison.State.FINISHED)),
        today=_count(judged.filter(kind__in=Judgment.ANSWERS).order_by().values("project")),
    )


def _count(rows: QuerySet, condition: Q | None = None) -> Coalesce:
    number = rows.annotate(number=Count("pk", filter=condition)).values("number")
    return Coalesce(Subquery(number, output_field=IntegerField()), 0)
