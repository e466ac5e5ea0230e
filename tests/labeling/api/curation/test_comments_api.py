"""Comments by the API."""

import pytest

from labeling.models import Judgment, Preference, Role, Scope
from tests.factories import (
    claim_and_judge,
    client_with_token,
    make_comparisons,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    project = make_project()
    make_comparisons(project, 2)
    return project


@pytest.fixture
def labeler(project):
    person = make_member(project, Role.LABELER, "lee")
    claim_and_judge(person, project)
    return person


@pytest.fixture
def curator(project):
    return make_member(project, Role.CURATOR, "cora")


def address(project, pk=None):
    return f"/api/v1/projects/{project.slug}/comments/" + (f"{pk}/" if pk else "")


def test_a_comment_is_written_listed_and_settled(project, labeler, curator):
    client = client_with_token(curator, Scope.READ, Scope.WRITE)
    comparison = Preference.objects.get().comparison_id
    body = {"comparison": comparison, "text": "@lee: why?", "to_labelers": True}
    written = client.post(address(project), body, "application/json")
    assert written.status_code == 201 and written.json()["mentions"] == ["lee"]
    settled = client.patch(
        address(project, written.json()["id"]), {"resolved": True}, "application/json"
    )
    assert settled.json()["resolved_at"]
    listed = client.get(address(project), {"resolved": "false"}).json()
    assert listed["results"] == []
    listed = client.get(address(project), {"comparison": comparison}).json()["results"]
    assert [one["author"] for one in listed] == ["cora"]


def test_a_labeler_mentions_and_reads_only_what_is_theirs(project, labeler, curator):
    comparison = Preference.objects.get().comparison_id
    by_curator = client_with_token(curator, Scope.READ, Scope.WRITE)
    for_all = {"comparison": comparison, "text": "For @lee", "to_labelers": True}
    by_curator.post(address(project), for_all, "application/json")
    by_curator.post(address(project), for_all | {"to_labelers": False}, "application/json")
    client = client_with_token(labeler, Scope.READ, Scope.WRITE)
    results = client.get(address(project), {"mentioned": "true"}).json()["results"]
    assert [one["to_labelers"] for one in results] == [True]
    refused = client.patch(address(project, 1), {"resolved": True}, "application/json")
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"comparison": 1, "text": ""}, "text"),
        ({"comparison": 10**12, "text": "a"}, "comparison"),
        ({"comparison": 10**30, "text": "a"}, "comparison"),
        ({"comparison": "x", "text": "a"}, "comparison"),
        ({"comparison": 1, "text": "a", "colour": "red"}, "colour"),
    ],
)
def test_what_makes_no_comment_is_refused_by_its_field(project, curator, body, field):
    client = client_with_token(curator, Scope.WRITE)
    answer = client.post(address(project), body, "application/json")
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_a_comment_is_written_once_under_its_key(project, labeler, curator):
    client = client_with_token(curator, Scope.READ, Scope.WRITE)
    body = {"comparison": Preference.objects.get().comparison_id, "text": "Once"}
    ids = {
        client.post(
            address(project), body, "application/json", headers={"Idempotency-Key": "k"}
        ).json()["id"]
        for _ in range(2)
    }
    assert len(ids) == 1


def test_no_labeler_learns_or_tries_the_number_of_a_comparison(project, labeler, curator):
    """It would tell gold, which is made together, from work."""
    judgment = Judgment.objects.get()
    client = client_with_token(labeler, Scope.READ, Scope.WRITE)
    mine = str(judgment.assignment.uuid)
    body = {"hand_out": mine, "text": "I was unsure."}
    written = client.post(address(project), body, "application/json")
    assert written.status_code == 201
    for row in (written.json(), client.get(address(project)).json()["results"][0]):
        assert (row["comparison"], row["hand_out"]) == (None, mine)
    for number in (judgment.comparison_id, judgment.comparison_id + 1):
        by_number = {"comparison": number, "text": "x"}
        assert client.post(address(project), by_number, "application/json").status_code == 403
        assert client.get(address(project), {"comparison": number}).status_code == 403
    by_curator = client_with_token(curator, Scope.READ, Scope.WRITE)
    (row,) = by_curator.get(address(project)).json()["results"]
    assert (row["comparison"], row["hand_out"]) == (judgment.comparison_id, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "a"}, "comparison"),
        ({"hand_out": "0" * 32, "text": "a"}, "hand_out"),
        ({"hand_out": "x", "text": "a"}, "hand_out"),
    ],
)
def test_a_labeler_names_an_answer_of_their_own(project, labeler, body, field):
    client = client_with_token(labeler, Scope.WRITE)
    answer = client.post(address(project), body, "application/json")
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == [field]
