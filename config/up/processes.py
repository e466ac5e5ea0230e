"""Remembers the processes that `manage.py up` has started, and ends them with all they started.

Run as a program (`python -I config/up/processes.py RECORDS`) it is the guard process: it hears of
every part through a pipe, waits until the supervisor is gone, however it went, and then ends what
the supervisor left running.

A process is told from a later one with the same number by the ticks between the machine's start
and its own: unlike a time of day they stay the same when somebody sets the clock.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil

PROC = Path("/proc")
# Set to a word of its own for every start of a part. What a part starts inherits it, also what
# leaves the part's session and outlives its parent.
COOKIE = "PREFERABLE_PART"
GUARD_GRACE_SECONDS = 5.0
POLITE_SECONDS = 3.0
# Killing is at once, but for a process that waits for a disk or a device.
KILL_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class ProcessRecord:
    """What is remembered of a process that was started. `machine` and `started` tell it from a
    later one with the same pid."""

    name: str
    pid: int
    machine: str
    started: str
    cookie: str


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process as it was when it was looked at."""

    pid: int
    parent: int
    session: int
    started: str
    is_zombie: bool


def record(name: str, pid: int, cookie: str) -> ProcessRecord:
    process = look_at(pid)
    started = process.started if process else ""
    return ProcessRecord(name=name, pid=pid, machine=machine(), started=started, cookie=cookie)


def read_records(path: Path) -> list[ProcessRecord]:
    """Returns the records in `path`; none where the file is missing or was cut short."""
    try:
        return parse_records(path.read_text())
    except OSError:
        return []


def parse_records(text: str) -> list[ProcessRecord]:
    try:
        return [ProcessRecord(**entry) for entry in json.loads(text)]
    except (ValueError, TypeError):
        return []


def as_text(records: Iterable[ProcessRecord]) -> str:
    return json.dumps([asdict(entry) for entry in records])


def write_records(path: Path, records: Iterable[ProcessRecord]) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(as_text(records))
    draft.replace(path)


@cache
def machine() -> str:
    """Names this start of this machine or container: pids of another one mean other processes."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink(PROC / 'self/ns/pid')}"
    except OSError:
        return sys.platform


def look_at(pid: int) -> Process | None:
    """Returns the process that has this number now; None where there is none."""
    return _from_proc(pid) if (PROC / "self/stat").exists() else _from_psutil(pid)


def _from_proc(pid: int) -> Process | None:
    try:
        stat = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name, in brackets, may hold anything; the fields after it are counted from the state on.
    fields = stat.rpartition(b")")[2].split()
    return Process(
        pid=pid,
        parent=int(fields[1]),
        session=int(fields[3]),
        started=fields[19].decode(),
        is_zombie=fields[0] in (b"Z", b"X"),
    )


def _from_psutil(pid: int) -> Process | None:
    try:
        process = psutil.Process(pid)
        return Process(
            pid=pid,
            parent=process.ppid(),
            session=os.getsid(pid),
            started=repr(process.create_time()),
            is_zombie=process.status() == psutil.STATUS_ZOMBIE,
        )
    except (psutil.Error, OSError):
        return None


def look_around() -> dict[int, Process]:
    if (PROC / "self/stat").exists():
        pids = [int(folder.name) for folder in PROC.iterdir() if folder.name.isdigit()]
    else:
        pids = [pid for pid in psutil.pids() if pid > 0]
    looked = (look_at(pid) for pid in pids)
    return {process.pid: process for process in looked if process is not None}


def family(entry: ProcessRecord) -> list[Process]:
    """Returns the recorded process first and then everything that comes from it: its descendants,
    its session and whatever carries its cookie. The last two find children of a dead process."""
    if entry.machine != machine():
        return []
    everybody = look_around()
    head = everybody.get(entry.pid)
    members = {process.pid for process in everybody.values() if _carries(process, entry.cookie)}
    if head is not None and head.started == entry.started:
        members.add(head.pid)
    # A session's number is given to nobody else while one process of it lives. So if another
    # process has it now, the whole session is gone.
    if head is None or head.started == entry.started:
        members |= {pid for pid, process in everybody.items() if process.session == entry.pid}
    members = _with_descendants(members, everybody) - {os.getpid()}
    alive = [everybody[pid] for pid in members if not everybody[pid].is_zombie]
    return sorted(alive, key=lambda process: (process.pid != entry.pid, process.pid))


def _with_descendants(members: set[int], everybody: dict[int, Process]) -> set[int]:
    reached = set(members)
    while True:
        more = {pid for pid, process in everybody.items() if process.parent in reached} - reached
        if not more:
            return reached
        reached |= more


def _carries(process: Process, cookie: str) -> bool:
    """Whether the process has this cookie in its environment. An environment that cannot be read
    belongs to somebody else's process."""
    try:
        if (PROC / "self/stat").exists():
            words = (PROC / str(process.pid) / "environ").read_bytes().split(b"\0")
            return f"{COOKIE}={cookie}".encode() in words
        return bool(psutil.Process(process.pid).environ().get(COOKIE) == cookie)
    except (psutil.Error, OSError):
        return False


def send(processes: Iterable[Process], *, kill: bool = False) -> None:
    for process in processes:
        if not is_over(process):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL if kill else signal.SIGTERM)


def is_over(process: Process) -> bool:
    """Whether the process has ended, though its parent may not have asked for its exit code yet."""
    now = look_at(process.pid)
    return now is None or now.is_zombie or now.started != process.started


def wait_until_over(processes: Sequence[Process], seconds: float) -> None:
    """Waits for all of `processes`, at most `seconds` in all."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not all(is_over(process) for process in processes):
        time.sleep(0.02)


def end(records: Sequence[ProcessRecord], *, grace: float) -> list[str]:
    """Ends all families and returns the names of those that could not be ended.

    It asks the recorded processes first. After their grace it asks whoever is left, so that a
    training program keeps its checkpoint. After POLITE_SECONDS it kills. It never waits longer.
    """
    families = {entry: family(entry) for entry in records}
    heads = [
        member
        for entry, members in families.items()
        for member in members[:1]
        if member.pid == entry.pid
    ]
    send(heads)
    wait_until_over(heads, grace)
    left = [process for entry in records for process in family(entry)]
    send(left)
    wait_until_over(left, POLITE_SECONDS)
    return kill(records)


def kill(records: Sequence[ProcessRecord]) -> list[str]:
    """Kills all families with what they start meanwhile. Returns the names of those that stay."""
    until = time.monotonic() + KILL_SECONDS
    while True:
        families = {entry.name: family(entry) for entry in records}
        left = [process for members in families.values() for process in members]
        if not left or time.monotonic() > until:
            return [name for name, members in families.items() if members]
        send(left, kill=True)
        wait_until_over(left, 0.2)


def end_recorded(path: Path, *, grace: float) -> list[str]:
    """Ends everything recorded in `path` and removes it. Returns the names that were running."""
    records = read_records(path)
    running = [entry.name for entry in records if family(entry)]
    end(records, grace=grace if running else 0)
    with suppress(OSError):  # a disk that has become read-only: what is recorded is over
        path.unlink(missing_ok=True)
    return running


def main() -> None:
    """Runs the guard process. Each line that it reads lists what the supervisor has started by
    then. The lines end when the supervisor's end of the pipe closes, whatever the cause. That needs
    no file and no room on the disk."""
    last = ""
    for line in sys.stdin:
        last = line if line.endswith("\n") else last
    end(parse_records(last), grace=GUARD_GRACE_SECONDS)
    end_recorded(Path(sys.argv[1]), grace=GUARD_GRACE_SECONDS)


if __name__ == "__main__":
    main()
