"""What a project's settings say about the training of its reward model, as the program's config.

Only what differs from the program's own defaults is written: the same preferences and settings
then have the same digest as before a setting existed, and nothing is trained twice for it.
"""

from typing import Any

from labeling.models import Adapter, Aggregate, Pooling, Project, RewardMethod
from modeling.models import Run
from modeling.situation import Situation

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


# In a run's config, and no setting of the project.
NOT_SET = ("seed", "incumbent")


def training_config(situation: Situation) -> dict[str, Any]:
    """What a training that is started now is asked to do."""
    return {"base_model": situation.base_model} | training_options(situation.project)


def has_other_settings(run: Run) -> bool:
    """Whether a training that is started now would be another one than this run's."""
    asked = {name: value for name, value in run.config.items() if name not in NOT_SET}
    return asked != training_config(Situation(run.project))


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
        if not project.reward_bootstrap:
            options["bootstrap"] = False
    if project.learning_curve:
        options["learning_curve"] = LEARNING_CURVE
    return options | _finer(project)


def _finer(project: Project) -> dict[str, Any]:
    is_quick = project.reward_method == RewardMethod.FROZEN
    usual = Project()
    options: dict[str, Any] = {}
    for name, quick_too in FINER.items():
        field = f"reward_{name}"
        value = getattr(project, field)
        if value != getattr(usual, field) and (quick_too or not is_quick):
            options[name] = value
    return options


def aggregation_options(project: Project) -> dict[str, Any]:
    """How the rewards of several members become one: for whatever scores."""
    options: dict[str, Any] = {}
    if project.aggregate != Aggregate.MEAN:
        options["aggregate"] = project.aggregate
    if project.aggregate == Aggregate.UWO:
        options["uwo_weight"] = project.uwo_weight
    return options
