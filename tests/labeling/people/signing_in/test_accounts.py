"""Signing in, the demo's open door on this machine only, and the list of one's projects."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

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
DEMO = "/demo-sign-in/"


@pytest.fixture
def demo(settings: Settings) -> None:
    settings.DEMO_MODE = True
    for role in ("labeler", "curator", "admin"):
        make_user(f"demo-{role}")


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


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("role", ["labeler", "curator", "admin"])
def test_demo_lets_in_without_password(client: Client, role: str) -> None:
    html = client.get(SIGN_IN, HTTP_HOST="127.0.0.1:8000").content.decode()
    assert f'value="{role}"' in html
    response = client.post(DEMO, {"role": role}, HTTP_HOST="localhost:8000")
    assert response["Location"] == "/"
    assert client.get("/").context["user"].username == f"demo-{role}"


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize(
    "request_from",
    [
        {"REMOTE_ADDR": "192.168.1.7", "HTTP_HOST": "localhost"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "labels.example.org"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost.example.org"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost", "HTTP_X_FORWARDED_FOR": "1.2.3.4"},
        {"REMOTE_ADDR": "", "HTTP_HOST": "localhost"},
    ],
)  # fmt: skip
def test_demo_is_closed_to_other_machines(client: Client, request_from: dict[str, str]) -> None:
    assert "Enter as" not in client.get(SIGN_IN, **request_from).content.decode()
    assert client.post(DEMO, {"role": "admin"}, **request_from).status_code == 404
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
@pytest.mark.usefixtures("demo")
def test_every_loopback_address_is_this_machine(client: Client, address: str) -> None:
    response = client.get(SIGN_IN, REMOTE_ADDR=address, HTTP_HOST="[::1]:8000")
    assert "Enter as" in response.content.decode()


def test_demo_is_closed_unless_switched_on(client: Client) -> None:
    make_user("demo-admin")
    assert client.post(DEMO, {"role": "admin"}, HTTP_HOST="localhost").status_code == 404


@pytest.mark.usefixtures("demo")
def test_demo_asks_for_a_post_with_token(client: Client) -> None:
    assert client.get(DEMO, HTTP_HOST="localhost").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(DEMO, {"role": "admin"}, HTTP_HOST="localhost").status_code == 403


def test_missing_demo_users_are_named_with_the_remedy(client: Client, settings: Settings) -> None:
    settings.DEMO_MODE = True
    response = client.post(DEMO, {"role": "admin"}, HTTP_HOST="localhost", follow=True)
    assert "create_demo" in response.content.decode()


def test_home_shows_ones_own_projects_with_progress(client: Client) -> None:
    project = make_project(name="Kindness")
    make_project(name="Somebody else's")
    labeler = make_member(project)
    make_comparisons(project, 4)
    claim_and_judge(labeler, project)
    client.force_login(labeler)
    html = client.get("/").content.decode()
    assert "1 of 4" in html
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
