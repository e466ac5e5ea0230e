"""Which settings contradict each other: the same as the program that gets them would refuse."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.run_data.config import ConfigRefused
from modeling.run_data.train_reward import TrainRewardConfig
from modeling.settings import SETTINGS
from modeling.settings.choices import Adapter, RewardMethod
from modeling.settings.declaring import YesNo
from modeling.settings.recipes import RECIPES, Recipe
from modeling.settings.together import contradictions

every_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.name)
DEFAULTS = {name: setting.default for name, setting in SETTINGS.items()}


def program_refuses(values: dict[str, Any]) -> bool:
    keys = {"method": "reward_method", "adapter": "reward_adapter",
            "heads": "reward_heads", "members": "reward_members"}  # fmt: skip
    try:
        TrainRewardConfig(base_model="m", **{key: values[name] for key, name in keys.items()})
    except ConfigRefused:
        return True
    return False


@pytest.mark.parametrize(
    ("method", "adapter", "heads", "members"),
    list(product(map(str, RewardMethod), map(str, Adapter), (1, 8), (1, 4))),
)
def test_what_is_saved_is_what_a_training_takes(
    method: str, adapter: str, heads: int, members: int
) -> None:
    values = {"reward_method": method, "reward_adapter": adapter,
              "reward_heads": heads, "reward_members": members}  # fmt: skip
    assert bool(contradictions(values)) == program_refuses(values)


def test_every_contradiction_is_told_and_none_hides_another() -> None:
    values = {"reward_method": "frozen", "reward_adapter": "lora",
              "reward_heads": 2, "reward_members": 2}  # fmt: skip
    assert contradictions(values) == {
        "reward_adapter": "The quick way trains no weights of the model.",
        "reward_members": "Several heads or several models, not both.",
    }


@pytest.mark.parametrize("missing", [None, "left out"])
def test_what_is_not_there_contradicts_nothing(missing: str | None) -> None:
    """A field that was refused is not among the values of a form."""
    names = ("reward_method", "reward_adapter", "reward_heads", "reward_members")
    values: dict[str, Any] = {} if missing else dict.fromkeys(names)
    assert contradictions(values) == {}
    assert contradictions(values | {"reward_method": "frozen"}) == {}
    assert contradictions(values | {"reward_heads": 8}) == {}


def test_the_defaults_go_together() -> None:
    assert contradictions(DEFAULTS) == {}


@every_recipe
def test_a_recipe_goes_with_the_defaults_and_after_every_other(recipe: Recipe) -> None:
    assert contradictions(DEFAULTS | dict(recipe.values)) == {}
    for other in RECIPES:
        assert contradictions(DEFAULTS | dict(other.values) | dict(recipe.values)) == {}


@every_recipe
def test_a_recipe_explains_itself_and_changes_something(recipe: Recipe) -> None:
    assert recipe.explanation.endswith(".")
    assert set(recipe.values) <= set(SETTINGS)
    assert {name for name, value in recipe.values.items() if value != DEFAULTS[name]}


def test_recipes_have_names_and_titles_of_their_own() -> None:
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    assert len({recipe.title for recipe in RECIPES}) == len(RECIPES)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(json_values)
def test_any_json_is_allowed_or_not_and_never_an_error(value: Any) -> None:
    for setting in SETTINGS.values():
        assert setting.is_allowed(value) in (True, False)
        assert setting.is_allowed_in_program(value) in (True, False)


@given(json_values)
def test_a_switch_takes_nothing_but_a_switch(value: Any) -> None:
    """Python takes 1 for true, and true for a whole number."""
    for setting in SETTINGS.values():
        if isinstance(value, bool):
            assert setting.is_allowed(value) == isinstance(setting, YesNo)
        elif isinstance(setting, YesNo):
            assert not setting.is_allowed(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400])
def test_no_setting_takes_what_is_no_finite_number(value: float) -> None:
    assert not [name for name, setting in SETTINGS.items() if setting.is_allowed(value)]
