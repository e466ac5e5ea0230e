"""The loss of some prompt groups, in the way the config asks for.

The losses themselves are in modeling/core/losses/preferences.py; here comparisons find their
rewards, and rankings their comparisons.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from modeling.core.losses.preferences import (
    bradley_terry,
    centering,
    davidson,
    plackett_luce,
    smooth,
)
from modeling.core.reading.reader import Reader
from modeling.core.texts.equal_rows import are_equal
from modeling.core.texts.groups import Unit
from modeling.core.texts.text import Encoded
from modeling.run_data.train_reward import TrainRewardConfig


def comparison_loss(
    config: TrainRewardConfig,
    reader: Reader,
    encoded: list[list[Encoded]],
    units: list[Unit],
    bootstrap: Sequence[Sequence[float]] | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Sum weight * loss over the units' comparisons; beside it sums for the log.

    `encoded` is [group][response]; each distinct text of the units is read once. With M heads the
    loss is the mean of theirs; `bootstrap` [group][head] multiplies the weights each head sees.
    """
    device = reader.model.device
    places: dict[tuple[int, int], int] = {}  # (group, response) -> row
    for unit in units:
        for response in unit.responses():
            places.setdefault((unit.group, response), len(places))
    texts = [unit.texts(encoded) for unit in units]
    pairs = [(unit.group, c) for unit in units for c in unit.comparisons]
    i = torch.tensor([places[group, c.i] for group, c in pairs], device=device)  # (C,)
    j = torch.tensor([places[group, c.j] for group, c in pairs], device=device)  # (C,)
    # A column each, so that they spread over the M heads.
    target, weight, margin = torch.tensor(
        [(c.target, c.weight, c.margin) for _, c in pairs], device=device
    ).T.unsqueeze(2)  # (C, 1) each
    rewards = reader.member_rewards(texts)  # (R, M)
    if bootstrap is not None:
        weight = weight * torch.tensor([bootstrap[group] for group, _ in pairs], device=device)
    delta = rewards[i] - rewards[j]  # (C, M)
    losses = pair_losses(config, delta, target, margin)
    # One text against itself has no gradient: not even the rounding that adding up would leave,
    # which Adam would take for a direction.
    alike = [are_equal(encoded[group][c.i], encoded[group][c.j]) for group, c in pairs]
    losses = torch.where(torch.tensor(alike, device=device)[:, None], losses.detach(), losses)
    ranked = rankings(config, units)
    as_pairs = torch.tensor(
        [[number not in ranked] for number, unit in enumerate(units) for _ in unit.comparisons],
        device=device,
    )
    loss = (losses * weight * as_pairs).sum()
    for number, order in ranked.items():
        # A ranking of K is K - 1 choices; together they weigh what its pairs would.
        unit = units[number]
        share = sum(c.weight for c in unit.comparisons) / (len(order) - 1)
        each = plackett_luce(rewards[[places[unit.group, k] for k in order]])  # (M,)
        if bootstrap is not None:
            each = each * torch.tensor(bootstrap[unit.group], device=device)
        loss = loss + share * each.sum()
    if config.centering:
        level = centering(rewards[i], rewards[j])
        loss = loss + config.centering * (level * weight).sum()
    # The mean over heads: a learning rate means the same for one head and for many.
    loss = loss / rewards.shape[1]
    tokens = sum(reader.tokens(group) for group in texts)
    figures = sums_for_log(rewards.detach().mean(1), i, j, target[:, 0])
    return loss, figures | {"loss": loss.item(), "tokens": float(tokens)}


@torch.no_grad()
def sums_for_log(rewards: Tensor, i: Tensor, j: Tensor, target: Tensor) -> dict[str, float]:
    """Sum the log's figures over comparisons; i, j and target (C,), rewards (R,)."""
    delta = rewards[i] - rewards[j]
    side = torch.sign(target - 0.5)  # 1, -1, or 0 for a tie
    # `point_of` (modeling/measures/points.py) for all at once: no point for a tie.
    right = (delta * side > 0).float() + 0.5 * ((delta == 0) & (side != 0)).float()
    return {
        "points": right.sum().item(),
        "decided": side.abs().sum().item(),
        "margin": (delta * side).sum().item(),
        "reward": ((rewards[i] + rewards[j]) / 2).sum().item(),
    }


def pair_losses(config: TrainRewardConfig, delta: Tensor, target: Tensor, margin: Tensor) -> Tensor:
    """The losses (C, M) in the way the config asks for. `target` is the judged one: smoothing
    leaves a tie at exactly 0.5, by which Davidson's loss knows it."""
    smoothed = smooth(target, config.label_smoothing)
    if config.ties == "davidson" and config.tie_weight:
        return davidson(delta, smoothed, margin, tie_weight=config.tie_weight)
    return bradley_terry(delta, smoothed, margin)


def rankings(config: TrainRewardConfig, units: list[Unit]) -> dict[int, list[int]]:
    """Map a unit's number to its ranking, for units of three responses and more that have one."""
    if config.rankings == "pairs":
        return {}
    orders = {number: unit.ranking() for number, unit in enumerate(units)}
    return {n: order for n, order in orders.items() if order is not None and len(order) > 2}
