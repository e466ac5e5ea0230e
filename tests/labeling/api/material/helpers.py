"""What the tests of material over the API share."""

from typing import Any

from django.test import Client

from labeling.models import Project, Role
from tests.factories import client_with_token, make_member


def client_of(project: Project, role: str = Role.CURATOR) -> Client:
    return client_with_token(make_member(project, role))


def url_of(project: Project, path: str) -> str:
    return f"/api/v1/projects/{project.slug}/{path}"


def get(client: Client, project: Project, path: str, **given: Any) -> Any:
    return client.get(url_of(project, path), given)


def post(client: Client, project: Project, path: str, **body: Any) -> Any:
    return client.post(url_of(project, path), body, "application/json")


def faults(answer: Any) -> list[tuple[Any, str]]:
    """The rows and fields at fault."""
    assert answer.status_code == 400, answer.content
    return [(one.get("index"), one["field"]) for one in answer.json()["errors"]]
