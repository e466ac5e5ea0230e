"""Reward models that are no plain sequence classifier: a trunk, and a head that only we can read.

The folder holds the trunk as AutoModel saves it, reward_head.json (which layers the head reads,
and how) and reward_head.safetensors (weight (M, F), bias (M,)). It has no classifier, so that
other programs say that one is missing instead of giving wrong rewards.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.loading.bases import is_classifier
from modeling.core.loading.heads import find_head
from modeling.core.loading.pretrained import load_trunk
from modeling.core.program.errors import ProgramError
from modeling.core.program.files import write_json
from modeling.core.reading.features import READS, Readout, count_layers, width_of
from modeling.core.reading.trying import reason_of
from modeling.core.texts.text import pad_on
from modeling.run_data.train_reward import TrainRewardConfig

DESCRIPTION, WEIGHTS = "reward_head.json", "reward_head.safetensors"
# Where the head is put into a model. A trunk with a linear `score` is one that
# modeling/core/reading/reader.py tries to share prompts with, as the classifiers of causal models
# have it.
OWN_HEAD = "score"
REASONS = {
    "mean": "The reward is read from the mean over the response's tokens, which a plain sequence "
    "classifier cannot do: only Preferable loads this folder.",
    "bare": "Transformers has no sequence classifier for this architecture: only Preferable loads "
    "this folder.",
    "frozen": "The reward is a head on layers inside the model, which a plain sequence classifier "
    "does not have: only Preferable loads this folder.",
}


def has_own_head(source: str) -> bool:
    return (Path(source) / DESCRIPTION).is_file()


def export_of(config: TrainRewardConfig, model: PreTrainedModel) -> dict[str, Any]:
    """Say, for result.json, whether any program can load a training's folder, and else why not."""
    kind = "frozen" if config.method == "frozen" else config.pooling
    if kind == "last" and not is_classifier(model):
        kind = "bare"
    return {"plain": False, "reason": REASONS[kind]} if kind in REASONS else {"plain": True}


def mean_readout(model: PreTrainedModel, heads: int = 1) -> Readout:
    """Read the model's own head, with `heads` outputs, from the mean of the last layer.

    What a plain head has before it (a pooler, a dense layer) is not read then, and is frozen: it
    would get no gradient.
    """
    name, _ = find_head(model, heads)
    for other, parameter in model.named_parameters():
        of_head = other.startswith(name.split(".")[0] + ".") and not other.startswith(name + ".")
        if of_head or "pooler" in other:
            parameter.requires_grad_(False)
    return Readout((count_layers(model),), ("mean",), name)


def last_readout(model: PreTrainedModel) -> Readout:
    """A head of ours read at the last token, as the classifiers of causal models have it."""
    return Readout((count_layers(model),), ("last",), OWN_HEAD)


def give_head(model: PreTrainedModel, count: int, seed: int, scale: float) -> None:
    """Give a trunk a new head with `count` outputs, each drawn on its own with the standard
    deviation `scale` / sqrt(D + 1) for D inputs. Raises ProgramError for a trunk that has no such
    state."""
    try:
        width = width_of(model, last_readout(model))
    except Exception as error:  # a foreign model, tried out
        raise ProgramError(
            f"{type(model).__name__} gives no state of a text's tokens: {reason_of(error)}",
            where="base_model",
            hint="Use a causal language model or an encoder of the BERT family.",
        ) from error
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(count, width, generator=generator) * scale / (width + 1) ** 0.5
    attach_head(model, OWN_HEAD, weight, None)


def take_up_head(source: str, model: PreTrainedModel, readout: Readout | None) -> str | None:
    """Go on training the head of a folder of ours, where it reads the same. Returns a sentence on
    what became of it; None for other folders."""
    if not has_own_head(source):
        return None
    trunk, old_readout, _ = load_own_head(source)
    old: Any = trunk.get_submodule(OWN_HEAD)
    new: Any = None if readout is None else model.get_submodule(readout.head)
    same = readout is not None and replace(readout, head=OWN_HEAD) == old_readout
    if not same or new.weight.shape != old.weight.shape:
        return "The base model is a reward model whose head reads elsewhere: a new head is trained."
    with torch.no_grad():
        new.weight.copy_(old.weight)
        if new.bias is not None and old.bias is not None:
            new.bias.copy_(old.bias)
    return "The base model is a reward model already: its head is kept."


def attach_head(model: nn.Module, name: str, weight: Tensor, bias: Tensor | None) -> None:
    """Give the model a linear layer of this name with weight (M, F) and bias (M,)."""
    head = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
    with torch.no_grad():
        head.weight.copy_(weight)
        if bias is not None:
            head.bias.copy_(bias)
    setattr(model, name, head.to(next(model.parameters()).device))


def save_own_head(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    max_length: int,
    readout: Readout,
) -> None:
    """Save trunk, tokenizer and head. The tokenizer remembers the length, as in a plain folder."""
    tokenizer.model_max_length = max_length
    pad_on(tokenizer, "right")
    save_trunk(model, folder)
    tokenizer.save_pretrained(folder)
    head: Any = model.get_submodule(readout.head)
    weights = {"weight": head.weight.detach().cpu().contiguous()}
    if head.bias is not None:
        weights["bias"] = head.bias.detach().cpu().contiguous()
    save_file(weights, folder / WEIGHTS)
    write_json(folder / DESCRIPTION, {"layers": readout.layers, "reads": readout.reads})


def save_trunk(model: PreTrainedModel, folder: Path) -> None:
    """Save the trunk as AutoModel loads it. Where the model is its own trunk, the head of ours is
    among its weights, and is left out."""
    trunk = model.base_model
    ours = OWN_HEAD + "."
    is_bare = trunk is model and not is_classifier(model)
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith(ours)}
    trunk.save_pretrained(folder, **({"state_dict": weights} if is_bare else {}))


def load_own_head(source: str) -> tuple[PreTrainedModel, Readout, int]:
    """Load the trunk with its head attached, what the head reads, and how many rewards it gives.
    Raises ProgramError for a head that does not fit the trunk."""
    folder = Path(source)
    model = load_trunk(source)
    try:
        description = json.loads((folder / DESCRIPTION).read_bytes())
        readout = Readout(tuple(description["layers"]), tuple(description["reads"]), OWN_HEAD)
        weights = load_file(folder / WEIGHTS)
        sound = (
            set(readout.reads) <= set(READS)
            and 0 <= min(readout.layers) <= max(readout.layers) <= count_layers(model)
            and weights["weight"].shape[1] == width_of(model, readout)
        )
    except Exception as error:  # safetensors raises its own kind
        raise _damaged(source) from error
    if not sound:
        raise _damaged(source)
    attach_head(model, OWN_HEAD, weights["weight"], weights.get("bias"))
    return model, readout, int(weights["weight"].shape[0])


def _damaged(source: str) -> ProgramError:
    return ProgramError(
        f"The reward head in {source} does not fit the model beside it, or cannot be read.",
        where=str(Path(source) / DESCRIPTION),
        hint="Copy the model's folder anew.",
    )
