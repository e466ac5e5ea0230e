"""Imports over HTTP: who may, what the parameters allow, and that a refusal stores nothing."""

import gzip
import json
import tempfile
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from labeling.api.data import imports
from labeling.importing import ImportInterrupted, ImportUnfinished
from labeling.importing.skipping import SHOWN_SKIPPED
from labeling.models import AuditEntry, Project, Prompt, Role, Scope
from tests.factories import client_with_token, make_member, make_project, make_user

pytestmark = pytest.mark.django_db

ROW = b'{"prompt": "One?", "responses": ["a", "b", "c", "d"]}\n'


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def curator(project: Project) -> Client:
    return client_with_token(make_member(project, Role.CURATOR, "teammate"))


def send(client: Client, project: Project, body: Any = ROW, query: str = "", **more: Any) -> Any:
    more.setdefault("content_type", "application/x-ndjson")
    return client.post(f"/api/v1/projects/{project.slug}/imports/?{query}", body, **more)


# Who may


def test_a_curator_of_another_project_adds_nothing_here(curator: Client) -> None:
    other = make_project()
    answer = send(curator, other)
    assert answer.status_code == 404
    assert answer.json() == send(curator, Project(slug="nowhere")).json()
    assert not other.prompts.exists()


@pytest.mark.parametrize("scope", [Scope.READ, Scope.LABEL])
def test_a_curators_token_without_the_scope_adds_nothing(project: Project, scope: Scope) -> None:
    client = client_with_token(make_member(project, Role.CURATOR), scope)
    assert send(client, project).status_code == 403
    assert not project.prompts.exists()


def test_who_was_removed_adds_nothing_with_the_token_that_is_left(
    project: Project, curator: Client
) -> None:
    project.memberships.all().delete()
    assert send(curator, project).status_code == 404


def test_a_superuser_adds_to_any_project(project: Project) -> None:
    client = client_with_token(make_user(is_superuser=True))
    assert send(client, project).status_code == 201


def test_who_imported_and_from_where_is_on_record(project: Project, curator: Client) -> None:
    send(curator, project, query="source=crawl-7")
    entry = AuditEntry.objects.get(action="import")
    assert entry.actor is not None
    assert (entry.actor.username, entry.project) == ("teammate", project)
    assert Prompt.objects.get().source == "crawl-7"


# What the parameters allow


@pytest.mark.parametrize(("pairs", "queued"), [(0, 0), (1, 1), (6, 6), (36, 6)])
def test_pairs_are_queued_up_to_all_there_are(
    project: Project, curator: Client, pairs: int, queued: int
) -> None:
    report = send(curator, project, query=f"pairs={pairs}").json()
    assert report["comparisons_new"] == queued == project.comparisons.count()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("pairs=-1", "pairs"),
        ("pairs=37", "pairs"),
        ("pairs=x", "pairs"),
        ("pairs=1&pairs=2", "pairs"),
        ("dry_run=perhaps", "dry_run"),
        ("skip_bad=", "skip_bad"),
        ("source=" + "x" * 121, "source"),
        ("tag=x", "tag"),
        ("tags=", "tags"),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_stored(
    project: Project, curator: Client, query: str, field: str
) -> None:
    answer = send(curator, project, query=query)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not project.prompts.exists()


def test_tags_are_words_with_commas_between_them_once_or_more(
    project: Project, curator: Client
) -> None:
    send(curator, project, query="tags=grün, two words,&tags=x")
    assert Prompt.objects.get().tags == ["grün", "two words", "x"]


def test_a_rehearsal_says_the_same_as_the_import(project: Project, curator: Client) -> None:
    rehearsed = send(curator, project, query="dry_run=true")
    assert not project.prompts.exists()
    imported = send(curator, project)
    assert (rehearsed.status_code, imported.status_code) == (200, 201)
    ignored = {"dry_run": None, "seconds": None, "import_id": None}
    assert rehearsed.json() | ignored == imported.json() | ignored
    assert (rehearsed.json()["dry_run"], imported.json()["dry_run"]) == (True, False)


def test_the_same_again_is_told_as_merged(project: Project, curator: Client) -> None:
    send(curator, project)
    report = send(curator, project).json()
    assert (report["prompts_new"], report["prompts_merged"]) == (0, 1)
    assert (report["responses_new"], report["responses_merged"]) == (0, 4)
    assert project.prompts.count() == 1


# Bodies


@pytest.mark.parametrize("body", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_a_body_without_rows_is_refused_in_words(
    project: Project, curator: Client, body: bytes
) -> None:
    answer = send(curator, project, body)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert not AuditEntry.objects.filter(action="import").exists()


def test_a_text_where_the_file_should_be_is_refused(project: Project, curator: Client) -> None:
    url = f"/api/v1/projects/{project.slug}/imports/"
    answer = curator.post(url, {"file": ROW.decode()})
    assert answer.json()["detail"] == "file: Send the rows as a form's `file`."


def test_a_forms_file_gives_its_name_to_the_rows(project: Project, curator: Client) -> None:
    url = f"/api/v1/projects/{project.slug}/imports/"
    file = SimpleUploadedFile("größe.jsonl.gz", gzip.compress(ROW))
    assert curator.post(url, {"file": file}).status_code == 201
    assert Prompt.objects.get().source == "größe.jsonl.gz"


def test_one_faulty_row_keeps_all_others_out(project: Project, curator: Client) -> None:
    answer = send(curator, project, ROW + b'{"prompt": ""}\n' + ROW)
    assert answer.status_code == 400
    problem = answer.json()
    assert (problem["total"], problem["errors"][0]["line"]) == (1, 2)
    assert not project.prompts.exists()


def test_of_very_many_skipped_rows_the_first_are_listed(project: Project, curator: Client) -> None:
    bad = b'{"prompt": 5}\n' * (SHOWN_SKIPPED + 3)
    report = send(curator, project, ROW + bad, "skip_bad=true").json()
    assert report["skipped"] == SHOWN_SKIPPED + 3
    assert [row["line"] for row in report["skipped_lines"]] == list(range(2, SHOWN_SKIPPED + 2))


@pytest.mark.parametrize(
    ("fault", "status"),
    [(ImportUnfinished("The rest follows by itself."), 202), (ImportInterrupted("Again."), 409)],
)
def test_an_import_that_others_go_on_with_is_no_error_and_one_cut_off_is(
    project: Project,
    curator: Client,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    status: int,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.setattr(imports, "import_file", fail)
    answer = send(curator, project)
    assert (answer.status_code, answer.json()["detail"]) == (status, str(fault))


def test_a_report_is_plain_json_of_numbers_and_words(project: Project, curator: Client) -> None:
    report = send(curator, project).json()
    assert json.loads(json.dumps(report)) == report
    assert report["seconds"] >= 0
    assert report["notices"] == []


# A mapping

MAPPED = b'{"q": "One?", "x": "a", "y": "b", "ana": 1, "ben": 1, "cleo": 2}\n'
MAPPING = json.dumps(
    {
        "prompt": "q",
        "responses": ["x", "y"],
        "verdicts": ["ana", "ben", "cleo"],
        "first": [1],
        "second": [2],
    }
)


def test_a_mapping_in_the_address_says_what_the_columns_are(
    project: Project, curator: Client
) -> None:
    answer = send(curator, project, MAPPED, urlencode({"mapping": MAPPING}))
    assert answer.status_code == 201
    assert project.preferences.get().votes_chosen == 2


@pytest.mark.parametrize("as_file", [True, False])
def test_a_form_holds_the_mapping_as_text_or_file(
    project: Project, curator: Client, as_file: bool
) -> None:
    part = SimpleUploadedFile("m.json", MAPPING.encode()) if as_file else MAPPING
    form = {"file": SimpleUploadedFile("rows.jsonl", MAPPED), "mapping": part}
    address = f"/api/v1/projects/{project.slug}/imports/"
    assert curator.post(address, form).status_code == 201
    assert project.preferences.get().votes_rejected == 1


@pytest.mark.parametrize(
    ("query", "part", "words"),
    [
        ('{"promt": "q"}', None, "has no field promt"),
        ("", "{", "is no JSON"),
        ("", "", "Is empty"),
        (MAPPING, MAPPING, "give it once"),
    ],
)
def test_a_mapping_that_is_none_is_refused_and_nothing_stored(
    project: Project, curator: Client, query: str, part: str | None, words: str
) -> None:
    form: dict[str, Any] = {"file": SimpleUploadedFile("rows.jsonl", MAPPED)}
    form |= {} if part is None else {"mapping": part}
    address = f"/api/v1/projects/{project.slug}/imports/?{urlencode({'mapping': query})}"
    answer = curator.post(address if query else address.partition("?")[0], form)
    assert answer.status_code == 400
    assert words in json.dumps(answer.json(), ensure_ascii=False)
    assert not project.prompts.exists()


# Named labelers

NAMED = [
    {"prompt": "Tea?", "chosen": "Yes", "rejected": "No", "annotator": "ana", "rationale": "Warm."},
    {"prompt": "Tea?", "chosen": "No", "rejected": "Yes", "annotator": "ben"},
]


def judgments_of(client: Client, project: Project) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/projects/{project.slug}/judgments/")
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["ana (outside", "ben (outside"]),
        ("number_labelers=true", ["annotator 1", "annotator 2"]),
    ],
)
def test_judgments_of_named_labelers_come_out_as_theirs(
    curator: Client, project: Project, query: str, names: list[str]
) -> None:
    body = "\n".join(json.dumps(row) for row in NAMED).encode()
    answer = send(curator, project, body, query)
    assert (answer.json()["labelers_new"], answer.json()["judgments_new"]) == (2, 2)
    rows = judgments_of(curator, project)
    assert [row["labeler"].startswith(name) for row, name in zip(rows, names, strict=True)] == [
        True, True,
    ]  # fmt: skip
    assert rows[0]["rationale"] == "Warm."
    assert sorted(one["text"] for one in rows[0]["responses"]) == ["No", "Yes"]


@pytest.mark.parametrize("query", ["mapping=nonsense", "hub=org%2Fname&dry_run=true", "hub=.."])
def test_a_body_that_nobody_looks_at_is_closed(query, monkeypatch):
    project = make_project()
    client = client_with_token(make_member(project, Role.CURATOR), Scope.WRITE)
    made = []

    class Noted(tempfile.SpooledTemporaryFile):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr("labeling.api.data.imports.tempfile.SpooledTemporaryFile", Noted)
    address = f"/api/v1/projects/{project.slug}/imports/?{query}"
    answer = client.post(address, b"{}", content_type="application/x-ndjson")
    assert answer.status_code == 400
    assert [file.closed for file in made] == [True]
