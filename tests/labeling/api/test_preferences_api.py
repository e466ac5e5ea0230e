"""Preferences and judgments over HTTP: streamed, paged, filtered, described."""

import gzip
import io
import json
from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client

from labeling.api.data.judgments import JudgmentSerializer
from labeling.api.data.preferences import PreferenceSerializer
from labeling.importing import import_file
from labeling.models import Preference, Role
from labeling.preferences import raw_values
from tests.factories import (
    claim_and_judge,
    client_with_token,
    make_comparison,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    project = make_project()
    rows = [{"prompt": f"Q{n}?", "chosen": f"a{n}", "rejected": f"b{n}"} for n in range(7)]
    content = "\n".join(json.dumps(row) for row in rows).encode()
    import_file(project, None, io.BytesIO(content), name="made")
    return project


@pytest.fixture
def curator(project) -> Client:
    return client_with_token(make_member(project, Role.CURATOR))


def url(project, what="preferences", **parameters) -> str:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"/api/v1/projects/{project.slug}/{what}/?{query}"


def lines(response) -> list[dict]:
    assert response.status_code == 200
    return [json.loads(line) for line in response.getvalue().splitlines()]


def test_the_stream_has_every_preference(project, curator):
    response = curator.get(url(project, format="jsonl"))
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert "preferences-messages.jsonl" in response.headers["Content-Disposition"]
    assert response.streaming
    assert len(lines(response)) == 7


def test_the_stream_starts_before_the_rest_is_read(project, curator, monkeypatch):
    monkeypatch.setattr(raw_values, "PAGE_ROWS", 2)
    monkeypatch.setattr("labeling.api.conventions.streams.CHUNK_BYTES", 1)
    response = curator.get(url(project, format="jsonl"))
    first = next(iter(response.streaming_content))
    assert json.loads(first)["prompt"][0]["content"] == "Q0?"
    Preference.objects.filter(chosen__text="a6").update(excluded=True, excluded_reason="late")
    rest = b"".join(response.streaming_content).splitlines()
    assert len(rest) == 5  # the page with the last row was not read yet


def test_a_stream_costs_a_few_statements(project, curator, django_assert_max_num_queries):
    # Token, its use, project, membership, one page; the receipt begun and sealed, each in a
    # transaction of its own.
    with django_assert_max_num_queries(12):
        lines(curator.get(url(project, format="jsonl")))


def test_pages_lead_from_one_to_the_next(project, curator):
    found, address = [], url(project, limit=3, split="train,calibration,dev,test")
    while address:
        page = curator.get(address).json()
        found += [row["id"] for row in page["results"]]
        address = page["next"]
    assert found == [row["id"] for row in lines(curator.get(url(project, format="jsonl")))]


def test_a_stream_is_resumed_after_an_id(project, curator):
    whole = lines(curator.get(url(project, format="jsonl")))
    rest = lines(curator.get(url(project, format="jsonl", after=whole[3]["id"])))
    assert rest == whole[4:]


def test_a_later_sync_gets_what_changed_and_once_more_what_came_just_before(project, curator):
    Preference.objects.update(settled_at=F("settled_at") - timedelta(hours=1))
    newest = Preference.objects.latest("id")
    late = Preference.objects.filter(chosen__text="a3")
    late.update(settled_at=newest.settled_at - timedelta(minutes=2))  # its commit took so long
    Preference.objects.exclude(pk__in=[newest.pk, late.get().pk]).update(
        settled_at=F("settled_at") - timedelta(minutes=10)
    )
    make_comparison(project)
    claim_and_judge(make_member(project), project, "left")
    since = (newest.settled_at + timedelta(microseconds=1)).isoformat().replace("+", "%2B")
    found = lines(curator.get(url(project, format="jsonl", settled_since=since)))
    assert [row["chosen"][0]["content"] for row in found][:2] == ["a3", "a6"]
    assert [row["provenance"] for row in found] == ["imported", "imported", "unanimous"]


def test_filters_and_style_reach_the_export(project, curator):
    one = Preference.objects.first()
    Preference.objects.filter(pk=one.pk).update(kind="tie", target=0.5, weight=0.5)
    rows = curator.get(url(project, include_ties="true", style="text", limit=1)).json()["results"]
    assert (rows[0]["kind"], rows[0]["prompt"]) == ("tie", "Q0?")
    assert (
        len(curator.get(url(project, include_ties="true", min_weight=0.9)).json()["results"]) == 6
    )
    assert curator.get(url(project, provenance="unanimous")).json()["results"] == []


@pytest.mark.parametrize(
    ("parameters", "field", "words"),
    [
        ({"spilt": "train"}, "spilt", "no such parameter"),
        ({"split": "train,tets"}, "split", "“tets” is not known"),
        ({"format": "xml"}, "format", "not a valid choice"),
        ({"after": "x"}, "after", "valid integer"),
        ({"limit": 0}, "limit", "greater than or equal to 1"),
        ({"limit": 1001}, "limit", "at most 1000"),
        ({"settled_since": "yesterday"}, "settled_since", "wrong format"),
        ({"min_weight": 2}, "min_weight", "less than or equal to 1"),
        ({"include_ties": "perhaps"}, "include_ties", "valid boolean"),
    ],
)
def test_a_wrong_parameter_is_named_and_never_ignored(project, curator, parameters, field, words):
    response = curator.get(url(project, **parameters))
    problem = response.json()
    assert (response.status_code, problem["title"]) == (400, "Bad Request")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert words in problem["errors"][0]["problem"]
    assert words in problem["detail"]


def test_the_description_names_exactly_the_columns_there_are(project, curator):
    make_comparison(project)
    claim_and_judge(make_member(project), project, "left")
    row = curator.get(url(project, limit=1)).json()["results"][0]
    fields = PreferenceSerializer().fields
    assert set(row) == {name for name, field in fields.items() if field.required}
    judgment = curator.get(url(project, "judgments")).json()["results"][0]
    assert set(judgment) == set(JudgmentSerializer().fields)


def test_judgments_are_streamed_and_paged(project, curator):
    labeler = make_member(project)
    for _ in range(3):
        make_comparison(project)
        claim_and_judge(labeler, project, "left")
    streamed = lines(curator.get(url(project, "judgments", format="jsonl")))
    page = curator.get(url(project, "judgments", limit=2)).json()
    assert page["results"] == streamed[:2]
    assert curator.get(page["next"]).json() == {"results": streamed[2:], "next": None}


def test_the_project_tells_its_counts(project, curator):
    make_comparison(project)
    detail = curator.get(f"/api/v1/projects/{project.slug}/").json()
    assert detail["counts"] == {
        "prompts": 8, "comparisons_open": 1, "comparisons_finished": 7,
        "judgments": 0, "skips": 0, "flags": 0, "preferences": 7, "preferences_excluded": 0,
    }  # fmt: skip
    assert detail["role"] == "curator"
    assert curator.get(detail["preferences"]).status_code == 200


def post(client, project, body, content_type="application/x-ndjson", **parameters):
    return client.post(url(project, "imports", **parameters), body, content_type=content_type)


ROW = b'{"prompt": "New?", "responses": ["a", "b", "c"]}\n'


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "text/plain", "application/json"])
def test_rows_are_added_whatever_type_the_body_claims(project, curator, content_type):
    response = post(curator, project, ROW, content_type, pairs=2, tags="x,y", source="script")
    assert response.status_code == 201
    assert response.json()["comparisons_new"] == 2
    prompt = project.prompts.get(tags=["x", "y"])
    assert prompt.source == "script"


def test_a_packed_body_and_a_form_file_are_the_same(project, curator):
    assert post(curator, project, gzip.compress(ROW)).status_code == 201
    file = io.BytesIO(ROW)
    file.name = "rows.jsonl"
    response = curator.post(url(project, "imports"), {"file": file})
    assert (response.status_code, response.json()["prompts_merged"]) == (201, 1)


def test_a_dry_run_over_http_stores_nothing(project, curator):
    response = post(curator, project, ROW, dry_run="true")
    assert (response.status_code, response.json()["prompts_new"]) == (200, 1)
    assert project.prompts.count() == 7


def test_faulty_rows_come_back_as_a_list_of_problems(project, curator):
    response = post(curator, project, ROW + b'{"prompt": 7}\nnonsense\n')
    problem = response.json()
    assert (response.status_code, problem["total"]) == (400, 2)
    assert [(error["line"], error["field"]) for error in problem["errors"]] == [
        (2, "prompt"),
        (3, "line"),
    ]
    assert "nothing was stored" in problem["detail"]
    assert project.prompts.count() == 7


def test_a_body_that_is_too_large_is_refused(project, curator, monkeypatch):
    monkeypatch.setattr("labeling.api.data.imports.MAX_UPLOAD_BYTES", 100)
    response = post(curator, project, ROW * 10)
    assert response.status_code == 413
    assert "import_data" in response.json()["detail"]


def test_a_form_without_file_says_so(project, curator):
    response = curator.post(url(project, "imports"), {"other": "x"})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "file")


def test_an_unknown_method_is_a_problem_too(project, curator):
    response = curator.delete(url(project))
    assert response.status_code == 405
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "GET" in response.headers["Allow"]
