"""What the supervisor does about parts that fail, one look at a time."""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import environment, logs
from config.up import processes, redis_server, supervisor
from config.up.parts import Part
from config.up.supervisor import Stopped, Supervisor
from tests.config.up_helpers import wait_until


@pytest.fixture
def boss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(supervisor, "TICK_SECONDS", 0.01)
    (tmp_path / "logs").mkdir()
    boss = Supervisor(data_dir=tmp_path, host="127.0.0.1", port=1, embedded_redis=True)
    yield boss
    boss._stop_all()
    assert not any(part.is_running() for part in boss.parts)


def program(boss: Supervisor, code: str) -> Part:
    part = Part(name="part", command=[sys.executable, "-c", code], log=boss.data_dir / "logs/part")
    boss._launch(part)
    return part


def ended(part: Part) -> bool:
    return not part.is_running()


def full_disk(*_args: object, **_kwargs: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_cannot_be_written_down_is_started_all_the_same(
    boss: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(processes, "write_records", full_disk)
        part = program(boss, "import time; time.sleep(60)")
    assert part.is_running()
    boss._tick()
    assert [entry.pid for entry in processes.read_records(boss.records_path)] == [
        part.record.pid if part.record else None
    ]


def watch_for(boss: Supervisor, looks: int) -> None:
    """Watches for some looks, as if it were told to stop after them."""
    tick, left = boss._tick, [looks]

    def counted() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Stopped
        tick()

    boss._tick = counted  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        boss._watch()
    del boss._tick


def test_a_part_that_cannot_be_started_is_tried_again_and_again(
    boss: Supervisor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("config.up.parts.time.monotonic", lambda: clock[0])
    part = program(boss, "pass")
    wait_until(lambda: ended(part), "it ends")
    with monkeypatch.context() as patched:
        patched.setattr("config.up.parts.subprocess.Popen", full_disk)
        for _ in range(12):
            watch_for(boss, 1)
            clock[0] = part.start_again_at or clock[0]
    said = capsys.readouterr().out
    assert "part cannot be started ([Errno 28] No space left on device); again in 30 s." in said
    assert "again in 32 s" not in said
    watch_for(boss, 1)
    assert "part was started again" in capsys.readouterr().out


def test_a_part_that_ends_at_once_for_ever_says_why_and_is_not_given_up(
    boss: Supervisor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("config.up.parts.time.monotonic", lambda: clock[0])
    part = program(boss, "raise SystemExit('it lacks a key')")
    for _ in range(8):
        wait_until(lambda: ended(part), "it ends")
        boss._look_after(part)
        clock[0] = part.start_again_at or clock[0]
        boss._look_after(part)
    said = capsys.readouterr().out
    assert said.count("part was started again") == 8
    assert "starting it again in 30 s" in said
    assert said.count("it lacks a key") == 6, "one, two and three lines of its log; then no more"


@pytest.fixture
def redis(boss: Supervisor) -> Part:
    boss._start_redis()
    return boss.parts[0]


def corrupt_and_kill(boss: Supervisor, redis: Part) -> None:
    file = boss.data_dir / "redis" / "appendonly.aof"
    file.write_text("half of something else")
    assert redis.process is not None
    redis.process.kill()


def test_a_redis_file_that_cannot_be_read_later_is_set_aside(boss: Supervisor, redis: Part) -> None:
    corrupt_and_kill(boss, redis)

    def is_back() -> bool:
        boss._look_after(redis)
        return redis_server.is_ready(boss.redis_socket)

    wait_until(is_back, "Redis answers again")
    [aside] = boss.data_dir.glob("redis-unreadable-*")
    assert (aside / "appendonly.aof").read_text() == "half of something else"


def test_only_the_last_files_that_were_set_aside_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / "redis").mkdir(exist_ok=True)
        (tmp_path / "redis" / "appendonly.aof").write_text(str(number))
        aside = redis_server.set_data_aside(tmp_path)
        assert aside is not None
        os.utime(aside, (number, number))
    kept = {path.joinpath("appendonly.aof").read_text() for path in tmp_path.glob("redis-unr*")}
    assert kept == {"2", "3", "4"}


def test_a_redis_that_hangs_or_lost_its_socket_is_started_anew(
    boss: Supervisor, redis: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "REDIS_ASKED_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(supervisor, "REDIS_DEAF_SECONDS", 0.0)
    environment.redis_socket(boss.data_dir).unlink()
    pid = redis.process.pid if redis.process else None

    def is_back() -> bool:
        boss._look_after(redis)
        return redis_server.is_ready(boss.redis_socket)

    wait_until(is_back, "Redis answers again")
    assert redis.process is not None
    assert redis.process.pid != pid


def test_a_log_is_cut_while_its_part_runs(
    boss: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 10_000)
    monkeypatch.setattr(logs, "KEPT_BYTES", 1_000)
    part = program(boss, "for n in range(20000): print(n)")
    wait_until(lambda: ended(part), "it has written everything")
    boss._tick()
    assert part.log.stat().st_size < 10_000
    assert part.last_log_lines(1).strip() == "19999"


def test_a_stop_that_something_swallowed_is_heeded_at_the_next_look(boss: Supervisor) -> None:
    with pytest.raises(Stopped):
        boss._heed(signal.SIGTERM, None)
    assert not issubclass(Stopped, Exception)
    boss._heed(signal.SIGTERM, None)  # a second one while the first is on its way
    with pytest.raises(Stopped):
        boss._tick()
