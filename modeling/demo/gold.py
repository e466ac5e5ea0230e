"""The demo project knows its truth: the oracle's score of what its policies write.

Nothing learns from it and nothing is decided by it; the demo's pages show it beside the figures
that a real project has. Every other project gets nothing here.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from labeling.models import Project, Prompt
from modeling.demo.project import SLUG, SOURCE
from modeling.demo.world.oracle import score

Gold = dict[str, float]
Oracle = Callable[[list[dict[str, str]], str], float]


def is_demo(project: Project) -> bool:
    return project.slug == SLUG and project.prompts.filter(source=SOURCE).exists()


def oracle_of(project: Project) -> Oracle | None:
    """The oracle's score of a response to some messages; None outside the demo."""
    return score if is_demo(project) else None


def gold_of_improvement(project: Project, rows: Iterable[Mapping[str, Any]]) -> Gold | None:
    """Mean gold score of what the policy wrote before and after its improvement, to the prompts
    held out from it: the rows of train_policy's samples.jsonl. None outside the demo."""
    if not is_demo(project):
        return None
    scores: dict[str, list[float]] = {"current": [], "new": []}
    for row in rows:
        for name, when in (("current", "before"), ("new", "after")):
            scores[name] += [score(row["prompt"], written["text"]) for written in row[when]]
    return {name: statistics.fmean(found) for name, found in scores.items() if found}


def gold_of(project: Project, texts: Mapping[str, Mapping[int, list[str]]]) -> Gold | None:
    """Mean gold score of each policy's texts, given by name and prompt; None outside the demo."""
    if not is_demo(project):
        return None
    prompt_ids = {prompt_id for by_prompt in texts.values() for prompt_id in by_prompt}
    messages = dict(Prompt.objects.filter(pk__in=prompt_ids).values_list("pk", "messages"))
    scores = {
        name: [
            score(messages[prompt_id], text)
            for prompt_id, written in by_prompt.items()
            for text in written
        ]
        for name, by_prompt in texts.items()
    }
    return {name: statistics.fmean(found) for name, found in scores.items() if found}
