"""What is wrong with DATA_DIR is said before anything starts."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import data_dir, environment


def test_a_fresh_folder_is_fine(tmp_path: Path) -> None:
    data_dir.check(environment.data_dir(tmp_path / "new" / "folder"))


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    unwritable = Path("/sys/kernel")  # for root, too
    if not unwritable.is_dir():
        pytest.skip("needs Linux's /sys")
    with pytest.raises(ImproperlyConfigured, match="cannot be written"):
        data_dir.check(unwritable)
    with pytest.raises(ImproperlyConfigured, match="set DATA_DIR to a folder"):
        environment.stored_secret_key(unwritable)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=7 * 2**20))
    with pytest.raises(ImproperlyConfigured, match="Only 7 MB are free"):
        data_dir.check(tmp_path)


def test_a_half_written_database(tmp_path: Path) -> None:
    (tmp_path / "preferable.sqlite3").write_bytes(b"SQLite for")
    with pytest.raises(ImproperlyConfigured, match="only half written: put a backup"):
        data_dir.check(tmp_path)


def test_a_start_cut_short_before_the_first_table(tmp_path: Path) -> None:
    (tmp_path / "preferable.sqlite3").touch()
    data_dir.check(tmp_path)


def test_a_half_written_secret_key(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("short")
    with pytest.raises(ImproperlyConfigured, match="empty or cut short"):
        environment.stored_secret_key(tmp_path)


def test_the_secret_key_stays_the_same_and_private(tmp_path: Path) -> None:
    key = environment.stored_secret_key(tmp_path)
    assert environment.stored_secret_key(tmp_path) == key
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600


def test_of_two_processes_the_first_to_write_the_key_wins(tmp_path: Path) -> None:
    environment._write_once(tmp_path / "secret-key", "first")
    environment._write_once(tmp_path / "secret-key", "second")
    assert [file.name for file in tmp_path.iterdir()] == ["secret-key"]
    assert (tmp_path / "secret-key").read_text() == "first"


def test_the_lock_is_free_again_and_leaves_no_file(tmp_path: Path) -> None:
    for _ in range(2):
        with data_dir.only_user(tmp_path):
            assert (tmp_path / "up.pid").exists()
    assert not (tmp_path / "up.pid").exists()


def test_the_socket_of_a_long_folder_lies_elsewhere(tmp_path: Path) -> None:
    near = environment.redis_socket(Path("/srv/preferable"))
    far = environment.redis_socket(tmp_path / ("long" * 30))
    other = environment.redis_socket(tmp_path / ("long" * 31))
    assert near == Path("/srv/preferable/redis/redis.sock")
    assert len(str(far)) <= environment.SOCKET_PATH_BYTES
    assert far != other
