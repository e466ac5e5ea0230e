"""Pages of lists: every row once, whatever comes and goes meanwhile."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.models import GuidelineVersion, Role
from tests.factories import client_with_token, make_member, make_project

pytestmark = pytest.mark.django_db


def add_versions(project, *numbers):
    for number in numbers:
        GuidelineVersion.objects.create(project=project, number=number, text=f"{number}")


@pytest.fixture
def project():
    project = make_project()
    add_versions(project, 2, 3, 4, 5)
    return project


@pytest.fixture
def client(project):
    return client_with_token(make_member(project, Role.ADMIN))


def page(client, project, **given):
    return client.get(f"/api/v1/projects/{project.slug}/guidelines/", given)


def numbers(answer):
    return [row["number"] for row in answer.json()["results"]]


def test_pages_lead_through_all_rows(client, project):
    first = page(client, project, limit=2)
    second = client.get(first.json()["next"])
    third = page(client, project, limit=2, cursor=second.json()["cursor"])
    assert [numbers(one) for one in (first, second, third)] == [[5, 4], [3, 2], [1]]
    assert third.json()["next"] is third.json()["cursor"] is None


def test_what_comes_meanwhile_repeats_nothing(client, project):
    first = page(client, project, limit=2)
    add_versions(project, 6)
    project.guideline_versions.filter(number=4).delete()
    assert numbers(client.get(first.json()["next"])) == [3, 2]


def test_a_page_that_is_just_full_is_the_last(client, project):
    assert page(client, project, limit=5).json()["next"] is None


@pytest.mark.parametrize("limit", [0, 1001, "x", "9" * 30])
def test_a_limit_that_is_none_is_refused(client, project, limit):
    answer = page(client, project, limit=limit)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "limit")


@pytest.mark.parametrize("cursor", ["nonsense", "W10:W10", "é", "a:b:c", "x" * 500])
def test_what_is_no_cursor_is_refused(client, project, cursor):
    answer = page(client, project, cursor=cursor)
    assert answer.status_code == 400
    assert "This is no cursor" in answer.json()["detail"]


def test_a_cursor_that_was_changed_is_refused(client, project):
    cursor = page(client, project, limit=1).json()["cursor"]
    assert (
        page(
            client,
            project,
            cursor=("X" if cursor[9] != "X" else "Y").join((cursor[:9], cursor[10:])),
        ).status_code
        == 400
    )


def test_a_cursor_of_another_project_is_refused(client, project):
    other = make_project()
    add_versions(other, 2)
    admin = client_with_token(make_member(other, Role.ADMIN))
    cursor = page(admin, other, limit=1).json()["cursor"]
    answer = page(client, project, cursor=cursor)
    assert answer.status_code == 400
    assert "another project" in answer.json()["detail"]


def test_a_cursor_of_another_list_is_refused(client, project):
    make_member(project)
    url = f"/api/v1/projects/{project.slug}/members/"
    cursor = client.get(url, {"limit": 1}).json()["cursor"]
    answer = page(client, project, cursor=cursor)
    assert answer.status_code == 400
    assert "of the list members" in answer.json()["detail"]


def test_a_cursor_of_other_filters_is_refused(client, project):
    make_member(project)
    make_member(project)
    url = f"/api/v1/projects/{project.slug}/members/"
    cursor = client.get(url, {"limit": 1, "role": "labeler"}).json()["cursor"]
    answer = client.get(url, {"cursor": cursor})
    assert answer.status_code == 400
    assert "other filters" in answer.json()["detail"]


def test_a_page_costs_the_same_however_many_rows_it_has(client, project):
    counts = []
    page(client, project)
    for limit in (1, 4):
        with CaptureQueriesContext(connection) as statements:
            page(client, project, limit=limit)
        counts.append(len(statements))
    assert counts[0] == counts[1]
