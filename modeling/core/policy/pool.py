"""The pool of best-of-n: N responses to each of some prompts, with rewards, in pool.jsonl.

Appended prompt by prompt, so that a restart draws only what is missing. From the one pool comes the
estimate for every n up to N, and the texts that distillation trains on.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from modeling.core.policy.rollouts import Rollout, roll
from modeling.core.policy.task import PolicyPrompt, Task
from modeling.core.policy_models.batch import TokenText
from modeling.core.policy_models.rewards import Shaping
from modeling.core.program.checked_lines import append_rows, read_rows
from modeling.core.program.files import write_jsonl
from modeling.measures.noise import noise_of
from modeling.run_data.train_policy import TrainPolicyResolved

AT_ONCE = 16  # prompts drawn between two writes
FIELDS = ("id", "tokens", "logps", "ended", "text", "reward", "variance", "reference_logps")


def draw_pool(task: Task) -> list[list[Rollout]]:
    """Return the responses [prompt][number] to the run's pool prompts: from the file, else
    drawn."""
    config, path = task.config, task.run.path / "pool.jsonl"
    prompts = pool_prompts(task.prompts, config)
    pool = read_pool(path, {prompt.id: prompt for prompt in prompts}, config.best_of)
    missing = [prompt for prompt in prompts if prompt.id not in pool]
    sentence = f"Drawing {config.best_of} responses to each of {len(missing)} prompts."
    task.run.begin("sampling", sentence, len(pool), len(prompts), "prompts")
    for start in range(0, len(missing), AT_ONCE):
        some = missing[start : start + AT_ONCE]
        rollouts = roll(task, some, config.best_of, "pool")
        by_prompt: dict[str, list[Rollout]] = {}
        for rollout in rollouts:
            by_prompt.setdefault(rollout.id, []).append(rollout)
        pool |= by_prompt
        if task.group.rank == 0:
            append_rows(path, map(as_row, rollouts))
        task.run.progress(len(pool), len(prompts), "prompts", "sampling")
    drawn = [pool[prompt.id] for prompt in prompts]
    if task.group.rank == 0:
        # What a kill or a damaged disk left half of is in the file besides what was drawn for it.
        write_jsonl(path, (as_row(rollout) for of_prompt in drawn for rollout in of_prompt))
    return drawn


def pool_prompts(
    prompts: Sequence[PolicyPrompt], config: TrainPolicyResolved
) -> list[PolicyPrompt]:
    """Draw the pool's prompts by the run's seed, so that a restart has the same ones."""
    count = min(config.pool_prompts, len(prompts))
    return Random(f"{config.seed}:pool").sample(list(prompts), count)


def read_pool(path: Path, prompts: dict[str, PolicyPrompt], count: int) -> dict[str, list[Rollout]]:
    """Read the responses of prompts that have all `count` of them, as they were written. Those of
    other prompts are drawn again."""
    pool: dict[str, list[Rollout]] = {}
    for row in read_rows(path):
        prompt = prompts.get(str(row.get("id")))
        if prompt is not None and row.keys() >= set(FIELDS):
            rollout = Rollout(prompt=prompt.ids, **{key: row[key] for key in FIELDS})
            pool.setdefault(prompt.id, []).append(rollout)
    return {identifier: rows for identifier, rows in pool.items() if len(rows) == count}


def as_row(rollout: Rollout) -> dict[str, Any]:
    """A response's line of the file."""
    return {key: getattr(rollout, key) for key in FIELDS}


def rewards_of(pool: list[list[Rollout]]) -> np.ndarray:
    """The reward model's rewards (P, N), as they are."""
    return np.array([[rollout.reward for rollout in row] for row in pool])


def first_best(values: Sequence[float]) -> int:
    """The place of the highest value; of several that are equal but for rounding, the first."""
    highest = max(values)
    slack = noise_of(max(map(abs, values)))
    return next(at for at, value in enumerate(values) if value >= highest - slack)


def best_texts(pool: list[list[Rollout]], shaping: Shaping, coefficient: float) -> list[TokenText]:
    """Choose of each prompt the response with the highest reward less `coefficient` times its
    log pi / pi_reference, less the penalty for a missing end.

    The mean of that is what PPO and RLOO maximise. In the first round policy and reference are
    one, and it is plain best-of-n. In later rounds, choosing by the reward alone would add as many
    nats again each time, however far the policy is already.
    """
    values = [[shaping(r.reward, r.ended) - coefficient * r.log_ratio for r in row] for row in pool]
    best = [first_best(row) for row in values]
    return [row[at].as_text for row, at in zip(pool, best, strict=True)]
