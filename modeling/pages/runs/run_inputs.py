"""What a run was given: the models and policies that its configuration knows by key, by version."""

from dataclasses import dataclass
from typing import Any

from labeling.pages.naming import Named, names_of
from modeling.loop.run_outcomes import INPUT_KEYS, reward_model_role
from modeling.models import Run
from modeling.pages.runs.run_results import flat_rows

TOLD = {
    "incumbent": "Measured against",
    "shadow": "In the shadow",
    "reference": "KL is measured to",
    "candidate": "New policy",
}


@dataclass(frozen=True)
class ConfigRow:
    name: str
    text: str
    url: str = ""


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
        for name, kind in INPUT_KEYS.items()
        if isinstance(config.get(name), int)
    }
    named = names_of(run.project, keys.values())
    return {name: named[key] for name, key in keys.items()}
