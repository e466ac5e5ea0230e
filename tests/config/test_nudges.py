"""A nudge is quick and harmless, whatever state Redis is in."""

import logging
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu.pools
import pytest
from kombu.exceptions import EncodeError

from config import nudges
from config.celery import app
from config.up import redis_server
from tests.config.up_helpers import wait_until

pytestmark = pytest.mark.usefixtures("fresh_nudges")


@pytest.fixture
def fresh_nudges() -> Iterator[None]:
    nudges.forget()
    yield
    # Kombu keeps its pools by address: a closed one must not be found by the next test.
    kombu.pools.reset()
    nudges.forget()


class ServerThatHangsUp:
    """Accepts connections, counts them and closes them: like a Redis that is going down."""

    def __init__(self) -> None:
        self.attempts = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._hang_up, daemon=True).start()

    def _hang_up(self) -> None:
        while True:
            try:
                connection, _address = self.socket.accept()
            except OSError:
                return
            self.attempts += 1
            connection.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerThatHangsUp]:
    server = ServerThatHangsUp()
    port = server.socket.getsockname()[1]
    monkeypatch.setattr(app.conf, "broker_write_url", f"redis://127.0.0.1:{port}/0")
    yield server
    server.socket.shutdown(socket.SHUT_RDWR)
    server.socket.close()


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["EmbeddedRedis"]:
    redis = EmbeddedRedis(tmp_path)
    monkeypatch.setattr(app.conf, "broker_write_url", f"redis+socket://{redis.socket_path}")
    redis.start()
    yield redis
    redis.stop()


class EmbeddedRedis:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket_path = folder / "redis" / "redis.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        redis_server.prepare_folders(self.folder, self.socket_path)
        program = redis_server.find_program()
        command = redis_server.command(program, self.folder, self.socket_path)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(lambda: redis_server.is_ready(self.socket_path), "Redis answers")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def waiting_messages() -> int:
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel  # Redis' own, with its client
        return channel.client.llen("default")


def test_a_hundred_nudges_without_redis_try_it_once(
    server: ServerThatHangsUp, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="config.nudges"):
        for number in range(100):
            nudges.nudge("tests.look", number)
    assert server.attempts == 1
    assert len(caplog.records) == 1
    assert "tests.look waits for the next look" in caplog.text


def test_after_the_pause_it_is_tried_again(
    server: ServerThatHangsUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nudges, "PAUSE_SECONDS", 0.0)
    for project in range(3):
        nudges.nudge("tests.look", project)
    assert server.attempts == 3


def test_a_missing_socket_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.conf, "broker_write_url", f"redis+socket://{tmp_path}/no.sock")
    nudges.nudge("tests.look")
    assert nudges.is_silent()


def test_a_nudge_becomes_one_message(redis: "EmbeddedRedis") -> None:
    nudges.nudge("tests.look", 7)
    assert waiting_messages() == 1


def test_redis_that_restarted_between_two_nudges_costs_at_most_one(
    redis: "EmbeddedRedis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nudges, "PAUSE_SECONDS", 0.0)
    nudges.nudge("tests.look", 1)
    redis.stop()
    redis.start()
    before = waiting_messages()
    nudges.nudge("tests.look", 2)
    nudges.nudge("tests.look", 3)
    assert waiting_messages() >= before + 1


def test_a_mistake_of_ours_is_not_swallowed(redis: "EmbeddedRedis") -> None:
    with pytest.raises(EncodeError):
        nudges.nudge("tests.look", object())  # type: ignore[arg-type]


def test_the_same_message_is_sent_once_in_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    sent: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr(nudges.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(app, "send_task", lambda name, args, **options: sent.append((name, args)))
    for project in (1, 1, 2):
        nudges.nudge("a.task", project)
    clock[0] += nudges.REPEAT_SECONDS
    nudges.nudge("a.task", 1)
    assert sent == [("a.task", (1,)), ("a.task", (2,)), ("a.task", (1,))]
