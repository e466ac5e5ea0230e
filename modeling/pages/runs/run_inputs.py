"""What a run was given: the models and policies that its configuration knows by key, by version."""

from dataclasses import dataclass
from typing import Any

from labeling.pages.naming import Named, names_of
from modeling.models import Run
from modeling.pages.runs.run_results import flat_rows
from modeling.settings.choices import Improvement

# Where a configuration holds a key, and the kind of row that it is the key of.
KEYS = {
    "reward_model": "rewardmodel",
    "incumbent": "rewardmodel",
    "shadow": "rewardmodel",
    "policy": "policy",
    "reference": "policy",
    "candidate": "policy",
}
TOLD = {
    "incumbent": "Measured against",
    "shadow": "In the shadow",
    "reference": "KL is measured to",
    "candidate": "New policy",
}
REWARD_ROLES = CHOSEN, RATED, IMPROVED, REWARDED = (
    "Chosen with",
    "Rated by",
    "Improved with",
    "Rewards by",
)


@dataclass(frozen=True)
class ConfigRow:
    name: str
    text: str
    url: str = ""


def reward_model_role(run: Run) -> str:
    """Names what the run used its reward model for."""
    if run.kind == Run.Kind.TRAIN_POLICY:
        if run.asked.only_estimates:
            return CHOSEN
        # DPO learns from the preferences themselves; the model only rates before and after.
        return RATED if run.asked.train_policy.get("algorithm") == Improvement.DPO else IMPROVED
    return REWARDED


def inputs_of(run: Run) -> list[tuple[str, Named]]:
    """Lists (what for, which one), the reward model first."""
    names = _names(run)
    inputs = []
    for name in ("reward_model", *TOLD):
        if name in names:
            role = reward_model_role(run) if name == "reward_model" else TOLD[name]
            inputs.append((role, names[name]))
    return inputs


def config_rows(run: Run) -> list[ConfigRow]:
    """Lists the whole configuration, with versions in place of keys."""
    names = _names(run)
    named = [
        ConfigRow(name.replace("_", " "), named.text, named.url) for name, named in names.items()
    ]
    rest = flat_rows(run.config, leave_out=tuple(names))
    return [*named, *(ConfigRow(name, value) for name, value in rest)]


def _names(run: Run) -> dict[str, Named]:
    config: dict[str, Any] = run.config
    keys = {
        name: (kind, str(config[name]))
        for name, kind in KEYS.items()
        if isinstance(config.get(name), int)
    }
    named = names_of(run.project, keys.values())
    return {name: named[key] for name, key in keys.items()}
