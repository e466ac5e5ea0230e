"""What a project's settings say about the training of its reward model, as the program's config.

Only what differs from the program's own defaults is written: the same preferences and settings
then have the same digest as before a setting existed, and nothing is trained twice for it.
"""

from typing import Any

from labeling.models import Project
from modeling.models import LoopSettings
from modeling.settings.choices import Adapter, Aggregate, Pooling, RewardMethod

# Name in the program -> whether a head on frozen features has a use for it. The project's settings
# have the same names after "reward_".
FINER = {
    "learning_rate": False,
    "epochs": False,
    "batch_size": False,
    "max_length": True,
    "strength_margin": True,
    "label_smoothing": True,
    "ties": True,
    "rankings": False,
    "centering": False,
}
LEARNING_CURVE = [0.25, 0.5, 0.75]


def training_options(project: Project) -> dict[str, Any]:
    """What the project's settings add to the config of train_reward."""
    options: dict[str, Any] = {}
    if project.loop_settings.reward_method != RewardMethod.FINETUNE:
        options["method"] = project.loop_settings.reward_method
    elif project.loop_settings.reward_adapter != Adapter.NONE:
        options["adapter"] = project.loop_settings.reward_adapter
    if project.loop_settings.reward_pooling != Pooling.LAST:
        options["pooling"] = project.loop_settings.reward_pooling
    if project.loop_settings.reward_heads > 1:
        options["heads"] = project.loop_settings.reward_heads
    if project.loop_settings.reward_members > 1:
        options["members"] = project.loop_settings.reward_members
        if not project.loop_settings.reward_bootstrap:
            options["bootstrap"] = False
    if project.loop_settings.learning_curve:
        options["learning_curve"] = LEARNING_CURVE
    return options | _finer(project)


def _finer(project: Project) -> dict[str, Any]:
    is_quick = project.loop_settings.reward_method == RewardMethod.FROZEN
    usual = LoopSettings()
    options: dict[str, Any] = {}
    for name, quick_too in FINER.items():
        field = f"reward_{name}"
        value = getattr(project.loop_settings, field)
        if value != getattr(usual, field) and (quick_too or not is_quick):
            options[name] = value
    return options


def aggregation_options(project: Project) -> dict[str, Any]:
    """How the rewards of several members become one, for the config of whatever scores."""
    options: dict[str, Any] = {}
    if project.loop_settings.aggregate != Aggregate.MEAN:
        options["aggregate"] = project.loop_settings.aggregate
    if project.loop_settings.aggregate == Aggregate.UWO:
        options["uwo_weight"] = project.loop_settings.uwo_weight
    return options
