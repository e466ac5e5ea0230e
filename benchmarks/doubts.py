"""Do doubts find wrong labels? `python benchmarks/doubts.py [--seeds 3]`.

500 judgments of the demo world, a tenth turned round. A reward model is trained on them as rounds
train one, and its contradictions.jsonl asked: of the preferences that it denies first, how many
were turned round? Beside it an ensemble of heads on frozen features, the quick mode. By chance it
would be one in ten. Ends with a line of JSON: `precision_50` of the first and `found_50`, the share
of all wrong labels that are among the first 50.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

from benchmarks.parts.closed_loop import POLICY, Row, World, run
from modeling.core import train_reward
from modeling.core.program.files import read_jsonl
from modeling.demo.world.oracle import score

JUDGMENTS, NOISE, FIRST = 500, 0.1, (20, 50, 100)
WAYS: dict[str, Row] = {
    "fine-tuned, four members": {"pooling": "mean", "members": 4},
    "frozen, 20 heads": {"method": "frozen", "heads": 20},
}


def is_wrong(row: Row) -> bool:
    return score(row["prompt"], row["chosen"]) < score(row["prompt"], row["rejected"])


def measure(world: World, way: str, rows: list[Row]) -> dict[str, float]:
    folder = world.root / way
    run(train_reward, folder, rows, "preferences.jsonl", {"base_model": str(POLICY)} | WAYS[way])
    wrong = {row["id"] for row in rows if is_wrong(row)}
    order = [row["id"] in wrong for _, row in read_jsonl(folder / "contradictions.jsonl")]
    precision = {f"precision_{n}": statistics.fmean(order[:n]) for n in FIRST}
    return precision | {
        "found_50": sum(order[:50]) / len(wrong),
        "chance": len(wrong) / len(rows),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    by_way: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as name:
            world = World(Path(name), seed, NOISE)
            rows = world.judge("first", POLICY, 1, JUDGMENTS)
            for way, of_seeds in by_way.items():
                of_seeds.append(measure(world, way, rows))
                print(f"seed {seed}, {way}: {of_seeds[-1]}", file=sys.stderr, flush=True)
    names = list(next(iter(by_way.values()))[0])
    means = {
        way: {name: round(statistics.fmean(one[name] for one in seeds), 3) for name in names}
        for way, seeds in by_way.items()
    }
    print(f"| | {' | '.join(names)} |")
    for way, values in means.items():
        print(f"| {way} | {' | '.join(f'{value:.2f}' for value in values.values())} |")
    print(json.dumps({name: means["fine-tuned, four members"][name] for name in names}))


if __name__ == "__main__":
    main()
