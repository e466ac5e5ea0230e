"""How many preferences each choice of the filter would show.

A choice is counted under all the other filters, so that the numbers say what a click brings.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from labeling.curation.doubts import DOUBTS
from labeling.curation.finding import STATES, PreferenceFilter, Window, matching
from labeling.material.adding import prompts_with_near_copies
from labeling.models import Preference, Project
from labeling.models.material import Split

SHOWN = 12  # choices of an open-ended facet; the rest can be reached by search

# These five together have few distinct rows, so one pass of the database counts them all.
CHEAP = ("state", "kind", "provenance", "split", "arm")

TITLES = {
    "state": "State",
    "kind": "Kind",
    "provenance": "Provenance",
    "split": "Split",
    "arm": "Handed out",
    "source": "Written by",
    "labeler": "Judged by",
    "doubt": "The reward model",
    "near": "Near copies",
}
LABELS = {
    "in_use": "in use",
    "redoing": "being judged again",
    "both_bad": "both bad",
    "prefer": "preferred",
    "random": "at random",
    "active": "by priority",
    "open": "disagrees",
    "confirmed": "disagreed, confirmed",
    "prompts": "of the prompt",
}


@dataclass(frozen=True)
class FacetChoice:
    value: str
    label: str
    count: int
    selected: bool
    query: str  # address with this choice made, or taken back when it is selected


@dataclass(frozen=True)
class Facet:
    name: str
    title: str
    choices: list[FacetChoice]
    left_out: int = 0


def count_facets(
    project: Project, wanted: PreferenceFilter, window: Window
) -> tuple[list[Facet], int]:
    """Counts each choice of each facet, and how many preferences match the whole filter."""
    combinations = _combinations(project, wanted.without(*CHEAP), window)
    facets = []
    for name in CHEAP:
        others = wanted.without(name)
        counts: Counter[str] = Counter()
        for values, number in combinations:
            if _passes(values, others):
                counts[values[name]] += number
        facets.append(_facet(name, wanted, _in_order(name, counts)))
    total = sum(number for values, number in combinations if _passes(values, wanted))
    facets.append(_facet("doubt", wanted, _doubts(project, wanted, window)))
    facets.append(_facet("near", wanted, _near(project, wanted, window)))
    facets.append(_facet("source", wanted, _sources(project, wanted, window), source_label))
    facets.append(_facet("labeler", wanted, _labelers(project, wanted, window)))
    return facets, total


def source_label(value: str) -> str:
    version, _, name = value.partition("|")
    return f"{name or 'source not named'}{f' v{version}' if version else ''}"


def _combinations(
    project: Project, wanted: PreferenceFilter, window: Window
) -> list[tuple[dict[str, str], int]]:
    rows = (
        matching(project, wanted, window)
        .order_by()
        .annotate(is_settled=Q(settled_at__isnull=False))
        .values("excluded", "is_settled", "kind", "provenance", "split", "arm")
        .annotate(number=Count("id"))
    )
    return [
        (
            {
                "state": _state(row["excluded"], row["is_settled"]),
                **{name: str(value) for name, value in row.items()},
            },
            row["number"],
        )
        for row in rows
    ]


def _state(excluded: bool, is_settled: bool) -> str:
    if excluded:
        return "excluded"
    return "in_use" if is_settled else "redoing"


def _passes(values: dict[str, str], wanted: PreferenceFilter) -> bool:
    return all(getattr(wanted, name) in ("", values[name]) for name in CHEAP)


def _in_order(name: str, counts: Counter[str]) -> list[tuple[str, int]]:
    order = list(STATES) if name == "state" else PreferenceFilter.CHOICES[name]
    return [(value, counts[value]) for value in order]


def _doubts(project: Project, wanted: PreferenceFilter, window: Window) -> list[tuple[str, int]]:
    rows = matching(project, wanted.without("doubt"), window).order_by()
    counts = rows.aggregate(**{name: Count("id", filter=rule) for name, rule in DOUBTS.items()})
    return list(counts.items())


def _near(project: Project, wanted: PreferenceFilter, window: Window) -> list[tuple[str, int]]:
    """Counts preferences whose prompt has near copies. The copies are kept: a curator says whether
    one of them goes."""
    rows = matching(project, wanted.without("near"), window).order_by()
    return [("prompts", rows.filter(prompt__in=prompts_with_near_copies(project)).count())]


def _sources(project: Project, wanted: PreferenceFilter, window: Window) -> list[tuple[str, int]]:
    """Counts preferences by source: once for each source that wrote one of the two responses."""
    rows = (
        matching(project, wanted.without("source"), window)
        .order_by()
        .values_list(
            "chosen__policy_version",
            "chosen__source",
            "rejected__policy_version",
            "rejected__source",
        )
        .annotate(number=Count("id"))
    )
    counts: Counter[str] = Counter()
    for version, source, other_version, other_source, number in rows:
        for value in {_source_value(version, source), _source_value(other_version, other_source)}:
            counts[value] += number
    return counts.most_common()


def _source_value(version: int | None, source: str) -> str:
    return f"{'' if version is None else version}|{source}"


def _labelers(project: Project, wanted: PreferenceFilter, window: Window) -> list[tuple[str, int]]:
    # From preferences to judgments: the other way round SQLite would look through all of these
    # preferences for each judgment.
    rows = matching(project, wanted.without("labeler"), window).order_by()
    name = "comparison__judgments__labeler__username"
    judged = (
        rows.filter(
            comparison__judgments__superseded_at__isnull=True,
            comparison__judgments__labeler__isnull=False,
        )
        .values_list(name)
        .annotate(number=Count("pk"))
        .order_by("-number", name)
    )
    return list(judged)


def _facet(
    name: str,
    wanted: PreferenceFilter,
    counts: list[tuple[str, int]],
    label: Callable[[str], str] = lambda value: LABELS.get(value, value),
) -> Facet:
    chosen = getattr(wanted, name)
    shown = counts[:SHOWN]
    if chosen and chosen not in dict(shown):
        shown.append((chosen, dict(counts).get(chosen, 0)))
    choices = [
        FacetChoice(
            value=value,
            label=label(value),
            count=number,
            selected=value == chosen,
            query=wanted.querystring(**{name: "" if value == chosen else value}),
        )
        for value, number in shown
        if number or value == chosen
    ]
    return Facet(name, TITLES[name], choices, left_out=max(0, len(counts) - len(shown)))


def preference_counts(project: Project) -> dict[str, Any]:
    """Counts the preferences of each state, provenance and split, in one query."""
    groups = {
        "state": STATES,
        "provenance": {name: Q(provenance=name) for name in Preference.Provenance.values},
        "split": {name: Q(split=name) for name in Split.values},
    }
    counts = Preference.objects.filter(project=project).aggregate(
        all=Count("id"),
        **{
            f"{group}_{name}": Count("id", filter=condition)
            for group, conditions in groups.items()
            for name, condition in conditions.items()
        },
    )
    return {"all": counts["all"]} | {
        group: {name: counts[f"{group}_{name}"] for name in conditions}
        for group, conditions in groups.items()
    }
