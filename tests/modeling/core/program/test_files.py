"""Files of a run folder: refusals by line, writes that are whole or not there."""

import errno
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from modeling.core.messages import options_of
from modeling.core.program.errors import ProgramError, is_out_of_memory
from modeling.core.program.files import (
    folder_in_one,
    is_disk_full,
    read_jsonl,
    require_messages,
    require_response,
    require_unique_id,
    sha256_of,
    write_atomically,
    write_json,
    write_jsonl,
)

PATH = Path("rows.jsonl")


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(ProgramError) as caught:
        list(read_jsonl(path))
    assert caught.value.where.startswith(path.name)
    return caught.value.message


def test_blank_lines_are_skipped_and_still_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\n{"a": 1}\r\n  \t\n{"b": 2}')
    assert list(read_jsonl(path)) == [(2, {"a": 1}), (4, {"b": 2})]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"[1]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'{"a": 1,}', "is not JSON (Expecting property name"),
        (b"[" * 100_000, "is not JSON (maximum recursion depth exceeded"),
        (b'{"a": "\\ud83d"}', "holds half of a surrogate pair, which no text file can keep"),
        (b'{"\\udc00": 1}', "holds half of a surrogate pair"),
        (b'{"a": ["\xed\xa0\x80"]}', "holds half of a surrogate pair"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: bytes, words: str) -> None:
    message = refused(tmp_path / "rows.jsonl", b'{"fine": true}\n' + line + b"\n")
    assert message.startswith(f"Line 2 of rows.jsonl {words}")


def test_whole_surrogate_pairs_and_hangul_are_texts_like_others(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"a": "\\ud83d\\ude42", "b": "\xed\x95\x9c"}')
    assert list(read_jsonl(tmp_path / "rows.jsonl")) == [(1, {"a": "🙂", "b": "한"})]


def test_a_missing_file_says_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"The input file prompts\.jsonl is missing\.") as caught:
        list(read_jsonl(tmp_path / "prompts.jsonl"))
    assert "into the run folder" in caught.value.hint


@pytest.mark.parametrize("value", [None, "", 7, ["a"], True])
def test_an_id_is_a_text_that_says_something(value: Any) -> None:
    with pytest.raises(ProgramError, match='needs an "id" that is a non-empty string'):
        require_unique_id({"id": value}, set(), PATH, 3)


def test_an_id_may_come_once() -> None:
    seen: set[str] = set()
    assert require_unique_id({"id": "a"}, seen, PATH, 1) == "a"
    with pytest.raises(ProgramError, match=r"Line 2 of rows\.jsonl repeats the id 'a'\."):
        require_unique_id({"id": "a"}, seen, PATH, 2)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (None, 'needs a "prompt" that is a non-empty list of messages'),
        ([], 'needs a "prompt" that is a non-empty list of messages'),
        ("Hello", 'needs a "prompt" that is a non-empty list of messages'),
        (["Hello"], 'has a message without the texts "role" and "content"'),
        ([{"role": "user"}], 'has a message without the texts "role" and "content"'),
        ([{"role": "user", "content": None}], 'a message without the texts "role" and "content"'),
        ([{"role": 1, "content": "a"}], 'has a message without the texts "role" and "content"'),
        ([{"role": "\x00options", "content": "a"}], "has a message of the role '\\\\x00options'"),
    ],
)
def test_what_is_no_conversation_is_refused(prompt: Any, words: str) -> None:
    with pytest.raises(ProgramError, match=words):
        require_messages({"prompt": prompt}, PATH, 1)


@pytest.mark.parametrize("name", ["tools", "chat_template_kwargs"])
def test_options_of_the_wrong_kind_are_refused_and_empty_ones_are_none(name: str) -> None:
    row = {"prompt": [{"role": "user", "content": "a"}]}
    with pytest.raises(ProgramError, match=f'has a "{name}" of the wrong type'):
        require_messages(row | {name: "look"}, PATH, 1)
    nothing: tuple[Any, ...] = (None, [], {}, "")
    for empty in nothing:
        assert options_of(require_messages(row | {name: empty}, PATH, 1)) == {}


@pytest.mark.parametrize("value", [None, 3, [], {"text": "a"}, {"content": None}])
def test_a_response_is_a_text_or_a_message(value: Any) -> None:
    with pytest.raises(ProgramError, match='needs a "chosen" that is a text'):
        require_response({"chosen": value}, "chosen", PATH, 1)


def test_a_message_that_holds_only_a_text_is_that_text() -> None:
    assert require_response({"chosen": {"content": ""}}, "chosen", PATH, 1) == ""
    whole = require_response({"chosen": {"content": "a", "name": "Ada"}}, "chosen", PATH, 1)
    assert whole == ("a", '{"name":"Ada"}')


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_json(path, {"old": "é"})

    def rows() -> Any:
        yield {"new": 1}
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write_jsonl(path, rows())
    assert json.loads(path.read_text()) == {"old": "é"}
    assert list(tmp_path.iterdir()) == [path]


def test_the_hash_of_a_write_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    sha256 = write_atomically(path, lambda file: [file.write(b"a"), file.write(b"b")])
    assert path.read_bytes() == b"ab"
    assert sha256 == sha256_of(path)


def test_a_folder_is_replaced_as_a_whole_or_not_filled_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    for name in ("first", "second"):
        with folder_in_one(folder) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
        assert [file.name for file in folder.iterdir()] == [name]
    with suppress(ValueError), folder_in_one(folder) as temporary:
        temporary.mkdir()
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def caused(error: Exception, by: Exception) -> Exception:
    try:
        raise error from by
    except Exception as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "no space"), True),
        (OSError(errno.EDQUOT, "quota"), True),
        (OSError(errno.EIO, "broken"), False),
        (caused(RuntimeError("could not save"), OSError(errno.ENOSPC, "full")), True),
        (Exception("SafetensorError: I/O error: No space left on device (os error 28)"), True),
        (RuntimeError("PytorchStreamWriter failed writing file"), False),
        (None, False),
    ],
)
def test_a_full_disk_is_told_from_other_errors(
    tmp_path: Path, error: Exception | None, full: bool
) -> None:
    assert is_disk_full(error, tmp_path) is full


def test_memory_is_known_by_the_errors_of_gpu_allocator_and_python() -> None:
    gpu = type("OutOfMemoryError", (RuntimeError,), {})
    assert is_out_of_memory(gpu("CUDA out of memory"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("can't allocate memory"))
