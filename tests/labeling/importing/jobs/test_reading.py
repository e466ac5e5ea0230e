"""A worker reads what was handed over to it: with progress, to its end whatever happens to the
worker, and never twice."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling import importing, tasks
from labeling.importing import ImportOptions, import_file
from labeling.importing.hub.naming import HubDataset
from labeling.importing.jobs import reading, watching
from labeling.importing.jobs.asking import TooLate, ask_worker, cancel_import, take_import
from labeling.importing.kept.import_folder import folder_of, read_upload, skipped_rows
from labeling.importing.kept.uploads import keep_upload, kept_upload
from labeling.models import Import, ImportChunk, Project, Prompt
from tests.factories import make_project

pytestmark = pytest.mark.django_db(transaction=True)

State = Import.State


class Killed(BaseException):
    """The worker ended here."""


@pytest.fixture(autouse=True)
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def project() -> Project:
    return make_project()


def prompts(count: int, start: int = 0) -> bytes:
    rows = [{"prompt": f"Question {start + number}?"} for number in range(count)]
    return "\n".join(json.dumps(row) for row in rows).encode()


def hand_over(project: Project, *contents: bytes, take: bool = False, **options: Any) -> Import:
    token = keep_upload([(f"{n}.jsonl", [content]) for n, content in enumerate(contents)], 1)
    upload = kept_upload(token, 1)
    assert upload is not None
    return ask_worker(project, None, upload, ImportOptions(**options), take=take)


def state_of(job: Import) -> str:
    job.refresh_from_db()
    return job.state


def long_ago() -> None:
    Import.objects.update(touched_at=timezone.now() - timedelta(hours=1))


def test_it_is_read_waits_for_a_click_and_is_taken(project: Project) -> None:
    job = hand_over(project, prompts(3), prompts(2, start=2))
    tasks.go_on_with_import(job.pk)
    assert state_of(job) == State.READY
    assert not Prompt.objects.exists()
    assert job.expected["prompts_new"] == 4
    assert (job.progress["rows"], job.progress["at"]) == (5, job.progress["of"])
    assert read_upload(job.pk) is None, "it was read"
    take_import(job)
    tasks.go_on_with_import(job.pk)
    assert (state_of(job), Prompt.objects.count()) == (State.DONE, 4)
    assert job.report["prompts_new"] == 4


def test_what_was_asked_to_be_taken_is_taken_at_once(project: Project) -> None:
    job = hand_over(project, prompts(3), take=True)
    tasks.go_on_with_import(job.pk)
    assert (state_of(job), Prompt.objects.count()) == (State.DONE, 3)


def test_a_fault_of_any_file_keeps_all_of_them_out_and_is_named(project: Project) -> None:
    job = hand_over(project, prompts(3), b'{"prompt": 7}', take=True)
    tasks.go_on_with_import(job.pk)
    assert state_of(job) == State.REFUSED
    (problem,) = job.refusal["problems"]
    assert (problem["place"], problem["field"]) == ("line 1 of 1.jsonl", "prompt")
    assert not Prompt.objects.exists() and not ImportChunk.objects.exists()
    assert read_upload(job.pk) is None


def test_skipped_rows_are_listed_to_the_last(project: Project) -> None:
    bad = b"\n".join(b'{"prompt": 7}' for _ in range(700))
    job = hand_over(project, prompts(1), bad, skip_bad=True)
    tasks.go_on_with_import(job.pk)
    rows = list(skipped_rows(job.pk) or [])
    assert len(rows) == 700
    assert rows[-1] == {
        "file": "1.jsonl", "line": 700, "place": "line 700 of 1.jsonl", "field": "prompt",
        "problem": "Must be a text or a list of messages.", "advice": rows[-1]["advice"],
        "beginning": '{"prompt": 7}',
    }  # fmt: skip


@pytest.mark.parametrize("rows_before", [0, 2])
def test_a_worker_that_ends_in_the_middle_loses_nothing_and_brings_nothing_twice(
    project: Project, monkeypatch: pytest.MonkeyPatch, rows_before: int
) -> None:
    monkeypatch.setattr(importing, "CHUNK_ROWS", 1)
    kept = iter(range(100))
    real = importing.staging.keep

    def keep_or_die(*given: Any) -> None:
        if next(kept) == rows_before:
            raise Killed
        real(*given)

    monkeypatch.setattr(importing.staging, "keep", keep_or_die)
    job = hand_over(project, prompts(5), take=True)
    with pytest.raises(Killed):
        tasks.go_on_with_import(job.pk)
    monkeypatch.setattr(importing.staging, "keep", real)
    tasks.finish_changes()
    assert state_of(job) == State.STAGED, "its worker may still be reading"
    long_ago()
    tasks.finish_changes()
    assert (state_of(job), job.attempt, Prompt.objects.count()) == (State.DONE, 2, 5)
    assert not ImportChunk.objects.exists()


def test_a_worker_that_was_only_slow_stops_when_another_one_reads(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importing.staging.keep

    def another_begins(job: Import, *given: Any) -> None:
        monkeypatch.setattr(importing.staging, "keep", real)
        long_ago()
        tasks.finish_changes()
        real(job, *given)

    monkeypatch.setattr(importing.staging, "keep", another_begins)
    job = hand_over(project, prompts(5), take=True)
    tasks.go_on_with_import(job.pk)
    assert (state_of(job), Prompt.objects.count()) == (State.DONE, 5)


def test_what_ends_every_worker_is_given_up_after_some_times(project: Project) -> None:
    job = hand_over(project, prompts(5), take=True)
    Import.objects.update(attempt=reading.MOST_ATTEMPTS)
    long_ago()
    tasks.finish_changes()
    assert state_of(job) == State.REFUSED
    assert "never came to an end" in job.refusal["summary"]


def test_files_that_are_gone_are_said_to_be(project: Project) -> None:
    job = hand_over(project, prompts(5))
    import shutil

    shutil.rmtree(folder_of(job.pk))
    tasks.go_on_with_import(job.pk)
    assert "send them again" in Import.objects.get().refusal["summary"]


def test_progress_is_told_while_it_is_read_and_giving_up_ends_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(watching, "READ_AT_ONCE", 2**12)
    seen: list[dict[str, Any]] = []
    real = importing.staging.keep

    def look(job: Import, *given: Any) -> None:
        seen.append(Import.objects.get().progress)
        real(job, *given)
        if len(seen) == 3:
            cancel_import(job)

    monkeypatch.setattr(importing.staging, "keep", look)
    job = hand_over(project, prompts(5000))
    size = read_upload(job.pk).size
    tasks.go_on_with_import(job.pk)
    assert state_of(job) == State.CANCELLED
    assert {one["of"] for one in seen} == {size}
    assert 0 < seen[0]["at"] <= seen[1]["at"] <= seen[2]["at"] < size
    tasks.finish_changes()
    assert not ImportChunk.objects.exists()
    assert read_upload(job.pk) is None


def test_what_was_taken_cannot_be_given_up_and_what_was_given_up_not_taken(
    project: Project,
) -> None:
    job = hand_over(project, prompts(1), take=True)
    tasks.go_on_with_import(job.pk)
    with pytest.raises(TooLate):
        cancel_import(job)
    other = hand_over(project, prompts(1))
    cancel_import(other)
    with pytest.raises(TooLate):
        take_import(other)
    tasks.go_on_with_import(other.pk)
    assert state_of(other) == State.CANCELLED


def test_what_nobody_takes_within_a_day_is_given_up(project: Project) -> None:
    job = hand_over(project, prompts(1))
    tasks.go_on_with_import(job.pk)
    Import.objects.update(touched_at=timezone.now() - timedelta(hours=25))
    tasks.finish_changes()
    assert state_of(job) == State.CANCELLED
    assert not ImportChunk.objects.exists()


def test_one_worker_reads_at_a_time_and_the_next_follows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(reading, "nudge", lambda _, pk: asked.append(pk))
    first, second = hand_over(project, prompts(1)), hand_over(project, prompts(1))
    Import.objects.filter(pk=first.pk).update(attempt=1)
    tasks.go_on_with_import(second.pk)
    assert state_of(second) == State.STAGED
    long_ago()
    tasks.go_on_with_import(first.pk)
    assert asked == [second.pk]


def test_others_import_while_one_waits_for_its_click(project: Project) -> None:
    job = hand_over(project, prompts(1))
    tasks.go_on_with_import(job.pk)
    upload = kept_upload(keep_upload([("x.jsonl", [prompts(1)])], 1), 1)
    assert upload is not None
    with upload.open() as file:
        import_file(project, None, file, name="x.jsonl")
    take_import(job)
    tasks.go_on_with_import(job.pk)
    assert state_of(job) == State.DONE
    assert job.report["prompts_known"] == 1


def test_a_data_set_of_a_hub_that_is_not_asked_is_refused_in_words(project: Project) -> None:
    job = ask_worker(project, None, HubDataset("org/name"), ImportOptions())
    tasks.go_on_with_import(job.pk)
    assert state_of(job) == State.REFUSED
    assert "HF_HUB_OFFLINE" in job.refusal["summary"]


def test_a_project_that_hands_over_many_keeps_no_other_waiting_for_all(project: Project) -> None:
    many = [hand_over(project, prompts(1, start=number)) for number in range(3)]
    other = hand_over(make_project(), prompts(1))
    for job in many[:2]:  # the worker's messages come in the order in which all was handed over
        tasks.go_on_with_import(job.pk)
    assert [state_of(job) for job in (*many, other)] == ["ready", "staged", "staged", "ready"]
    for job in (*many[2:], other):
        tasks.go_on_with_import(job.pk)
    long_ago()
    tasks.finish_changes()
    assert {state_of(job) for job in many} == {State.READY}
