"""Rollouts: responses drawn from the policy as it is now, with their rewards and log-probabilities.

Every response has a seed of its own, derived from the run's seed, the step, the prompt and its
number, so that a resumed run draws the same ones. With several processes each draws, scores and
reads its share of the prompts; afterwards all hold all rollouts.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from modeling.core.generating.drawing import Sampling
from modeling.core.generating.generation import Drawn, OnDone, Request, nothing
from modeling.core.policy.task import PolicyPrompt, Task
from modeling.core.policy_models.batch import Batch, TokenText
from modeling.core.policy_models.rewards import FrozenReward
from modeling.core.program.seeds import derive_seed


@dataclass
class Rollout:
    """One response. `tokens`, `logps` and `reference_logps` have one entry per token, the end
    token included; `variance` is the reward model's members'."""

    id: str
    prompt: tuple[int, ...]
    tokens: list[int]
    logps: list[float]
    ended: bool
    text: str
    reward: float = 0.0
    variance: float = 0.0
    reference_logps: list[float] = field(default_factory=list)

    @property
    def as_text(self) -> TokenText:
        return TokenText(self.prompt, tuple(self.tokens))

    @property
    def log_ratio(self) -> float:
        """log pi(response) / pi_reference(response), in nats: its mean is the KL (k1)."""
        return math.fsum(self.logps) - math.fsum(self.reference_logps)


def roll(
    task: Task, prompts: Sequence[PolicyPrompt], count: int, label: str, *, phase: str = ""
) -> list[Rollout]:
    """Draw `count` responses to each prompt, prompt after prompt, with rewards and reference.

    `label` enters the seeds, so that two draws of one run differ. `phase`: the run's phase whose
    progress the draw is, "" for none. Raises ProgramError for a reward that is no number, and
    ProgramCancelled when this process is alone and was asked to stop.
    """
    mine = task.group.share(prompts)
    drawn = draw(task, task.actor.model, mine, count, label, phase)
    if task.reward is not None:
        add_rewards(task.reward, mine, drawn)
    add_reference(task, [rollout for of_prompt in drawn for rollout in of_prompt])
    return [rollout for of_prompt in task.group.collect(prompts, drawn) for rollout in of_prompt]


def reference_rewards(
    task: Task, prompts: Sequence[PolicyPrompt], count: int, label: str
) -> list[float]:
    """Draw `count` responses of the reference to each prompt and return their rewards; [] without a
    reward model."""
    if task.reward is None:
        return []
    mine = task.group.share(prompts)
    with task.actor.as_reference() as reference:
        drawn = draw(task, reference, mine, count, label)
    add_rewards(task.reward, mine, drawn)
    return [
        rollout.reward for of_prompt in task.group.collect(prompts, drawn) for rollout in of_prompt
    ]


def add_rewards(
    reward: FrozenReward, prompts: Sequence[PolicyPrompt], drawn: Sequence[Sequence[Rollout]]
) -> None:
    """Fill in the reward model's rewards, and the variance over its members."""
    # By text, not by tokens: the reward model has a tokenizer and a chat template of its own.
    texts = [
        (prompt.messages, rollout.text)
        for prompt, of_prompt in zip(prompts, drawn, strict=True)
        for rollout in of_prompt
    ]
    flat = [rollout for of_prompt in drawn for rollout in of_prompt]
    for rollout, value, variance in zip(flat, *reward.score(texts), strict=True):
        rollout.reward, rollout.variance = value, variance


def draw(
    task: Task,
    model: PreTrainedModel,
    prompts: Sequence[PolicyPrompt],
    count: int,
    label: str,
    phase: str = "",
) -> list[list[Rollout]]:
    """Draw the model's responses [prompt][number], without rewards."""
    config, tokenizer = task.config, task.actor.tokenizer
    sampling = Sampling(
        task.stop_ids,
        config.max_new_tokens,
        temperature=config.temperature,
        batch_tokens=task.budget(config.cache_tokens),
    )
    requests = [
        Request(prompt.ids, derive_seed(config.seed, f"{label}:{prompt.id}", number))
        for prompt in prompts
        for number in range(count)
    ]
    check = task.run.check_cancelled if task.group.size == 1 else _go_on
    tell = _teller(task, len(requests), phase) if phase else nothing
    with task.autocast():
        responses = iter(task.generate(model, requests, sampling, on_done=tell, check=check))
    rollouts: list[list[Rollout]] = []
    for prompt in prompts:
        rollouts.append([])
        for _ in range(count):
            one = next(responses)
            text = tokenizer.decode(one.text_tokens, skip_special_tokens=True)
            rollouts[-1].append(
                Rollout(prompt.id, prompt.ids, one.tokens, one.log_probs, one.finished, text)
            )
    return rollouts


def _teller(task: Task, total: int, phase: str) -> OnDone:
    """Make the callback that reports a draw's progress, about fifty times. It counts for all
    processes, as if they were as far as this one."""
    done = 0

    def tell(_at: int, _drawn: Drawn) -> None:
        nonlocal done
        done += 1
        if done % max(1, total // 50) == 0:
            every = task.group.size
            task.run.progress(done * every, total * every, "responses", phase)

    return tell


def _go_on() -> None:
    """Do nothing: several processes stop together, between two steps, and never within a draw."""


def add_reference(task: Task, rollouts: list[Rollout]) -> None:
    """Fill in the reference's log-probabilities of the tokens that the policy drew."""
    texts = [rollout.as_text for rollout in rollouts]
    with task.actor.as_reference() as reference:
        for rollout, logps in zip(rollouts, text_logps(task, reference, texts), strict=True):
            rollout.reference_logps = logps


def text_logps(task: Task, model: PreTrainedModel, texts: list[TokenText]) -> list[list[float]]:
    """Read the log-probability, in nats, of every response token, in the order of the texts."""
    temperature = task.config.temperature
    return read_texts(task, texts, lambda batch: batch.logps(model, temperature)[0])


@torch.no_grad()
def read_texts(
    task: Task, texts: list[TokenText], read: Callable[[Batch], Tensor]
) -> list[list[float]]:
    """Apply `read`, which gives (B, R) for a batch, to all texts. Returns one number per response
    token, in the order of the texts."""
    by_text: list[list[float]] = [[] for _ in texts]
    for which in task.passes([(text,) for text in texts]):
        batch = task.batch([texts[at] for at in which])
        with task.autocast():
            rows = read(batch)
        for at, row in zip(which, rows.tolist(), strict=True):
            by_text[at] = row[: len(texts[at].response)]
    return by_text
