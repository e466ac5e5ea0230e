"""What a run leaves behind, over HTTP: log, metrics, snapshot, predictions."""

import json
from typing import Any

import pytest

from labeling.models import Project, Role
from labeling.preferences.snapshots import take_snapshot
from modeling.models import Run
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project
from tests.modeling.api.api_clients import Asker, asker
from tests.modeling.page_helpers import log_metrics, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def curator(project: Project) -> Asker:
    return asker(project, Role.CURATOR)


@pytest.fixture
def run(project: Project) -> Run:
    run = make_run(project)
    run.folder.mkdir(parents=True)
    return run


def write_log(run: Run, text: str) -> None:
    (run.folder / "log.txt").write_text(text)


def content_of(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


def test_the_log_is_text_whatever_the_program_asks_for(curator, run):
    write_log(run, "one\ntwo\n")
    answer = curator.get(f"runs/{run.pk}/log/", accept="application/json")
    assert answer.content.decode() == "one\ntwo\n"
    assert answer["Content-Type"].startswith("text/plain")
    assert (answer["Accept-Ranges"], answer["Content-Length"]) == ("bytes", "8")


def test_a_run_without_a_log_has_an_empty_one(curator, project):
    assert curator.get(f"runs/{make_run(project).pk}/log/").content == b""


def test_the_log_goes_on_where_an_earlier_answer_ended(curator, run):
    Run.objects.filter(pk=run.pk).update(state=Run.State.RUNNING)
    write_log(run, "one\ntwo\nhalf a li")
    first = curator.get(f"runs/{run.pk}/log/").content
    assert first == b"one\ntwo\n"
    write_log(run, "one\ntwo\nhalf a line\n")
    rest = curator.get(f"runs/{run.pk}/log/", range=f"bytes={len(first)}-")
    assert (rest.status_code, rest.content) == (206, b"half a line\n")
    assert rest["Content-Range"] == "bytes 8-19/20"
    beyond = curator.get(f"runs/{run.pk}/log/", range="bytes=20-")
    assert beyond.status_code == 416
    assert beyond["Content-Type"] == "application/problem+json"
    assert beyond["Content-Range"] == "bytes */20"


def test_only_the_last_lines_are_told(curator, run):
    write_log(run, "".join(f"line {n}\n" for n in range(100)))
    assert curator.get(f"runs/{run.pk}/log/?tail=2").content == b"line 98\nline 99"
    assert curator.get(f"runs/{run.pk}/log/?tail=0").status_code == 400


def test_no_path_of_the_server_is_told(curator, run, settings):
    write_log(run, f"reads {settings.DATA_DIR}/runs/7/model and /etc/secret/key\n")
    assert (
        curator.get(f"runs/{run.pk}/log/").content == b"reads runs/7/model and \xe2\x80\xa6/key\n"
    )


def test_metrics_are_rows_a_page_at_a_time_or_a_stream(curator, run):
    log_metrics(run, "train/loss", [0.7, 0.6, 0.5])
    log_metrics(run, "dev/loss", [0.8])
    page = curator.get(f"runs/{run.pk}/metrics/?limit=2&name=train/loss").json()
    assert [(row["step"], row["value"]) for row in page["results"]] == [(1, 0.7), (2, 0.6)]
    following = curator.client.get(page["next"]).json()
    assert [row["value"] for row in following["results"]] == [0.5]
    assert following["next"] is None
    lines = content_of(curator.get(f"runs/{run.pk}/metrics/?format=jsonl")).splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["train/loss"] * 3 + ["dev/loss"]


def test_metrics_of_many_steps_take_no_more_statements(curator, run):
    log_metrics(run, "train/loss", [0.5])
    few = curator.statements(f"runs/{run.pk}/metrics/")
    log_metrics(run, "dev/loss", [0.5] * 90)
    assert curator.statements(f"runs/{run.pk}/metrics/") == few


def test_the_preferences_that_it_learned_from_are_sent_as_they_were(curator, project):
    make_comparisons(project, 1)
    claim_and_judge(make_member(project), project)
    run = make_run(project, snapshot=take_snapshot(project))
    answer = curator.get(f"runs/{run.pk}/snapshot/")
    assert len(content_of(answer).splitlines()) == 1
    assert run.snapshot.sha256[:12] in answer["Content-Disposition"]
    assert curator.get(f"runs/{make_run(project).pk}/snapshot/").status_code == 404


def test_predictions_are_sent_where_a_training_has_left_some(curator, run):
    assert curator.get(f"runs/{run.pk}/predictions/").status_code == 404
    (run.folder / "predictions.jsonl").write_text('{"id": "1"}\n')
    assert content_of(curator.get(f"runs/{run.pk}/predictions/")) == '{"id": "1"}\n'
