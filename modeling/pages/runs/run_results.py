"""What a run came to, as people read it: the reason of a failure, one line, a table of figures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from labeling.texts.shown_paths import without_paths
from modeling.models import Run
from modeling.policies.improving import is_estimate
from modeling.reward_models.accuracy import accuracy_of, yardsticks_of
from modeling.runs.programs import LOG_FOLLOWS, WHERE
from modeling.settings import SETTINGS

MOST_ROWS = 400


@dataclass(frozen=True)
class Failure:
    """Why a run failed: what was wrong, what to do about it, where; and the log's last lines."""

    words: str
    hint: str
    where: str
    log: str


def failure_of(run: Run) -> Failure:
    sentences, _, log = without_paths(run.error.strip()).partition(LOG_FOLLOWS)
    first, *rest = sentences.strip().split("\n")
    where = [line.removeprefix(WHERE) for line in rest if line.startswith(WHERE)]
    hint = [line for line in rest if line and not line.startswith(WHERE)]
    return Failure(first, "\n".join(hint), "\n".join(where), log.strip())


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


def outcome_of(run: Run) -> str:
    """Says what a run has come to, in a few words for a list."""
    if run.state == Run.State.FAILED:
        return failure_of(run).words
    if run.state != Run.State.SUCCEEDED:
        return run.progress_text
    if run.kind == Run.Kind.TRAIN_REWARD:
        model = getattr(run, "reward_model", None)
        accuracy = accuracy_of(model)
        name = str(model) if model else "no model"
        if accuracy is None:
            return name
        held_against = str(yardsticks_of(model))
        outcome = f"{name}: {100 * accuracy.value:.1f} % accurate"
        if not accuracy.is_above_chance:
            outcome = f"{name}: {100 * accuracy.value:.1f} % right, {accuracy.chance_words}"
        return f"{outcome} ({held_against})" if held_against else outcome
    figures = run.figures
    if run.kind == Run.Kind.SAMPLE and figures.comparisons is not None:
        return f"{figures.comparisons} new pairs for {figures.prompts or 0} prompts"
    if is_estimate(run):
        return "best of n estimated, no new policy"
    if run.kind == Run.Kind.TRAIN_POLICY and "policy" in run.results:
        return f"policy v{figures.policy}" if figures.policy else "no new policy"
    if run.kind == Run.Kind.COMPARE and figures.comparisons is not None:
        return f"{figures.comparisons} pairs to compare blind"
    return run.progress_text


def warnings_of(run: Run) -> list[str]:
    """Lists the warnings of a run's program, or of all its stages, each once. Stages are sorted by
    name, since the order that a JSON column keeps depends on the database."""
    stages = [result for _, result in sorted(run.results.items()) if isinstance(result, Mapping)]
    warnings = [one for result in (run.results, *stages) for one in result.get("warnings") or ()]
    return list(dict.fromkeys(without_paths(str(one)) for one in warnings))


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
