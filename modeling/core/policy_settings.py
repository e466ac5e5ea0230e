"""The settings of train_policy: defaults, what is refused, and what a null stands for."""

from collections.abc import Callable
from typing import Any

import torch

from modeling.core.aggregation import UWO_WEIGHT, WAYS
from modeling.core.device import TINY_PARAMETERS, choose_autocast, choose_threads
from modeling.core.errors import ProgramError
from modeling.core.kl import ESTIMATORS
from modeling.core.reading import WAYS as READING_WAYS
from modeling.core.reading import choose_batch_tokens
from modeling.core.run_dir import is_count, is_number

ALGORITHMS = ("ppo", "rloo", "best_of_n", "dpo")
ONLINE = ("ppo", "rloo")

DEFAULTS: dict[str, Any] = {
    "algorithm": ...,  # "ppo", "rloo", "best_of_n" or "dpo"
    "policy": ...,  # a folder or a Hub id
    "reference": None,  # what the KL is measured to; None: the policy as it was
    "reward_models": [],  # folders; "dpo" can do without
    "aggregate": "mean",  # how several members become one reward: "mean", "wco", "uwo"
    "uwo_weight": UWO_WEIGHT,  # of the members' variance in "uwo"
    "normalise": True,  # rewards: mean 0 and deviation 1 over what the reference writes
    "kl_coefficient": 0.1,  # beta, also DPO's
    "kl_estimator": "k1",
    "kl_target": None,  # nats; with one the coefficient adapts
    "kl_horizon": 2000,  # responses over which it adapts
    "kl_budget": None,  # nats; beyond it the run stops
    "length_ratio": None,  # as does a change of the mean length by this factor
    "length_start": None,  # from so many tokens; None: from the policy as it was
    "variance_ratio": None,  # and a variance among the members so many times the start's
    "steps": 40,  # updates of "ppo" and "rloo"
    "prompts_per_step": 16,
    "responses_per_prompt": 4,
    "inner_epochs": None,  # passes over each step's responses; None: ppo 2, rloo 1
    "minibatches": 1,  # optimiser steps per pass
    "learning_rate": None,  # None: by model size and algorithm
    "value_learning_rate": None,  # None: by model size
    "warmup": 0.05,  # part of all steps
    "schedule": "constant",  # or "linear"; both after the warm-up
    "max_grad_norm": 1.0,
    "clip": 0.2,
    "value_clip": 0.2,
    "gamma": 1.0,
    "gae_lambda": 0.95,
    "whiten": None,  # advantages; None: ppo yes, rloo no
    "missing_end_penalty": 1.0,  # taken off the reward of a response that was cut off
    "best_of": 16,  # responses per prompt of "best_of_n"
    "distill": True,  # "best_of_n": train on the best; False: only estimate the gain
    "pool_prompts": 256,  # "best_of_n": at most so many prompts
    "epochs": None,  # passes of "best_of_n" and "dpo"; None: 2 (tiny: 4) and 1
    "batch_size": 16,  # of "best_of_n" and "dpo"
    "label_smoothing": 0.0,  # "dpo": share of the judgments taken to be the wrong way round
    "temperature": 1.0,
    "max_new_tokens": 256,
    "eval_prompts": 64,  # held out, for the figures before and after
    "eval_responses": 2,  # per held-out prompt
    "adapter": "none",  # or "lora"
    "lora_rank": 16,
    "seed": 0,
    "attention": "auto",  # how prompts are shared: "shared", "flex", "padded"
    "batch_tokens": None,  # in one forward pass; None: by device
    "cache_tokens": 16384,  # held at once while sampling
    "max_length": None,  # prompt and response together; None: the model's, at most 2,048
    "checkpoint_seconds": 30,
    "dtype": "auto",
    "device": "auto",
    "threads": None,
}


def _positive_or_none(value: Any) -> bool:
    return value is None or (is_number(value) and value > 0)


def _factor_or_none(value: Any) -> bool:
    return value is None or (is_number(value) and value > 1)


def _not_negative(value: Any) -> bool:
    return is_number(value) and value >= 0


def _share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def _count_or_none(value: Any) -> bool:
    return value is None or is_count(value)


RULES: dict[str, Callable[[Any], bool]] = {
    "algorithm": lambda v: v in ALGORITHMS,
    "reference": lambda v: v is None or isinstance(v, str),
    "reward_models": lambda v: isinstance(v, list) and all(isinstance(x, str) for x in v),
    "aggregate": lambda v: v in WAYS,
    "uwo_weight": _not_negative,
    "normalise": lambda v: isinstance(v, bool),
    "kl_coefficient": _not_negative,
    "kl_estimator": lambda v: v in ESTIMATORS,
    "kl_target": _positive_or_none,
    "kl_horizon": is_count,
    "kl_budget": _positive_or_none,
    "length_ratio": _factor_or_none,
    "length_start": _positive_or_none,
    "variance_ratio": _factor_or_none,
    "steps": is_count,
    "prompts_per_step": is_count,
    "responses_per_prompt": is_count,
    "inner_epochs": _count_or_none,
    "minibatches": is_count,
    "learning_rate": _positive_or_none,
    "value_learning_rate": _positive_or_none,
    "warmup": lambda v: is_number(v) and 0 <= v < 1,
    "schedule": lambda v: v in ("linear", "constant"),
    "max_grad_norm": lambda v: is_number(v) and v > 0,
    "clip": lambda v: is_number(v) and v > 0,
    "value_clip": lambda v: is_number(v) and v > 0,
    "gamma": _share,
    "gae_lambda": _share,
    "whiten": lambda v: v in (None, True, False),
    "missing_end_penalty": _not_negative,
    "best_of": lambda v: is_count(v) and v >= 2,
    "distill": lambda v: isinstance(v, bool),
    "pool_prompts": is_count,
    "epochs": _count_or_none,
    "batch_size": is_count,
    "label_smoothing": lambda v: is_number(v) and 0 <= v < 0.5,
    "temperature": lambda v: is_number(v) and v > 0,
    "max_new_tokens": is_count,
    "eval_prompts": is_count,
    "eval_responses": is_count,
    "adapter": lambda v: v in ("none", "lora"),
    "lora_rank": is_count,
    "seed": lambda v: v == 0 or is_count(v),
    "attention": lambda v: v in READING_WAYS,
    "batch_tokens": _count_or_none,
    "cache_tokens": is_count,
    "checkpoint_seconds": _not_negative,
}


def check_together(config: dict[str, Any]) -> None:
    """What is wrong only in combination."""
    algorithm = config["algorithm"]
    if algorithm != "dpo" and not config["reward_models"]:
        raise ProgramError(
            f"The algorithm {algorithm!r} needs a reward model.",
            where="config.json: reward_models",
            hint='Name at least one folder, or use "dpo", which learns from preferences.',
        )
    if algorithm == "rloo" and config["responses_per_prompt"] < 2:
        raise ProgramError(
            "RLOO compares the responses of a prompt: it needs at least two.",
            where="config.json: responses_per_prompt",
            hint="Set it to 4, or use ppo.",
        )
    if algorithm == "dpo" and config["kl_coefficient"] == 0:
        raise ProgramError(
            "DPO has no loss with a KL coefficient of 0.",
            where="config.json: kl_coefficient",
            hint="Set it to 0.1; lower values let the policy go further.",
        )


def resolve(config: dict[str, Any], parameters: int, device: torch.device) -> dict[str, Any]:
    """The config with every None that has a default replaced by it."""
    algorithm = config["algorithm"]
    tiny = parameters < TINY_PARAMETERS
    small, large = RATES[algorithm]
    rate = small if tiny else large
    value_rate = 5e-4 if tiny else 1e-5
    if config["adapter"] == "lora" and not tiny:
        # Low-rank updates want about ten times the rate of full ones.
        rate, value_rate = 10 * rate, 10 * value_rate
    ppo = algorithm == "ppo"
    return config | {
        "reference": config["reference"] or config["policy"],
        "learning_rate": config["learning_rate"] or rate,
        "value_learning_rate": config["value_learning_rate"] or value_rate,
        "inner_epochs": config["inner_epochs"] or (2 if ppo else 1),
        "epochs": config["epochs"] or PASSES.get(algorithm, (1, 1))[not tiny],
        "whiten": ppo if config["whiten"] is None else config["whiten"],
        "batch_tokens": choose_batch_tokens(config["batch_tokens"], device),
        "threads": choose_threads(config["threads"], parameters),
        "device": device.type,
        "dtype": "bfloat16" if choose_autocast(config["dtype"], device, parameters) else "float32",
    }


# Learning rates for models below and above TINY_PARAMETERS. At 1e-3 the demo's policy was 4 nats
# from its start after nine steps of learning the best-of-16, which are 1.8 nats from it at most.
RATES = {
    "ppo": (2e-4, 1e-6),
    "rloo": (3e-4, 1e-6),
    "best_of_n": (2e-4, 1e-5),
    "dpo": (1e-4, 1e-6),
}
# Passes over the best-of-n below and above TINY_PARAMETERS. In the demo world gold was 0.65 after 2
# passes and 0.76 after 5, from 0.20; choosing the best of 16 by the same rewards has 0.73.
PASSES = {"best_of_n": (4, 2)}
