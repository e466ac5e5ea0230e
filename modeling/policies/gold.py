"""What an oracle thinks of what a project's policies write, where the project has one.

Only a made-up world knows the truth about a response, as the demo's does. Nothing learns from it
and nothing is decided by it; pages show it beside the figures that every project has.

Which project has an oracle is asked by a name in the settings (ORACLES). So the demo, which stands
above this package, is known to nobody here: pipeline and pages treat every project alike, and
another made-up world takes one line.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from labeling.models import Project, Prompt
from modeling.run_data.rounds import GoldMeans

Oracle = Callable[[list[dict[str, str]], str], float]


def oracle_of(project: Project) -> Oracle | None:
    """Scores a response to some messages; None for a project that has no oracle."""
    find: Callable[[Project], Oracle | None] = import_string(settings.ORACLES)
    return find(project)


def gold_of_improvement(project: Project, rows: Iterable[Mapping[str, Any]]) -> GoldMeans | None:
    """Mean scores of what the policy wrote before and after its improvement, to the prompts held
    out from it: the rows of train_policy's samples.jsonl. None without an oracle, or without
    responses."""
    oracle = oracle_of(project)
    if oracle is None:
        return None
    current: list[float] = []
    new: list[float] = []
    for row in rows:
        current += [oracle(row["prompt"], written["text"]) for written in row["before"]]
        new += [oracle(row["prompt"], written["text"]) for written in row["after"]]
    return _means(current, new)


def gold_of_comparison(
    project: Project,
    current: Mapping[int, Sequence[str]],
    new: Mapping[int, Sequence[str]],
) -> GoldMeans | None:
    """Mean scores of both policies' texts, given by prompt. None without an oracle, or without
    texts."""
    oracle = oracle_of(project)
    if oracle is None:
        return None
    messages = dict(Prompt.objects.filter(pk__in=[*current, *new]).values_list("pk", "messages"))

    def scores(by_prompt: Mapping[int, Sequence[str]]) -> list[float]:
        return [oracle(messages[pk], text) for pk, texts in by_prompt.items() for text in texts]

    return _means(scores(current), scores(new))


def _means(current: Sequence[float], new: Sequence[float]) -> GoldMeans | None:
    if not current or not new:
        return None
    return GoldMeans(statistics.fmean(current), statistics.fmean(new))
