"""Runs over HTTP: the list, all of one, and what admins do by hand."""

from typing import Any

import pytest

from labeling.models import AuditEntry, Project, Role, Snapshot
from modeling.api import runs
from modeling.api.run_rows import RunDetailSerializer, RunSerializer
from modeling.loop import by_hand
from modeling.models import Policy, Run
from tests.factories import make_project
from tests.modeling.api.api_clients import Asker, admin_of_another, asker
from tests.modeling.page_helpers import log_metrics, make_reward_model, make_run

pytestmark = pytest.mark.django_db
State = Run.State


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def admin(project: Project) -> Asker:
    return asker(project, Role.ADMIN)


def ids(answer: Any) -> list[int]:
    return [row["id"] for row in answer.json()["results"]]


def test_the_list_is_newest_first_and_goes_on_where_it_ended(project, admin):
    made = [make_run(project).pk for _ in range(5)]
    page = admin.get("runs/?limit=2").json()
    assert [row["id"] for row in page["results"]] == made[:2:-1]
    following = admin.client.get(page["next"]).json()
    assert [row["id"] for row in following["results"]] == [made[2], made[1]]
    elsewhere = admin.get(f"runs/?cursor={page['cursor']}&kind=sample")
    assert elsewhere.status_code == 400, "a cursor goes with its filters"
    assert admin.get("runs/?limit=5").json()["next"] is None


def test_the_list_is_filtered(project, admin):
    make_run(project, State.FAILED)
    sampled = make_run(project, State.FAILED, kind=Run.Kind.SAMPLE)
    make_run(project, kind=Run.Kind.SAMPLE)
    assert ids(admin.get("runs/?kind=sample&state=failed")) == [sampled.pk]
    wrong = admin.get("runs/?knd=sample")
    assert wrong.status_code == 400
    assert wrong.json()["errors"][0]["field"] == "knd"


def test_a_longer_list_takes_no_more_statements(project, admin):
    def add() -> None:
        make_reward_model(project)
        policy = Policy.objects.create(
            project=project, version=Policy.objects.count() + 1, name="p", location="org/p"
        )
        make_run(project, policy=policy, kind=Run.Kind.SAMPLE)

    add()
    few = admin.statements("runs/")
    for _ in range(5):
        add()
    assert admin.statements("runs/") == few


def test_the_rows_are_described_as_they_are(project, admin):
    run = make_run(project, State.FAILED, error="It is too long.\nMake it shorter.")
    row = admin.get("runs/").json()["results"][0]
    assert row.keys() == RunSerializer().fields.keys()
    detail = admin.get(f"runs/{run.pk}/").json()
    assert detail.keys() == RunDetailSerializer().fields.keys()
    assert detail["failure"]["words"] == detail["outcome"] == "It is too long."
    assert detail["failure"]["hint"] == "Make it shorter."


def test_a_run_tells_versions_in_place_of_keys_and_its_last_metrics(project, admin, settings):
    make_reward_model(project)
    incumbent = make_reward_model(project)
    policy = Policy.objects.create(project=project, version=7, name="p", location="org/p")
    config = {
        "incumbent": incumbent.pk,
        "policy": policy.pk,
        "base_model": f"{settings.DATA_DIR}/runs/1/model",
    }
    run = make_run(project, config=config)
    log_metrics(run, "train/loss", [0.7, 0.6])
    log_metrics(run, "dev/loss", [0.8])
    detail = admin.get(f"runs/{run.pk}/").json()
    assert detail["inputs"] == {
        "policy": 7, "reference": None, "candidate": None, "reward_model": None, "incumbent": 2,
        "shadow": None,
    }  # fmt: skip
    assert detail["metrics"] == {
        "dev/loss": {"step": 1, "value": 0.8},
        "train/loss": {"step": 2, "value": 0.6},
    }
    assert detail["config"]["base_model"] == "runs/1/model"
    assert str(settings.DATA_DIR) not in str(detail)


def test_versions_of_another_project_are_not_told(project, admin):
    foreign = make_reward_model(make_project())
    run = make_run(project, config={"incumbent": foreign.pk})
    assert admin.get(f"runs/{run.pk}/").json()["inputs"]["incumbent"] is None


def test_a_run_is_cancelled_once(project, admin):
    run = make_run(project, State.QUEUED)
    assert admin.send(f"runs/{run.pk}/cancel/").json()["state"] == "cancelled"
    again = admin.send(f"runs/{run.pk}/cancel/")
    assert again.status_code == 409
    assert "nothing to cancel" in again.json()["detail"]
    assert AuditEntry.objects.filter(action="run cancelled").count() == 1


def test_a_failed_run_is_started_again(project, admin):
    run = make_run(project, State.FAILED, kind=Run.Kind.SAMPLE)
    assert admin.send(f"runs/{run.pk}/retry/").json()["state"] == "queued"
    other = make_run(project, State.FAILED, kind=Run.Kind.SAMPLE)
    refused = admin.send(f"runs/{other.pk}/retry/")
    assert refused.status_code == 409
    assert "under way" in refused.json()["detail"]


def test_a_run_that_cannot_be_started_says_why(project, admin):
    refused = admin.send("runs/", {"start": "training"})
    assert refused.status_code == 409
    assert "base model" in refused.json()["detail"]
    assert not Run.objects.exists()


@pytest.mark.parametrize("start", list(runs.Start))
def test_every_start_is_that_of_the_pages(project, admin, monkeypatch, start):
    def begin(of: Project, by: Any) -> Run:
        return make_run(of, State.QUEUED, created_by=by)

    monkeypatch.setitem(runs.STARTS, start, begin)
    answer = admin.send("runs/", {"start": start})
    assert answer.status_code == 201
    assert answer.json()["state"] == "queued"
    assert answer.json()["created_by"]


def test_there_is_a_start_for_each_button():
    assert {start.__name__ for start in runs.STARTS.values()} == {
        name for name in vars(by_hand) if name.startswith("start_")
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [({"start": "anything"}, "start"), ({}, "start"), ({"start": "training", "x": 1}, "x")],
)
def test_a_start_that_is_none_is_refused_by_its_field(admin, body, field):
    refused = admin.send("runs/", body)
    assert refused.status_code == 400
    assert [error["field"] for error in refused.json()["errors"]] == [field]


def test_curators_look_and_admins_act(project):
    curator = asker(project, Role.CURATOR)
    run = make_run(project, State.QUEUED, snapshot=Snapshot.objects.create(
        project=project, sha256="0" * 64, count=1))  # fmt: skip
    assert curator.get("runs/").status_code == 200
    assert curator.get(f"runs/{run.pk}/").json()["snapshot"] == "0" * 64
    for path in ("runs/", f"runs/{run.pk}/cancel/", f"runs/{run.pk}/retry/"):
        assert curator.send(path, {"start": "training"}).status_code == 403
    run.refresh_from_db()
    assert run.state == State.QUEUED


def test_a_run_of_another_project_is_not_there(project, admin):
    foreign = make_run(make_project(), State.QUEUED)
    for path in ("", "log/", "metrics/", "snapshot/", "predictions/"):
        assert admin.get(f"runs/{foreign.pk}/{path}").status_code == 404
    for path in ("cancel/", "retry/"):
        assert admin.send(f"runs/{foreign.pk}/{path}").status_code == 404
    own = make_run(project, State.QUEUED)
    stranger = admin_of_another(project)
    assert stranger.get(f"runs/{own.pk}/").status_code == 404
    assert stranger.send(f"runs/{own.pk}/cancel/").status_code == 404
    assert set(Run.objects.values_list("state", flat=True)) == {"queued"}
