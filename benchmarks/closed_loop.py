"""Does the loop make the policy better? `python benchmarks/closed_loop.py [--seeds 3] [--quick]`.

The demo world and its oracle, 10 % of whose verdicts are turned round. Three rounds of 500
judgments for each arm: draw pairs from the current policy, judge them, train reward models on all
judgments so far, improve the policy. Gold is the oracle's mean score on prompts nobody trains on.
Then two known results in small: what a KL coefficient does (Gao et al. 2022), and what ensembles
do for best-of-n and PPO at 0 % and 25 % noise (Coste et al. 2023).

Two processes share the parts: arms, ensembles and KL sweep of each seed. Ends with one line of
JSON: `rounds_improved` (the fewest, over seeds, of the rounds in which gold rose
with UWO and KL), `gold_over_best_of_16` (its last gold less best-of-16 of the start, mean over
seeds) and `guard_lead` (updates between the guard's first alarm and gold having fallen by 10 % of
its peak, in the arm without KL and ensemble; the least over seeds, null where gold never fell).
"""

import argparse
import itertools
import json
import math
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

from benchmarks.parts.closed_loop import POLICY, POOL, Row, World, prompt_rows, run, train_rewards
from modeling.core import train_policy
from modeling.core.program.files import read_jsonl
from modeling.demo.world.oracle import oracle_prefers
from modeling.measures.limits import LENGTH_RATIO, VARIANCE_RATIO, Bounds
from modeling.policies.comparing import Verdict, judge, win_rate
from modeling.policies.guard import VersionRecord, alarms_of

NOISE, ROUNDS, JUDGMENTS = 0.1, 3, 500
MEMBERS = 3
BLIND = 120  # judged comparisons of a new policy with the one before
SWEEP = (0.3, 0.1, 0.03, 0.0)
REWARD = {"pooling": "mean"}
UWO = {"aggregate": "uwo", "uwo_weight": 1.0}
KL, STEPS = 0.2, 10  # updates a round: a reward model holds near what it has seen
FAR = 30  # updates of one reward model with less or no penalty: enough to go wrong
COMMON = {"max_new_tokens": 80, "eval_prompts": 32}


@dataclass(frozen=True)
class Arm:
    """How one arm improves its policy. `segments`: its updates as so many policy versions, each
    looked at by the guard. `rounds`: no more than these."""

    name: str
    config: Row
    members: int = MEMBERS
    segments: int = 1
    rounds: int = ROUNDS


MAIN = "RLOO, UWO and KL"
BARE = "RLOO, one model, no KL"
ARMS = (
    Arm(MAIN, {"algorithm": "rloo", "steps": STEPS, "kl_coefficient": KL} | UWO),
    Arm("PPO, UWO and KL", {"algorithm": "ppo", "steps": STEPS, "kl_coefficient": KL} | UWO),
    Arm(
        "best-of-16 learnt, UWO", {"algorithm": "best_of_n", "pool_prompts": 256, "epochs": 4} | UWO
    ),
    Arm("DPO", {"algorithm": "dpo", "epochs": 2}, members=0),
    Arm(
        BARE,
        # A version, which people compare with the one before, every 6 updates.
        {"algorithm": "rloo", "steps": 6, "kl_coefficient": 0.0},
        members=1,
        segments=FAR // 6,
        rounds=1,
    ),
)


@dataclass
class Walk:
    """Where an arm is: its policy, what was judged, and what was seen of its versions."""

    policy: Path = POLICY
    preferences: list[Row] = field(default_factory=list)
    records: list[VersionRecord] = field(default_factory=list)
    versions: list[Row] = field(default_factory=list)


def judgments_of(quick: bool) -> int:
    return 100 if quick else JUDGMENTS


class Seed:
    """What all arms of one seed have in common: the first round's judgments and reward models."""

    def __init__(self, root: Path, seed: int, quick: bool, members: int = MEMBERS) -> None:
        self.world = World(root, seed, NOISE)
        self.judgments, self.rounds = judgments_of(quick), 1 if quick else ROUNDS
        self.first: list[Row] = self.world.judge("first", POLICY, 1, self.judgments)
        self.first_rewards = train_rewards(root / "first/rewards", self.first, members, **REWARD)

    def measure(self, arms: list[Arm]) -> Row:
        best = self.world.pool_rewards("first/pool", self.first_rewards, **UWO)
        return {
            "seed": self.world.seed,
            "start": float(self.world.start_gold.mean()),
            "best_of_n": {n: self.world.best_of(best, n) for n in (1, 4, POOL)},
            "oracle_best_of_16": float(self.world.start_gold.max(axis=1).mean()),
            "arms": {arm.name: self.walk(arm) for arm in arms},
        }

    def walk(self, arm: Arm) -> list[Row]:
        """The versions of one arm, all rounds."""
        walk = Walk()
        for number in range(1, min(self.rounds, arm.rounds) + 1):
            name = f"{arm.name}/{number}"
            started = time.process_time()
            if number == 1:
                walk.preferences = list(self.first)
                rewards = self.first_rewards[: arm.members]
            else:
                fresh = self.world.judge(name, walk.policy, number, self.judgments)
                walk.preferences += fresh
                folder = self.world.root / name / "rewards"
                rewards = (
                    train_rewards(folder, walk.preferences, arm.members, **REWARD)
                    if arm.members
                    else []
                )
            for segment in range(arm.segments):
                self.step(arm, walk, rewards, number, f"{name}/{segment}")
            seconds = time.process_time() - started
            walk.versions[-1]["cpu_seconds"] = round(seconds, 1)
            tell(self.world.seed, arm.name, number, walk.versions[-1])
        return walk.versions

    def step(self, arm: Arm, walk: Walk, rewards: list[str], number: int, name: str) -> None:
        """One new policy version: improved, scored by the oracle, looked at by the guard."""
        before = walk.policy
        result, walk.policy = improve(
            self.world, name, arm.config, before, rewards, walk.preferences
        )
        points = blind_points(self.world, name, before, walk.policy)
        walk.records.append(record_of(len(walk.records) + 1, result, points))
        start = walk.records[0].length_before
        on_the_way = step_of_alarm(self.world.root / name / "policy", result, start or 0.0)
        walk.versions.append(
            {
                "round": number,
                "gold": self.world.gold(f"{name}/gold", walk.policy),
                "reward": (result["reward_before"], result["reward_after"]),
                "kl": result["kl"],
                "length": result["length_after"],
                "updates": result["steps"],
                "win_rate": statistics.fmean(points),
                "alarms": [alarm.kind for alarm in alarms_of(walk.records)],
                "alarm_on_the_way": on_the_way,
            }
        )


def improve(
    world: World,
    name: str,
    config: Row,
    policy: Path,
    rewards: list[str],
    preferences: list[Row],
) -> tuple[Row, Path]:
    folder = world.root / name / "policy"
    settings: Row = COMMON | config | {"policy": str(policy), "reference": str(POLICY)}
    settings |= {"reward_models": rewards, "seed": world.seed}
    if config["algorithm"] == "dpo":
        rows, file = preferences, "preferences.jsonl"
    else:
        rows, file = prompt_rows(world.pool), "prompts.jsonl"
    return run(train_policy, folder, rows, file, settings), folder / "model"


def blind_points(world: World, name: str, before: Path, after: Path) -> list[float]:
    """1 where the oracle, as noisy as ever, prefers the new policy's response."""
    chance = random.Random(f"{world.seed}:{name}:blind")
    asked = chance.sample(world.pool, BLIND)
    old, new = (
        world.draw(f"{name}/{when}", policy, asked, 1)
        for when, policy in (("old", before), ("new", after))
    )
    return [
        0.5
        if a == b
        else float(oracle_prefers(question.messages, b, a, chance, world.noise) == "a")
        for question, (a,), (b,) in zip(asked, old, new, strict=True)
    ]


def record_of(version: int, result: Row, points: list[float]) -> VersionRecord:
    def spread(when: str) -> float | None:
        variance = result[f"reward_variance_{when}"]
        return math.sqrt(variance) if variance else None

    return VersionRecord(
        version=version,
        reward=result["reward_after"] or 0.0,
        reward_before=result["reward_before"] or 0.0,
        kl=result["kl"],
        spread=spread("after"),
        spread_before=spread("before"),
        length=result["length_after"],
        length_before=result["length_before"],
        win_rate=win_rate(points),
        is_preferred=judge(points, cap=len(points)).verdict == Verdict.BETTER,
        stopped=(result["stopped"] or {}).get("reason", ""),
    )


def step_of_alarm(folder: Path, result: Row, length: float) -> int | None:
    """The step at which the guard's limits within a run would have stopped this one: the arms go on
    to the end, to show what follows."""
    bounds = Bounds(
        length_ratio=LENGTH_RATIO,
        length=length,
        variance_ratio=VARIANCE_RATIO,
        variance=result["reward_variance_before"] or 0.0,
    )
    for _, row in read_jsonl(folder / "metrics.jsonl"):
        metrics = row.get("metrics", {})  # others tell the progress
        if "completions/mean_length" not in metrics:
            continue
        if bounds.length_is_off(
            metrics["completions/mean_length"], metrics["completions/length_error"]
        ) or bounds.members_part(metrics["reward_variance"], metrics["reward_variance_error"]):
            return int(row["step"])
    return None


def sweep_kl(seed: Seed) -> list[Row]:
    """One reward model of the first round, more and less held back."""
    rows = []
    for coefficient in SWEEP:
        name = f"sweep/{coefficient}"
        config = {"algorithm": "rloo", "steps": FAR, "kl_coefficient": coefficient}
        result, policy = improve(seed.world, name, config, POLICY, seed.first_rewards[:1], [])
        gold = seed.world.gold(f"{name}/gold", policy)
        rows.append(
            {
                "kl_coefficient": coefficient,
                "kl": result["kl"],
                "reward_gain": result["reward_after"] - result["reward_before"],
                "gold": gold,
            }
        )
    return rows


def compare_ensembles(root: Path, number: int, judgments: int) -> list[Row]:
    """One model, mean, worst case and UWO, for best-of-16 and PPO with hardly any KL penalty."""
    rows = []
    for noise in (0.0, 0.25):
        world = World(root / f"noise {noise}", number, noise)
        preferences = world.judge("first", POLICY, 1, judgments)
        everything = REWARD | {"bootstrap": False}  # for every member, as Coste et al. have it
        members = train_rewards(world.root / "rewards", preferences, MEMBERS, **everything)
        ways: dict[str, tuple[list[str], Row]] = {
            "one model": (members[:1], {}),
            "mean": (members, {"aggregate": "mean"}),
            "worst case": (members, {"aggregate": "wco"}),
            "UWO": (members, UWO),
        }
        for way, (models, aggregate) in ways.items():
            rewards = world.pool_rewards(f"pool {way}", models, **aggregate)
            config = {"algorithm": "ppo", "steps": 16, "kl_coefficient": 0.02} | aggregate
            _, policy = improve(world, way, config, POLICY, models, [])
            best = world.best_of(rewards, POOL)
            gold = world.gold(f"{way}/gold", policy)
            rows.append({"noise": noise, "way": way, "best_of_16": best, "ppo": gold})
    return rows


def tell(seed: int, *words: Any) -> None:
    print(f"seed {seed}:", *words, file=sys.stderr, flush=True)


def first_alarm_and_fall(versions: list[Row], start: float) -> tuple[int | None, int | None]:
    """Updates made when the guard first gave an alarm, within a run or after it, and when gold was
    first below 90 % of the highest so far."""
    peak, updates = start, 0
    alarm = fall = None
    for version in versions:
        if alarm is None and version["alarm_on_the_way"] is not None:
            alarm = updates + version["alarm_on_the_way"]
        updates += version["updates"]
        if alarm is None and version["alarms"]:
            alarm = updates
        peak = max(peak, version["gold"])
        if fall is None and version["gold"] < peak - 0.1 * abs(peak):
            fall = updates
    return alarm, fall


def summarise(seeds: list[Row]) -> Row:
    """Null where the arm was not run, or where its gold never fell."""
    rounds, over, leads, alarmed = [], [], [], 0
    for figures in seeds:
        main = figures["arms"].get(MAIN, [])
        if main:
            golds = [figures["start"], *(version["gold"] for version in main)]
            rounds.append(sum(b > a for a, b in itertools.pairwise(golds)))
            over.append(golds[-1] - figures["best_of_n"][POOL])
        alarmed += sum(bool(v["alarms"]) or v["alarm_on_the_way"] is not None for v in main)
        alarm, fall = first_alarm_and_fall(figures["arms"].get(BARE, []), figures["start"])
        if fall is not None:
            leads.append(fall - alarm if alarm is not None else -math.inf)
    return {
        "rounds_improved": min(rounds) if rounds else None,
        "gold_over_best_of_16": round(statistics.fmean(over), 3) if over else None,
        "guard_lead": min(leads) if leads else None,
        "false_alarms": alarmed if rounds else None,
        "seeds": len(seeds),
    }


def measure_part(part: str, number: int, options: argparse.Namespace) -> Row:
    """In a process of its own; `number` is the seed."""
    started = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        if part == "arms":
            chosen = [a for a in ARMS if not options.arms or a.name in options.arms]
            figures = Seed(root, number, options.quick).measure(chosen)
        elif part == "sweep":
            figures = {part: sweep_kl(Seed(root, number, options.quick, members=1))}
        else:
            figures = {part: compare_ensembles(root, number, judgments_of(options.quick))}
    return figures | {f"cpu_seconds_{part}": round(time.process_time() - started)}


def in_parallel(options: argparse.Namespace) -> list[Row]:
    """The figures by seed. The long parts first: what is left for the end should be short."""
    parts = ["arms"] if options.arms else ["arms", "ensembles", "sweep"]
    jobs = [(part, seed) for part in parts for seed in range(options.seeds)]
    by_seed: list[Row] = [{} for _ in range(options.seeds)]
    context = get_context("spawn")
    with ProcessPoolExecutor(options.processes, context, end_with_parent) as pool:
        futures = [pool.submit(measure_part, part, seed, options) for part, seed in jobs]
        for (_, seed), future in zip(jobs, futures, strict=True):
            by_seed[seed] |= future.result()
    return by_seed


def end_with_parent() -> None:
    """A worker whose benchmark was killed would go on for minutes, beside whatever comes next."""
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one round of 100 judgments")
    parser.add_argument("--arms", action="append", help="only these, without the other tables")
    parser.add_argument("--out", type=Path, help="a file for all figures")
    options = parser.parse_args()
    seeds = in_parallel(options)
    if options.out:
        options.out.write_text(json.dumps(seeds, indent=1))
    print(json.dumps(summarise(seeds)))


if __name__ == "__main__":
    main()
