"""Judgments over HTTP: which there are, what each says, and what never leaves."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from labeling.judging.recording import Answer, undo_last
from labeling.models import Judgment, Project, Role
from labeling.models.work import Purpose
from labeling.preferences.exporting import OVERLAP
from tests.factories import (
    claim,
    claim_and_judge,
    client_with_token,
    judge,
    make_comparison,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db
Kind = Judgment.Kind


@pytest.fixture
def project() -> Project:
    return make_project(random_share=0, gold_share=0)


@pytest.fixture
def curator(project: Project) -> Client:
    return client_with_token(make_member(project, Role.CURATOR))


def rows(client: Client, project: Project, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/projects/{project.slug}/judgments/?{query}")
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def answer(project: Project, **fields: Any) -> Judgment:
    make_comparison(project, ("Good.", "Bad."))
    labeler = make_member(project)
    assignment = claim(labeler, project)
    assert assignment is not None
    return judge(assignment, Answer(**fields)).judgment


def test_responses_stand_as_they_stood_on_screen(project: Project, curator: Client) -> None:
    for _ in range(4):
        make_comparison(project, ("Good.", "Bad."))
        claim_and_judge(make_member(project), project, "left")
    for row in rows(curator, project):
        stored = Judgment.objects.get(pk=row["id"])
        assert [response["id"] for response in row["responses"]] == stored.order
        assert row["tiers"][0] == [stored.order[0]]


def test_what_was_not_asked_is_no_null(project: Project, curator: Client) -> None:
    answer(project, kind=Kind.SKIP)
    (row,) = rows(curator, project)
    assert None not in row.values()
    assert (row["kind"], row["tiers"], row["strength"]) == ("skip", [], -1)
    assert (row["aspects"], row["rationale"], row["reasons"]) == ("{}", "", "")
    assert (row["flag"], row["rewrite"], row["superseded_at"]) == ("", "", "")


def test_words_of_labelers_come_as_they_were_written(project: Project, curator: Client) -> None:
    text = 'Zoë 李 "quoted", \u2028 <b>&amp;</b>'
    make_comparison(project)
    claim_and_judge(make_member(project, name="ünal"), project)
    Judgment.objects.update(rationale=text)
    (row,) = rows(curator, project)
    assert (row["labeler"], row["rationale"]) == ("ünal", text)
    stream = curator.get(f"/api/v1/projects/{project.slug}/judgments/?format=jsonl").getvalue()
    assert len(stream.splitlines()) == 1
    assert json.loads(stream)["rationale"] == text


def test_what_was_taken_back_comes_only_where_it_is_asked_for(
    project: Project, curator: Client
) -> None:
    labeler = make_member(project)
    make_comparison(project)
    claim_and_judge(labeler, project)
    undo_last(labeler, project)
    assert rows(curator, project) == []
    (row,) = rows(curator, project, "include_superseded=true")
    assert row["superseded_at"].endswith("Z")


@pytest.mark.parametrize("purpose", [each for each in Purpose if each != Purpose.WORK])
def test_answers_to_checks_never_leave(project: Project, curator: Client, purpose: Purpose) -> None:
    make_comparison(project)
    claim_and_judge(make_member(project), project)
    Judgment.objects.update(purpose=purpose, is_surplus=True)
    for query in ("", "include_superseded=true", "cursor="):
        assert rows(curator, project, query) == []


def test_only_what_came_since_comes(project: Project, curator: Client) -> None:
    answer(project, kind=Kind.SKIP)
    made_at = Judgment.objects.get().created_at
    for later, count in ((timedelta(0), 1), (OVERLAP, 1), (OVERLAP + timedelta(seconds=1), 0)):
        since = (made_at + later).isoformat().replace("+", "%2B")
        assert len(rows(curator, project, f"since={since}")) == count


def test_other_projects_answers_stay_out(project: Project, curator: Client) -> None:
    other = make_project(random_share=0)
    make_comparison(other)
    claim_and_judge(make_member(other), other)
    assert rows(curator, project) == rows(curator, project, "cursor=") == []


def test_no_method_but_reading_is_there(project: Project, curator: Client) -> None:
    url = f"/api/v1/projects/{project.slug}/judgments/"
    for method in ("post", "put", "patch", "delete"):
        assert getattr(curator, method)(url).status_code == 405
