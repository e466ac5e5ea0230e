"""Gradient checkpointing, and what a training does when memory runs out.

Keeping only what goes into each layer and computing the rest again in the backward pass takes a
fraction of the memory and a third more time (Chen et al. 2016, "Training deep nets with sublinear
memory cost"), so it is done when memory needs it and not before. Works with packed rows: the
second forward of a layer sees the same row as the first. The last layer is left as it is, it is
computed for few tokens.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from torch import is_grad_enabled, nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from modeling.core.reading.last_layer import find_layers
from modeling.core.reading.shared_attention import current, packed

FEWEST_TOKENS = 256  # in one pass; below that a GPU is idle and a text rarely fits


@dataclass
class Memory:
    """The limits by which a step fits into memory. They change no result beyond rounding."""

    batch_tokens: int
    recompute: bool = False

    def less(self, model: PreTrainedModel, allowed: str, max_length: int) -> str | None:
        """Make the next try smaller and say how; None when nothing is left to try.

        First smaller passes, which cost next to nothing as long as several texts fit into one,
        then layers computed twice, then passes down to a single group.
        """
        can_recompute = allowed != "off" and not self.recompute
        if self.batch_tokens > 2 * max_length or not can_recompute:
            if self.batch_tokens <= FEWEST_TOKENS:
                return None
            self.batch_tokens = max(FEWEST_TOKENS, self.batch_tokens // 2)
            return f"Memory ran out: passes of at most {self.batch_tokens} tokens from here on."
        self.recompute = recompute_layers(model)
        if self.recompute:
            return "Memory ran out: gradient checkpointing from here on."
        return self.less(model, "off", max_length)


def recompute_layers(model: PreTrainedModel) -> bool:
    """Patch the layers' forwards to compute twice; False where the layers cannot be told apart."""
    layers = find_layers(model)
    if layers is None:
        return False
    for layer in layers[:-1]:
        twice(layer)
    return True


def twice(layer: nn.Module) -> None:
    """Patch this layer's forward: with gradients, only its inputs are kept for the backward."""
    whole = layer.forward

    def forward(*arguments: Any, **options: Any) -> Any:
        if not is_grad_enabled():
            return whole(*arguments, **options)
        one = current()  # the backward runs when the row is no longer the current one
        return checkpoint(
            whole,
            *arguments,
            use_reentrant=False,
            preserve_rng_state=False,  # there is no dropout
            context_fn=lambda: (nullcontext(), nullcontext() if one is None else packed(one)),
            **options,
        )

    layer.forward = forward
