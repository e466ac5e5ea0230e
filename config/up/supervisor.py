"""Starts every part of Preferable, keeps them running, and stops them: `manage.py up`.

One process, no threads. Each part is a child in its own session, its output goes to
DATA_DIR/logs. A guard process (config/processes.py) ends the parts if this one is killed.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from django.core.exceptions import ImproperlyConfigured

from config import data_dir as data_folder
from config import environment, parts, processes, redis_server, web_port
from config.parts import Part
from config.terminal import LogFollower, say, step

READY_SECONDS = 120.0
REDIS_READY_SECONDS = 60.0
TICK_SECONDS = 0.3
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Ctrl-C or SIGTERM: leave whatever is being done and stop every part."""


@dataclass(kw_only=True)
class Supervisor:
    data_dir: Path
    host: str
    port: int
    embedded_redis: bool
    verbose: bool = False
    parts: list[Part] = field(default_factory=list)
    guard: subprocess.Popen[bytes] | None = None
    follower: LogFollower | None = None
    stop_is_asked: bool = False
    stop_must_wait: bool = False

    @property
    def records_path(self) -> Path:
        return self.data_dir / "parts.json"

    def run(self, prepare: Callable[[], None], welcome: Callable[[], str]) -> None:
        """Runs until told to stop. `prepare` brings the database up to date; `welcome` tells how
        to sign in."""
        # nohup wants a closed terminal to be ignored. An ignored Ctrl-C only means that a script
        # started us in the background: whoever sends it now means it.
        hung_up = signal.getsignal(signal.SIGHUP)
        heeded = [
            name for name in STOP_SIGNALS if name != signal.SIGHUP or hung_up is not signal.SIG_IGN
        ]
        previous = {name: signal.signal(name, self._heed) for name in heeded}
        try:
            with data_folder.only_user(self.data_dir):
                try:
                    self._start(prepare)
                    say(welcome())
                    self._watch()
                finally:
                    self._stop_all()
        except Stopped:
            say("Stopped.")
        finally:
            for name, handler in previous.items():
                signal.signal(name, handler)

    def _heed(self, _signal: int, _frame: FrameType | None) -> None:
        self.stop_is_asked = True
        if not self.stop_must_wait:
            raise Stopped

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Lets a stop wait until a started process is also recorded, so that none is forgotten."""
        self.stop_must_wait = True
        try:
            yield
        finally:
            self.stop_must_wait = False
        if self.stop_is_asked:
            raise Stopped

    def _start(self, prepare: Callable[[], None]) -> None:
        self._end_leftovers()
        web_port.check_is_free(self.host, self.port)
        with self._undisturbed():
            self.guard = _start_guard(self.records_path)
        if self.embedded_redis:
            with step("Starting Redis"):
                self._start_redis()
        prepare()
        with step("Starting web, workers and beat"):
            for part in parts.in_start_order(self.data_dir):
                self._launch(part)
            self._wait_for_web()

    def _end_leftovers(self) -> None:
        """A supervisor that was killed together with its guard leaves its parts behind."""
        if names := processes.end_recorded(self.records_path, grace=5):
            say(f"  Ended what an earlier start had left running: {', '.join(names)}")

    def _launch(self, part: Part) -> None:
        if part not in self.parts:
            self.parts.append(part)
            if self.verbose:
                self.follower = LogFollower([part.log for part in self.parts])
        with self._undisturbed():
            part.start()
            records = [known.record for known in self.parts if known.record]
            processes.write_records(self.records_path, records)

    def _start_redis(self) -> None:
        socket_path = environment.redis_socket(self.data_dir)
        redis_server.prepare_folders(self.data_dir, socket_path)
        part = parts.redis_part(self.data_dir, socket_path)
        self._launch(part)
        if self._redis_comes_up(part, socket_path):
            return
        aside = redis_server.set_data_aside(self.data_dir)
        if aside is not None:
            say(f"  Redis could not read its data; set aside in {aside} (no judgment lies there)")
            self._launch(part)
            if self._redis_comes_up(part, socket_path):
                return
        raise ImproperlyConfigured(
            f"Redis did not start ({part.ending()}). Its last lines:\n{part.last_log_lines()}"
        )

    def _redis_comes_up(self, part: Part, socket_path: Path) -> bool:
        until = time.monotonic() + REDIS_READY_SECONDS
        while part.is_running() and time.monotonic() < until:
            if redis_server.is_ready(socket_path):
                return True
            time.sleep(0.01)
        return False

    def _wait_for_web(self) -> None:
        until = time.monotonic() + READY_SECONDS
        web = next(part for part in self.parts if part.name == "web")
        while not web_port.answers(self.host, self.port):
            if not web.is_running() or time.monotonic() > until:
                raise ImproperlyConfigured(
                    f"The web server did not start ({web.ending()}). Its last lines, all of which "
                    f"are in {web.log}:\n{web.last_log_lines(12)}"
                )
            self._tick()

    def _watch(self) -> None:
        while True:
            self._tick()
            for part in self.parts:
                self._look_after(part)

    def _tick(self) -> None:
        time.sleep(TICK_SECONDS)
        if self.follower:
            self.follower.show_new_lines()

    def _look_after(self, part: Part) -> None:
        if part.is_running():
            return
        if part.start_again_at is None:
            self._clear_away(part)
            pause = part.plan_restart()
            say(f"{part.name} ended ({part.ending()}); starting it again in {pause:.0f} s.")
            say(f"  Last lines of {part.log}:\n{part.last_log_lines()}")
        elif time.monotonic() >= part.start_again_at:
            self._launch(part)
            say(f"{part.name} was started again.")

    def _clear_away(self, part: Part) -> None:
        """Ends what a dead part has left behind, so that its successor does not run beside it."""
        if part.record:
            processes.send(processes.family(part.record), kill=True)

    def _stop_all(self) -> None:
        """In order: beat, workers, web, and Redis last. A second Ctrl-C does not wait."""
        for name in STOP_SIGNALS:
            signal.signal(name, lambda *_: self._kill_all())
        running = [part for part in reversed(self.parts) if part.is_running()]
        if running:
            say("\n  Stopping …")
        self._stop([part for part in running if part.name != "redis"])
        self._stop([part for part in running if part.name == "redis"])
        if self.embedded_redis and self.parts:
            redis_server.remove_socket(self.data_dir, environment.redis_socket(self.data_dir))
        self.records_path.unlink(missing_ok=True)
        if self.guard:
            self.guard.communicate()  # closes the pipe; it finds no records and ends

    def _stop(self, stopping: Sequence[Part]) -> None:
        """Asks all of `stopping` to end, waits for their grace, then ends their families: first
        politely, so that a training program keeps its checkpoint."""
        families = {part.name: processes.family(part.record) for part in stopping if part.record}
        for part in stopping:
            processes.send(families[part.name][:1])
        until = time.monotonic() + max((part.grace for part in stopping), default=0)
        while time.monotonic() < until and any(part.is_running() for part in stopping):
            time.sleep(0.02)
        everybody = [process for family in families.values() for process in family]
        left = [process for process in everybody if not processes.is_over(process)]
        processes.send(left)
        processes.send(processes.wait_until_over(left, 3), kill=True)
        for part in stopping:
            if part.process:
                part.process.wait()

    def _kill_all(self) -> None:
        for part in self.parts:
            self._clear_away(part)


def _start_guard(records_path: Path) -> subprocess.Popen[bytes]:
    # -I keeps this folder off the import path, where celery.py would hide the real one.
    return subprocess.Popen(
        [sys.executable, "-I", processes.__file__, str(records_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
