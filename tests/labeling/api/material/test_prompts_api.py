"""Prompts and responses over the API: found, added whole or not at all, tagged."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.api.conventions import pages
from labeling.models import AuditEntry, Prompt, Response, Role
from tests.factories import make_project, make_prompt, make_response
from tests.labeling.api.material.helpers import client_of, faults, get, post, url_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def client(project):
    return client_of(project)


def texts(answer):
    return [row["messages"][-1]["content"] for row in answer.json()["results"]]


def test_prompts_are_found_by_tag_source_split_and_text(project, client):
    make_prompt(project, "Why is the sky blue?", tags=["physics", "it's"], source="a")
    other = make_prompt(project, "How do bees fly?", tags=["physic"], source="b")
    Prompt.objects.filter(pk=other.pk).update(split="test")
    Prompt.objects.exclude(pk=other.pk).update(split="train")
    assert texts(get(client, project, "prompts/", tag="physics")) == ["Why is the sky blue?"]
    assert texts(get(client, project, "prompts/", tag="it's")) == ["Why is the sky blue?"]
    assert texts(get(client, project, "prompts/", tag="x') OR 1=1 --")) == []
    assert texts(get(client, project, "prompts/", source="b")) == ["How do bees fly?"]
    assert texts(get(client, project, "prompts/", split="test")) == ["How do bees fly?"]
    assert texts(get(client, project, "prompts/", q="SKY")) == ["Why is the sky blue?"]
    assert texts(get(client, project, "prompts/", q="100%")) == []


def test_a_search_goes_on_after_pages_that_hold_nothing(project, client, monkeypatch):
    monkeypatch.setattr(pages, "SEARCHED_AT_ONCE", 2)
    for text in ("needle one", "b", "c", "d", "needle two"):
        make_prompt(project, text)
    found, url = [], url_of(project, "prompts/?q=needle")
    sizes = []
    while url:
        answer = client.get(url).json()
        sizes.append(len(answer["results"]))
        found += [row["messages"][0]["content"] for row in answer["results"]]
        url = answer["next"]
    assert found == ["needle two", "needle one"]
    assert 0 in sizes


def test_a_page_of_a_search_may_be_full_before_its_end(project, client, monkeypatch):
    monkeypatch.setattr(pages, "SEARCHED_AT_ONCE", 4)
    for number in range(5):
        make_prompt(project, f"needle {number}")
    first = get(client, project, "prompts/", q="needle", limit=2)
    second = client.get(first.json()["next"])
    third = client.get(second.json()["next"])
    assert texts(first) + texts(second) + texts(third) == [f"needle {n}" for n in (4, 3, 2, 1, 0)]


def test_lists_cost_the_same_however_many_rows_they_have(project, client):
    prompt = make_prompt(project)
    for path in ("prompts/", f"prompts/{prompt.pk}/responses/"):
        counts = []
        get(client, project, path)
        for _ in range(2):
            with CaptureQueriesContext(connection) as statements:
                get(client, project, path)
            counts.append(len(statements))
            for number in range(3):
                make_response(make_prompt(project), f"{number}")
                make_response(prompt, f"{number}")
        assert counts[0] == counts[1], path


def test_prompts_are_added_and_found_again(project, client):
    rows = [
        {"prompt": "Why?", "tags": ["a"], "system": "Be brief."},
        {"prompt": [{"role": "user", "content": "How?"}], "tools": [{"name": "f"}]},
        {"prompt": "How?"},
        {"prompt": "Why?", "system": "Be brief."},
    ]
    answer = post(client, project, "prompts/?source=mine", rows=rows)
    assert answer.status_code == 201
    ids = [row["id"] for row in answer.json()["rows"]]
    assert [row["is_new"] for row in answer.json()["rows"]] == [True, True, True, False]
    assert ids[0] == ids[3] and len(set(ids)) == 3
    first = get(client, project, f"prompts/{ids[0]}/").json()
    assert (first["tags"], first["source"]) == (["a"], "mine")
    assert first["messages"][0] == {"role": "system", "content": "Be brief."}
    again = post(client, project, "prompts/", rows=rows)
    assert (again.status_code, again.json()["new"]) == (200, 0)
    assert AuditEntry.objects.filter(action="add prompts").count() == 1


def test_one_faulty_row_of_many_leaves_nothing(project, client):
    rows = [
        {"prompt": "Why?"},
        {"prompt": 5},
        {"prompt": "How?", "tags": "a"},
        "text",
        {"prompt": "Who?", "chosen": "x"},
        {},
    ]
    answer = post(client, project, "prompts/", rows=rows)
    assert faults(answer) == [(1, "prompt"), (2, "tags"), (3, "row"), (4, "chosen"), (5, "prompt")]
    assert answer.json()["total"] == 5
    assert "Nothing was stored: row 1, prompt" in answer.json()["detail"]
    assert not Prompt.objects.exists()


@pytest.mark.parametrize(
    "body", [{}, {"rows": []}, {"rows": {}}, {"rows": None}, {"row": [1]}, [], 5]
)
def test_a_body_without_rows_is_refused(project, client, body):
    answer = client.post(url_of(project, "prompts/"), body, "application/json")
    assert faults(answer) == [(None, "rows")]


def test_more_than_ten_thousand_rows_are_refused_in_words(project, client):
    answer = post(client, project, "prompts/", rows=[{"prompt": "a"}] * 10_001)
    assert answer.status_code == 400
    assert "10,001 rows; at most 10,000" in answer.json()["detail"]


def test_only_the_first_hundred_faults_are_listed(project, client):
    answer = post(client, project, "prompts/", rows=[{}] * 150)
    assert len(answer.json()["errors"]) == 100
    assert answer.json()["total"] == 150


def test_tags_are_changed_and_the_change_is_on_record(project, client):
    prompt = make_prompt(project, tags=["old"])
    url = url_of(project, f"prompts/{prompt.pk}/")
    answer = client.patch(url, {"tags": [" new ", "new", "both"]}, "application/json")
    assert answer.json()["tags"] == ["new", "both"]
    entry = AuditEntry.objects.get(action="change tags")
    assert entry.details["changes"] == {"tags": [["old"], ["new", "both"]]}
    client.patch(url, {"tags": ["new", "both"]}, "application/json")
    assert AuditEntry.objects.filter(action="change tags").count() == 1


@pytest.mark.parametrize("tags", ["a", [1], ["x" * 121], [f"{n}" for n in range(101)], None, [[]]])
def test_tags_that_are_none_are_refused(project, client, tags):
    prompt = make_prompt(project, tags=["old"])
    url = url_of(project, f"prompts/{prompt.pk}/")
    assert client.patch(url, {"tags": tags}, "application/json").status_code == 400
    prompt.refresh_from_db()
    assert prompt.tags == ["old"]


def test_responses_are_added_with_all_their_keys(project, client):
    prompt = make_prompt(project)
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]}
    rows = ["Plain.", {"text": "Named.", "model": "m"}, call, {"text": "Plain."}]
    answer = post(client, project, f"prompts/{prompt.pk}/responses/", rows=rows)
    assert [row["is_new"] for row in answer.json()["rows"]] == [True, True, True, False]
    listed = get(client, project, f"prompts/{prompt.pk}/responses/").json()["results"]
    assert [row["message"]["content"] for row in listed] == ["Plain.", "Named.", ""]
    assert (listed[1]["model"], listed[2]["message"]) == ("m", call)


def test_faulty_responses_are_named(project, client):
    prompt = make_prompt(project)
    rows = [
        "ok",
        5,
        {"model": "m"},
        {"role": "user", "content": "x"},
        {"text": 1},
        {"text": "a", "b": 1},
    ]
    answer = post(client, project, f"prompts/{prompt.pk}/responses/", rows=rows)
    assert faults(answer) == [(1, "row"), (2, "text"), (3, "row"), (4, "text"), (5, "b")]
    assert not Response.objects.exists()


def test_what_another_project_has_is_not_found(project, client):
    foreign = make_prompt(make_project())
    for path in (f"prompts/{foreign.pk}/", f"prompts/{foreign.pk}/responses/", "prompts/999/"):
        assert get(client, project, path).status_code == 404
    add = post(client, project, f"prompts/{foreign.pk}/responses/", rows=["a"])
    assert add.status_code == 404
    url = url_of(project, f"prompts/{foreign.pk}/")
    assert client.patch(url, {"tags": []}, "application/json").status_code == 404


def test_labelers_see_no_prompts_here(project):
    labeler = client_of(project, Role.LABELER)
    prompt = make_prompt(project)
    for path in ("prompts/", f"prompts/{prompt.pk}/", f"prompts/{prompt.pk}/responses/"):
        assert get(labeler, project, path).status_code == 403
    assert post(labeler, project, "prompts/", rows=[{"prompt": "a"}]).status_code == 403
