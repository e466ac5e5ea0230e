"""Who may open what, at every address that there is: a new one is asked about without being listed.

Strangers are sent to sign in, outsiders find no project, and labelers see what is theirs. What the
roles above them may do is said by the tests of each page.
"""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import AuditEntry, Membership, Project, Role
from tests.factories import make_member, make_project, make_user
from tests.render_every_page import make_rows, named_addresses, value_for

pytestmark = pytest.mark.django_db

# Addresses for people who are not signed in: those that sign them in, and those that hold nothing.
OPEN = {
    "api-docs", "api-schema", "demo", "demo-sign-in", "healthz", "invitation", "password-forgotten",
    "password-mailed", "set-password", "sign-in", "sign-out",
}  # fmt: skip
# What a labeler may open or send in a project.
OF_LABELERS = {
    "ahead",
    "api-comments",
    "api-guidelines-current",
    "api-next",
    "comments",
    "guidelines",
    "label",
    "my-judgment",
    "my-work",
    "note-add",
    "project",
    "project-loop",
    "queue-hint",
    "undo",
}
TOKEN = re.compile(r"\b[A-Za-z0-9]{64}\b")  # of a form, new in each answer
METHODS = ("get", "post", "patch", "delete")


@pytest.fixture
def values() -> dict[str, Any]:
    """A project with a row of every kind, and what addresses call them."""
    _owner, values = make_rows()
    return values


def addresses(values: dict[str, Any]) -> dict[str, str]:
    return {
        name: reverse(name, kwargs={key: value_for(name, key, values) for key in keys})
        for name, keys in named_addresses()
    }


def of_projects() -> set[str]:
    return {name for name, keys in named_addresses() if "slug" in keys}


def statuses(client: Client, address: str) -> dict[str, int]:
    """The answer to each method that the address has."""
    answers = {method: getattr(client, method)(address).status_code for method in METHODS}
    return {method: status for method, status in answers.items() if status != 405}


def test_strangers_are_sent_to_sign_in_from_everywhere(
    client: Client, values: dict[str, Any]
) -> None:
    wrong = []
    before = AuditEntry.objects.count()
    for name, address in addresses(values).items():
        if name in OPEN:
            continue
        for method in METHODS:
            answer = getattr(client, method)(address)
            to_sign_in = answer.get("Location", "").startswith(reverse("sign-in"))
            if not (to_sign_in or answer.status_code in (401, 405)):
                wrong.append((name, method, answer.status_code))
    assert wrong == []
    assert AuditEntry.objects.count() == before


def test_an_outsider_finds_nothing_of_a_project(client: Client, values: dict[str, Any]) -> None:
    client.force_login(make_user("outsider"))
    before = AuditEntry.objects.count()
    found = {
        name: statuses(client, address)
        for name, address in addresses(values).items()
        if name in of_projects()
    }
    assert {name: got for name, got in found.items() if set(got.values()) != {404}} == {}
    assert AuditEntry.objects.count() == before


def test_an_admin_of_another_project_is_an_outsider_here(
    client: Client, values: dict[str, Any]
) -> None:
    client.force_login(make_member(make_project(), Role.ADMIN))
    before = AuditEntry.objects.count()
    for name, address in addresses(values).items():
        if name in of_projects():
            assert set(statuses(client, address).values()) == {404}, name
    assert AuditEntry.objects.count() == before


def test_what_is_there_and_what_is_not_look_the_same_to_an_outsider(
    client: Client, values: dict[str, Any]
) -> None:
    client.force_login(make_user("outsider"))
    absent = addresses(values | {"slug": "no-such-project"})
    for name, address in addresses(values).items():
        if name not in of_projects() or "get" not in statuses(client, address):
            continue
        there, nowhere = (
            TOKEN.sub("", client.get(url).content.decode()) for url in (address, absent[name])
        )
        assert there.replace(values["slug"], "no-such-project") == nowhere, name


def test_labelers_see_their_work_and_nothing_else(client: Client, values: dict[str, Any]) -> None:
    labeler = make_user("labeler")
    Membership.objects.create(project=Project.objects.get(slug=values["slug"]), user=labeler)
    client.force_login(labeler)
    let_in = {
        name
        for name, address in addresses(values).items()
        if name in of_projects() and set(statuses(client, address).values()) != {403}
    }
    assert let_in == OF_LABELERS


def test_every_address_that_is_open_is_one_that_there_is(values: dict[str, Any]) -> None:
    names = {name for name, _ in named_addresses()}
    assert names >= OPEN
    assert names >= OF_LABELERS
