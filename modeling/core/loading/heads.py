"""Several reward heads on one trunk, and their mean as one plain head.

While it trains, the model's head is a linear layer with M outputs instead of one. A reward is
linear in its head, so the mean of M heads' rewards is the reward of their mean: that is what the
saved folder holds, a plain checkpoint, with the M heads beside it in heads.safetensors.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from modeling.core.program.errors import ProgramError

HEADS_FILE = "heads.safetensors"


def find_head(model: PreTrainedModel, outputs: int = 1) -> tuple[str, nn.Linear]:
    """Find the last linear layer with `outputs` outputs, and its name. Raises ProgramError where
    there is none."""
    heads = [
        (name, layer)
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and layer.out_features == outputs
    ]
    if not heads:
        raise ProgramError(
            f"{type(model).__name__} has no linear head with one output.",
            where="base_model",
            hint="Use a causal language model or an encoder of the BERT family.",
        )
    return heads[-1]


def put_head(model: PreTrainedModel, name: str, weights: Mapping[str, Tensor]) -> None:
    """Replace the head by one with `weight` (M, D) and perhaps `bias` (M,)."""
    old = model.get_submodule(name).weight
    rows, width = weights["weight"].shape
    head = nn.Linear(width, rows, bias="bias" in weights, device=old.device)
    with torch.no_grad():
        for key, value in weights.items():
            getattr(head, key).copy_(value)
    model.set_submodule(name, head)


def widen_head(model: PreTrainedModel, count: int, seed: int, std: float | None) -> str:
    """Give the model `count` heads and return the layer's name.

    New ones are drawn with this standard deviation, each on its own; without one (a reward model
    that is trained further) all begin as the head that is there.
    """
    name, head = find_head(model)
    weight = head.weight.detach().repeat(count, 1)
    if std is not None:
        generator = torch.Generator().manual_seed(seed)
        weight = torch.randn(weight.shape, generator=generator) * std
    weights = {"weight": weight}
    if head.bias is not None:
        weights["bias"] = head.bias.detach().repeat(count)
    put_head(model, name, weights)
    return name


def take_heads(model: PreTrainedModel, name: str) -> dict[str, Tensor]:
    """Take the heads out of the model, which is left with their mean as its one head."""
    layer = model.get_submodule(name)
    heads = {key: value.detach().clone() for key, value in layer.named_parameters()}
    put_head(model, name, {key: value.mean(0, keepdim=True) for key, value in heads.items()})
    return heads


def save_heads(folder: Path, heads: Mapping[str, Tensor]) -> None:
    """Write heads beside a saved model."""
    save_file({key: value.cpu().contiguous() for key, value in heads.items()}, folder / HEADS_FILE)


def load_heads(folder: Path, model: PreTrainedModel, count: int | None = None) -> int:
    """Put the folder's heads into the model, if it has any, and `count` of them where that is
    given. Returns how many heads the model has then. Raises ProgramError for heads whose mean is
    not the model's own head: they are another model's."""
    path = folder / HEADS_FILE
    if not path.is_file():
        return 1
    name, head = find_head(model)
    try:
        weights = load_file(path)
        mean = weights["weight"].mean(0, keepdim=True)
    except Exception as error:  # safetensors raises its own kind
        raise _damaged(path) from error
    # Heads of another training would load without a word: their mean is what tells them apart.
    one = head.weight.cpu()
    if mean.shape != one.shape or not torch.allclose(mean, one, atol=1e-4):
        raise _damaged(path)
    rows = int(weights["weight"].shape[0])
    if count not in (None, rows):
        return 1
    put_head(model, name, weights)
    return rows


def _damaged(path: Path) -> ProgramError:
    return ProgramError(
        f"{path} does not fit the model beside it.",
        where=str(path),
        hint="Copy the model's folder anew, or delete the file: then only the heads' mean is used.",
    )
