"""Imports over the API: several files, the list, the skipped rows, and the way back."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from labeling import tasks
from labeling.models import Import, Project, Prompt, Role, Scope
from tests.factories import claim, client_with_token, judge, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def project() -> Project:
    return make_project(random_share=0.0, gold_share=0.0)


@pytest.fixture
def client(project: Project) -> Client:
    return client_with_token(make_member(project, Role.CURATOR), Scope.READ, Scope.WRITE)


@pytest.fixture
def url(project: Project) -> str:
    return f"/api/v1/projects/{project.slug}/imports/"


def lines(*rows: Any) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


def send(client: Client, url: str, *files: bytes, query: str = "") -> Any:
    parts = [SimpleUploadedFile(f"{n}.jsonl", content) for n, content in enumerate(files)]
    return client.post(f"{url}{query}", {"file": parts})


def pair(question: str) -> dict[str, Any]:
    return {"prompt": question, "responses": ["a", "b"]}


def test_several_parts_are_one_import(client: Client, url: str) -> None:
    answer = send(client, url, lines(pair("One?")), lines(pair("Two?")))
    assert (answer.status_code, answer.json()["prompts_new"]) == (201, 2)
    (job,) = client.get(url).json()["results"]
    assert (job["id"], job["name"]) == (answer.json()["import_id"], "0.jsonl, 1.jsonl")


def test_a_fault_in_one_part_keeps_all_out_and_names_it(client: Client, url: str) -> None:
    answer = send(client, url, lines(pair("One?")), lines({"prompt": 7}))
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["place"], error["field"]) == ("line 1 of 1.jsonl", "prompt")
    assert not Prompt.objects.exists()


def test_in_the_background_the_answer_is_the_import(client: Client, url: str) -> None:
    answer = send(client, url, lines(pair("One?")), query="?background=true")
    assert answer.status_code == 202
    assert answer.json()["state"] == "staged"
    tasks.go_on_with_import(answer.json()["id"])
    job = client.get(answer["Location"]).json()
    assert (job["state"], job["report"]["prompts_new"]) == ("done", 1)
    assert job["progress"]["rows"] == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?hub=../x", "hub"),
        ("?hub=http://localhost/x", "hub"),
        ("?hub=org/name&dry_run=true", "dry_run"),
        ("?background=true&dry_run=true", "dry_run"),
    ],
)
def test_what_no_worker_can_read_is_refused_by_name(
    client: Client, url: str, query: str, field: str
) -> None:
    answer = send(client, url, lines(pair("One?")), query=query)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Import.objects.exists()


def test_a_data_set_of_the_hub_is_handed_to_a_worker(client: Client, url: str) -> None:
    answer = client.post(f"{url}?hub=org/name&split=train")
    assert (answer.status_code, answer.json()["name"]) == (202, "org/name (train)")


def test_the_list_goes_on_page_by_page(client: Client, url: str) -> None:
    for number in range(3):
        send(client, url, lines(pair(f"Question {number}?")))
    first = client.get(f"{url}?limit=2").json()
    second = client.get(first["next"]).json()
    ids = [job["id"] for page in (first, second) for job in page["results"]]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), second["next"]) == (3, None)


def test_every_skipped_row_is_handed_out(client: Client, url: str) -> None:
    rows = [pair("One?"), *[{"prompt": 7}] * 600, {"prompt": "=1+1", "chosen": 3}]
    answer = send(client, url, lines(*rows), query="?skip_bad=true").json()
    assert (answer["skipped"], len(answer["skipped_lines"])) == (601, 500)
    skipped = f"{url}{answer['import_id']}/skipped/"
    told = client.get(skipped).getvalue().decode().splitlines()
    assert json.loads(told[600])["line"] == 602
    table = client.get(f"{skipped}?format=csv").getvalue().decode()
    assert table.splitlines()[0] == "file,line,place,field,problem,advice,beginning"
    assert client.get(f"{skipped}?format=xml").status_code == 400
    clean = send(client, url, lines(pair("Two?"))).json()
    assert client.get(f"{url}{clean['import_id']}/skipped/").status_code == 404


def test_an_undo_is_foretold_done_and_told(client: Client, url: str, project: Project) -> None:
    pk = send(client, url, lines(*[pair(f"Question {n}?") for n in range(3)])).json()["import_id"]
    judge(claim(make_member(project), project), "left")
    foretold = client.post(f"{url}{pk}/undo/?dry_run=true").json()
    assert (foretold["dry_run"], Prompt.objects.count()) == (True, 3)
    done = client.post(f"{url}{pk}/undo/?reason=Wrong")
    assert (done.status_code, done.json()["state"]) == (200, "undone")
    assert done.json()["counts"] == foretold["counts"]
    assert foretold["counts"]["comparisons_judged"] == 1
    assert Prompt.objects.count() == 1
    assert client.get(f"{url}{pk}/").json()["undone"] == foretold["counts"]


@pytest.mark.parametrize(
    ("action", "state"), [("undo", "staged"), ("take", "done"), ("cancel", "done")]
)
def test_what_cannot_be_done_now_is_a_conflict(
    client: Client, url: str, action: str, state: str
) -> None:
    pk = send(client, url, lines(pair("One?"))).json()["import_id"]
    Import.objects.update(state=state)
    answer = client.post(f"{url}{pk}/{action}/")
    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"


def test_imports_of_other_projects_are_not_found(client: Client, url: str) -> None:
    pk = send(client, url, lines(pair("One?"))).json()["import_id"]
    other = make_project()
    stranger = client_with_token(make_member(other, Role.ADMIN), Scope.READ, Scope.WRITE)
    assert stranger.get(f"/api/v1/projects/{other.slug}/imports/{pk}/").status_code == 404
    for action in ("undo", "take", "cancel"):
        address = f"/api/v1/projects/{other.slug}/imports/{pk}/{action}/"
        assert stranger.post(address).status_code == 404
    assert stranger.get(url).status_code == 404
    assert Prompt.objects.count() == 1


def test_a_token_that_only_reads_undoes_nothing(project: Project, client: Client, url: str) -> None:
    pk = send(client, url, lines(pair("One?"))).json()["import_id"]
    reader = client_with_token(make_member(project, Role.CURATOR), Scope.READ)
    assert reader.get(f"{url}{pk}/").status_code == 200
    assert reader.post(f"{url}{pk}/undo/").status_code == 403
    assert Prompt.objects.exists()
