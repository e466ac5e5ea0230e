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


@pytest.mark.parametrize("what", ["preferences", "judgments"])
@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "0001-01-01T00:04:59Z", "1970-01-01"])
def test_since_the_beginning_of_time_means_everything(
    project: Project, curator: Client, what: str, since: str
) -> None:
    name = "settled_since" if what == "preferences" else "since"
    moment = since if "T" in since else f"{since}T00:00:00"
    answer = curator.get(address(project, f"{name}={moment}", what))
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == (4 if what == "preferences" else 0)


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "0000-01-01T00:00:00Z",
     "2026-02-30T00:00:00Z", "20260199", "2026-01-01T25:00:00Z", "1767225600", ""],
)  # fmt: skip
def test_a_moment_that_is_none_is_refused_and_named(
    project: Project, curator: Client, moment: str
) -> None:
    answer = curator.get(address(project, f"settled_since={moment}"))
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["settled_since"]


def test_since_a_moment_to_come_there_is_nothing(project: Project, curator: Client) -> None:
    answer = curator.get(address(project, "settled_since=9999-12-31T23:59:59Z"))
    assert answer.json()["results"] == []


@pytest.mark.parametrize("weight", ["nan", "NaN", "inf", "-inf", "1e999", "-0.01", "1.01", "", "x"])
def test_a_weight_that_is_none_is_refused_and_not_taken_for_no_limit(
    project: Project, curator: Client, weight: str
) -> None:
    answer = curator.get(address(project, f"min_weight={weight}"))
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["min_weight"]


@pytest.mark.parametrize(("weight", "rows"), [("0", 4), ("0.5", 4), ("1", 3)])
def test_a_least_weight_is_still_taken(
    project: Project, curator: Client, weight: str, rows: int
) -> None:
    first = project.preferences.earliest("id")
    project.preferences.filter(pk=first.pk).update(weight=0.5)
    answer = curator.get(address(project, f"min_weight={weight}"))
    assert len(answer.json()["results"]) == rows


@pytest.mark.parametrize(
    "split", ["", ",", "train,", "train,,dev", "Train", "train;dev", "train%00"]
)
def test_a_list_of_words_holds_known_words_only(
    project: Project, curator: Client, split: str
) -> None:
    answer = curator.get(address(project, f"split={split}"))
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["split"]


def test_a_word_that_comes_twice_counts_once(project: Project, curator: Client) -> None:
    answer = curator.get(address(project, "split=test,test&split= test"))
    assert len(answer.json()["results"]) == 2


def test_all_unknown_parameters_are_named_at_once_with_those_there_are(
    project: Project, curator: Client
) -> None:
    answer = curator.get(address(project, "zeta=1&alpha=2&limit=1", "judgments"))
    errors = answer.json()["errors"]
    assert [error["field"] for error in errors] == ["alpha", "zeta"]
    known = "after, cursor, format, include_superseded, limit, since"
    assert errors[0]["problem"] == f"There is no such parameter. Known are: {known}."


@pytest.mark.parametrize("name", ["include_ties", "include_both_bad", "include_excluded"])
@pytest.mark.parametrize(("text", "status"), [("true", 200), ("0", 200), ("ja", 400), ("", 400)])
def test_a_switch_says_yes_or_no(
    project: Project, curator: Client, name: str, text: str, status: int
) -> None:
    assert curator.get(address(project, f"{name}={text}")).status_code == status


def test_a_page_has_an_end_and_a_stream_has_none(project: Project, curator: Client) -> None:
    refused = curator.get(address(project, "limit=1001"))
    assert (
        refused.json()["detail"]
        == "limit: A page has at most 1000 rows. Use format=jsonl for more."
    )
    assert curator.get(address(project, "limit=1001&format=jsonl")).status_code == 200
    assert curator.get(address(project, "limit=1001&cursor=")).status_code == 400
