"""The parts that `manage.py up` runs, and how one part is started, watched and described."""

import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from config.up import processes, redis_server

LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0


@dataclass(kw_only=True)
class Part:
    name: str
    command: list[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    # How long it may take to finish what it is doing once it is asked to stop.
    grace: float = 8.0
    process: subprocess.Popen[bytes] | None = None
    record: processes.ProcessRecord | None = None
    started: float = 0.0
    start_again_at: float | None = None
    failures: int = 0

    def start(self) -> None:
        """Starts it in a session of its own, so that Ctrl-C in the terminal reaches only us. Its
        log is opened for appending, so that it can be cut (config/logs.py)."""
        self.started = time.monotonic()
        cookie = uuid.uuid4().hex
        self.log.parent.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "PYTHONUNBUFFERED": "1",
                    processes.COOKIE: cookie,
                    **self.environment,
                },
                start_new_session=True,
            )
        self.record = processes.record(self.name, self.process.pid, cookie)
        self.start_again_at = None

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def plan_restart(self) -> float:
        """Notes one more failure and returns the pause before the next start: 1, 2, 4 … 30 s. After
        a minute of steady work it begins at 1 s again."""
        now = time.monotonic()
        if now - self.started > STEADY_SECONDS:
            self.failures = 0
        pause = min(LONGEST_PAUSE_SECONDS, 2.0**self.failures)
        self.failures += 1
        self.start_again_at = now + pause
        return pause

    def ending(self) -> str:
        """Says how its process ended."""
        code = self.process.returncode if self.process else None
        return f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def last_log_lines(self, count: int = 5) -> str:
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 4000))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            lines = []
        return "\n".join(f"    {line}" for line in lines[-count:])


def redis_part(data_dir: Path, socket_path: Path) -> Part:
    program = redis_server.find_program()
    return Part(
        name="redis",
        command=redis_server.command(program, data_dir, socket_path),
        log=data_dir / "logs" / "redis.log",
    )


def web_part(data_dir: Path) -> Part:
    return Part(
        name="web",
        command=[
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "config/web/gunicorn_conf.py",
            "config.wsgi",
        ],
        log=data_dir / "logs" / "web.log",
        # Sixteen request threads need no further threads for arithmetic.
        environment={"OMP_NUM_THREADS": "1"},
    )


def worker_part(data_dir: Path, queue: str, *, concurrency: int) -> Part:
    celery = [sys.executable, "-m", "celery", "-A", "config", "worker", "--loglevel", "INFO"]
    # Gossip, mingle and heartbeat serve large clusters; here they only keep an idle worker busy.
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    queues = ["-Q", queue, "-c", f"{concurrency}", "-n", f"{queue}@%h"]
    return Part(
        name=f"worker-{queue}",
        command=[*celery, *queues, *quiet],
        log=data_dir / "logs" / f"worker-{queue}.log",
        # The instant head's matrices are small: more threads save nothing, and on a busy machine
        # each product waits until all of them have had a core.
        environment={"OPENBLAS_NUM_THREADS": "1"},
    )


def scorer_part(data_dir: Path) -> Part:
    return Part(
        name="scorer",
        command=[sys.executable, "manage.py", "scorer"],
        log=data_dir / "logs" / "scorer.log",
    )


def beat_part(data_dir: Path) -> Part:
    celery = [sys.executable, "-m", "celery", "-A", "config", "beat", "--loglevel", "WARNING"]
    return Part(
        name="beat",
        command=[*celery, "--pidfile="],
        log=data_dir / "logs" / "beat.log",
    )


def in_start_order(data_dir: Path) -> list[Part]:
    """Returns all parts but Redis. They are stopped in the opposite order, so that what hands out
    work ends first."""
    return [
        web_part(data_dir),
        worker_part(data_dir, "gpu", concurrency=1),
        worker_part(data_dir, "default", concurrency=2),
        scorer_part(data_dir),
        beat_part(data_dir),
    ]
