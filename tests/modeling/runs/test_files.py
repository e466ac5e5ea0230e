"""Files of a run: read line by line, refused in words; nothing of an old run holds up a page."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.projects.model_locations import NotUsable
from modeling.core.program import seal
from modeling.runs import files
from modeling.runs.files import CannotPrepare, DamagedOutput
from tests.factories import make_project, make_prompt
from tests.modeling.loop_helpers import model_folder
from tests.modeling.page_helpers import make_reward_model, with_folder

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values))
def test_what_a_message_holds_has_no_nul_at_any_depth_and_is_else_as_it_was(
    extra: dict[str, Any],
) -> None:
    """PostgreSQL stores no NUL; what a model writes may hold one."""
    cleaned = files.clean_extra({"text": "x", "extra": extra})
    assert "\\u0000" not in json.dumps(cleaned)
    if "\\u0000" not in json.dumps(extra):
        assert cleaned == extra


@pytest.mark.parametrize("nothing", [{}, {"extra": None}, {"extra": {}}])
def test_a_message_of_text_alone_holds_nothing_else(nothing: dict[str, Any]) -> None:
    assert files.clean_extra(nothing) == {}


def test_a_file_that_is_missing_has_no_rows(tmp_path: Path) -> None:
    assert list(files.read_jsonl(tmp_path / "samples.jsonl")) == []


def test_empty_lines_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n  \n{"a": 2}')
    assert list(files.read_jsonl(path)) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("line", ['{"a": ', "[1, 2]", "7", "null", '"a text"', "\udcff"])
def test_a_line_that_is_no_object_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "score" / "rows.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'{"a": 1}\n' + line.encode(errors="surrogateescape") + b"\n")
    rows = files.read_jsonl(path)
    assert next(rows) == {"a": 1}, "what stands before it is read"
    with pytest.raises(DamagedOutput, match=r"^Line 2 of rows\.jsonl cannot be read") as refused:
        next(rows)
    assert str(refused.value).endswith("Where: score/rows.jsonl"), "and no path of this machine"


@pytest.mark.parametrize(
    "problem",
    [KeyError("id"), TypeError("no"), ValueError("no"), EOFError("cut"), AttributeError("no text")],
)
def test_rows_that_lack_something_are_damage_in_words(problem: Exception) -> None:
    words = "score's output is not as it should be"
    with pytest.raises(DamagedOutput, match=words) as refused, files.readable("score's output"):
        raise problem
    assert type(problem).__name__ in str(refused.value)
    assert refused.value.__cause__ is problem, "the log has the whole story"


@pytest.mark.parametrize("words", [DamagedOutput("It was cut."), CannotPrepare("It is gone.")])
def test_what_has_its_words_already_keeps_them(words: Exception) -> None:
    with pytest.raises(type(words), match=str(words)), files.readable("score's output"):
        raise words


def test_trouble_of_another_kind_is_not_called_damage() -> None:
    """A full disk is no fault of the program that wrote the file."""
    with pytest.raises(OSError, match="full"), files.readable("score's output"):
        raise OSError("full")


def leave(folder: Path, text: str, *, noted: bool = True) -> None:
    """As if a run had left samples.jsonl, and noted what it wrote."""
    folder.mkdir(exist_ok=True)
    (folder / "samples.jsonl").write_text(text)
    if noted:
        seal.write_result(folder, {"seconds": 1.0})


def test_what_an_old_run_has_left_is_read(tmp_path: Path) -> None:
    leave(tmp_path / "run", '{"id": "1"}\n')
    assert files.rows_left(tmp_path / "run", "samples.jsonl") == [{"id": "1"}]


def test_rows_of_a_run_without_notes_are_read_as_they_are(tmp_path: Path) -> None:
    """Runs of earlier versions noted nothing."""
    leave(tmp_path / "run", '{"id": "1"}\n', noted=False)
    assert files.rows_left(tmp_path / "run", "samples.jsonl") == [{"id": "1"}]


@pytest.mark.parametrize("text", ['{"id": "1"}\n{"id": "2"}\n', '{"id": "1"', '{"id": "3"}\n'])
def test_a_file_that_changed_since_counts_as_gone_and_the_log_says_so(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    leave(tmp_path / "run", '{"id": "1"}\n')
    leave(tmp_path / "run", text, noted=False)
    assert files.rows_left(tmp_path / "run", "samples.jsonl") == []
    assert "samples.jsonl is left out" in caplog.text


def test_of_a_folder_that_is_gone_nothing_is_left(tmp_path: Path) -> None:
    assert files.rows_left(tmp_path / "no such run", "samples.jsonl") == []


def test_a_cut_result_leaves_rows_that_can_be_read_themselves(tmp_path: Path) -> None:
    leave(tmp_path / "run", '{"id": "1"}\n')
    (tmp_path / "run" / "result.json").write_text('{"files": {"sam')
    assert files.rows_left(tmp_path / "run", "samples.jsonl") == [{"id": "1"}]


@pytest.mark.django_db
def test_prompts_are_written_in_the_order_asked_for_less_those_deleted(tmp_path: Path) -> None:
    project = make_project()
    first, gone, last = (make_prompt(project, text) for text in ("one", "two", "three"))
    ids = [last.pk, gone.pk, first.pk]
    gone.delete()
    files.write_prompts(tmp_path, ids)
    rows = list(files.read_jsonl(tmp_path / "prompts.jsonl"))
    assert [row["id"] for row in rows] == [str(last.pk), str(first.pk)]
    assert rows[0]["prompt"] == [{"role": "user", "content": "three"}]
    files.write_prompts(tmp_path, [])
    assert (tmp_path / "prompts.jsonl").read_text() == ""


def test_a_config_that_its_program_would_refuse_is_refused_before(tmp_path: Path) -> None:
    with pytest.raises(CannotPrepare, match="'n' must be a whole number from 1") as refused:
        files.write_config(tmp_path, "sample", {"policy": "org/p", "n": 0})
    assert "Where: config.json: n" in str(refused.value)
    assert not (tmp_path / "config.json").exists()


@pytest.mark.django_db
def test_a_location_names_what_it_was_wanted_for_when_it_is_gone(tmp_path: Path) -> None:
    project = make_project()
    folder = model_folder(tmp_path / "model")
    assert files.usable(str(folder), "policy", project) == str(folder)
    assert files.usable("org/name", "policy", project) == "org/name"
    server = "http://127.0.0.1:8000/v1?model=m"
    assert files.usable(server, "policy", project) == server
    (folder / "config.json").unlink()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(CannotPrepare, match="The folder of the base model is gone") as refused:
        files.usable(str(folder), "base model", project)
    assert not isinstance(refused.value, NotUsable)


@pytest.mark.django_db
def test_a_reward_model_is_usable_while_its_row_and_files_are_there() -> None:
    model = with_folder(make_reward_model(make_project()))
    assert files.usable_reward_model(model.pk) == model
    model.files = {"model/config.json": {"bytes": 99, "sha256": "0" * 64}}
    model.save()
    with pytest.raises(CannotPrepare, match="was changed after it was made"):
        files.usable_reward_model(model.pk)
    for nobody in (None, model.pk + 1):
        with pytest.raises(CannotPrepare, match="The reward model was deleted"):
            files.usable_reward_model(nobody)
