"""Comparisons over the API: queued, read, taken out of the queue and put back, put first."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.curation.additions import NewComparison
from labeling.models import AuditEntry, Comparison, Gold, Prompt, Response, Role
from labeling.quality.gold import construct
from tests.factories import (
    claim,
    claim_and_judge,
    client_with_token,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_response,
)
from tests.labeling.api.material.helpers import client_of, faults, get, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project(gold_share=0.0, random_share=0.0, overlap=2)


@pytest.fixture
def client(project):
    return client_of(project)


def pair(prompt="Why?", responses=("A.", "B."), **more):
    return {"prompt": prompt, "responses": list(responses), **more}


def ids_of(answer):
    return [row["id"] for row in answer.json()["results"]]


def test_comparisons_are_queued_with_all_they_need(project, client):
    rows = [
        pair(priority=0.5, wanted=3),
        pair("How?", [{"text": "C.", "model": "gpt"}, "D.", "E."]),
        pair(),
    ]
    answer = post(client, project, "comparisons/?source=mine", rows=rows)
    assert answer.status_code == 201
    first, second, third = answer.json()["rows"]
    assert [one["is_new"] for one in (first, second, third)] == [True, True, False]
    assert first["id"] == third["id"]
    queued = Comparison.objects.get(pk=first["id"])
    assert (queued.priority, queued.wanted, queued.slots_left, queued.size) == (0.5, 3, 3, 2)
    ranked = Comparison.objects.get(pk=second["id"])
    assert (ranked.wanted, ranked.size, ranked.prompt.source) == (2, 3, "mine")
    assert Response.objects.get(text="C.").source == "gpt"
    assert claim(make_member(project), project).comparison_id == first["id"]


def test_comparisons_of_responses_that_are_there(project, client):
    prompt = make_prompt(project)
    a, b = make_response(prompt, "a"), make_response(prompt, "b")
    answer = post(client, project, "comparisons/", rows=[{"response_ids": [a.pk, b.pk]}])
    row = answer.json()["rows"][0]
    assert (row["prompt"], row["responses"], row["is_new"]) == (prompt.pk, [a.pk, b.pk], True)


def test_a_comparison_that_is_there_stays_as_it_is(project, client):
    there = make_comparison(project, prompt=make_prompt(project, "Why?"), texts=("A.", "B."))
    answer = post(client, project, "comparisons/", rows=[pair(wanted=5, priority=9)])
    assert answer.status_code == 200
    assert answer.json()["rows"][0]["id"] == there.pk
    there.refresh_from_db()
    assert (there.wanted, there.priority) == (2, 0)


def test_each_fault_is_named_and_nothing_is_stored(project, client):
    prompt, foreign = make_prompt(project), make_prompt(make_project())
    mine = [make_response(prompt, text).pk for text in "ab"]
    elsewhere = [make_response(make_prompt(project), "c").pk, make_response(foreign, "d").pk]
    rows = [
        pair(),
        pair(responses=["One."]),
        pair(responses=["Same.", "Same."]),
        pair(responses=[f"{n}" for n in range(10)]),
        pair(priority="high"),
        pair(wanted=21),
        pair(wanted=True),
        {"response_ids": mine[:1]},
        {"response_ids": [mine[0], elsewhere[0]]},
        {"response_ids": [mine[0], elsewhere[1]]},
        {"response_ids": [mine[0], 2**70]},
        {"response_ids": mine, "prompt": "x"},
        pair(state="finished"),
        {"responses": ["a", "b"]},
        pair(priority=10**400),
    ]
    fields = [
        "responses", "responses", "responses", "priority", "wanted", "wanted", "response_ids",
        "response_ids", "response_ids", "response_ids", "response_ids", "state", "prompt",
        "priority",
    ]  # fmt: skip
    answer = post(client, project, "comparisons/", rows=rows)
    assert faults(answer) == list(enumerate(fields, 1))
    assert not Comparison.objects.exists()
    assert not Prompt.objects.filter(messages__0__content="Why?").exists()


def test_what_was_made_to_check_labelers_is_not_compared_as_work(project, client):
    prompt = make_prompt(project)
    good = make_response(prompt, "good")
    worse = make_response(prompt, "worse", origin=Response.Origin.CHECK)
    answer = post(client, project, "comparisons/", rows=[{"response_ids": [good.pk, worse.pk]}])
    assert faults(answer) == [(0, "response_ids")]


def test_what_was_deleted_meanwhile_is_said_and_nothing_stored(project, client, monkeypatch):
    prompt = make_prompt(project)
    ids = [make_response(prompt, text).pk for text in "ab"]

    def delete_and_count(*given):
        Response.objects.filter(pk=ids[0]).delete()
        return [NewComparison(None, prompt.pk, tuple(ids))]

    monkeypatch.setattr("labeling.api.material.comparisons.comparisons_in", delete_and_count)
    answer = post(client, project, "comparisons/", rows=[{"response_ids": ids}])
    assert (answer.status_code, Comparison.objects.count()) == (409, 0)
    assert "deleted meanwhile" in answer.json()["detail"]


@pytest.mark.slow
def test_ten_thousand_go_into_one_request(project, client):
    rows = [pair(f"Question {number}?") for number in range(10_000)]
    answer = post(client, project, "comparisons/", rows=rows)
    assert answer.json()["new"] == 10_000
    assert Comparison.objects.filter(project=project, size=2, slots_left=2).count() == 10_000


def test_the_statements_grow_with_batches_and_not_with_rows(project, client):
    counts = []
    for start in (0, 10, 100):
        rows = [pair(f"Question {number}?") for number in range(start, start + 2 * start + 1)]
        with CaptureQueriesContext(connection) as statements:
            post(client, project, "comparisons/", rows=rows)
        counts.append(sum("INSERT" not in one["sql"] for one in statements))
    assert counts[1] == counts[2]


def test_the_list_is_filtered_by_state(project, client):
    one, two, three = make_comparisons(project, 3)
    post(client, project, f"comparisons/{one.pk}/withdraw/")
    post(client, project, f"comparisons/{two.pk}/set-aside/", reason="Shown wrongly")
    assert ids_of(get(client, project, "comparisons/", state="open")) == [three.pk]
    assert ids_of(get(client, project, "comparisons/", state="withdrawn")) == [two.pk, one.pk]
    assert ids_of(get(client, project, "comparisons/", set_aside=True)) == [two.pk]
    assert ids_of(get(client, project, "comparisons/", prompt=one.prompt_id)) == [one.pk]
    assert get(client, project, "comparisons/", state="lost").status_code == 400


def test_the_list_costs_the_same_however_long_it_is(project, client):
    counts = []
    make_comparisons(project, 1)
    get(client, project, "comparisons/")
    for _ in range(2):
        with CaptureQueriesContext(connection) as statements:
            get(client, project, "comparisons/")
        counts.append(len(statements))
        make_comparisons(project, 5)
    assert counts[0] == counts[1]


def test_the_detail_has_responses_judgments_and_who_holds_it(project, client):
    comparison = make_comparison(project)
    judge, holder = make_member(project, name="judy"), make_member(project, name="hal")
    claim_and_judge(judge, project, "left")
    claim(holder, project)
    row = get(client, project, f"comparisons/{comparison.pk}/").json()
    assert {one["message"]["content"] for one in row["compared"]} == {"Good.", "Bad."}
    assert [one["labeler"] for one in row["judgments"]] == ["judy"]
    assert (row["held_by"], row["is_gold"]) == (["hal"], False)


def test_labelers_learn_nothing_here(project):
    comparison = make_comparison(project)
    labeler = client_of(project, Role.LABELER)
    for path in ("comparisons/", f"comparisons/{comparison.pk}/", "flags/", "doubts/", "gold/"):
        assert get(labeler, project, path).status_code == 403, path
    for action in ("withdraw", "restore", "set-aside", "return"):
        path = f"comparisons/{comparison.pk}/{action}/"
        assert post(labeler, project, path, reason="x").status_code == 403, action
    assert post(labeler, project, "comparisons/", rows=[pair()]).status_code == 403


def test_a_withdrawn_comparison_is_asked_about_no_more_until_it_is_restored(project, client):
    comparison = make_comparison(project)
    claim_and_judge(make_member(project), project)
    path = f"comparisons/{comparison.pk}"
    gone = post(client, project, f"{path}/withdraw/", reason="Not for us")
    assert (gone.json()["state"], gone.json()["slots_left"]) == ("withdrawn", 0)
    assert claim(make_member(project), project) is None
    assert post(client, project, f"{path}/withdraw/").status_code == 409
    back = post(client, project, f"{path}/restore/")
    assert (back.json()["state"], back.json()["slots_left"]) == ("open", 1)
    assert post(client, project, f"{path}/restore/").status_code == 409
    assert claim(make_member(project), project) is not None
    assert AuditEntry.objects.get(action="withdraw").reason == "Not for us"


def test_a_comparison_that_has_enough_judgments_is_settled_when_it_is_restored(project, client):
    comparison = make_comparison(project, wanted=1)
    claim(make_member(project), project)
    post(client, project, f"comparisons/{comparison.pk}/withdraw/")
    back = post(client, project, f"comparisons/{comparison.pk}/restore/").json()
    assert (back["state"], back["slots_left"]) == ("open", 0)  # somebody has it on screen


def test_what_has_become_gold_is_not_restored(project, client):
    comparison = make_comparison(project)
    post(client, project, f"comparisons/{comparison.pk}/withdraw/")
    Gold.objects.create(project=project, comparison=comparison, expected=[], origin="own")
    assert post(client, project, f"comparisons/{comparison.pk}/restore/").status_code == 409


def test_what_is_set_aside_is_returned(project, client):
    comparison = make_comparison(project)
    path = f"comparisons/{comparison.pk}"
    assert faults(post(client, project, f"{path}/set-aside/")) == [(None, "reason")]
    aside = post(client, project, f"{path}/set-aside/", reason="Shown wrongly").json()
    assert (aside["state"], aside["set_aside_reason"]) == ("withdrawn", "Shown wrongly")
    assert post(client, project, f"{path}/restore/").status_code == 409
    assert post(client, project, f"{path}/set-aside/", reason="Again").status_code == 409
    assert post(client, project, f"{path}/return/").json()["state"] == "open"
    assert post(client, project, f"{path}/return/").status_code == 409


def test_a_check_that_is_set_aside_stays_a_check(project, client):
    make_response(make_prompt(project), "One sentence here. Another one there. A third one. " * 9)
    (gold,) = construct(project, make_member(project), 1, rules=["truncated"])
    path = f"comparisons/{gold.comparison_id}"
    assert post(client, project, f"{path}/set-aside/", reason="Wrong").json()["state"] == "check"
    assert post(client, project, f"{path}/return/").json()["state"] == "check"


def test_priorities_say_what_comes_first(project, client):
    one, two = make_comparisons(project, 2)
    rows = [{"id": one.pk, "priority": 0.1}, {"id": two.pk, "priority": 0.9}]
    assert post(client, project, "comparisons/priorities/", rows=rows).json() == {"changed": 2}
    assert post(client, project, "comparisons/priorities/", rows=rows).json() == {"changed": 0}
    two.refresh_from_db()
    assert two.priority == 0.9
    entry = AuditEntry.objects.get(action="change priority", target_id=str(two.pk))
    assert entry.details == {"changes": {"priority": [0.0, 0.9]}}


def test_one_wrong_priority_changes_none(project, client):
    one, foreign = make_comparison(project), make_comparison(make_project())
    rows = [
        {"id": one.pk, "priority": 1},
        {"id": foreign.pk, "priority": 1},
        {"id": one.pk, "priority": 2},
        {"id": "x", "priority": 1},
        {"id": 999_999, "priority": None},
        {"id": 5, "priority": 10**400},
        {"priority": 1, "wanted": 2},
    ]
    answer = post(client, project, "comparisons/priorities/", rows=rows)
    assert faults(answer) == [
        (1, "id"), (2, "id"), (3, "id"), (4, "priority"), (5, "priority"), (6, "wanted"),
    ]  # fmt: skip
    one.refresh_from_db()
    assert one.priority == 0


def test_what_another_project_has_is_not_found(project, client):
    foreign = make_comparison(make_project())
    assert get(client, project, f"comparisons/{foreign.pk}/").status_code == 404
    for action in ("withdraw", "restore", "set-aside", "return"):
        path = f"comparisons/{foreign.pk}/{action}/"
        assert post(client, project, path, reason="x").status_code == 404, action
    foreign.refresh_from_db()
    assert foreign.state == "open"


def test_a_token_to_read_changes_nothing(project):
    from labeling.models import Scope

    comparison = make_comparison(project)
    reader = client_with_token(make_member(project, Role.CURATOR), Scope.READ)
    assert get(reader, project, "comparisons/").status_code == 200
    answer = post(reader, project, f"comparisons/{comparison.pk}/withdraw/")
    assert answer.status_code == 403
    assert "scope “write”" in answer.json()["detail"]
