"""Tables and picture of closed_loop.py: `benchmarks/parts/plot_closed_loop.py FIGURES.json
OUT.svg`.

FIGURES.json is what `closed_loop.py --out` has written. Prints the tables of docs/benchmarks.md.
Needs `pip install matplotlib==3.10.7`, which nothing else does.
"""

import json
import statistics
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def main() -> None:
    figures, out = sys.argv[1:]
    seeds = json.loads(Path(figures).read_text())
    print("\n\n".join("\n".join(table) for table in tables(seeds)))
    draw(seeds, Path(out))


def spread(values: Iterable[float]) -> tuple[float, float]:
    """Mean and standard deviation."""
    numbers = list(values)
    return statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else 0.0


def mean_and_spread(values: Iterable[float]) -> str:
    mean, deviation = spread(values)
    return f"{mean:.2f} ± {deviation:.2f}"


def arm_rows(seeds: list[Row]) -> Iterator[tuple[str, list[list[Row]]]]:
    """Name of each arm and its versions by round and seed: the last of each round."""
    for name in seeds[0]["arms"]:
        by_seed = [seed["arms"][name] for seed in seeds]
        rounds = sorted({version["round"] for version in by_seed[0]})
        yield (
            name,
            [
                [[v for v in versions if v["round"] == number][-1] for versions in by_seed]
                for number in rounds
            ],
        )


def tables(seeds: list[Row]) -> Iterator[list[str]]:
    rounds = len(next(arm_rows(seeds))[1])
    heads = [f"round {number}" for number in range(1, rounds + 1)]
    lines = [
        f"| | {' | '.join(heads)} | KL, nats | CPU-s a round |",
        "|---|" + "--:|" * (rounds + 2),
    ]
    for name, by_round in arm_rows(seeds):
        golds = [mean_and_spread(version["gold"] for version in versions) for versions in by_round]
        kl = mean_and_spread(version["kl"] for version in by_round[-1])
        seconds = [f"{statistics.fmean(v['cpu_seconds'] for v in row):.0f}" for row in by_round]
        golds += [""] * (rounds - len(golds))  # an arm may have fewer
        lines.append(f"| {name} | {' | '.join(golds)} | {kl} | {', '.join(seconds)} |")
    lines.append(
        f"| the start | {mean_and_spread(seed['start'] for seed in seeds)} |" + " |" * (rounds + 1)
    )
    for n in ("4", "16"):
        best = mean_and_spread(seed["best_of_n"][n] for seed in seeds)
        lines.append(f"| best-of-{n} of the start, same rewards | {best} |" + " |" * (rounds + 1))
    yield lines
    lines = ["| KL coefficient | KL, nats | reward gained | gold |", "|--:|--:|--:|--:|"]
    for at, row in enumerate(seeds[0]["sweep"]):
        rows = [seed["sweep"][at] for seed in seeds]
        cells = [
            mean_and_spread(one[name] for one in rows) for name in ("kl", "reward_gain", "gold")
        ]
        lines.append(f"| {row['kl_coefficient']} | {' | '.join(cells)} |")
    yield lines
    lines = ["| noise | rewards | best-of-16 | PPO |", "|--:|---|--:|--:|"]
    for at, row in enumerate(seeds[0]["ensembles"]):
        rows = [seed["ensembles"][at] for seed in seeds]
        cells = [mean_and_spread(one[name] for one in rows) for name in ("best_of_16", "ppo")]
        lines.append(f"| {row['noise']:.0%} | {row['way']} | {' | '.join(cells)} |")
    yield lines


def draw(seeds: list[Row], out: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "closed loop"  # the same picture from the same figures
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for name, by_round in arm_rows(seeds):
        golds = [[seed["start"] for seed in seeds]]
        golds += [[version["gold"] for version in versions] for versions in by_round]
        means, deviations = zip(*map(spread, golds), strict=True)
        left.errorbar(range(len(golds)), means, deviations, marker="o", capsize=3, label=name)
    rounds = max(len(by_round) for _, by_round in arm_rows(seeds))
    best = statistics.fmean(seed["best_of_n"]["16"] for seed in seeds)
    left.axhline(best, color="grey", linestyle="--", label="best-of-16 of the start")
    left.set(xlabel="round", ylabel="gold", title="500 judgments a round", xticks=range(rounds + 1))
    left.legend(fontsize="x-small")

    number = len(seeds[0]["sweep"])
    sweep = [[seed["sweep"][at] for seed in seeds] for at in range(number)]
    distance = [statistics.fmean(row["kl"] for row in rows) ** 0.5 for rows in sweep]
    start = statistics.fmean(seed["start"] for seed in seeds)
    gained = [statistics.fmean(row["gold"] for row in rows) - start for rows in sweep]
    proxy = [statistics.fmean(row["reward_gain"] for row in rows) for rows in sweep]
    middle.plot(distance, proxy, marker="o", label="reward gained")
    middle.plot(distance, gained, marker="o", label="gold gained")
    for at, rows in enumerate(sweep):
        middle.annotate(str(rows[0]["kl_coefficient"]), (distance[at], proxy[at]), fontsize=7)
    middle.set(xlabel="square root of the KL, nats", title="One reward model, KL coefficient")
    middle.legend(fontsize="x-small")

    ways = [row["way"] for row in seeds[0]["ensembles"]]
    shown = [(row["noise"], row["way"]) for row in seeds[0]["ensembles"]]
    for shift, name in ((-0.2, "best_of_16"), (0.2, "ppo")):
        values = [spread(seed["ensembles"][at][name] for seed in seeds) for at in range(len(ways))]
        means, deviations = zip(*values, strict=True)
        places = [at + shift for at in range(len(ways))]
        right.bar(places, means, 0.38, yerr=deviations, capsize=2, label=name.replace("_", "-"))
    labels = [f"{way}\n{noise:.0%} noise" for noise, way in shown]
    right.set_xticks(range(len(ways)), labels, fontsize=6)
    right.set(ylabel="gold", title="Ensembles, hardly any KL penalty")
    right.legend(fontsize="x-small")
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
