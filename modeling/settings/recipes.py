"""Recipes: settings that go well together for a common situation. They fill in the form; nothing is
saved by choosing one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modeling.settings.choices import (
    Adapter,
    Aggregate,
    Improvement,
    Pooling,
    Promotion,
    RewardMethod,
)


@dataclass(frozen=True)
class Recipe:
    """A named set of `values` by setting. Settings that are not named stay as they are."""

    name: str
    title: str
    explanation: str
    values: Mapping[str, Any]


RECIPES = (
    Recipe(
        "small_data",
        "Small data, one GPU",
        "A few hundred judgments and a model of some billion weights: adapters, read over the "
        "whole response, retrained often.",
        {
            "retrain_after": 50,
            "reward_method": RewardMethod.FINETUNE.value,
            "reward_adapter": Adapter.LORA.value,
            "reward_pooling": Pooling.MEAN.value,
            "reward_heads": 1,
            "reward_members": 1,
            "reward_label_smoothing": 0.05,
            "improvement": Improvement.OFF.value,
        },
    ),
    Recipe(
        "laptop",
        "Quick mode on a laptop",
        "No GPU: a head on a frozen model, trained in seconds, with short and few responses.",
        {
            "retrain_after": 16,
            "reward_method": RewardMethod.FROZEN.value,
            "reward_adapter": Adapter.NONE.value,
            "reward_heads": 8,
            "reward_members": 1,
            "learning_curve": False,
            "sample_prompts": 20,
            "samples_per_prompt": 2,
            "queue_target": 60,
            "max_new_tokens": 128,
            "improvement": Improvement.OFF.value,
        },
    ),
    Recipe(
        "careful",
        "Careful improvement",
        "The policy learns the best of n, by four models that see everything and a penalty where "
        "they disagree; people decide, in a long blind comparison.",
        {
            "reward_method": RewardMethod.FINETUNE.value,
            "reward_heads": 1,
            "reward_members": 4,
            "reward_bootstrap": False,
            "aggregate": Aggregate.UWO.value,
            "uwo_weight": 0.5,
            "improvement": Improvement.BEST_OF_N.value,
            "improve_after": 500,
            "best_of": 16,
            "kl_budget": 5.0,
            "promotion": Promotion.BLIND.value,
            "comparison_size": 400,
        },
    ),
)
