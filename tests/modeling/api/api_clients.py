"""Who asks the API of a project, and how a test asks it."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.models import Project, Role, Scope
from tests.factories import client_with_token, make_member, make_project


@dataclass(frozen=True)
class Asker:
    """A program of one person, for one project."""

    client: Client
    project: Project

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1/projects/{self.project.slug}/{path}", headers=headers)

    def send(self, path: str, body: Any = None, method: str = "POST") -> Any:
        address = f"/api/v1/projects/{self.project.slug}/{path}"
        return self.client.generic(method, address, _json(body), "application/json")

    def statements(self, path: str) -> int:
        """How many statements a GET takes, once the token's use is noted."""
        self.get(path)
        with CaptureQueriesContext(connection) as queries:
            assert self.get(path).status_code == 200
        return len(queries)


def _json(body: Any) -> str:
    return "" if body is None else json.dumps(body)


def asker(project: Project, role: str, *scopes: Scope) -> Asker:
    return Asker(client_with_token(make_member(project, role), *scopes), project)


def admin_of_another(project: Project) -> Asker:
    return Asker(client_with_token(make_member(make_project(), Role.ADMIN)), project)
