"""`manage.py up` with real processes: what it starts, keeps running, and leaves behind: nothing."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from celery import Celery

from config import data_dir as data_folder
from config import environment
from tests.config.up_helpers import free_port, manage, running_on, start, wait_until

# Some seconds each; the limit is for a machine that is busy with something else.
pytestmark = pytest.mark.timeout(480)


@pytest.fixture
def data_dir(tmp_path: Path, prepared_database: Path) -> Iterator[Path]:
    # Blanks and a length that no unix socket's path may have.
    folder = tmp_path / "data of a labeler" / ("deep" * 20)
    folder.mkdir(parents=True)
    for file in prepared_database.parent.glob("preferable.sqlite3*"):
        shutil.copy(file, folder)
    yield folder
    for process in running_on(folder):
        with suppress(OSError):
            process.kill()


def queue_a_message(data_dir: Path, task: str) -> None:
    """Leaves a message that no worker knows; the worker that takes it says so in its log."""
    with Celery(broker=environment.embedded_redis_url(data_dir)) as app:
        app.send_task(task, queue="default")


def test_a_killed_part_returns_and_ctrl_c_leaves_nothing(data_dir: Path) -> None:
    up = start(data_dir)
    assert up.answers()
    assert "Sign in there with your account" in up.output

    killed = {name: up.pid(name) for name in ("redis", "web", "worker-default")}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: up.output.count("was started again") == 3, "three parts started again")
    assert all(up.pid(name) != pid for name, pid in killed.items())
    assert "redis ended (killed by signal 9); starting it again in 1 s" in up.output
    wait_until(up.answers, "the web server answers again")

    redis_socket = environment.redis_socket(data_dir)
    assert redis_socket.parent != data_dir / "redis"
    wait_until(redis_socket.exists, "Redis listens again")
    queue_a_message(data_dir, "a.task.after.the.crash")
    log = data_dir / "logs" / "worker-default.log"
    wait_until(lambda: "a.task.after.the.crash" in log.read_text(), "the worker takes messages")

    assert up.stop(signal.SIGINT) == 0
    assert running_on(data_dir) == []
    assert not {"up.pid", "parts.json"} & {file.name for file in data_dir.iterdir()}
    assert not redis_socket.parent.exists()


def test_a_killed_supervisor_leaves_no_orphans_and_starts_again(data_dir: Path) -> None:
    up = start(data_dir)
    up.stop(signal.SIGKILL)
    wait_until(lambda: running_on(data_dir) == [], "the guard ends every part")

    up = start(data_dir)
    leftovers = [up.pid(name) for name in ("redis", "web", "beat")]
    guards = [process for process in running_on(data_dir) if "-I" in process.cmdline()]
    assert len(guards) == 1
    guards[0].kill()
    up.stop(signal.SIGKILL)
    assert len(running_on(data_dir)) >= len(leftovers)

    up = start(data_dir)
    assert "Ended what an earlier start had left running" in up.output
    assert {process.pid for process in running_on(data_dir)}.isdisjoint(leftovers)
    assert up.stop(signal.SIGTERM) == 0
    assert running_on(data_dir) == []


def test_a_busy_port_is_named_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        code, output = manage(tmp_path, "up", port=port)
    assert code == 1
    assert f"Port {port} is in use by another program" in output
    assert f"PORT={port + 1}" in output
    assert "Traceback" not in output
    assert running_on(tmp_path) == []


def test_a_second_start_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with data_folder.only_user(tmp_path):
        code, output = manage(tmp_path, "up", port=free_port())
    assert code == 1
    assert f"runs already on DATA_DIR={tmp_path} (process {os.getpid()})" in output


@pytest.mark.parametrize("command", ["up", "migrate"])
def test_a_file_as_data_folder_is_one_clear_line(tmp_path: Path, command: str) -> None:
    file = tmp_path / "file"
    file.touch()
    code, output = manage(file, command)
    assert code == 1
    assert output.startswith(f"DATA_DIR={file} cannot be used as a folder")
    assert output.count("\n") == 1


def test_a_port_that_is_no_number_is_one_clear_line(tmp_path: Path) -> None:
    code, output = manage(tmp_path, "up", PORT="http")
    assert (code, output) == (1, "PORT='http' is not a number\n")


def test_data_that_redis_cannot_read_is_set_aside(data_dir: Path) -> None:
    (data_dir / "redis").mkdir(mode=0o700)
    (data_dir / "redis" / "appendonly.aof").write_text("half of something else")
    up = start(data_dir)
    assert "Redis could not read its data; set aside in" in up.output
    [aside] = data_dir.glob("redis-unreadable-*")
    assert (aside / "appendonly.aof").read_text() == "half of something else"

    for name in ("beat", "worker-gpu"):
        os.kill(up.pid(name), signal.SIGSTOP)  # deaf to a polite request
    up.process.send_signal(signal.SIGINT)
    wait_until(lambda: "Stopping" in up.output, "the first Ctrl-C is heard")
    asked = time.monotonic()
    assert up.stop(signal.SIGINT) == 0
    assert time.monotonic() - asked < 5  # the second Ctrl-C does not wait for the grace of 8 s
    assert running_on(data_dir) == []
