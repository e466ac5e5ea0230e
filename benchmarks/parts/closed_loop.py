"""The demo world's loop without the web app: sample, judge by the oracle, train, improve.

Parts of closed_loop.py. Every step is one of the learning programs, called in this process, so that
what is measured is what a worker runs.
"""

import json
import random
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from modeling.core import sample, score, train_reward
from modeling.core.program.files import read_jsonl, write_json, write_jsonl
from modeling.core.program.run_dir import run_program
from modeling.demo.world.oracle import oracle_prefers
from modeling.demo.world.oracle import score as gold_of
from modeling.demo.world.questions import Question, questions
from modeling.measures.best_of_n import expected_best

POLICY = Path(__file__).resolve().parent.parent.parent / "modeling" / "demo" / "policy"
EVAL_PROMPTS, EVAL_RESPONSES = 128, 8
POOL = 16  # responses per prompt of best-of-n
NEW_TOKENS = 80
Row = dict[str, Any]


def run(program: Any, folder: Path, rows: Sequence[Row], file: str, config: Row) -> Row:
    """One program on a fresh folder; its result. A failure ends the benchmark."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_jsonl(folder / file, rows)
    write_json(folder / "config.json", config | {"threads": 1, "device": "cpu"})
    if run_program(program.main, [str(folder)]) != 0:
        raise SystemExit(f"{folder}: {(folder / 'error.json').read_text()}")
    return dict(json.loads((folder / "result.json").read_text()))


def prompt_rows(asked: Sequence[Question]) -> list[Row]:
    return [{"id": str(at), "prompt": question.messages} for at, question in enumerate(asked)]


@dataclass
class World:
    """The prompts of one seed, and everything that arms share. Folders below `root`."""

    root: Path
    seed: int
    noise: float
    pool: list[Question] = field(init=False)
    held_out: list[Question] = field(init=False)

    def __post_init__(self) -> None:
        everything = list(questions())
        random.Random(f"closed loop {self.seed}").shuffle(everything)
        self.held_out, self.pool = everything[:EVAL_PROMPTS], everything[EVAL_PROMPTS:]

    def draw(self, name: str, policy: Path, asked: Sequence[Question], n: int) -> list[list[str]]:
        """Responses [prompt][number]."""
        config = {"policy": str(policy), "n": n, "max_new_tokens": NEW_TOKENS, "seed": self.seed}
        folder = self.root / name
        run(sample, folder, prompt_rows(asked), "prompts.jsonl", config)
        texts: list[list[str]] = [[] for _ in asked]
        for _, row in read_jsonl(folder / "samples.jsonl"):
            texts[int(row["id"])].append(row["text"])
        return texts

    def gold(self, name: str, policy: Path) -> float:
        """The oracle's mean score of the policy on the held-out prompts."""
        drawn = self.draw(name, policy, self.held_out, EVAL_RESPONSES)
        return statistics.fmean(
            gold_of(question.messages, text)
            for question, texts in zip(self.held_out, drawn, strict=True)
            for text in texts
        )

    def judge(self, name: str, policy: Path, number: int, judgments: int) -> list[Row]:
        """So many judgments of fresh pairs from the policy, a tenth of them held out as dev."""
        chance = random.Random(f"{self.seed}:{name}")
        asked = chance.sample(self.pool, min(len(self.pool), judgments + judgments // 3))
        drawn = self.draw(f"{name}/pairs", policy, asked, 2)
        rows: list[Row] = []
        for question, (a, b) in zip(asked, drawn, strict=True):
            if a == b or len(rows) == judgments:
                continue
            wins = oracle_prefers(question.messages, a, b, chance, self.noise) == "a"
            split = "dev" if len(rows) % 10 == 9 else "train"
            texts = {"chosen": a if wins else b, "rejected": b if wins else a}
            identifier = f"{number}-{len(rows)}"
            rows.append({"id": identifier, "prompt": question.messages, "split": split} | texts)
        return rows

    @cached_property
    def start_pool(self) -> list[list[str]]:
        """POOL responses of the starting policy to each held-out prompt."""
        return self.draw("pool", POLICY, self.held_out, POOL)

    @cached_property
    def start_gold(self) -> np.ndarray:
        """The oracle's scores of them: (prompts, POOL)."""
        return np.array(
            [
                [gold_of(question.messages, text) for text in texts]
                for question, texts in zip(self.held_out, self.start_pool, strict=True)
            ]
        )

    def pool_rewards(self, name: str, models: Sequence[str], **aggregate: Any) -> np.ndarray:
        """Rewards of the start's pool: (prompts, POOL)."""
        rows = [
            {"id": f"{at}:{k}", "prompt": self.held_out[at].messages, "response": text}
            for at, texts in enumerate(self.start_pool)
            for k, text in enumerate(texts)
        ]
        folder = self.root / name
        run(score, folder, rows, "responses.jsonl", {"reward_models": list(models)} | aggregate)
        rewards = [row["reward"] for _, row in read_jsonl(folder / "scores.jsonl")]
        return np.array(rewards).reshape(self.start_gold.shape)

    def best_of(self, rewards: np.ndarray, n: int) -> float:
        """Gold of choosing the best of n of the start's responses by these rewards."""
        return float(expected_best(rewards, self.start_gold, n).mean())


def train_rewards(folder: Path, preferences: list[Row], members: int, **config: Any) -> list[str]:
    """A reward model, or an ensemble, on the preferences; the members' folders."""
    settings = {"base_model": str(POLICY), "members": members} | config
    result = run(train_reward, folder, preferences, "preferences.jsonl", settings)
    return [str(folder / member) for member in result["members"]]
