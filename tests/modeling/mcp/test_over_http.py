"""Over HTTP each request acts for the token it brings, and pages of others are kept out."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from labeling.models import ApiToken, Preference, Project, Scope, User
from labeling.people.signing_in.tokens import make_token
from modeling.mcp.over_http import make_app
from tests.factories import make_member, make_project

ADDRESS = "http://127.0.0.1:8100"


@pytest.fixture
def web(project: Project) -> Iterator[TestClient]:
    with TestClient(make_app("127.0.0.1", 8100, ["mcp.example"]), base_url=ADDRESS) as web:
        yield web


def ask(web: TestClient, key: str, name: str, headers: dict[str, str] | None = None, **given: Any):
    """Calls a tool by one request."""
    return web.post(
        "/mcp",
        headers={"authorization": f"Bearer {key}", "accept": "application/json, text/event-stream"}
        | (headers or {}),
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": name, "arguments": given},
        },
    )


def answer_of(response: Any) -> Any:
    result = response.json()["result"]
    return result["content"][0]["text"] if result["isError"] else result["structuredContent"]


def test_each_request_acts_for_its_own_token(web: TestClient, project: Project, key: str) -> None:
    other = make_project()
    foreign = make_token(make_member(other, "curator"), "other", [Scope.READ])[1]
    for token, mine in ((key, project), (foreign, other), (key, project)):
        projects = answer_of(ask(web, token, "list_projects"))["projects"]
        assert [one["slug"] for one in projects] == [mine.slug]


def test_without_a_token_that_may_read_nobody_is_let_in(
    web: TestClient, curator: User, key: str
) -> None:
    labels = make_token(curator, "labels", [Scope.LABEL])[1]
    assert ask(web, "", "list_projects").status_code == 401
    assert ask(web, "pref_nonsense", "list_projects").status_code == 401
    assert ask(web, labels, "list_projects").status_code == 403
    ApiToken.objects.all().delete()
    assert ask(web, key, "list_projects").status_code == 401


def test_a_token_that_may_only_read_changes_nothing(
    web: TestClient, project: Project, curator: User
) -> None:
    reads = make_token(curator, "reads", [Scope.READ])[1]
    ids = list(Preference.objects.values_list("pk", flat=True))
    asked: dict[str, Any] = {"project": project.slug, "ids": ids, "reason": "Spam"}
    assert "lacks the scope" in answer_of(ask(web, reads, "exclude_preferences", **asked))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8100"}, 200),
        ({"host": "mcp.example"}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1:9999"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_pages_of_others_and_names_that_lead_here_are_refused(
    web: TestClient, key: str, headers: dict[str, str], status: int
) -> None:
    assert ask(web, key, "list_projects", headers).status_code == status
