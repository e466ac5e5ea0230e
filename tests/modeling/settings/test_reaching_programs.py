"""A setting that names a program reaches it: a new run is asked for another value than before."""

from collections.abc import Callable
from typing import Any

import pytest

from labeling.models import Project
from modeling.loop import new_runs
from modeling.loop.situation import Situation
from modeling.models import Policy, versions
from modeling.policies import improving
from modeling.settings import SETTINGS, Setting
from modeling.settings.declaring import LearningProgram, YesNo
from tests.factories import make_project

pytestmark = pytest.mark.django_db

# What other settings have to say so that a program has a use for this one.
USED_WITH: dict[str, dict[str, Any]] = {
    "uwo_weight": {"aggregate": "uwo"},
    "reward_bootstrap": {"reward_members": 2},
    "best_of": {"improvement": "best_of_n"},
}
USUAL = {"improvement": "ppo"}


def training(project: Project) -> dict[str, Any]:
    return new_runs.training_asked(Situation(project)).as_json()


def improvement(project: Project) -> dict[str, Any]:
    policy = Policy.objects.create(project=project, version=1, name="p", location="org/p")
    versions.loop_of(project)
    return improving.train_policy_asked(project, policy).as_json()


def sampling(project: Project) -> dict[str, Any]:
    return new_runs.sample_asked(project, "0" * 64, per_prompt=2).as_json()


# Program -> the settings that a new run gives it. `score` is told none: runs score by the mean.
GIVEN: dict[LearningProgram, Callable[[Project], dict[str, Any]]] = {
    LearningProgram.TRAIN_REWARD: training,
    LearningProgram.TRAIN_POLICY: improvement,
    LearningProgram.SAMPLE: sampling,
}
NAMED = [
    pytest.param(setting, program, id=f"{program}: {setting.name}")
    for setting in SETTINGS.values()
    for program in setting.programs
]


def other_value(setting: Setting) -> Any:
    """Gives a value that is allowed, on the page and to the program, and is not the default."""
    if isinstance(setting.default, str) and not setting.default:
        return "org/other"
    if isinstance(setting, YesNo):
        return not setting.default
    return next(
        value
        for value, is_allowed in setting.limits()
        if is_allowed and value != setting.default and setting.is_allowed_in_program(value)
    )


@pytest.mark.parametrize(("setting", "program"), NAMED)
def test_a_setting_that_names_a_program_reaches_it(
    setting: Setting, program: LearningProgram
) -> None:
    others, value = USUAL | USED_WITH.get(setting.name, {}), other_value(setting)
    before = GIVEN[program](make_project(**others))
    after = GIVEN[program](make_project(**others | {setting.name: value}))
    key = setting.key or setting.name
    assert after.get(key) == value, f"{setting.name} is saved and never reaches {program}"
    assert before.get(key) != value
