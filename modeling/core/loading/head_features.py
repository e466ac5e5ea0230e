"""What a reward model sees in a text before its head, given out beside the rewards.

The head gets rows that copy its input: one forward then gives rewards and features, whatever way
the model is read and whatever its head reads. Wide inputs are turned into fewer numbers by a fixed
random projection, which keeps distances (W. Johnson and J. Lindenstrauss, 1984).
"""

import torch
from torch import Tensor, nn

MOST_FEATURES = 384


def add_features(model: nn.Module, most: int = MOST_FEATURES) -> int | None:
    """Widen the head in place by rows that copy its input, behind its own outputs. Returns how many
    outputs it has then; None, with nothing changed, where the model has no linear `score`."""
    head = getattr(model, "score", None)
    if not isinstance(head, nn.Linear):
        return None
    rows = projection(head.in_features, most).to(head.weight)
    wide = nn.Linear(head.in_features, len(head.weight) + len(rows), device=head.weight.device)
    with torch.no_grad():
        wide.weight.copy_(torch.cat([head.weight, rows]))
        wide.bias.zero_()
        if head.bias is not None:
            wide.bias[: len(head.weight)].copy_(head.bias)
    model.score = wide
    return wide.out_features


def projection(width: int, most: int) -> Tensor:
    """Make the matrix (F, width) from an input to F features: the identity where `width` is at most
    `most`, else `most` orthogonal rows from a fixed seed, scaled so that distances stay the same on
    average."""
    if width <= most:
        return torch.eye(width)
    generator = torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(width, most, generator=generator))[0]
    return directions.T * (width / most) ** 0.5
