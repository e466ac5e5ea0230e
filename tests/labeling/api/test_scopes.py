"""What a token may do: asked at every endpoint there is, and at those to come."""

from uuid import uuid4

import pytest
from django.urls import URLPattern, get_resolver, reverse

from labeling.models import Role, Scope
from tests.factories import client_with_token, make_member, make_project
from tests.modeling.page_helpers import make_reward_model

pytestmark = pytest.mark.django_db
OPEN_TO_ALL = {"api-schema", "api-docs"}
READS, WRITES = ("get", "head", "options"), ("post", "put", "patch", "delete")


def endpoints() -> dict[str, list[str]]:
    """Every address of the API by name, with its parameters."""
    found, waiting = {}, [("", pattern) for pattern in get_resolver().url_patterns]
    while waiting:
        above, pattern = waiting.pop()
        route = above + str(pattern.pattern)
        if not isinstance(pattern, URLPattern):
            waiting += [(route, inner) for inner in pattern.url_patterns]
        elif route.startswith("api/"):
            found[pattern.name] = list(pattern.pattern.converters)
    return found


ENDPOINTS = {name: keys for name, keys in endpoints().items() if name not in OPEN_TO_ALL}


def address(name: str, project) -> str:
    values = {
        "slug": project.slug,
        "version": "1",
        "uuid": uuid4(),
        "pk": 1,
        "number": 1,
        "delivery": 1,
        "name": "messages.jsonl",
    }
    return reverse(name, kwargs={key: values[key] for key in ENDPOINTS[name]})


def statuses(name: str, methods: tuple[str, ...], scope: Scope) -> set[int]:
    project = make_project()
    make_reward_model(project, 1)
    client = client_with_token(make_member(project, Role.ADMIN), scope)
    return {getattr(client, method)(address(name, project)).status_code for method in methods}


def needed_to_read(name: str) -> Scope:
    return Scope.LABEL if name == "api-next" else Scope.READ


def needed_to_write(name: str) -> Scope:
    of_hand_outs = {"api-answer", "api-skip", "api-undo", "api-keep", "api-release"}
    of_labelers = {"api-judgments", *of_hand_outs}
    return Scope.LABEL if name in of_labelers else Scope.WRITE


@pytest.mark.parametrize("name", ENDPOINTS)
def test_reading_needs_the_scope_to_read_or_to_label(name: str) -> None:
    for scope in Scope:
        refused = statuses(name, READS, scope) == {403}
        assert refused is (scope != needed_to_read(name)), scope


@pytest.mark.parametrize("name", ENDPOINTS)
def test_changing_needs_the_scope_to_label_or_to_write(name: str) -> None:
    for scope in Scope:
        allowed = scope == needed_to_write(name)
        assert (403 not in statuses(name, WRITES, scope)) is allowed, scope


def test_the_refusal_names_the_scope() -> None:
    project = make_project()
    client = client_with_token(make_member(project, Role.ADMIN), Scope.READ)
    answer = client.post(f"/api/v1/projects/{project.slug}/imports/", {})
    assert "lacks the scope “write”" in answer.json()["detail"]


def test_a_scope_gives_no_more_than_its_person_has() -> None:
    project = make_project()
    client = client_with_token(make_member(project, Role.LABELER), *Scope)
    assert client.get(f"/api/v1/projects/{project.slug}/preferences/").status_code == 403
