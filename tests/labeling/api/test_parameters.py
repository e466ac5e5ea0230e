"""What stands after the question mark: what is given twice, and moments as an export tells them."""

import io
import json

import pytest
from django.test import Client

from labeling.importing import import_file
from labeling.models import Project, Role
from labeling.preferences.exporting import OVERLAP
from tests.factories import client_with_token, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project()
    rows = [{"prompt": f"Q{n}?", "chosen": "a", "rejected": "b"} for n in range(4)]
    content = "\n".join(map(json.dumps, rows)).encode()
    import_file(project, None, io.BytesIO(content), name="made")
    for preference, split in zip(
        project.preferences.all(), ("train", "dev", "test", "test"), strict=True
    ):
        project.preferences.filter(pk=preference.pk).update(split=split)
    return project


@pytest.fixture
def curator(project: Project) -> Client:
    return client_with_token(make_member(project, Role.CURATOR))


def address(project: Project, query: str, what: str = "preferences") -> str:
    return f"/api/v1/projects/{project.slug}/{what}/?{query}"


def test_a_filter_of_words_that_is_given_twice_means_both(
    project: Project, curator: Client
) -> None:
    answer = curator.get(address(project, "split=train&split=dev"))
    assert {row["split"] for row in answer.json()["results"]} == {"train", "dev"}
    answer = curator.get(address(project, "split=train,dev&split=test"))
    assert len(answer.json()["results"]) == 4


@pytest.mark.parametrize(
    "query", ["style=text&style=messages", "limit=1&limit=2", "after=0&after=0"]
)
def test_anything_else_that_is_given_twice_is_refused_in_words(
    project: Project, curator: Client, query: str
) -> None:
    answer = curator.get(address(project, query))
    assert answer.status_code == 400
    assert "given more than once" in answer.json()["detail"]


def test_an_unknown_parameter_is_named(project: Project, curator: Client) -> None:
    answer = curator.get(address(project, "splits=train"))
    assert (answer.status_code, "splits" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("form", ["{}", "{}+00:00", "{}%2B00:00", "{} 00:00"])
def test_an_exports_own_moment_is_understood_in_an_address(
    project: Project, curator: Client, form: str
) -> None:
    told = curator.get(address(project, "")).json()["results"][0]["settled_at"]
    assert told.endswith("Z")
    moment = told if form == "{}" else form.format(told.removesuffix("Z"))
    answer = curator.get(address(project, f"settled_since={moment}"))
    assert len(answer.json()["results"]) == 4
    assert OVERLAP.seconds == 300


def test_a_filter_of_a_page_that_is_given_twice_is_refused_in_words(project: Project) -> None:
    client = Client()
    client.force_login(make_member(project, Role.CURATOR))
    page = f"/projects/{project.slug}/preferences/"
    answer = client.get(f"{page}?split=train&split=dev")
    assert (answer.status_code, "“split”" in answer.content.decode()) == (400, True)
    assert client.get(f"{page}?split=train&split=train").status_code == 200
    samples = f"/projects/{project.slug}/samples/?version=1&version=2"
    assert client.get(samples).status_code == 200


def test_rows_with_errors_are_skipped_over_the_api_too(project: Project, curator: Client) -> None:
    def send(query: str) -> dict:
        rows = b'{"prompt": "Five?"}\n{"prompt": 5}\n'
        where = address(project, query, "imports")
        answer = curator.post(where, rows, content_type="application/x-ndjson")
        return answer.json()

    assert send("")["status"] == 400
    rehearsed = send("skip_bad=true&dry_run=true")
    assert (rehearsed["rows"], rehearsed["skipped"]) == (1, 1)
    told = send("skip_bad=true")
    assert told["skipped_lines"] == rehearsed["skipped_lines"]
    assert [row["line"] for row in told["skipped_lines"]] == [2]
