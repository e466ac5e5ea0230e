"""Who is asking, and for which project."""

from typing import TypeVar, cast

from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from labeling.models import Project, Role, User
from labeling.people.access import project_for

M = TypeVar("M", bound=Model)


def user_of(request: Request) -> User:
    """The person whose token or session came with the request; no view runs without one."""
    return cast(User, request.user)


def project_of(request: Request, slug: str, at_least: Role = Role.CURATOR) -> Project:
    return project_for(user_of(request), slug, at_least)


def row_of(rows: QuerySet[M], what: str, pk: int) -> M:
    """The row with this id. A 404 names it, in the same words whether another project has it or
    nobody."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(f"There is no {what} {pk} in this project.")
    return row
