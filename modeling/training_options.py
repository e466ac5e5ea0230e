"""What a project's settings say about the training of its reward model, as the program's config.

Only what differs from the program's own defaults is written: the same preferences and settings
then have the same digest as before a setting existed, and nothing is trained twice for it.
"""

from typing import Any

from labeling.models import Adapter, Aggregate, Pooling, Project, RewardMethod

LEARNING_CURVE = [0.25, 0.5, 0.75]


def training_options(project: Project) -> dict[str, Any]:
    """For the config of train_reward."""
    options: dict[str, Any] = {}
    if project.reward_method != RewardMethod.FINETUNE:
        options["method"] = project.reward_method
    elif project.reward_adapter != Adapter.NONE:
        options["adapter"] = project.reward_adapter
    if project.reward_pooling != Pooling.LAST:
        options["pooling"] = project.reward_pooling
    if project.reward_heads > 1:
        options["heads"] = project.reward_heads
    if project.reward_members > 1:
        options["members"] = project.reward_members
    if project.learning_curve:
        options["learning_curve"] = LEARNING_CURVE
    return options


def aggregation_options(project: Project) -> dict[str, Any]:
    """How the rewards of several members become one: for whatever scores."""
    options: dict[str, Any] = {}
    if project.aggregate != Aggregate.MEAN:
        options["aggregate"] = project.aggregate
    if project.aggregate == Aggregate.UWO:
        options["uwo_weight"] = project.uwo_weight
    return options
