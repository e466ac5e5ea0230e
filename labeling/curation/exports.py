"""What an export of filtered preferences would hold, and what it leaves out and why."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from labeling.curation.finding import PreferenceFilter, Window, matching
from labeling.models import Preference, Project
from labeling.preferences.beyond_text import CannotBeTexts
from labeling.preferences.exporting import (
    ExportOptions,
    StyleRefused,
    first_of,
    preference_rows,
    preferences_to_export,
)
from labeling.preferences.shapes.styles import STYLES

PREVIEWED = 3
SHOWN_CHARACTERS = 300  # of each text in a preview
# The filters of the page of preferences that are no options of an export by themselves.
OF_PAGE = (
    "q", "state", "arm", "source", "labeler", "answer", "judged_on", "settled_on", "doubt", "near",
)  # fmt: skip


def narrowing(project: Project, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The options by which an export goes by the filters of the page of preferences. Raises
    FilterError."""
    filters = {name: asked[name] for name in OF_PAGE if asked.get(name)}
    among = matching(project, PreferenceFilter(**filters), Window()) if filters else None
    return {"among": among, "filters": tuple(sorted(filters.items()))}


@dataclass(frozen=True)
class Outlook:
    """What would come of an export. `refusal` says why nothing would."""

    preferences: int
    left_out: list[tuple[int, str]]
    rows: list[str]
    refusal: str = ""


def foresee(project: Project, wanted: PreferenceFilter, options: Mapping[str, Any]) -> Outlook:
    """Counts what an export with these options holds and leaves out, and shows its first rows."""
    total = matching(project, wanted, Window())
    try:
        export = ExportOptions(**options)
        first = [*first_of(preference_rows(project, export), PREVIEWED)]
    except (CannotBeTexts, StyleRefused) as problem:
        return Outlook(0, [], [], refusal=str(problem))
    count = preferences_to_export(project, export).count()
    return Outlook(
        preferences=count,
        left_out=_left_out(total, export, count),
        rows=[json.dumps(_shortened(row), ensure_ascii=False, indent=2) for row in first],
    )


def _left_out(
    total: QuerySet[Preference], wanted: ExportOptions, count: int
) -> list[tuple[int, str]]:
    """How many of those that match are left out, by the first reason that holds for each."""
    reasons: list[tuple[Q, str]] = [(Q(settled_at__isnull=True), "being judged again")]
    if not wanted.include_excluded:
        reasons.append((Q(excluded=True), "excluded by curators"))
    for kind, words in (("tie", "ties"), ("both_bad", "pairs where both are bad")):
        if kind not in wanted.kinds:
            reasons.append((Q(kind=kind), words))
    if wanted.min_weight > 0:
        reasons.append(
            (Q(weight__lt=wanted.min_weight), f"of a weight below {wanted.min_weight:g}")
        )
    counts, before = {}, Q(pk__isnull=True)
    for number, (reason, _) in enumerate(reasons):
        counts[f"r{number}"] = Count("pk", filter=reason & ~before)
        before |= reason
    found = total.aggregate(all=Count("pk"), **counts)
    left_out = [(found[f"r{number}"], words) for number, (_, words) in enumerate(reasons)]
    if rest := found["all"] - count - sum(number for number, _ in left_out):
        left_out.append((rest, _of_style(wanted.style)))
    return [(number, words) for number, words in left_out if number > 0]


def _of_style(style: str) -> str:
    if STYLES[style].is_of_prompts:
        return "of prompts that have a row already"
    if STYLES[style].is_of_comparisons:
        return "of comparisons that have a row already"
    return "that nobody here was asked about" if STYLES[style].is_of_votes else "of another kind"


def _shortened(value: Any) -> Any:
    """The value with long texts cut, for a look."""
    if isinstance(value, str) and len(value) > SHOWN_CHARACTERS:
        return f"{value[:SHOWN_CHARACTERS]}… ({len(value):,} characters)"
    if isinstance(value, dict):
        return {key: _shortened(inner) for key, inner in value.items()}
    return [_shortened(item) for item in value] if isinstance(value, list) else value
