"""Which tabs of a project are shown to whom: those whose pages are open to them, no others."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Project, Role, User
from labeling.templatetags.interface import SETTINGS_TABS, TABS, Tab
from tests.factories import make_member, make_project, make_user

pytestmark = pytest.mark.django_db


def address(tab: Tab, project: Project) -> str:
    return reverse(tab.url_name, args=[project.slug])


def links_in(client: Client, page: str, navigation: str) -> set[str]:
    html = client.get(page).content.decode()
    shown = re.search(rf'<nav class="{navigation}".*?</nav>', html, re.DOTALL)
    assert shown is not None
    return set(re.findall(r'href="([^"]+)"', shown[0]))


def person(role: str, project: Project) -> User:
    return make_user(is_superuser=True) if role == "superuser" else make_member(project, role)


@pytest.mark.parametrize("role", [*Role.values, "superuser"])
def test_a_tab_is_shown_to_those_to_whom_its_page_is_open(client: Client, role: str) -> None:
    project = make_project()
    client.force_login(person(role, project))
    statuses = {tab: client.get(address(tab, project)).status_code for tab in TABS}
    assert set(statuses.values()) <= {200, 403}
    links = links_in(client, reverse("my-work", args=[project.slug]), "tabs")
    shown = {tab.name for tab in TABS if address(tab, project) in links}
    assert shown == {tab.name for tab, status in statuses.items() if status == 200}
    assert links == {address(tab, project) for tab in TABS if address(tab, project) in links}
    assert all(statuses[tab] == 200 for tab in TABS if address(tab, project) in links)
    assert (shown == {"loop", "label", "my-work"}) == (role == Role.LABELER)


@pytest.mark.parametrize("role", [Role.CURATOR, Role.ADMIN])
def test_so_is_a_page_of_the_settings(client: Client, role: Role) -> None:
    project = make_project()
    client.force_login(make_member(project, role))
    page = reverse("project-loop-settings", args=[project.slug])
    addresses = [address(tab, project) for tab in SETTINGS_TABS]
    opened = {one for one in addresses if client.get(one).status_code == 200}
    assert links_in(client, page, "settings-tabs") == opened


def test_an_outsider_opens_none(client: Client) -> None:
    project = make_project()
    client.force_login(make_user("outsider"))
    assert {client.get(address(tab, project)).status_code for tab in TABS} == {404}
