"""A file that never changes is served as a whole, by parts, or not again."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from labeling.api.conventions import files
from labeling.api.conventions.files import answer_file

CONTENT = b"0123456789" * 10
ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "snapshot.jsonl"
    file.write_bytes(CONTENT)
    return file


def ask(path: Path, method: str = "get", **headers: str) -> Any:
    request = getattr(RequestFactory(), method)("/", headers=headers)
    return answer_file(
        request,
        path,
        sha256=ETAG.strip('"'),
        file_name="snapshot.jsonl",
        content_type="application/x-ndjson",
    )


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_the_whole_file_comes_with_its_hash_and_length(path: Path) -> None:
    answer = ask(path)
    assert (answer.status_code, body(answer)) == (200, CONTENT)
    assert (answer["ETag"], answer["Content-Length"]) == (ETAG, "100")
    assert answer["Content-Type"] == "application/x-ndjson"
    assert answer["Content-Disposition"] == 'attachment; filename="snapshot.jsonl"'
    assert (answer["Accept-Ranges"], answer["Cache-Control"]) == ("bytes", "private, no-cache")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-9", 5, 9),
        ("bytes=90-", 90, 99),
        ("bytes=-3", 97, 99),
        ("bytes=-500", 0, 99),
        ("bytes=50-5000", 50, 99),
        ("bytes=0-99999999999999999999999999", 0, 99),
    ],
)
def test_a_part_is_a_part(path: Path, asked: str, first: int, last: int) -> None:
    answer = ask(path, Range=asked)
    assert (answer.status_code, body(answer)) == (206, CONTENT[first : last + 1])
    assert answer["Content-Range"] == f"bytes {first}-{last}/100"
    assert answer["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=500-600", "bytes=-0"])
def test_a_part_beyond_the_end_is_refused_with_the_size(path: Path, asked: str) -> None:
    answer = ask(path, Range=asked)
    assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */100")


@pytest.mark.parametrize(
    "asked", ["lines=1-2", "bytes=", "bytes=-", "bytes=9-5", "bytes=0-1,5-6", "bytes=٣-", "x"]
)
def test_what_is_no_single_part_is_ignored(path: Path, asked: str) -> None:
    answer = ask(path, Range=asked)
    assert (answer.status_code, body(answer)) == (200, CONTENT)


@pytest.mark.parametrize("mark", [ETAG, f'"x", {ETAG}', "*", f"W/{ETAG}"])
def test_whoever_has_it_gets_it_not_again(path: Path, mark: str) -> None:
    answer = ask(path, **{"If-None-Match": mark, "Range": "bytes=0-1"})
    assert isinstance(answer, HttpResponse)
    assert (answer.status_code, body(answer), answer["ETag"]) == (304, b"", ETAG)


def test_another_mark_is_no_reason_to_keep_it_back(path: Path) -> None:
    assert ask(path, **{"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize(("mark", "status"), [(ETAG, 206), ('"other"', 200), (f"W/{ETAG}", 200)])
def test_the_rest_comes_only_of_the_same_file(path: Path, mark: str, status: int) -> None:
    answer = ask(path, **{"If-Range": mark, "Range": "bytes=60-"})
    assert answer.status_code == status
    assert body(answer) == (CONTENT[60:] if status == 206 else CONTENT)


def test_head_tells_everything_and_sends_nothing(path: Path) -> None:
    answer = ask(path, "head", Range="bytes=10-19")
    assert (answer.status_code, answer["Content-Length"], body(answer)) == (206, "10", b"")


def test_an_empty_file_is_sent_whole(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    answer = ask(empty, Range="bytes=0-")
    assert (answer.status_code, body(answer), answer["Content-Length"]) == (200, b"", "0")


def test_a_large_file_comes_in_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", 7)
    pieces = [*ask(path, Range="bytes=1-20").streaming_content]
    assert [len(piece) for piece in pieces] == [7, 7, 6]
    assert b"".join(pieces) == CONTENT[1:21]


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(tmp_path / "gone")
