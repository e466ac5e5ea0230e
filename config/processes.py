"""Remembers the processes that `manage.py up` has started, and ends them with all they started.

Run as a program (`python -I config/processes.py RECORDS`) it is the guard: it waits until the
supervisor is gone, however it went, and then ends what the supervisor left running.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

GUARD_GRACE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Record:
    """One started process. Its start time tells it from a later process with the same pid."""

    name: str
    pid: int
    created: float


def record(name: str, pid: int) -> Record:
    return Record(name=name, pid=pid, created=psutil.Process(pid).create_time())


def read_records(path: Path) -> list[Record]:
    """The records in `path`; none where there is no such file or it was cut short."""
    try:
        return [Record(**entry) for entry in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):
        return []


def write_records(path: Path, records: Iterable[Record]) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(json.dumps([asdict(entry) for entry in records]))
    draft.replace(path)


def family(entry: Record) -> list[psutil.Process]:
    """The recorded process first, then its descendants and everything else in its session, which
    finds the children of a process that is dead already."""
    with suppress(psutil.NoSuchProcess):
        head = psutil.Process(entry.pid)
        if head.create_time() != entry.created:
            return []  # the pid belongs to somebody else now, so the whole session is gone
        return [head, *{*head.children(recursive=True), *_session(entry.pid)} - {head}]
    return _session(entry.pid)


def _session(leader: int) -> list[psutil.Process]:
    members = []
    for pid in psutil.pids():
        with suppress(OSError, psutil.NoSuchProcess):
            if pid > 0 and os.getsid(pid) == leader:
                members.append(psutil.Process(pid))
    return members


def send(processes: Iterable[psutil.Process], *, kill: bool = False) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill() if kill else process.terminate()


def is_over(process: psutil.Process) -> bool:
    """Ended, though its parent may not have asked for its exit code yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_over(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Waits for all of `processes`, at most `seconds` in all; returns those that still run."""
    _gone, alive = psutil.wait_procs(processes, timeout=seconds)
    return [process for process in alive if not is_over(process)]


def end_recorded(path: Path, *, grace: float) -> list[str]:
    """Ends everything recorded in `path`, then removes it; returns the names that were running."""
    families = {entry: family(entry) for entry in read_records(path)}
    send(members[0] for members in families.values() if members)
    everybody = [process for members in families.values() for process in members]
    send(wait_until_over(everybody, grace), kill=True)
    wait_until_over(everybody, 2)
    path.unlink(missing_ok=True)
    return [entry.name for entry, members in families.items() if members]


def main() -> None:
    sys.stdin.buffer.read()  # ends when the supervisor's end of the pipe closes, whatever the cause
    end_recorded(Path(sys.argv[1]), grace=GUARD_GRACE_SECONDS)


if __name__ == "__main__":
    main()
