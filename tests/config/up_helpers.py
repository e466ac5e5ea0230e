"""Starts `manage.py up` in a folder of its own, as a person does, and looks at its processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from config.up import processes, web_port

ROOT = Path(__file__).resolve().parents[2]
DROPPED = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "DEMO_MODE", "HOST"}


def environment(data_dir: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    return {**kept, "DATA_DIR": str(data_dir), "PORT": str(port), "ENV_FILE": os.devnull}


def manage(data_dir: Path, *command: str, port: int = 8000, **extra: str) -> tuple[int, str]:
    """Runs one command of manage.py; returns its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**environment(data_dir, port), **extra},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def running_on(data_dir: Path) -> list[psutil.Process]:
    """Every process that was started with this DATA_DIR, whoever its parent is now."""
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = process.environ().get("DATA_DIR") == str(data_dir)
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@dataclass
class Up:
    data_dir: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def output(self) -> str:
        return (self.data_dir / "output").read_text()

    def pid(self, part: str) -> int:
        records = processes.read_records(self.data_dir / "parts.json")
        return next(entry.pid for entry in records if entry.name == part)

    def answers(self) -> bool:
        return web_port.answers("127.0.0.1", self.port)

    def wait_until_ready(self, times: int = 1) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.output
            return self.output.count("Preferable is ready") == times

        wait_until(ready, "ready")

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def start(data_dir: Path) -> Up:
    """Starts and waits until the address is printed."""
    port = free_port()
    with (data_dir / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=environment(data_dir, port),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    up = Up(data_dir=data_dir, port=port, process=process)
    up.wait_until_ready()
    return up
