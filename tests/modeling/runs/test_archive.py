"""Folders as a tar: whole, of a size known before, with hashes, and nothing from elsewhere."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from modeling.runs import archive
from modeling.runs.archive import FolderArchive


def content_of(folders: dict[str, Path]) -> bytes:
    return b"".join(FolderArchive(folders, "all.sha256").stream())


def names_in(content: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as opened:
        return opened.getnames()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "deep" / "weights.bin").write_bytes(os.urandom(3000))
    (folder / "empty").write_text("")
    (folder / ("long" * 40)).write_text("beyond a hundred characters")
    (folder / "back\\slash\nand line").write_text("odd")
    return folder


def test_the_size_is_known_before_a_byte_is_sent(model: Path) -> None:
    for folders in ({}, {"m": model}, {"m": model / "deep", "m/members/1": model}):
        made = FolderArchive(folders, "all.sha256")
        assert made.size == len(b"".join(made.stream()))


def test_what_arrives_is_checked_with_sha256sum(model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with tarfile.open(fileobj=io.BytesIO(content_of({"m": model}))) as opened:
        opened.extractall(tmp_path / "out", filter="data")
    copies = {p.relative_to(tmp_path / "out" / "m") for p in (tmp_path / "out" / "m").rglob("*")}
    assert copies == {p.relative_to(model) for p in model.rglob("*")}

    def check() -> int:
        command = ["sha256sum", "--check", "--strict", "--quiet", "all.sha256"]
        done = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, check=False)
        return done.returncode

    assert check() == 0
    (tmp_path / "out" / "m" / "config.json").write_text("[]")
    assert check() != 0


def test_nothing_from_outside_of_the_folder_is_sent(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret").write_text("x")
    (tmp_path / "in" / "file").symlink_to(tmp_path / "out" / "secret")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "out")
    os.mkfifo(tmp_path / "in" / "pipe")  # nobody would ever write to it
    assert names_in(content_of({"m": tmp_path / "in"})) == []


def test_a_file_that_becomes_a_link_meanwhile_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "config.json").write_text("x")
    (tmp_path / "secret").write_text("s")
    made = FolderArchive({"m": tmp_path / "in"}, "all.sha256")
    (tmp_path / "in" / "config.json").unlink()
    (tmp_path / "in" / "config.json").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match=r"Too many levels|symbolic"):
        b"".join(made.stream())


def test_a_file_that_became_shorter_breaks_off(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"x" * 5000)
    made = FolderArchive({"m": tmp_path}, "all.sha256")
    (tmp_path / "weights").write_bytes(b"x")
    with pytest.raises(OSError, match="became shorter"):
        b"".join(made.stream())


def test_no_part_is_larger_than_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "CHUNK", 1000)
    (tmp_path / "weights").write_bytes(b"x" * 50_000)
    parts = FolderArchive({"m": tmp_path}, "all.sha256").stream()
    assert max(map(len, parts)) <= 2000
