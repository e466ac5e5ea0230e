"""Projects over the API: made, set, and told what labelers read."""

from typing import Any

import pytest

from labeling.models import AuditEntry, Project, Role
from labeling.models.project_limits import LIMITS
from tests.factories import client_with_token, make_comparison, make_member, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


def client_of(project, role=Role.ADMIN):
    return client_with_token(make_member(project, role))


def change(client, project, **settings):
    url = f"/api/v1/projects/{project.slug}/settings/"
    return client.patch(url, settings, "application/json")


def make(client, **fields):
    return client.post("/api/v1/projects/", fields, "application/json")


def test_an_admin_makes_a_project_and_is_its_admin(project):
    answer = make(client_of(project), name="Helpful answers", overlap=3, scale="strength")
    assert (answer.status_code, answer.json()["slug"]) == (201, "helpful-answers")
    assert answer.json()["role"] == "admin"
    made = Project.objects.get(slug="helpful-answers")
    assert (made.overlap, made.scale) == (3, "strength")
    assert AuditEntry.objects.filter(project=made, action="create").exists()


@pytest.mark.parametrize("role", [Role.LABELER, Role.CURATOR])
def test_others_make_none(project, role):
    assert make(client_of(project, role), name="Mine").status_code == 403
    assert make(client_with_token(make_user()), name="Mine").status_code == 403
    assert Project.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": 5}, "name"),
        ({"name": "A", "overlap": 0}, "overlap"),
        ({"name": "A", "overlap": "2"}, "overlap"),
        ({"name": "A", "overlap": True}, "overlap"),
        ({"name": "A", "scale": "cups"}, "scale"),
        ({"name": "A", "slug": "b"}, "slug"),
    ],
)
def test_a_faulty_project_is_refused_by_its_field(project, fields, field):
    answer = make(client_of(project), **fields)
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert Project.objects.count() == 1


def test_settings_are_read_by_curators_and_changed_by_admins(project):
    url = f"/api/v1/projects/{project.slug}/settings/"
    assert client_of(project, Role.LABELER).get(url).status_code == 403
    assert client_of(project, Role.CURATOR).get(url).json()["overlap"] == 1
    assert change(client_of(project, Role.CURATOR), project, overlap=2).status_code == 403
    assert change(client_of(project), project, overlap=2).json()["overlap"] == 2


def test_open_comparisons_follow_the_overlap(project):
    comparison = make_comparison(project)
    change(client_of(project), project, overlap=3)
    comparison.refresh_from_db()
    assert (comparison.wanted, comparison.slots_left) == (3, 3)
    entry = AuditEntry.objects.get(project=project, action="change settings")
    assert entry.details["changes"] == {"overlap": [1, 3]}


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_holds(project, name):
    client, (low, high) = client_of(project), LIMITS[name]
    assert change(client, project, **{name: high}).status_code == 200
    value: Any
    for value in (low - 1, high + 1, None, f"{low}", [], float("1e300")):
        answer = change(client, project, **{name: value})
        assert answer.status_code == 400, value
        assert answer.json()["errors"][0]["field"] == name
    project.refresh_from_db()
    assert getattr(project, name) == high


def test_one_fault_leaves_all_as_it_was(project):
    assert change(client_of(project), project, overlap=2, gold_share=0.9).status_code == 400
    project.refresh_from_db()
    assert project.overlap == 1


def test_phrases_are_lists_of_texts(project):
    client = client_of(project)
    assert change(client, project, aspects=[" helpful  first ", "honest", "honest"]).json()[
        "aspects"
    ] == ["helpful first", "honest"]
    value: Any
    for value in ("helpful", [1], [["a"]], ["x" * 31], [*"abcdefg"], None, {}):
        assert change(client, project, aspects=value).status_code == 400, value


def test_an_unknown_setting_is_refused(project):
    answer = change(client_of(project), project, slug="mine", overlaps=2)
    assert {one["field"] for one in answer.json()["errors"]} == {"slug", "overlaps"}


def test_guidelines_are_saved_on_top_of_what_was_read(project):
    client = client_of(project, Role.CURATOR)
    url = f"/api/v1/projects/{project.slug}/guidelines/"
    saved = client.post(url, {"text": "New.", "written_on": 1}, "application/json")
    assert (saved.status_code, saved.json()["number"]) == (201, 2)
    late = client.post(url, {"text": "Late.", "written_on": 1}, "application/json")
    assert late.status_code == 409
    assert "written_on=2" in late.json()["detail"]
    same = client.post(url, {"text": "New.", "written_on": 2}, "application/json")
    assert (same.status_code, same.json()["number"]) == (200, 2)
    assert client.get(f"{url}1/").json()["text"] == "Prefer the **helpful** response."
    assert client.get(f"{url}7/").status_code == client.get(f"{url}{'9' * 30}/").status_code == 404


def test_labelers_read_the_guidelines_that_apply_and_no_others(project):
    curator = client_of(project, Role.CURATOR)
    url = f"/api/v1/projects/{project.slug}/guidelines/"
    curator.post(url, {"text": "New.", "written_on": 1}, "application/json")
    labeler = client_of(project, Role.LABELER)
    current = labeler.get(f"{url}current/").json()
    assert (current["text"], current["created_by"]) == ("New.", None)
    assert labeler.get(url).status_code == labeler.get(f"{url}1/").status_code == 403
