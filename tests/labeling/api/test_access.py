"""Who may use the API: a token or a session, and curators for data."""

import pytest
from django.test import Client

from labeling.models import Role
from tests.factories import client_with_token, make_member, make_project, make_user

pytestmark = pytest.mark.django_db

DATA = ["", "preferences/", "judgments/"]


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/projects/", "/api/v1/projects/x/judgments/"])
def test_nobody_is_let_in_without_token_or_session(client, path):
    response = client.get(path)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Token"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["detail"] == "Authentication credentials were not provided."


def test_a_wrong_token_is_refused():
    response = Client(headers={"authorization": "Token nonsense"}).get("/api/v1/projects/")
    assert (response.status_code, response.json()["detail"]) == (401, "Invalid token.")


@pytest.mark.parametrize("path", DATA)
@pytest.mark.parametrize(("role", "status"), [("labeler", 403), ("curator", 200), ("admin", 200)])
def test_data_are_for_curators_and_admins(path, role, status):
    project = make_project()
    client = client_with_token(make_member(project, role))
    assert client.get(f"/api/v1/projects/{project.slug}/{path}").status_code == status


def test_a_labeler_is_told_which_role_is_needed():
    project = make_project()
    client = client_with_token(make_member(project, Role.LABELER))
    problem = client.get(f"/api/v1/projects/{project.slug}/preferences/").json()
    assert "curators" in problem["detail"]
    assert problem["status"] == 403


@pytest.mark.parametrize("path", DATA)
def test_outsiders_cannot_tell_that_a_project_exists(path):
    project = make_project()
    client = client_with_token(make_user())
    hidden = client.get(f"/api/v1/projects/{project.slug}/{path}")
    absent = client.get(f"/api/v1/projects/no-such/{path}")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json() == absent.json()


def test_labelers_cannot_import():
    project = make_project()
    client = client_with_token(make_member(project, Role.LABELER))
    url = f"/api/v1/projects/{project.slug}/imports/"
    response = client.post(url, b'{"prompt": "One?"}', content_type="application/x-ndjson")
    assert response.status_code == 403
    assert not project.prompts.exists()


def test_a_session_is_enough_to_read_and_needs_csrf_to_write():
    project = make_project()
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_member(project, Role.CURATOR))
    url = f"/api/v1/projects/{project.slug}"
    assert client.get(f"{url}/").status_code == 200
    response = client.post(f"{url}/imports/", b"{}", content_type="application/x-ndjson")
    assert response.status_code == 403
    assert "CSRF" in response.json()["detail"]


def test_the_list_has_only_ones_own_projects():
    project, _ = make_project(), make_project()
    rows = client_with_token(make_member(project)).get("/api/v1/projects/").json()
    assert [row["slug"] for row in rows] == [project.slug]


def test_the_index_names_addresses_that_answer():
    client = client_with_token(make_user())
    for url in client.get("/api/v1/").json().values():
        assert client.get(url).status_code == 200
