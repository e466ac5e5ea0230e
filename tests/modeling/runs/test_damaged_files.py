"""Folders that vanish, files that were cut short, memory that runs out: runs say what it was."""

import json
import os
import shutil
from pathlib import Path

import pytest

from modeling.core.program import seal
from modeling.core.program.run_dir import smaller
from modeling.loop.run_outcomes import warnings_of
from modeling.models import Policy, RewardModel, Run, Score
from modeling.pipeline import executing
from modeling.policies import registry
from modeling.reward_models import gates, service
from modeling.runs import lifecycle, model_files, programs
from tests.modeling.loop_helpers import advance_one, execute, label, loop_project
from tests.modeling.pages.reward_models.test_shadow import two_models
from tests.modeling.pipeline.test_pipeline import in_thread, program_of, queued_training

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_predecessor_whose_folder_is_gone_is_left_out_and_the_run_says_so(
    tmp_path: Path,
) -> None:
    project, first, second = two_models(tmp_path)
    shutil.rmtree(first.path)
    run = execute(Run.objects.filter(project=project, kind="sample").latest("pk"))
    assert run.state == Run.State.SUCCEEDED, run.error
    (said,) = [one for one in warnings_of(run) if "predecessor" in one]
    assert "The folder of the reward model v1 is gone" in said
    assert Score.objects.filter(reward_model=second).exists()


def test_a_predecessor_that_was_deleted_is_left_out(tmp_path: Path) -> None:
    project, _, _ = two_models(tmp_path)
    run = Run.objects.filter(project=project, kind="sample").latest("pk")
    run.config["shadow"] = 10**9
    run.save()
    execute(run)
    assert run.state == Run.State.SUCCEEDED, run.error
    assert any("was deleted" in one for one in warnings_of(run))


def test_a_result_that_was_cut_short_is_a_failure_in_words(tmp_path: Path) -> None:
    run = execute(queued_training(tmp_path, "cut_result"))
    assert run.state == Run.State.FAILED
    assert "Its result.json cannot be read: it was cut short or damaged." in run.error
    assert not (run.folder / "result.json").exists(), "it must not count at the next attempt"
    (tmp_path / "policy" / "behaviour").write_text("")
    lifecycle.retry(run, None)
    assert execute(run).state == Run.State.SUCCEEDED


def test_a_damaged_result_of_an_earlier_attempt_is_made_anew(tmp_path: Path) -> None:
    """The worker died between the end of the program and the rows."""
    run = queued_training(tmp_path)
    run.folder.mkdir(parents=True)
    (run.folder / "result.json").write_text('{"accuracy": {"test"')
    assert execute(run).state == Run.State.SUCCEEDED, run.error
    assert run.results["data"] == 10


def test_a_damaged_file_of_an_earlier_attempt_is_made_anew(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    run.folder.mkdir(parents=True)
    (run.folder / "predictions.jsonl").write_text('{"id": "1"}\n')
    seal.write_result(run.folder, {"model_dir": None})
    (run.folder / "predictions.jsonl").write_text('{"id": "1')
    assert execute(run).state == Run.State.SUCCEEDED, run.error
    assert run.results["data"] == 10


@pytest.mark.parametrize("line", ['{"id": "12", "text": "cut sh', "[]", '{"id": "x"}', "\x00"])
def test_samples_that_cannot_be_read_fail_in_words(
    tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = loop_project(tmp_path, comparisons=3, queue_target=20)
    run = advance_one(project)
    ending = programs.RunningProgram.ending

    def damaged(self: programs.RunningProgram) -> programs.ProgramEnding:
        found = ending(self)
        (self.folder / "samples.jsonl").write_text(f"{line}\n")
        return found

    monkeypatch.setattr(programs.RunningProgram, "ending", damaged)
    assert execute(run).state == Run.State.FAILED
    assert "Start the run again" in run.error
    assert "The worker's log" not in run.error


def test_a_run_whose_folder_is_deleted_begins_anew_from_the_rows(tmp_path: Path) -> None:
    run = execute(queued_training(tmp_path, "lose_folder"))
    assert (run.state, run.attempt) == (Run.State.QUEUED, 1)
    assert "its folder was deleted" in run.progress_text
    assert execute(run).state == Run.State.SUCCEEDED, run.error


def test_a_folder_that_is_deleted_each_time_is_said_in_words(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    for _ in range(Run.MAX_ATTEMPTS):
        (tmp_path / "policy" / "behaviour").write_text("lose_folder")
        execute(run)
    assert run.state == Run.State.FAILED
    assert "The run's folder was deleted while its program worked in it" in run.error
    assert "did not say why" not in run.error


def test_a_program_that_does_not_notice_is_ended_when_its_folder_is_gone(tmp_path: Path) -> None:
    run = queued_training(tmp_path, "hang")
    thread = in_thread(run)
    program = program_of(run)
    shutil.rmtree(run.folder)
    thread.join(15)
    assert not program.is_running()
    assert Run.objects.get(pk=run.pk).state == Run.State.QUEUED


@pytest.mark.parametrize("behaviour", ["killed", "out_of_memory"])
def test_a_program_that_runs_out_of_memory_is_tried_once_more_in_smaller_passes(
    tmp_path: Path, behaviour: str
) -> None:
    run = execute(queued_training(tmp_path, behaviour))
    assert run.state == Run.State.FAILED
    assert "It was tried twice, the second time with passes half as large." in run.error
    assert (run.folder / "log.txt").read_text().count("fake program: started") == 2
    assert json.loads((run.folder / "config.json").read_text())["smaller_passes"] is True


def test_a_run_that_memory_sufficed_for_the_second_time_says_so(tmp_path: Path) -> None:
    run = execute(queued_training(tmp_path, "killed_once"))
    assert run.state == Run.State.SUCCEEDED, run.error
    assert any("once more with passes half as large" in one for one in warnings_of(run))
    assert run.reward_model.results["warnings"] == run.results["warnings"]


def test_a_run_that_was_to_be_cancelled_is_not_tried_once_more(tmp_path: Path) -> None:
    run = queued_training(tmp_path, "killed")
    Run.objects.filter(pk=run.pk).update(cancel_requested=True)
    assert execute(run).state == Run.State.CANCELLED
    assert (run.folder / "log.txt").read_text().count("fake program: started") <= 1


def test_the_log_of_a_run_keeps_its_beginning_and_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "cap_log", lambda path: programs.cap_log(path, 20_000))
    run = execute(queued_training(tmp_path, "chatty"))
    log = (run.folder / "log.txt").read_text()
    assert len(log.encode()) < 20_000
    assert log.splitlines()[1] == "fake program: started"
    assert "bytes of this log were left out" in log
    assert log.rstrip().endswith("line 3999 of a program that says too much")


def test_what_a_program_says_while_its_log_is_shortened_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.txt"
    log.write_text("".join(f"line {number}\n" for number in range(5000)))
    look, said = os.pread, iter(["one more\n", "and its last words\n"])

    def look_as_the_program_goes_on(descriptor: int, most: int, offset: int) -> bytes:
        seen = look(descriptor, most, offset)
        with log.open("a") as file:
            file.write(next(said, ""))
        return seen

    monkeypatch.setattr(programs.os, "pread", look_as_the_program_goes_on)
    assert programs.cap_log(log, 20_000)
    lines = log.read_text().splitlines()
    assert lines[0] == "line 0"
    assert lines[-3:] == ["line 4999", "one more", "and its last words"]
    assert log.stat().st_size < 20_000


def made_by_a_program(model: RewardModel | Policy, folder: Path, name: str) -> None:
    """As if one of our own programs had made its folder."""
    model.files = seal.notes_of(folder, [f"{name}/config.json"])
    model.save()


def test_a_model_folder_that_was_changed_is_named_and_not_used(tmp_path: Path) -> None:
    project, _, second = two_models(tmp_path)
    made_by_a_program(second, second.run.folder, "model")
    run = Run.objects.filter(project=project, kind="sample").latest("pk")
    (second.path / "config.json").write_text('{"changed": 1}')
    execute(run)
    assert run.state == Run.State.FAILED
    assert "The folder of reward model v2 was changed after it was made" in run.error
    assert "model/config.json" in run.error
    (second.path / "config.json").write_text("{}")
    lifecycle.retry(run, None)
    assert execute(run).state == Run.State.SUCCEEDED, run.error


def test_a_file_that_was_added_to_a_model_folder_counts_as_a_change(tmp_path: Path) -> None:
    _, _, second = two_models(tmp_path)
    made_by_a_program(second, second.run.folder, "model")
    (second.path / "README.md").write_text("A card is no part of the model.")
    model_files.check(second)
    (second.path / "adapter_config.json").write_text("{}")
    with pytest.raises(model_files.Changed, match=r"adapter_config\.json was added"):
        model_files.check(second)


def test_a_changed_folder_is_not_put_in_service(tmp_path: Path) -> None:
    _, first, _ = two_models(tmp_path)
    made_by_a_program(first, first.run.folder, "model")
    (first.path / "config.json").write_text('{"changed": 1}')
    with pytest.raises(registry.NotUsable, match="was changed after it was made"):
        service.make_live(first, None)


def test_the_notes_of_a_trained_model_come_from_its_program(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    run.folder.mkdir(parents=True)
    (run.folder / "model").mkdir()
    (run.folder / "model" / "config.json").write_text("{}")
    (run.folder / "predictions.jsonl").write_text("")
    seal.write_result(run.folder, {"model_dir": "model", "accuracy": {}})
    execute(run)
    assert set(run.reward_model.files) == {"model/config.json"}
    assert "files" not in run.results


def test_predictions_of_an_old_run_that_were_damaged_hold_up_no_gate(tmp_path: Path) -> None:
    project, first, second = two_models(tmp_path)
    label(project, 10)
    (second.run.folder / "predictions.jsonl").write_text('{"id": "1", "spl\n')
    (first.run.folder / "preferences.jsonl").write_text("\x00\x01")
    for run in Run.objects.filter(project=project, state=Run.State.QUEUED):
        execute(run)
    assert gates.judge(first, second).checks


def test_a_smaller_pass_holds_half_as_many_tokens() -> None:
    assert smaller(2048, halved=True) == 1024
    assert smaller(2048, halved=False) == 2048
