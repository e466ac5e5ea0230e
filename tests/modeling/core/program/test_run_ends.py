"""How a program ends: exit codes, error.json, and what several processes say together."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from modeling.core.program import parallel, run_dir, set_aside
from modeling.core.program.checkpoint import REST, Pace, of_another_run, one_before
from modeling.core.program.errors import OUT_OF_MEMORY, ProgramCancelled, ProgramError
from modeling.core.program.files import write_json
from modeling.core.program.parallel import Processes
from modeling.core.program.run_dir import (
    EXIT_CANCELLED,
    EXIT_FAILED,
    EXIT_USAGE,
    RunDir,
    run_program,
    shown_before,
    smaller,
)


def ending_with(error: BaseException | None, folder: Path) -> tuple[int, dict[str, Any]]:
    """The exit code of a program that raises this, and error.json."""

    def main(_run: RunDir) -> None:
        if error is not None:
            raise error

    code = run_program(main, [str(folder)])
    path = folder / "error.json"
    return code, json.loads(path.read_text()) if path.exists() else {}


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--help"]])
def test_a_program_takes_one_folder(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def main(_run: RunDir) -> None:
        raise AssertionError("not reached")

    assert run_program(main, arguments) == EXIT_USAGE
    assert capsys.readouterr().err.startswith("usage: python -m modeling.core.")


def test_a_folder_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(lambda _run: None, [str(tmp_path / "none")]) == EXIT_USAGE
    assert capsys.readouterr().err == f"There is no folder {tmp_path / 'none'}.\n"


def test_what_can_be_put_in_words_is(tmp_path: Path) -> None:
    problem = ProgramError("The policy is gone.", where="config.json", hint="Name another.")
    code, error = ending_with(problem, tmp_path)
    assert code == EXIT_FAILED
    assert error == {
        "error": "The policy is gone.",
        "where": "config.json",
        "hint": "Name another.",
    }


def test_what_was_not_foreseen_says_its_kind_and_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = ending_with(KeyError("weights"), tmp_path)
    assert code == EXIT_FAILED
    assert error["error"] == "KeyError: 'weights'"
    assert error["where"].startswith("test_run_ends.py:")
    assert error["where"].endswith(" in main")
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_and_a_full_memory_have_sentences_of_their_own(tmp_path: Path) -> None:
    _, error = ending_with(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
    assert error["error"] == "The disk is full: a file of this run could not be written."
    _, error = ending_with(RuntimeError("DefaultCPUAllocator: can't allocate memory"), tmp_path)
    assert error["error"] == f"The machine's {OUT_OF_MEMORY}."
    gpu = type("OutOfMemoryError", (RuntimeError,), {})
    _, error = ending_with(gpu("x" * 1000), tmp_path)
    assert error["error"] == f"The GPU's {OUT_OF_MEMORY}."
    assert error["where"] == "x" * 300


def test_an_error_of_an_earlier_attempt_is_gone_when_a_run_ends_well(tmp_path: Path) -> None:
    ending_with(ValueError("first"), tmp_path)
    assert ending_with(None, tmp_path) == (0, {})


def test_a_cancelled_run_is_no_failed_one(tmp_path: Path) -> None:
    assert ending_with(ProgramCancelled(), tmp_path) == (EXIT_CANCELLED, {})


def test_an_error_that_cannot_be_written_is_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_dir, "write_json", full)
    code, error = ending_with(ProgramError("Boom.", hint="Wait."), tmp_path)
    assert (code, error) == (EXIT_FAILED, {})
    log = capsys.readouterr().err
    assert "Failed: Boom. Wait." in log
    assert "error.json could not be written either: [Errno 28]" in log


def test_only_the_first_of_several_processes_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But what fails in another alone is told by that one."""
    monkeypatch.setenv("RANK", "1")
    RunDir(tmp_path).log(1, {"loss": 1.0})
    assert not (tmp_path / "metrics.jsonl").exists()
    code, error = ending_with(ProgramError("Mine.", hint="-"), tmp_path)
    assert (code, error["error"]) == (EXIT_FAILED, "Mine.")
    write_json(tmp_path / "error.json", {"error": "The first's."})
    run = RunDir(tmp_path)
    run_dir.report_failure(run, ProgramError("Mine.", hint="-"))
    assert json.loads((tmp_path / "error.json").read_text()) == {"error": "The first's."}


@pytest.mark.parametrize(
    ("lines", "share"),
    [
        (b"", 0.0),
        (b'{"progress": {"share": 0.25}}\n', 0.25),
        (b'{"progress": {"share": 0.25}}\n{"step": 1, "metrics": {}}\n', 0.25),
        (b'{"progress": {"share": 0.25}}\n{"progress": {"sha', 0.25),
        (b'{"progress": {"share": 0.25}}\n\xff\xfe\n[1]\nnull\n7\n', 0.25),
        (b'{"progress": {"share": 0.25}}\n{"progress": {"share": "much"}}\n', 0.25),
        (b'{"progress": {"share": 0.25}}\n{"progress": {"share": 1.0}}\n', 0.0),
        (b'{"progress": {"share": -1}}\n', 0.0),
        (b'{"progress": {"share": 0.25}}\n' + b"x" * (1 << 16), 0.0),
    ],
)
def test_how_far_an_earlier_attempt_was_is_read_from_its_last_line_that_says_so(
    tmp_path: Path, lines: bytes, share: float
) -> None:
    path = tmp_path / "metrics.jsonl"
    assert shown_before(path) == 0.0
    path.write_bytes(lines)
    assert shown_before(path) == share


def test_passes_are_halved_and_hold_one_token_at_least() -> None:
    assert [smaller(tokens, True) for tokens in (8, 3, 1)] == [4, 1, 1]
    assert smaller(8, False) == 8


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_what_each_process_did_is_put_in_order(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    items = list("abcdefg")
    groups = [Processes(rank, size) for rank in range(size)]
    assert sorted(item for group in groups for item in group.share(items)) == items

    def gather(into: list[Any], _own: Any) -> None:
        into[:] = [[item.upper() for item in group.share(items)] for group in groups]

    monkeypatch.setattr(parallel.dist, "all_gather_object", gather)
    for group in groups:
        done = [item.upper() for item in group.share(items)]
        assert group.collect(items, done) == list("ABCDEFG")


def test_figures_are_summed_and_flags_are_of_any(monkeypatch: pytest.MonkeyPatch) -> None:
    def gather(into: list[Any], own: Any) -> None:
        into[:] = [own, {"loss": 2.0, "stop": 1.0} if isinstance(own, dict) else True]

    monkeypatch.setattr(parallel.dist, "all_gather_object", gather)
    both = Processes(0, 2)
    assert both.total({"loss": 0.5, "stop": 0.0}) == {"loss": 2.5, "stop": 1.0}
    assert both.any(False)
    alone = Processes()
    assert (alone.total({"loss": 0.5}), alone.any(False)) == ({"loss": 0.5}, False)


def test_a_process_that_nothing_fell_to_adds_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the others would wait for it for ever."""
    reduced: list[torch.Tensor] = []
    monkeypatch.setattr(parallel.dist, "all_reduce", reduced.append)
    layer = torch.nn.Linear(2, 1)
    layer.bias.requires_grad_(False)
    Processes(1, 2).add_gradients(layer)
    assert [gradient.tolist() for gradient in reduced] == [[[0.0, 0.0]]]
    assert layer.bias.grad is None


def test_without_a_launcher_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert parallel.join() == Processes(0, 1)
    parallel.leave()


def test_a_checkpoint_is_due_by_the_clock_and_not_before_what_saving_costs() -> None:
    now = [0.0]
    pace = Pace(60, lambda: now[0])
    now[0] = 59.9
    assert not pace.is_due()
    now[0] = 60.0
    assert pace.is_due()
    with pace.saving():
        now[0] += 10
    now[0] += 10 * REST - 0.1
    assert not pace.is_due(), "saving took 10 seconds"
    now[0] += 0.1
    assert pace.is_due()
    assert Pace(0, lambda: now[0]).is_due()


def test_checkpoints_speak_of_themselves() -> None:
    problem = of_another_run(Path("checkpoint/state.pt"))
    assert problem.message.startswith("The checkpoint in this folder belongs to another config")
    assert problem.where == "checkpoint/state.pt"
    assert one_before(7).endswith("The run goes on from the one before, at step 7.")


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"accuracy": {"test": {"value": 0.71234, "n": 80}}}, " (test accuracy 0.712 of 80 comp"),
        ({"reward_before": 0.1234, "reward_after": 2.0}, " (reward 0.123 before, 2 after)"),
        ({"reward_before": None, "reward_after": None}, "figures.json."),
        ({}, "figures.json."),
    ],
)
def test_a_model_that_is_set_aside_is_told_with_its_figures(
    tmp_path: Path, figures: dict[str, Any], words: str
) -> None:
    built = tmp_path / "model.tmp"
    built.mkdir()
    problem = ProgramError("It differs.", where="model", hint="Retry.")
    refusal = set_aside.set_aside(built, tmp_path, "members/1", problem, figures)
    assert words in refusal.hint
    assert refusal.hint.startswith(
        "Retry. The model is not used. It is kept in set-aside/members/1 of"
    )
    aside = json.loads((tmp_path / "set-aside" / "members" / "1" / "figures.json").read_text())
    assert aside == {"error": "It differs.", "where": "model", "hint": "Retry.", "figures": figures}
    assert not built.exists()
