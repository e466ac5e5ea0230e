"""Signing in and out, and the list of one's projects."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from labeling.models import Membership, Project
from tests.factories import (
    claim_and_judge,
    make_comparisons,
    make_member,
    make_project,
    make_user,
)

pytestmark = pytest.mark.django_db
SIGN_IN = "/sign-in/"


def sign_in(client: Client, next_page: str = "") -> str:
    make_user("ada")
    data = {"username": "ada", "password": "ada-password", "next": next_page}
    return str(client.post(SIGN_IN, data)["Location"])


def test_signing_in_leads_to_the_page_asked_for(client: Client) -> None:
    assert sign_in(client, "/projects/x/label/") == "/projects/x/label/"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_signing_in_never_leads_to_another_site(client: Client, target: str) -> None:
    assert sign_in(client, target) == "/"


def test_wrong_password_is_said_beside_the_form(client: Client) -> None:
    make_user("ada")
    html = client.post(SIGN_IN, {"username": "ada", "password": "no"}).content.decode()
    assert 'role="alert"' in html
    assert 'aria-invalid="true"' in html
    assert 'value="ada"' in html


def test_signing_out_needs_a_post(client: Client) -> None:
    client.force_login(make_user("ada"))
    assert client.get("/sign-out/").status_code == 405
    client.post("/sign-out/")
    assert client.get("/")["Location"] == "/sign-in/?next=/"


def test_home_shows_ones_own_projects_with_progress(client: Client) -> None:
    project = make_project(name="Kindness")
    make_project(name="Somebody else's")
    labeler = make_member(project)
    make_comparisons(project, 4)
    claim_and_judge(labeler, project)
    client.force_login(labeler)
    html = client.get("/").content.decode()
    assert "about 20 %" in html
    assert "1 judged by you today" in html
    assert reverse("label", args=[project.slug]) in html
    assert "Somebody else" not in html


def test_home_without_projects_says_what_to_do(client: Client) -> None:
    client.force_login(make_user("ada"))
    html = client.get("/").content.decode()
    assert "No projects yet" in html
    assert "<strong>ada</strong>" in html


def test_home_offers_no_work_in_a_paused_project(client: Client) -> None:
    project = make_project()
    labeler = make_member(project)
    make_comparisons(project, 1)
    Membership.objects.update(is_paused=True)
    client.force_login(labeler)
    html = client.get("/").content.decode()
    assert "Paused" in html
    assert f'role="button" href="{reverse("label", args=[project.slug])}"' not in html


def test_home_reads_all_projects_at_once(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    admin = make_user("root", is_superuser=True)
    for _ in range(8):
        make_comparisons(make_project(), 1)
    client.force_login(admin)
    with django_assert_max_num_queries(5):
        assert client.get("/").content.decode().count("project-row") == Project.objects.count()
