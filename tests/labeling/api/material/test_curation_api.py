"""Preferences, flags, doubts and the audit log over the API."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.judging.recording import Answer
from labeling.models import AuditEntry, Doubt, Judgment, Preference, Role
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparisons,
    make_member,
    make_project,
)
from tests.labeling.api.material.helpers import client_of, faults, get, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    project = make_project(gold_share=0.0)
    make_comparisons(project, 3)
    labeler = make_member(project, name="lee")
    for _ in range(3):
        claim_and_judge(labeler, project)
    return project


@pytest.fixture
def client(project):
    return client_of(project)


@pytest.fixture
def ids(project):
    return list(
        Preference.objects.filter(project=project).order_by("pk").values_list("pk", flat=True)
    )


def doubt(pk):
    row = Preference.objects.get(pk=pk)
    return Doubt.objects.create(preference=row, chosen=row.chosen, strength=0.9, model_version=1)


def test_a_preference_comes_with_what_is_behind_it(project, client, ids):
    doubt(ids[0])
    post(client, project, "preferences/exclude/", ids=[ids[0]], reason="Off topic")
    row = get(client, project, f"preferences/{ids[0]}/").json()
    assert (row["excluded"], row["excluded_reason"]) == (True, "Off topic")
    assert [one["labeler"] for one in row["judgments"]] == ["lee"]
    assert [one["action"] for one in row["history"]] == ["exclude"]
    assert row["doubt"]["strength"] == 0.9
    assert row["chosen"]["message"]["role"] == "assistant"


def test_preferences_are_excluded_restored_and_undone(project, client, ids):
    done = post(client, project, "preferences/exclude/", ids=ids[:2], reason="Off topic").json()
    assert (done["changed"], done["untouched"]) == (ids[:2], 0)
    again = post(client, project, "preferences/exclude/", ids=ids, reason="Off topic").json()
    assert (again["changed"], again["untouched"]) == (ids[2:], 2)
    undone = post(client, project, "preferences/undo/", undo_token=again["undo_token"]).json()
    assert undone["changed"] == ids[2:]
    restored = post(client, project, "preferences/restore/", ids=ids[:2]).json()
    assert restored["changed"] == ids[:2]
    assert not Preference.objects.filter(excluded=True).exists()


def test_all_that_match_are_changed_if_they_are_as_many_as_expected(project, client, ids):
    body = {"matching": {"state": "in_use", "labeler": "lee"}, "reason": "Off topic"}
    wrong = post(client, project, "preferences/exclude/", **body, expected=2)
    assert wrong.status_code == 409
    assert "now 3 match" in wrong.json()["detail"]
    right = post(client, project, "preferences/exclude/", **body, expected=3)
    assert right.json()["changed"] == ids


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x"}, "ids"),
        ({"ids": [], "reason": "x"}, "ids"),
        ({"ids": [999_999], "reason": "x"}, "ids"),
        ({"ids": [1, "a"], "reason": "x"}, "ids[1]"),
        ({"ids": [2**70], "reason": "x"}, "ids[0]"),
        ({"ids": [1]}, "reason"),
        ({"ids": [1], "reason": "x" * 301}, "reason"),
        ({"matching": {"state": "in_use"}, "reason": "x"}, "expected"),
        ({"matching": {"state": "lost"}, "expected": 1, "reason": "x"}, "matching.state"),
        ({"matching": {"colour": "red"}, "expected": 1, "reason": "x"}, "matching.colour"),
        ({"matching": {}, "expected": 10_001, "reason": "x"}, "expected"),
        ({"matching": {"source": "x"}, "expected": 1, "reason": "x"}, "matching.source"),
        ({"ids": [1], "matching": {}, "expected": 1, "reason": "x"}, "ids"),
        ({"id": 1, "reason": "x"}, "id"),
    ],
)
def test_a_faulty_exclusion_is_refused_by_its_field(project, client, body, field):
    answer = post(client, project, "preferences/exclude/", **body)
    assert faults(answer)[0][1] == field
    assert not Preference.objects.filter(excluded=True).exists()


def test_nobody_excludes_what_another_project_has(ids):
    other = make_project()
    client = client_of(other)
    answer = post(client, other, "preferences/exclude/", ids=ids, reason="x")
    assert faults(answer) == [(None, "ids")]
    assert get(client, other, f"preferences/{ids[0]}/").status_code == 404
    body = {"decision": "confirm"}
    assert post(client, other, f"preferences/{ids[0]}/doubt/", **body).status_code == 404


@pytest.mark.parametrize("token", ["", "x", "1-2", "9" * 90, "1-" + "a" * 32])
def test_an_undo_of_nothing_is_refused(project, client, token):
    answer = post(client, project, "preferences/undo/", undo_token=token)
    assert answer.status_code in (400, 409)


def test_one_persons_change_is_not_undone_by_another(project, client, ids):
    done = post(client, project, "preferences/exclude/", ids=ids, reason="x").json()
    other = client_of(project)
    token = done["undo_token"]
    assert post(other, project, "preferences/undo/", undo_token=token).status_code == 409
    assert Preference.objects.filter(excluded=True).count() == 3


def test_doubts_are_listed_and_answered(project, client, ids):
    doubt(ids[1])
    (row,) = get(client, project, "doubts/").json()["results"]
    assert (row["preference"], row["strength"], row["confirmed_by"]) == (ids[1], 0.9, None)
    path = f"preferences/{ids[1]}/doubt/"
    confirmed = post(client, project, path, decision="confirm").json()
    assert confirmed["doubt"]["confirmed_by"]
    assert post(client, project, path, decision="confirm").status_code == 409
    assert get(client, project, "doubts/").json()["results"] == []
    assert len(get(client, project, "doubts/", state="confirmed").json()["results"]) == 1
    assert post(client, project, path, decision="reopen").json()["doubt"]["confirmed_at"] is None
    assert post(client, project, path, decision="reopen").status_code == 409


def test_flags_are_listed_with_their_comparison(project, client):
    make_comparisons(project, 1)
    answer = Answer(kind=Judgment.Kind.FLAG, flag="unsafe", rationale="Says how to.")
    judge(claim(make_member(project, name="flo"), project), answer)
    (row,) = get(client, project, "flags/", category="unsafe").json()["results"]
    assert (row["labeler"], row["rationale"], row["state"]) == ("flo", "Says how to.", "open")
    assert get(client, project, "flags/", category="nonsense").json()["results"] == []


def test_the_audit_log_is_filtered(project, client, ids):
    post(client, project, "preferences/exclude/", ids=ids[:1], reason="Off topic")
    (row,) = get(client, project, "audit/", action="exclude").json()["results"]
    assert (row["reason"], row["target_id"]) == ("Off topic", str(ids[0]))
    by_target = {"target_type": "preference", "target_id": f"{ids[0]}"}
    assert len(get(client, project, "audit/", **by_target).json()["results"]) == 1
    assert get(client, project, "audit/", actor="nobody").json()["results"] == []
    assert get(client, project, "audit/", since="2020-01-01").json()["results"]
    assert faults(get(client, project, "audit/", target_id="1")) == [(None, "target_id")]


def test_lists_cost_the_same_however_long_they_are(project, client, ids):
    paths = ("audit/", "doubts/", "flags/", "gold/", "gold/candidates/")
    counts = []
    for pk in ids:
        doubt(pk)
        AuditEntry.objects.create(project=project, action="x", target_type="y", target_id="1")
        for path in paths:
            get(client, project, path)
        with CaptureQueriesContext(connection) as statements:
            for path in paths:
                get(client, project, path)
        counts.append(len(statements))
    assert len(set(counts)) == 1


def test_labelers_read_no_log_and_no_preference(project, ids):
    labeler = client_of(project, Role.LABELER)
    for path in ("audit/", f"preferences/{ids[0]}/", "doubts/", "flags/"):
        assert get(labeler, project, path).status_code == 403, path
    assert post(labeler, project, "preferences/exclude/", ids=ids, reason="x").status_code == 403
