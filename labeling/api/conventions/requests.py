"""Who is asking, and for which project."""

from typing import cast

from rest_framework.request import Request

from labeling.models import Project, Role, User
from labeling.people.access import project_for


def user_of(request: Request) -> User:
    """The person whose token or session came with the request; no view runs without one."""
    return cast(User, request.user)


def project_of(request: Request, slug: str, at_least: Role = Role.CURATOR) -> Project:
    return project_for(user_of(request), slug, at_least)
