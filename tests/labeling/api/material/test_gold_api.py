"""Gold over the API: made in three ways, released, dropped, retired."""

import pytest

from labeling.models import Gold, Preference, Role
from tests.factories import (
    claim_and_judge,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
    make_response,
)
from tests.labeling.api.material.helpers import client_of, faults, get, post

pytestmark = pytest.mark.django_db

LONG = "One sentence stands here. Another one follows it. A third one ends the text. " * 9


@pytest.fixture
def project():
    return make_project(gold_share=0.0, overlap=2)


@pytest.fixture
def client(project):
    return client_of(project)


def own(**changed):
    row = {"prompt": "2 + 2?", "responses": ["4", "5"], "expected": "4", "reason": "It is 4."}
    return {name: value for name, value in {**row, **changed}.items() if value is not None}


def listed(client, project, **given):
    return [row["id"] for row in get(client, project, "gold/", **given).json()["results"]]


def test_own_rows_become_gold_that_waits(project, client):
    answer = post(client, project, "gold/", rows=[own()])
    assert (answer.status_code, answer.json()) == (201, {"made": 1})
    (row,) = get(client, project, "gold/", state="waiting").json()["results"]
    assert (row["origin"], row["reason"], row["released_at"]) == ("own", "It is 4.", None)
    assert get(client, project, f"gold/{row['id']}/").json() == row


def test_a_faulty_row_is_named_and_nothing_is_made(project, client):
    answer = post(client, project, "gold/", rows=[own(), own(prompt="3?", reason=None)])
    assert faults(answer) == [(1, "reason")]
    assert not Gold.objects.exists()


def test_gold_is_made_by_rule(project, client):
    make_response(make_prompt(project), LONG)
    assert post(client, project, "gold/", rules=["truncated"], count=5).json() == {"made": 1}
    answer = post(client, project, "gold/", rules=["truncated"], count=5)
    assert faults(answer) == [(None, "rules")]


def test_what_labelers_agreed_on_becomes_gold(project, client):
    make_comparison(project)
    first, second = make_member(project), make_member(project)
    left = claim_and_judge(first, project).judgment.tiers[0][0]
    from tests.factories import claim, judge

    held = claim(second, project)
    judge(held, "left" if held.order[0] == left else "right")
    preference = Preference.objects.get()
    (row,) = get(client, project, "gold/candidates/").json()["results"]
    assert row == {"preference": preference.pk, "votes": 2}
    assert post(client, project, "gold/", preferences=[preference.pk]).json() == {"made": 1}
    assert len(listed(client, project, state="in_use")) == 1
    assert get(client, project, "gold/candidates/").json()["results"] == []


def test_gold_is_released_dropped_and_retired(project, client):
    post(client, project, "gold/", rows=[own(), own(prompt="3?"), own(prompt="4?")])
    third, second, first = listed(client, project)
    assert post(client, project, "gold/release/", ids=[first, second]).json() == {"decided": 2}
    assert post(client, project, "gold/drop/", ids=[second, third]).json() == {"decided": 1}
    assert post(client, project, f"gold/{third}/retire/").status_code == 409
    assert post(client, project, f"gold/{first}/retire/").json()["state"] == "retired"
    assert post(client, project, f"gold/{first}/retire/").status_code == 409
    assert listed(client, project, state="in_use") == [second]
    assert listed(client, project, state="dropped") == [third]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "preferences"),
        ({"rules": ["truncated"]}, "count"),
        ({"rules": ["magic"], "count": 1}, "rules[0]"),
        ({"rules": ["truncated"], "count": 0}, "count"),
        ({"rules": ["truncated"], "count": 101}, "count"),
        ({"rules": ["truncated"], "count": 1, "rows": [{}]}, "preferences"),
        ({"rows": []}, "rows"),
        ({"rows": ["x"]}, "rows[0]"),
        ({"preferences": [1, "x"]}, "preferences[1]"),
        ({"preferences": [2**80]}, "preferences[0]"),
    ],
)
def test_a_faulty_body_is_refused_by_its_field(project, client, body, field):
    assert faults(post(client, project, "gold/", **body))[0][1] == field


def test_gold_of_another_project_is_out_of_reach(project, client):
    other = make_project()
    post(client_of(other), other, "gold/", rows=[own()])
    gold = Gold.objects.get()
    assert get(client, project, f"gold/{gold.pk}/").status_code == 404
    assert post(client, project, f"gold/{gold.pk}/retire/").status_code == 404
    assert post(client, project, "gold/release/", ids=[gold.pk]).json() == {"decided": 0}
    gold.refresh_from_db()
    assert gold.is_waiting


def test_labelers_learn_of_no_gold(project, client):
    post(client, project, "gold/", rows=[own()])
    labeler = client_of(project, Role.LABELER)
    for path in ("gold/", "gold/candidates/", f"gold/{Gold.objects.get().pk}/"):
        assert get(labeler, project, path).status_code == 403
    assert post(labeler, project, "gold/", rows=[own()]).status_code == 403
