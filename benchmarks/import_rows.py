"""Imports prompts with two responses while labelers answer: `python benchmarks/import_rows.py`.

Starts the web server as `make run` does on a database with a project that people label, lets four
of them answer (each a moment after the last answer), and meanwhile imports a file of as many rows
as `--rows` says into the same project, by `manage.py import_data` in a process of its own. A row
is a prompt of 110 characters with two responses of 360. The documented run is that of 1,000,000
rows; `--rows 20000` takes a minute.

CPU is what the import's process used from the first row to the last, the start of Python and
Django left out; the database's is apart where it is PostgreSQL. Memory is the most that process
held, over what it held before. A wait is the time from an answer to the next comparison.

Prints, as its last line, JSON: `rows`, `rows_per_cpu_second`, `memory_mb_over_idle`,
`longest_wait_seconds` (of an answer while rows were imported), and beside them
`longest_wait_before_seconds` (of as many answers just before), `answers`, `refused` and
`database_cpu_seconds`. It fails where the project does not hold every row afterwards.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.labeling_load import Labeler, cpu_of
from benchmarks.parts.load_servers import ROOT, Server, say, start_servers

COMPARISONS = 20_000  # that people label meanwhile
ANSWERS_BEFORE = 10  # of each labeler, to compare with
PAUSE_SECONDS = 0.25  # between two answers of one labeler


def main() -> None:
    options = read_options()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="preferable-import-")))
        rows = folder / "rows.jsonl"
        write_rows(rows, options.rows)
        say(f"{options.database}: filling and starting …")
        (server,) = start_servers(stack, options.database, options)
        people = [Labeler(server.port, session, server.sent) for session in server.sessions]
        for labeler in people:
            labeler.open_page()
        before = [judged(labeler, number) for number in range(ANSWERS_BEFORE) for labeler in people]
        database = cpu_of(server.database_process)
        with answering(people) as waits:
            imported = import_rows(server, rows)
        database = cpu_of(server.database_process) - database
    if imported["prompts_new"] != options.rows or imported["comparisons_new"] != options.rows:
        raise SystemExit(f"{options.rows:,} rows were to be there, and the import says {imported}")
    took = [seconds for seconds in waits if seconds is not None]
    print(json.dumps({
        "rows": options.rows,
        "rows_per_cpu_second": round(options.rows / imported["cpu_seconds"]),
        "memory_mb_over_idle": round(imported["memory_mb"], 1),
        "longest_wait_seconds": round(max(took), 3),
        "longest_wait_before_seconds": round(max(one for one in before if one is not None), 3),
        "answers": len(took),
        "refused": waits.count(None),
        "database": options.database,
        "database_cpu_seconds": round(database, 1),
    }))  # fmt: skip


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--people", type=int, default=4)
    options = parser.parse_args()
    # As the servers of the other benchmark are asked for.
    options.sizes, options.labelers, options.overlap = [COMPARISONS], [options.people], 1
    return options


def write_rows(path: Path, count: int) -> None:
    """Texts like those that are labeled meanwhile, so that a labeler reads either."""
    from benchmarks.parts.load_data import SENTENCE

    with path.open("w") as file:
        for number in range(1_000_000, 1_000_000 + count):
            asked = "how do I get a stain of red wine out of a woollen rug without spoiling it?"
            responses = [
                {"text": f"Answer {side}. {number}: {SENTENCE * 2}", "model": model}
                for side, model in ((1, "m-1"), (2, "m-2"))
            ]
            row = {"prompt": f"Question {number}: {asked}", "responses": responses}
            file.write(json.dumps(row) + "\n")


@contextmanager
def answering(people: list[Labeler]) -> Iterator[list[float | None]]:
    """Lets everybody answer until the end of the block, and gives how long each had to wait."""
    waits: list[float | None] = []
    faults: list[BaseException] = []
    is_over = threading.Event()

    def work(labeler: Labeler) -> None:
        number = 0
        try:
            while not is_over.wait(PAUSE_SECONDS):
                waits.append(judged(labeler, number))
                number += 1
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(labeler,)) for labeler in people]
    for thread in threads:
        thread.start()
    try:
        yield waits
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    if faults:
        raise faults[0]


def judged(labeler: Labeler, number: int) -> float | None:
    return labeler.judge(number)


def import_rows(server: Server, rows: Path) -> dict[str, float]:
    command = [sys.executable, str(ROOT / "benchmarks" / "parts" / "import_child.py"), str(rows)]
    started = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=server.environment, check=True, capture_output=True, text=True
    )
    say(f"  imported after {time.monotonic() - started:.0f} s")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
