"""One update of PPO or RLOO: rewards with the KL in them, advantages, and the optimiser's steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from modeling.core.loading.own_head import attach_head
from modeling.core.losses.advantages import gae, leave_one_out, whiten
from modeling.core.losses.kl import token_kl
from modeling.core.losses.policy import clipped_policy_loss, clipped_value_loss
from modeling.core.policy.rollouts import Rollout, read_texts
from modeling.core.policy.task import Task
from modeling.core.policy_models.batch import Batch
from modeling.core.policy_models.rewards import Shaping
from modeling.core.program.errors import ProgramError
from modeling.measures.noise import noise_of
from modeling.run_data.train_policy import TrainPolicyResolved

FIRST_STEP = (  # no weight has changed yet
    "This is the first step, so no learning rate is to blame: the policy itself, its reference or "
    "the value model gives no finite number for a text of this batch."
)
SUMS = ("policy", "value", "clipped", "value_clipped", "kl", "ratio", "entropy")


@dataclass
class Learner:
    """What is trained and how. `value` is PPO's value model, None for RLOO."""

    policy: PreTrainedModel
    value: PreTrainedModel | None
    optimizer: torch.optim.Optimizer
    rates: list[float]  # peak, per parameter group


@dataclass
class Signal:
    """What the update needs to know of the rollouts, padded to (B, R); mask marks real tokens.

    For RLOO `advantages` is (B,) and there are no values and returns.
    """

    mask: Tensor
    logps: Tensor
    advantages: Tensor
    values: Tensor | None = None
    returns: Tensor | None = None


def make_learner(task: Task, value: PreTrainedModel | None) -> Learner:
    """Make the optimiser: a parameter group for the policy, and one for the value model."""
    config = task.config
    models: list[tuple[nn.Module, float]] = [(task.actor.model, config.learning_rate)]
    if value is not None:
        models.append((value, config.value_learning_rate))
    groups = [
        {"params": [w for w in model.parameters() if w.requires_grad], "lr": rate}
        for model, rate in models
    ]
    # No weight decay: it would pull the policy towards zero, not towards its reference.
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0, fused=True)
    return Learner(task.actor.model, value, optimizer, [rate for _, rate in models])


def rewards_by_prompt(rollouts: list[Rollout], shaping: Shaping) -> list[list[float]]:
    """The shaped rewards [prompt][number], in the order in which prompts first come."""
    rows: dict[str, list[float]] = {}
    for rollout in rollouts:
        rows.setdefault(rollout.id, []).append(shaping(rollout.reward, rollout.ended))
    return list(rows.values())


def pad_rows(rows: list[list[float]]) -> tuple[Tensor, Tensor]:
    """Pad rows to (B, R) with zeros; beside them the mask of the values that are real."""
    longest = max(1, *(len(row) for row in rows))
    values = torch.tensor([row + [0.0] * (longest - len(row)) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return values, torch.arange(longest) < lengths[:, None]


def make_signal(
    task: Task, value: PreTrainedModel | None, coefficient: float, rollouts: list[Rollout]
) -> Signal:
    """Turn rewards, with the KL to the reference in them, into advantages."""
    config = task.config
    logps, mask = pad_rows([rollout.logps for rollout in rollouts])
    reference, _ = pad_rows([rollout.reference_logps for rollout in rollouts])
    kl = token_kl(logps, reference, config.kl_estimator) * mask  # (B, R)
    rows = rewards_by_prompt(rollouts, task.shaping)
    rewards = torch.tensor(rows)  # (P, K): the rollouts lie prompt after prompt
    if value is None:
        penalised = rewards - coefficient * kl.sum(dim=1).view_as(rewards)
        advantages = leave_one_out(penalised).flatten()  # (B,)
        if config.whiten:
            advantages = whiten(advantages, torch.ones_like(advantages, dtype=torch.bool))
        return Signal(mask, logps, advantages)
    per_token = -coefficient * kl
    # The reward is of the whole response: it comes with the last token, the KL with each.
    last = mask.sum(dim=1) - 1
    per_token[torch.arange(len(last)), last] += rewards.flatten()
    values, _ = pad_rows(read_values(task, value, rollouts))
    advantages, returns = gae(per_token, values, mask, gamma=config.gamma, lam=config.gae_lambda)
    if config.whiten:
        advantages = whiten(advantages, mask)
    return Signal(mask, logps, advantages, values, returns)


@torch.no_grad()
def fit_values(task: Task, value: PreTrainedModel, rollouts: list[Rollout]) -> None:
    """Put the value head on the scale of what it is to predict: the least-squares line from the
    values of all tokens to their responses' rewards.

    A reward model's own scale is another one (rewards are normalised, an ensemble has a scale of
    its own), and a token in the middle foretells less than its reward model would claim.
    """
    values, mask = pad_rows(read_values(task, value, rollouts))  # (B, R)
    rewards = torch.tensor([task.shaping(one.reward, one.ended) for one in rollouts])
    x, y = values[mask].double(), rewards[:, None].expand_as(values)[mask].double()
    spread = x.var(correction=0)
    tells = spread.sqrt() > noise_of(x.abs().max().item())  # a slope of rounding would be any
    slope = ((x - x.mean()) * (y - y.mean())).mean() / spread if tells else x.new_zeros(())
    head: Any = value.score
    bias = torch.zeros(1) if head.bias is None else head.bias.detach().cpu()
    intercept = y.mean() - slope * x.mean()
    attach_head(value, "score", head.weight.cpu() * slope.float(), slope * bias + intercept)


def read_values(task: Task, value: PreTrainedModel, rollouts: list[Rollout]) -> list[list[float]]:
    texts = task.group.share([rollout.as_text for rollout in rollouts])
    values = read_texts(task, texts, lambda batch: batch.values(value))
    return task.group.collect(rollouts, values)


def update(
    task: Task, learner: Learner, rollouts: list[Rollout], coefficient: float, step: int
) -> dict[str, float]:
    """Do the update that follows `step` finished ones. Returns the figures of its last pass."""
    signal = make_signal(task, learner.value, coefficient, rollouts)
    factor = rate_factor(task.config, task.config.steps, step)
    for group, peak in zip(learner.optimizer.param_groups, learner.rates, strict=True):
        group["lr"] = peak * factor
    figures: dict[str, float] = {}
    # Advantages are not made anew between passes: they belong to the policy that drew.
    for number in range(task.config.inner_epochs):
        figures = {}
        for numbers in minibatches(task.config, len(rollouts), f"{step}:{number}"):
            for name, value in optimise(task, learner, rollouts, signal, numbers, step).items():
                figures[name] = figures.get(name, 0.0) + value / task.config.minibatches
    return figures | {"lr": learner.optimizer.param_groups[0]["lr"]}


def rate_factor(config: TrainPolicyResolved, total: int, step: int) -> float:
    """The learning rate of the step that follows `step` finished ones of `total`, as a share of the
    peak: linear warm-up, then constant or linear decay to 0."""
    warmup = round(config.warmup * total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 1.0 if config.schedule == "constant" else (total - step) / max(1, total - warmup)


def minibatches(config: TrainPolicyResolved, count: int, label: str) -> Iterator[list[int]]:
    """Deal all numbers below `count`, shuffled, into minibatches of about one size."""
    order = list(range(count))
    parts = config.minibatches
    if parts > 1:
        Random(f"{config.seed}:{label}").shuffle(order)
    for part in range(parts):
        yield order[part::parts]


def optimise(
    task: Task,
    learner: Learner,
    rollouts: list[Rollout],
    signal: Signal,
    numbers: list[int],
    step: int,
) -> dict[str, float]:
    """Do one optimiser step on some of the rollouts; the processes add up their gradients. Raises
    ProgramError, before any weight has changed, for what is no number."""
    texts = [rollouts[at].as_text for at in numbers]
    sums = dict.fromkeys(SUMS, 0.0)
    shares = int(signal.mask[numbers].sum()), len(numbers)
    for part in task.group.share(task.passes([(text,) for text in texts])):
        batch = task.batch([texts[at] for at in part])
        rows = [numbers[at] for at in part]
        loss = policy_loss(task, learner, signal, rows, batch, shares, sums)
        if learner.value is not None:
            loss = loss + value_loss(task, learner.value, signal, rows, batch, shares[0], sums)
        loss.backward()
    sums = task.group.total(sums)
    models = [learner.policy] if learner.value is None else [learner.policy, learner.value]
    norms = []
    for model in models:
        task.group.add_gradients(model)
        clip = task.config.max_grad_norm
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), clip).item())
    if not all(torch.isfinite(torch.tensor([*norms, *sums.values()]))):
        raise not_finite(step)
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)
    return as_metrics(sums, norms)


def policy_loss(
    task: Task,
    learner: Learner,
    signal: Signal,
    rows: list[int],
    batch: Batch,
    shares: tuple[int, int],
    sums: dict[str, float],
) -> Tensor:
    """The loss of some rows, divided by the minibatch's tokens (PPO) or responses (RLOO)."""
    with task.autocast():
        logps, entropy = batch.logps(learner.policy, task.config.temperature)  # (b, r)
    real, width = batch.is_real, batch.is_real.shape[1]
    old = signal.logps[rows, :width].to(task.device)
    advantages = signal.advantages[rows].to(task.device)
    tokens, responses = shares
    # Half the mean square of the log-ratio: an estimate of the KL to the policy that drew (k2).
    difference = (logps - old).detach()[real]
    sums["kl"] += 0.5 * difference.square().sum().item() / tokens
    sums["ratio"] += difference.exp().sum().item() / tokens
    sums["entropy"] += entropy[real].sum().item() / tokens
    if learner.value is None:
        # RLOO's action is the whole response: one ratio, of the product of its tokens.
        logps, old = (logps * real).sum(dim=1), (old * real).sum(dim=1)  # (b,)
        loss, clipped = clipped_policy_loss(logps, old, advantages, task.config.clip)
        count = responses
    else:
        advantages = advantages[:, :width]
        loss, clipped = clipped_policy_loss(logps, old, advantages, task.config.clip)
        loss, clipped, count = loss[real], clipped[real], tokens
    total = loss.sum() / count
    sums["policy"] += total.item()
    sums["clipped"] += clipped.sum().item() / count
    return total


def value_loss(
    task: Task,
    value: PreTrainedModel,
    signal: Signal,
    rows: list[int],
    batch: Batch,
    tokens: int,
    sums: dict[str, float],
) -> Tensor:
    """The value model's loss of some rows, divided by the minibatch's tokens."""
    assert signal.values is not None and signal.returns is not None
    with task.autocast():
        values = batch.values(value)  # (b, r)
    real, width = batch.is_real, batch.is_real.shape[1]
    old, returns = (x[rows, :width].to(task.device) for x in (signal.values, signal.returns))
    loss, clipped = clipped_value_loss(values, old, returns, task.config.value_clip)
    total = loss[real].sum() / tokens
    sums["value"] += total.item()
    sums["value_clipped"] += clipped[real].sum().item() / tokens
    return total


def as_metrics(sums: dict[str, float], norms: list[float]) -> dict[str, float]:
    """Name an update's figures as docs/metrics.md has them. `norms`: of the policy's gradient, and
    of the value model's where there is one."""
    metrics = {
        "loss/policy": sums["policy"],
        "policy/clipfrac": sums["clipped"],
        "policy/approxkl": sums["kl"],
        "policy/entropy": sums["entropy"],
        "policy/ratio": sums["ratio"],
        "policy/grad_norm": norms[0],
    }
    if len(norms) > 1:
        metrics |= {
            "loss/value": sums["value"],
            "val/clipfrac": sums["value_clipped"],
            "val/grad_norm": norms[1],
        }
    return metrics


def not_finite(step: int) -> ProgramError:
    return ProgramError(
        f"The loss or its gradient is no longer a finite number at step {step + 1}.",
        where=f"step {step + 1}",
        hint=f"{FIRST_STEP if step == 0 else 'Lower the learning rate.'} Nothing of this step was "
        "saved.",
    )
