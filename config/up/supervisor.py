"""Starts every part of Preferable, keeps them running, and stops them: `manage.py up`.

One process, no threads. Each part is a child in its own session, its output goes to
DATA_DIR/logs. A guard process (config/up/guard.py) ends the parts if this one is killed.

Nothing that happens to a part or to the disk ends the supervisor: a part that ends is started
again, for as long as it takes, with pauses of at most half a minute. Nothing is waited for without
an end, and nothing is measured by a clock that can be set.
"""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from django.core.exceptions import ImproperlyConfigured

from config import data_dir as data_folder
from config import environment, logs
from config.up import parts, processes, redis_server, web_port
from config.up.guard import Guard
from config.up.parts import Part
from config.up.terminal import LogFollower, say, step

READY_SECONDS = 120.0
REDIS_READY_SECONDS = 60.0
# How long Redis may be deaf while its process runs, and how often it is asked.
REDIS_DEAF_SECONDS = 30.0
REDIS_ASKED_EVERY_SECONDS = 5.0
TICK_SECONDS = 0.3
# Of a part that fails again and again: its last lines are shown this many times.
LINES_SHOWN = 3
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Ctrl-C or SIGTERM: whatever is being done is left, and every part is stopped. It is no
    `Exception`, so that no handler on its way takes it for a fault of its own."""


@dataclass(kw_only=True)
class Supervisor:
    data_dir: Path
    host: str
    port: int
    embedded_redis: bool
    verbose: bool = False
    parts: list[Part] = field(default_factory=list)
    guard: Guard | None = None
    follower: LogFollower | None = None
    stop_is_asked: bool = False
    stop_must_wait: bool = False
    is_stopping: bool = False
    is_recorded: bool = True
    redis_answered_at: float = 0.0
    redis_asked_at: float = 0.0
    redis_has_read_its_data: bool = False

    @property
    def records_path(self) -> Path:
        return self.data_dir / "parts.json"

    @property
    def redis_socket(self) -> Path:
        return environment.redis_socket(self.data_dir)

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
        """Handles a signal. The first one stops all parts in order; one that comes meanwhile kills
        them at once."""
        if self.is_stopping:
            for part in self.parts:
                self._clear_away(part)
        elif not self.stop_is_asked:
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
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self.stop_is_asked:
            raise Stopped

    def _start(self, prepare: Callable[[], None]) -> None:
        self._end_leftovers()
        web_port.check_is_free(self.host, self.port)
        with self._undisturbed():
            self.guard = Guard(self.records_path)
            self.guard.start()
        if self.embedded_redis:
            with step("Starting Redis"):
                self._start_redis()
        prepare()
        with step("Starting web, workers and beat"):
            for part in parts.in_start_order(self.data_dir):
                self._launch(part)
            self._wait_for_web()

    def _end_leftovers(self) -> None:
        """Ends parts of an earlier supervisor, which was killed together with its guard."""
        if names := processes.end_recorded(self.records_path, grace=5):
            say(f"  Ended what an earlier start had left running: {', '.join(names)}")

    def _launch(self, part: Part) -> None:
        if part not in self.parts:
            self.parts.append(part)
            if self.verbose:
                self.follower = LogFollower([part.log for part in self.parts])
        with self._undisturbed():
            if part.name == "redis":
                redis_server.prepare_folders(self.data_dir, self.redis_socket)
                self.redis_answered_at, self.redis_has_read_its_data = time.monotonic(), False
            part.start()
            self._record()

    def _record(self) -> None:
        records = [part.record for part in self.parts if part.record]
        if self.guard:
            self.guard.watch(records)
        # The file is for when both of us are killed. A full disk is no reason to go without the
        # part: the next tick tries again.
        self.is_recorded = False
        with suppress(OSError):
            processes.write_records(self.records_path, records)
            self.is_recorded = True

    def _start_redis(self) -> None:
        redis_server.prepare_folders(self.data_dir, self.redis_socket)
        part = parts.redis_part(self.data_dir, self.redis_socket)
        self._launch(part)
        if self._redis_comes_up(part):
            return
        if self._set_redis_data_aside():
            self._launch(part)
            if self._redis_comes_up(part):
                return
        raise ImproperlyConfigured(
            f"Redis did not start ({part.ending()}). Its last lines:\n{part.last_log_lines()}"
        )

    def _redis_comes_up(self, part: Part) -> bool:
        until = time.monotonic() + REDIS_READY_SECONDS
        while part.is_running() and time.monotonic() < until:
            if redis_server.is_ready(self.redis_socket):
                self.redis_has_read_its_data = True
                return True
            time.sleep(0.01)
        return False

    def _set_redis_data_aside(self) -> bool:
        aside = redis_server.set_data_aside(self.data_dir)
        if aside is None:
            return False
        say(f"  Redis could not read its data; set aside in {aside} (no judgment lies there)")
        return True

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
                try:
                    self._look_after(part)
                except (OSError, ImproperlyConfigured) as problem:
                    # A full disk, no memory for one more process, a folder that was removed.
                    pause = part.plan_restart()
                    say(f"{part.name} cannot be started ({problem}); again in {pause:.0f} s.")

    def _tick(self) -> None:
        time.sleep(TICK_SECONDS)
        self._stop_if_asked()
        with suppress(OSError):  # of a disk in trouble; the next tick tries again
            if self.guard:
                with self._undisturbed():
                    self.guard.look_after()
            if not self.is_recorded:
                self._record()
            for part in self.parts:
                logs.keep_short(part.log)
            if self.follower:
                self.follower.show_new_lines()

    def _look_after(self, part: Part) -> None:
        if part.is_running():
            if part.name == "redis":
                self._ask_redis(part)
        elif part.start_again_at is None:
            self._clear_away(part)
            self._plan_restart(part)
        elif time.monotonic() >= part.start_again_at:
            self._launch(part)
            say(f"{part.name} was started again.")

    def _plan_restart(self, part: Part) -> None:
        if part.name == "redis" and self._redis_cannot_read(part) and self._set_redis_data_aside():
            part.start_again_at = time.monotonic()
            return
        pause = part.plan_restart()
        say(f"{part.name} ended ({part.ending()}); starting it again in {pause:.0f} s.")
        if part.failures <= LINES_SHOWN:
            say(f"  Last lines of {part.log}:\n{part.last_log_lines()}")

    def _redis_cannot_read(self, part: Part) -> bool:
        """Whether Redis gave up by itself before it had read its data, and not for want of room."""
        gave_up = part.process is not None and part.process.returncode > 0
        return (
            gave_up and not self.redis_has_read_its_data and not data_folder.is_full(self.data_dir)
        )

    def _ask_redis(self, part: Part) -> None:
        """Asks Redis whether it answers, and ends it after REDIS_DEAF_SECONDS of silence. A Redis
        that hangs, or whose socket was removed, runs and helps nobody."""
        now = time.monotonic()
        if self.redis_has_read_its_data and now - self.redis_asked_at < REDIS_ASKED_EVERY_SECONDS:
            return
        self.redis_asked_at = now
        answer = redis_server.reply(self.redis_socket)
        if answer:
            self.redis_answered_at = time.monotonic()
            self.redis_has_read_its_data |= redis_server.has_read_its_data(answer)
        elif now - self.redis_answered_at > REDIS_DEAF_SECONDS:
            say(f"redis has not answered for {REDIS_DEAF_SECONDS:.0f} s: ending it.")
            self._clear_away(part)

    def _clear_away(self, part: Part) -> None:
        """Ends what a dead part has left behind, so that its successor does not run beside it."""
        if part.record:
            processes.send(processes.family(part.record), kill=True)

    def _stop_all(self) -> None:
        """Stops beat, workers and web in this order, and Redis last: they need it to end. A second
        Ctrl-C does not wait."""
        self.is_stopping = True
        if any(part.is_running() for part in self.parts):
            say("\n  Stopping …")
        self._stop([part for part in reversed(self.parts) if part.name != "redis"])
        self._stop([part for part in self.parts if part.name == "redis"])
        if self.embedded_redis and self.parts:
            redis_server.remove_socket(self.data_dir, self.redis_socket)
        with suppress(OSError):  # of a disk that has become read-only: nothing recorded runs
            self.records_path.unlink(missing_ok=True)
        if self.guard:
            self.guard.dismiss()

    def _stop(self, stopping: Sequence[Part]) -> None:
        records = [part.record for part in stopping if part.record]
        grace = max((part.grace for part in stopping), default=0)
        if names := processes.end(records, grace=grace):
            say(f"  Could not be ended, even by force: {', '.join(names)}")
