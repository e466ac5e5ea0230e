"""What a run came to, as its page shows it: the settings to change, a table of figures."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from labeling.texts.shown_paths import without_paths
from modeling.loop.run_outcomes import Failure
from modeling.models import Run
from modeling.settings import SETTINGS

MOST_ROWS = 400


# What a failed training advises -> the setting of the project that it is about.
ADVICE = {
    "learning rate": "reward_learning_rate",
    "max_length": "reward_max_length",
    "shorter texts": "reward_max_length",
    '"lora"': "reward_adapter",
    "smaller model": "base_model",
}


def settings_advised(run: Run, failure: Failure) -> dict[str, str]:
    """Maps each setting that the failure advises to change to its label on the settings page."""
    if run.kind != Run.Kind.TRAIN_REWARD:
        return {}
    advice = f"{failure.words} {failure.hint}"
    return {name: SETTINGS[name].label for words, name in ADVICE.items() if words in advice}


def flat_rows(values: Mapping[str, Any], leave_out: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Lists nested figures as (name, value): {"a": {"b": 1}} gives ("a · b", "1")."""
    rows = _walk({name: value for name, value in values.items() if name not in leave_out}, "")
    shown = list(islice(rows, MOST_ROWS))
    if left := sum(1 for _ in rows):
        shown.append(("…", f"{left:,} more figures: the files in the run's folder have them all"))
    return shown


def _walk(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        path = f"{prefix}{str(name).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _walk(value, f"{path} · ")
        else:
            yield path, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, list):
        return "; ".join(_text(item) for item in value) or "–"
    return without_paths(str(value))
