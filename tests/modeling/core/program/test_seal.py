"""Files between worker and program: what was cut short or damaged is told from what was written."""

import json
from pathlib import Path

import pytest

from modeling.core.generating.samples_file import SamplesFile, Wanted
from modeling.core.program import seal
from modeling.core.program.errors import ProgramError
from modeling.core.program.run_dir import RunDir, run_program
from modeling.core.program.seal import NotWhole
from modeling.run_data.score import ScoreResult


def sealed(folder: Path) -> Path:
    (folder / "model").mkdir()
    (folder / "model" / "weights.bin").write_bytes(b"weights")
    (folder / "predictions.jsonl").write_text('{"id": "1", "reward": 1.25}\n')
    seal.write_result(folder, {"model_dir": "model", "accuracy": 0.75, "loss": float("nan")})
    return folder / "result.json"


def test_a_result_says_what_it_said_and_names_its_files(tmp_path: Path) -> None:
    sealed(tmp_path)
    result = seal.check_result(tmp_path)
    assert result.figures == {"model_dir": "model", "accuracy": 0.75, "loss": None}
    assert set(result.files) == {"model/weights.bin", "predictions.jsonl"}


def test_a_result_cut_anywhere_is_no_result(tmp_path: Path) -> None:
    file = sealed(tmp_path)
    whole = file.read_bytes()
    for length in range(len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(NotWhole, match=r"result\.json"):
            seal.read_result(tmp_path)


def test_one_other_character_anywhere_in_a_result_is_noticed(tmp_path: Path) -> None:
    file = sealed(tmp_path)
    whole = file.read_bytes()
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(NotWhole):
            seal.read_result(tmp_path)


@pytest.mark.parametrize("name", ["model/weights.bin", "predictions.jsonl"])
def test_a_file_that_changed_after_the_result_is_named(tmp_path: Path, name: str) -> None:
    sealed(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-2] + b"??")
    with pytest.raises(NotWhole, match=name):
        seal.check_result(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(NotWhole, match=f"{name} is missing"):
        seal.check_result(tmp_path)


def test_a_result_of_somebody_elses_program_needs_no_seal(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"count": 3}')
    assert seal.check_result(tmp_path).figures == {"count": 3}


def run(folder: Path, count: int = 1) -> int:
    return run_program(lambda run: ScoreResult.read_stored({"count": count}), [str(folder)])


def test_a_program_whose_input_was_damaged_refuses_it_in_words(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "preferences.jsonl").write_text('{"chosen": "yes"}\n')
    seal.write_inputs(tmp_path)
    seal.check_inputs(tmp_path)
    (tmp_path / "preferences.jsonl").write_text('{"chosen": "yea"}\n')
    with pytest.raises(ProgramError, match=r"preferences\.jsonl is not what was written"):
        seal.check_inputs(tmp_path)
    assert run(tmp_path) == 1
    assert "preferences.jsonl" in json.loads((tmp_path / "error.json").read_text())["error"]


def test_a_damaged_result_is_made_anew_and_a_whole_one_is_not(tmp_path: Path) -> None:
    assert run(tmp_path) == 0
    (tmp_path / "result.json").write_text('{"count": ')
    assert run(tmp_path) == 0
    assert seal.read_result(tmp_path).figures["count"] == 1
    assert run(tmp_path, count=2) == 0
    assert seal.read_result(tmp_path).figures["count"] == 1


def test_a_metric_line_cut_by_a_kill_does_not_take_the_next_one_with_it(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "metr')
    RunDir(tmp_path).log(2, {"loss": 0.5})
    cut, whole = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert cut == '{"step": 1, "metr'
    assert json.loads(whole)["step"] == 2


def test_a_response_that_was_damaged_on_the_disk_is_sampled_again(tmp_path: Path) -> None:
    wanted = [Wanted("p", "1", number, number) for number in range(3)]
    samples = SamplesFile(tmp_path / "samples.jsonl")
    for one in wanted:
        samples.add(one, f"text {one.sample}", True, 2)
    samples.write()
    content = samples.path.read_text()
    samples.path.write_text(content.replace("text 1", "texx 1"))
    again = SamplesFile(samples.path)
    assert again.done == {wanted[0].key, wanted[2].key}
    again.add(wanted[1], "text 1", True, 2)
    rows = again.finish(wanted)
    assert [row["text"] for row in rows] == ["text 0", "text 1", "text 2"]
    assert "check_sum" not in samples.path.read_text()
