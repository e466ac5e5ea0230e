"""The embedded Redis: found or asked for in words, closed to others, asked whether it is ready."""

import os
import socket
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.up import redis_server
from config.up.redis_server import ASIDE, KEPT_ASIDE


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "redis").mkdir(mode=0o700)
    return tmp_path


def test_without_any_server_both_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ImproperlyConfigured, match="No Redis server was found: install Redis"):
        redis_server.find_program()


def test_a_server_on_the_path_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server.importlib.util, "find_spec", lambda _name: None)
    program = tmp_path / "redis-server"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server.find_program() == str(program)


def test_folders_of_redis_are_for_their_owner_alone(tmp_path: Path) -> None:
    long = tmp_path / "elsewhere"
    redis_server.prepare_folders(tmp_path, long / "redis.sock")
    for folder in (tmp_path / "redis", long):
        assert folder.stat().st_mode & 0o777 == 0o700
    redis_server.prepare_folders(tmp_path, long / "redis.sock")  # a second start


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o777])
def test_a_socket_folder_that_others_can_enter_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(ImproperlyConfigured, match="shared is open to other users"):
        redis_server.prepare_folders(tmp_path, folder / "redis.sock")


def test_a_socket_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    with pytest.raises(ImproperlyConfigured, match="link is open to other users"):
        redis_server.prepare_folders(tmp_path, tmp_path / "link" / "redis.sock")


def test_a_folder_without_data_is_not_set_aside(data_dir: Path) -> None:
    (data_dir / "redis" / "redis.sock").touch()
    assert redis_server.set_data_aside(data_dir) is None
    assert os.listdir(data_dir) == ["redis"]


def test_data_is_set_aside_whole_and_an_empty_folder_takes_its_place(data_dir: Path) -> None:
    (data_dir / "redis" / "appendonly.aof").write_text("damaged")
    aside = redis_server.set_data_aside(data_dir)
    assert aside is not None
    assert (aside / "appendonly.aof").read_text() == "damaged"
    assert os.listdir(data_dir / "redis") == []
    assert (data_dir / "redis").stat().st_mode & 0o777 == 0o700


def test_many_times_in_one_second_keep_the_last_few(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server.time, "strftime", lambda _form: "20261130-120000")
    for number in range(KEPT_ASIDE + 3):
        (data_dir / "redis" / "appendonly.aof").write_text(str(number))
        aside = redis_server.set_data_aside(data_dir)
        assert aside is not None
        os.utime(aside, (number, number))
    left = [path / "appendonly.aof" for path in data_dir.glob(f"{ASIDE}*")]
    assert sorted(int(file.read_text()) for file in left) == list(range(3, KEPT_ASIDE + 3))


def test_a_socket_is_removed_with_its_folder_where_that_is_its_own(
    data_dir: Path, tmp_path: Path
) -> None:
    inside, outside = data_dir / "redis" / "redis.sock", tmp_path / "own" / "redis.sock"
    outside.parent.mkdir()
    for path in (inside, outside):
        path.touch()
        redis_server.remove_socket(data_dir, path)
        redis_server.remove_socket(data_dir, path)  # once more does no harm
        assert not path.exists()
    assert (data_dir / "redis").exists()
    assert not outside.parent.exists()


@pytest.mark.parametrize(
    ("answer", "is_ready", "has_read"),
    [
        (b"+PONG\r\n", True, True),
        (b"-LOADING Redis is loading the dataset in memory\r\n", False, False),
        (b"-MISCONF Redis is configured to save\r\n", False, True),
        (b"", False, False),
    ],
)
def test_redis_is_ready_when_it_answers_a_ping(
    tmp_path: Path, answer: bytes, is_ready: bool, has_read: bool
) -> None:
    path = tmp_path / "r.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def reply_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(64)
                connection.sendall(answer)

        server = threading.Thread(target=reply_once)
        server.start()
        assert redis_server.is_ready(path) is is_ready
        server.join(10)
    assert redis_server.has_read_its_data(answer) is has_read


def test_where_nobody_listens_nobody_answers(tmp_path: Path) -> None:
    assert redis_server.reply(tmp_path / "none.sock") == b""
    (tmp_path / "file.sock").touch()
    assert redis_server.reply(tmp_path / "file.sock") == b""
