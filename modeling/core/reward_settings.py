"""What can be set of a reward model's training, what makes sense, and what null stands for."""

import math
from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.adapters import ADAPTERS
from modeling.core.device import TINY_PARAMETERS, choose_autocast, choose_threads
from modeling.core.errors import ProgramError
from modeling.core.reading import WAYS, choose_batch_tokens
from modeling.core.recompute import WAYS as CHECKPOINTING
from modeling.core.run_dir import is_count, is_number
from modeling.core.text import choose_max_length

MOST_HEADS, MOST_MEMBERS = 64, 16


def is_curve(value: Any) -> bool:
    """Ascending parts of the whole, each once."""
    if not isinstance(value, list) or not all(is_number(v) and 0 < v < 1 for v in value):
        return False
    return value == sorted(set(value))


DEFAULTS: dict[str, Any] = {
    "base_model": ...,  # a folder or a Hub id
    "seed": 0,
    "epochs": None,  # at most; None: by model size and data
    "learning_rate": None,  # None: by model size
    "batch_size": 16,  # comparisons per optimiser step
    "batch_tokens": None,  # tokens per forward pass, a batch is cut to fit; None: by device
    "attention": "auto",  # how prompts are shared: "shared", "flex", "padded"
    "max_length": None,  # tokens per text; None: the model's, at most 2,048
    "patience": 4,  # evaluations without a lower dev loss before the run stops
    "min_dev": 200,  # with fewer dev comparisons their loss is mostly luck: no early stop on it
    "eval_every": 0.5,  # up to 1: part of an epoch; above: steps
    "schedule": "linear",  # or "constant"; both after the warm-up
    "warmup": 0.1,  # part of all steps
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "strength_margin": 0.0,  # margin in the loss per unit of a preference's strength
    "label_smoothing": 0.0,  # share of the judgments taken to be the wrong way round
    "ties": "half",  # a tie is a target of 0.5, or an outcome of its own: "davidson"
    "tie_weight": None,  # of "davidson"; None: from the share of ties in the train split
    "centering": 0.0,  # times (r_i + r_j)^2; 0.01 keeps rewards around zero
    "rankings": "pairs",  # or "plackett_luce" where a prompt's comparisons are a whole ranking
    "method": "finetune",  # or "frozen": a head on features of the model as it is, in minutes
    "pooling": "last",  # where a reward is read: the last token, or the response's "mean"
    "layer": "auto",  # of "frozen": a number, or chosen by cross-validation
    "adapter": "none",  # "lora": a few weights beside the frozen model; "qlora": that one in 4 bit
    "lora_rank": 16,
    "lora_alpha": None,  # the adapters' change is multiplied by alpha / rank; None: twice the rank
    "heads": 1,  # bootstrap heads on one trunk; their mean is the model
    "members": 1,  # models trained one after another
    "bootstrap": True,  # of "members": all but the first see a bootstrap; False: all see everything
    "learning_curve": [],  # parts of the train prompts to train on besides, e.g. [0.25, 0.5, 0.75]
    "gradient_checkpointing": "auto",  # "on", "off", or when memory runs out
    "compile": False,  # torch.compile of norms and MLPs
    "checkpoint_seconds": 30,
    "token_cache": None,  # a folder in which runs share what they have tokenised
    "dtype": "auto",
    "device": "auto",
    "threads": None,
}
RULES: dict[str, Callable[[Any], bool]] = {
    "batch_size": is_count,
    "batch_tokens": lambda v: v is None or is_count(v),
    "attention": lambda v: v in WAYS,
    "patience": is_count,
    "min_dev": is_count,
    "epochs": lambda v: v is None or is_count(v),
    "learning_rate": lambda v: v is None or (is_number(v) and v > 0),
    "eval_every": lambda v: is_number(v) and v > 0,
    "schedule": lambda v: v in ("linear", "constant"),
    "warmup": lambda v: is_number(v) and 0 <= v < 1,
    "weight_decay": lambda v: is_number(v) and v >= 0,
    "max_grad_norm": lambda v: is_number(v) and v > 0,
    "strength_margin": lambda v: is_number(v) and v >= 0,
    "label_smoothing": lambda v: is_number(v) and 0 <= v < 0.5,
    "ties": lambda v: v in ("half", "davidson"),
    "tie_weight": lambda v: v is None or (is_number(v) and v >= 0),
    "centering": lambda v: is_number(v) and v >= 0,
    "rankings": lambda v: v in ("pairs", "plackett_luce"),
    "method": lambda v: v in ("finetune", "frozen"),
    "pooling": lambda v: v in ("last", "mean"),
    "layer": lambda v: v == "auto" or (v == 0 and v is not False) or is_count(v),
    "token_cache": lambda v: v is None or (isinstance(v, str) and v != ""),
    "adapter": lambda v: v in ADAPTERS,
    "lora_rank": is_count,
    "lora_alpha": lambda v: v is None or is_count(v),
    "heads": lambda v: is_count(v) and v <= MOST_HEADS,
    "members": lambda v: is_count(v) and v <= MOST_MEMBERS,
    "bootstrap": lambda v: isinstance(v, bool),
    "learning_curve": is_curve,
    "gradient_checkpointing": lambda v: v in CHECKPOINTING,
    "compile": lambda v: isinstance(v, bool),
    "checkpoint_seconds": lambda v: is_number(v) and v >= 0,
    "seed": lambda v: v == 0 or is_count(v),
}


def check_together(config: dict[str, Any]) -> None:
    """Refuse settings that make sense alone and not together."""
    if config["heads"] > 1 and config["members"] > 1:
        raise ProgramError(
            "The run asks for several heads and several members at once.",
            where="config.json: heads, members",
            hint="Heads are cheap and share their trunk, members are dear and independent: "
            "choose one of the two.",
        )
    if config["method"] == "frozen" and config["adapter"] != "none":
        raise ProgramError(
            "A frozen model has no use for adapters.",
            where="config.json: method, adapter",
            hint='Leave "adapter" out, or fine-tune.',
        )


def resolve(
    config: dict[str, Any],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    comparisons: int,
    device: torch.device,
) -> dict[str, Any]:
    """The config with every None replaced by what it stands for."""
    parameters = sum(p.numel() for p in model.parameters())
    tiny = parameters < TINY_PARAMETERS
    rate = 1e-3 if tiny else 1e-5 if config["adapter"] == "none" else 1e-4
    few = math.ceil(160 / comparisons)  # passes over a small set until 10 batches of 16 are seen
    epochs = min(10 if tiny else 3, few)
    if tiny and config["pooling"] == "mean":  # gains by smaller and more steps: decision 12
        rate, epochs = 5e-4, max(epochs, min(4, math.ceil(2000 / comparisons)))
    return config | {
        "learning_rate": config["learning_rate"] or rate,
        "lora_alpha": config["lora_alpha"] or 2 * config["lora_rank"],
        "epochs": config["epochs"] or epochs,
        "max_length": choose_max_length(config["max_length"], tokenizer, model),
        "batch_tokens": choose_batch_tokens(config["batch_tokens"], device),
        "threads": choose_threads(config["threads"], parameters),
        "device": device.type,
        "dtype": "bfloat16" if choose_autocast(config["dtype"], device, parameters) else "float32",
    }
