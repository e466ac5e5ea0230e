"""Snapshots over HTTP: taken, listed, downloaded in parts, compared, named, deleted, pushed."""

import hashlib
import json
from typing import Any

import pytest
from django.test import Client

from labeling.api.snapshots.rows import (
    DifferenceSerializer,
    PushSerializer,
    SnapshotSerializer,
    TakingSerializer,
    WholeSnapshotSerializer,
)
from labeling.models import Preference, Project, Role, Scope, Snapshot, SnapshotPush
from labeling.preferences.snapshots import take_snapshot
from labeling.snapshots import taking
from modeling.models import Run
from tests.factories import (
    claim_and_judge,
    client_with_token,
    make_comparisons,
    make_member,
    make_project,
)
from tests.labeling.snapshots.fake_hub import TOKEN

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_comparisons(project, 3)
    labeler = make_member(project)
    for choice in ("left", "right", "tie"):
        claim_and_judge(labeler, project, choice)
    return project


@pytest.fixture
def curator(project: Project) -> Client:
    return client_with_token(make_member(project, Role.CURATOR))


@pytest.fixture
def admin(project: Project) -> Client:
    return client_with_token(make_member(project, Role.ADMIN))


def url(project: Project, rest: str = "") -> str:
    return f"/api/v1/projects/{project.slug}/snapshots/{rest}"


def take(client: Client, project: Project, name: str = "Spring", **body: Any) -> dict[str, Any]:
    answer = client.post(url(project), {"name": name, **body}, content_type=JSON)
    assert answer.status_code == 201, answer.content
    return answer.json()


def content_of(answer: Any) -> bytes:
    return answer.getvalue()


def test_one_is_taken_listed_and_shown(project, curator):
    made = take(curator, project, description="The first.", licence="cc-by-4.0")
    assert made["preferences"] == 3 and made["counts"]["judgments"] == 3
    assert set(made) == set(WholeSnapshotSerializer().fields)
    page = curator.get(url(project)).json()
    assert [row["name"] for row in page["results"]] == ["Spring"] and page["next"] is None
    assert set(page["results"][0]) == set(SnapshotSerializer().fields)
    assert curator.get(url(project, f"{made['id']}/")).json() == made


def test_the_list_goes_on_after_a_page(project, curator):
    ids = [take(curator, project, name)["id"] for name in "ABC"]
    page = curator.get(url(project), {"limit": 2}).json()
    assert [row["id"] for row in page["results"]] == [ids[2], ids[1]]
    page = curator.get(page["next"]).json()
    assert ([row["id"] for row in page["results"]], page["next"]) == ([ids[0]], None)


def test_one_that_is_asked_for_again_under_its_key_is_taken_once(project, curator):
    body, key = {"name": "Spring"}, {"Idempotency-Key": "a" * 20}
    first, again = (
        curator.post(url(project), body, content_type=JSON, headers=key) for _ in range(2)
    )
    assert (first.status_code, again.json()) == (201, first.json())
    assert Snapshot.objects.count() == 1


def test_a_filter_chooses_the_rows(project, curator):
    made = take(curator, project, filters={"kind": "tie"})
    assert (made["preferences"], made["filters"]) == (1, {"kind": "tie"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a", "filters": {"kind": "no"}}, "filters.kind"),
        ({"name": "a", "filters": {"colour": "red"}}, "filters"),
        ({"name": "a", "filters": {"state": "redoing"}}, "filters.state"),
        ({"name": "a", "filters": {"split": "test", "kind": "both_bad"}}, "filters"),
        ({"name": "a", "filters": []}, "filters"),
        ({"name": "a", "color": 1}, "color"),
        ({"name": "a", "licence": "x" * 61}, "licence"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_its_field(project, curator, body, field):
    answer = curator.post(url(project), body, content_type=JSON)
    assert answer.status_code == 400
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert not Snapshot.objects.exists()


def test_a_body_that_is_no_object_is_refused(project, curator):
    for body in ("[]", "3", '"a"', "null"):
        assert curator.post(url(project), body, content_type=JSON).status_code == 400


def test_a_large_one_is_told_to_be_under_way(project, curator, monkeypatch):
    monkeypatch.setattr(taking, "AT_ONCE", 1)
    answer = curator.post(url(project), {"name": "Large"}, content_type=JSON)
    assert answer.status_code == 202 and set(answer.json()) == set(TakingSerializer().fields)
    assert curator.get(url(project, "takings/")).json()[0]["state"] == "waiting"
    taking.go_on()
    assert curator.get(url(project, "takings/")).json() == []
    assert curator.get(url(project)).json()["results"][0]["name"] == "Large"


@pytest.fixture
def file_url(project: Project, curator: Client) -> str:
    return url(project, f"{take(curator, project)['id']}/files/snapshot.jsonl")


def test_a_file_comes_with_its_hash(curator, file_url):
    answer = curator.get(file_url)
    content = content_of(answer)
    sha256 = hashlib.sha256(content).hexdigest()
    assert answer["ETag"] == f'"{sha256}"' == f'"{Snapshot.objects.get().sha256}"'
    assert answer["Content-Length"] == str(len(content))
    assert (answer["Rows"], answer["Accept-Ranges"]) == ("3", "bytes")
    assert "private" in answer["Cache-Control"]


def test_a_download_goes_on_where_it_ended(curator, file_url):
    whole = content_of(curator.get(file_url))
    answer = curator.get(file_url, headers={"range": "bytes=5-"})
    assert (answer.status_code, content_of(answer)) == (206, whole[5:])
    assert answer["Content-Range"] == f"bytes 5-{len(whole) - 1}/{len(whole)}"
    behind = curator.get(file_url, headers={"range": "bytes=999999999-"})
    assert behind.status_code == 416


def test_who_has_it_already_is_told_so(curator, file_url):
    etag = f'"{Snapshot.objects.get().sha256}"'
    for wanted in (etag, f'"x", W/{etag}', "*"):
        answer = curator.get(file_url, headers={"if-none-match": wanted})
        assert (answer.status_code, answer.content) == (304, b"")
    for wanted, status in ((etag, 206), ('"another"', 200)):
        answer = curator.get(file_url, headers={"range": "bytes=0-3", "if-range": wanted})
        assert answer.status_code == status
        assert content_of(answer)


def test_every_file_that_is_named_can_be_had(project, curator):
    made = take(curator, project)
    for name in made["files"]:
        answer = curator.get(url(project, f"{made['id']}/files/{name}"))
        assert answer.status_code == 200, name
        assert content_of(answer), name


def test_how_many_rows_a_shape_leaves_out_is_told(project, curator):
    answer = curator.get(url(project, f"{take(curator, project)['id']}/files/trl.jsonl"))
    assert (answer["Rows"], answer["Rows-Left-Out"]) == ("2", "1")
    assert len(content_of(answer).splitlines()) == 2


def test_a_file_that_there_is_not_is_a_404_with_those_there_are(project, curator):
    answer = curator.get(url(project, f"{take(curator, project)['id']}/files/trl.exe"))
    assert answer.status_code == 404 and "trl.parquet" in answer.json()["detail"]


def test_a_lost_file_is_told(curator, file_url, project):
    from labeling.snapshots.reading import rows_path

    snapshot = Snapshot.objects.get()
    rows_path(snapshot).unlink()
    answer = curator.get(file_url)
    assert answer.status_code == 410 and "is gone" in answer.json()["detail"]
    both = {"old": snapshot.pk, "new": snapshot.pk}
    for form in ("json", "jsonl"):
        assert curator.get(url(project, "diff/"), both | {"format": form}).status_code == 410


def test_two_are_compared(project, curator):
    old = take(curator, project, "Old")
    changed = Preference.objects.earliest("id")
    Preference.objects.filter(pk=changed.pk).update(weight=0.5)
    new = take(curator, project, "New")
    both = {"old": old["id"], "new": new["id"]}
    page = curator.get(url(project, "diff/"), both).json()
    assert page["counts"] == {"same": 2, "changed": 1} and page["ways"] == {"weight": 1}
    (row,) = page["results"]
    assert set(row) == set(DifferenceSerializer().fields)
    assert (row["old"]["weight"], row["new"]["weight"]) == (1.0, 0.5)
    stream = content_of(curator.get(url(project, "diff/"), both | {"format": "jsonl"}))
    assert [json.loads(line) for line in stream.splitlines()] == [row]
    assert curator.get(url(project, "diff/"), both | {"what": "added"}).json()["results"] == []


def test_a_diff_with_one_of_another_project_is_not_found(project, curator):
    other = make_project()
    make_comparisons(other, 1)
    claim_and_judge(make_member(other), other)
    foreign = take_snapshot(other)
    own = take(curator, project)["id"]
    for both in ({"old": own, "new": foreign.pk}, {"old": foreign.pk, "new": own}):
        assert curator.get(url(project, "diff/"), both).status_code == 404
    for rest in (f"{foreign.pk}/", f"{foreign.pk}/files/snapshot.jsonl", f"{foreign.pk}/pushes/"):
        assert curator.get(url(project, rest)).status_code == 404


def test_a_trainings_snapshot_is_named(project, curator):
    pk = take_snapshot(project).pk
    answer = curator.patch(url(project, f"{pk}/"), {"name": "Learnt"}, content_type=JSON)
    assert (answer.status_code, answer.json()["name"]) == (200, "Learnt")
    again = curator.patch(url(project, f"{pk}/"), {"name": "Other"}, content_type=JSON)
    assert again.status_code == 400 and again.json()["errors"][0]["field"] == "name"


def test_only_admins_delete_and_only_what_nothing_rests_on(project, curator, admin):
    pk = take(curator, project)["id"]
    assert curator.delete(url(project, f"{pk}/")).status_code == 403
    run = Run.objects.create(project=project, kind="train_reward", input_digest="x", snapshot_id=pk)
    answer = admin.delete(url(project, f"{pk}/"))
    assert answer.status_code == 409 and f"Run {run.pk}" in answer.json()["detail"]
    run.delete()
    assert admin.delete(url(project, f"{pk}/")).status_code == 204
    assert curator.get(url(project, f"{pk}/")).status_code == 404


def test_only_admins_push_and_the_token_comes_back_to_nobody(project, curator, admin, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    pk = take(curator, project)["id"]
    body = {"repo_id": "team/tea", "token": TOKEN}
    assert curator.post(url(project, f"{pk}/pushes/"), body, content_type=JSON).status_code == 403
    answer = admin.post(url(project, f"{pk}/pushes/"), body, content_type=JSON)
    assert answer.status_code == 202 and set(answer.json()) == set(PushSerializer().fields)
    listed = curator.get(url(project, f"{pk}/pushes/"))
    assert listed.json() == [answer.json()]
    assert TOKEN.encode() not in answer.content + listed.content
    assert SnapshotPush.objects.get().is_private


def test_a_token_that_only_reads_takes_none(project):
    reader = client_with_token(make_member(project, Role.CURATOR), Scope.READ)
    answer = reader.post(url(project), {"name": "a"}, content_type=JSON)
    assert answer.status_code == 403 and not Snapshot.objects.exists()
