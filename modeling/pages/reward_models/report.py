"""One reward model's figures as its page shows them: slices, diagrams, what it contradicts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from labeling.models import Preference, Project
from labeling.quality.measures.intervals import wilson
from modeling.measures.predictions import (
    Prediction,
    accuracy_of,
    by_slice,
    compare,
    length_correlation,
    longer_point,
)
from modeling.models import RewardModel
from modeling.pages.chart_specs import Spec
from modeling.reward_models.accuracy import Accuracy
from modeling.reward_models.evaluating import was_learned_from
from modeling.reward_models.gates import FEWEST_TO_JUDGE
from modeling.run_data.stored import Evaluation
from modeling.settings.choices import Adapter, Pooling, RewardMethod

KINDS = {
    "strength": "Strength of the preference",
    "length": "Length of the longer response",
    "round": "Round",
    "arm": "How the pair was drawn",
    "policy": "Policy that wrote them",
    "tag": "Tag",
}
SHOWN_CONTRADICTED = 12
EXCERPT = 140
FEWEST_PER_POINT = 10  # comparisons that a point of the reliability diagram stands for
MOST_TAGS = 20


@dataclass(frozen=True)
class Contradicted:
    """A preference that the model contradicts. `margin` is how strongly."""

    preference: Preference
    excerpt: str
    margin: float
    was_trained_on: bool


def figure_of(stored: Mapping[str, Any] | None, split: str = "") -> Accuracy | None:
    if not stored:
        return None
    return Accuracy(
        value=stored["value"],
        low=stored.get("low"),
        high=stored.get("high"),
        n=int(stored.get("n") or 0),
        split=split,
    )


def slice_figures(evaluation: Evaluation) -> list[tuple[str, list[tuple[str, Accuracy | None]]]]:
    """Lists (title, [(name, accuracy)]) for every kind of slice with more than one name."""
    slices = []
    for kind, title in KINDS.items():
        rows = evaluation.slices.get(kind, [])[:MOST_TAGS]
        if len(rows) > 1:
            slices.append((title, [(row["name"], figure_of(row)) for row in rows]))
    return slices


def reliability_chart(evaluation: Evaluation) -> Spec | None:
    """Draws how often the model's claims came true against how often it claimed that they would."""
    parts = _wide_enough(evaluation.calibration.get("reliability") or [])
    if len(parts) < 2:
        return None
    claimed = [round(100 * part["confidence"], 1) for part in parts]
    return {
        "type": "line",
        "labels": [f"{value:.0f} %" for value in claimed],
        "series": [
            {
                "name": "came true",
                "data": [round(100 * part["accuracy"], 1) for part in parts],
                "band": [
                    [round(100 * end, 1) for end in wilson(part["accuracy"], int(part["n"]))]
                    for part in parts
                ],
            },
            {"name": "claimed", "data": claimed},
        ],
        "y": {"min": 0, "max": 100, "unit": " %"},
    }


def _wide_enough(parts: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """Joins neighbouring bins until each has enough comparisons to draw a share of."""
    wide: list[dict[str, float]] = []
    for part in parts:
        if not part["n"]:
            continue
        if wide and wide[-1]["n"] < FEWEST_PER_POINT:
            wide[-1] = _joined(wide[-1], part)
        else:
            wide.append(dict(part))
    if len(wide) > 1 and wide[-1]["n"] < FEWEST_PER_POINT:
        # What is left over are the surest claims: they belong to the diagram as much as the others.
        rest = wide.pop()
        wide[-1] = _joined(wide[-1], rest)
    return wide


def _joined(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """The two bins as one, each weighed by its number of comparisons."""
    n = one["n"] + other["n"]
    means = {
        key: (one[key] * one["n"] + other[key] * other["n"]) / n
        for key in ("confidence", "accuracy")
    }
    return {**means, "n": n}


def margin_chart(evaluation: Evaluation) -> Spec | None:
    margins = evaluation.margins
    edges, counts = margins.get("edges") or [], margins.get("counts") or []
    if not counts:
        return None
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    wrong = [count if middle < 0 else 0 for middle, count in zip(middles, counts, strict=True)]
    right = [count if middle >= 0 else 0 for middle, count in zip(middles, counts, strict=True)]
    return {
        "type": "bar",
        "labels": [f"{middle:+.2f}" for middle in middles],
        "series": [
            {"name": "right", "data": right, "tone": "accent"},
            {"name": "wrong", "data": wrong, "tone": "danger", "hatched": True},
        ],
        "stacked": True,
        "x": {"title": "← the loser has the higher reward · the winner has →"},
        "y": {"min": 0},
    }


def contradicted_by(model: RewardModel) -> list[Contradicted]:
    """Lists the contradicted preferences that still exist and are not excluded."""
    stored = model.figures.evaluation.contradicted
    ids = [int(row["id"]) for row in stored if str(row["id"]).isdecimal()]
    rows = Preference.objects.filter(project=model.project, excluded=False, pk__in=ids)
    known = {row.pk: row for row in rows.select_related("prompt")}
    contradicted = [
        Contradicted(
            known[int(row["id"])],
            excerpt_of(known[int(row["id"])].prompt.messages),
            row["margin"],
            was_learned_from(row),
        )
        for row in stored
        if str(row["id"]).isdecimal() and int(row["id"]) in known
    ]
    return contradicted[:SHOWN_CONTRADICTED]


def excerpt_of(messages: Sequence[Mapping[str, Any]]) -> str:
    text = " ".join(str(messages[-1].get("content", "")).split()) if messages else ""
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"


@dataclass(frozen=True)
class HeadToHead:
    """Two versions on the same held-out comparisons. Differences are in points, new less old."""

    compared: list[str]
    count: int
    difference: Mapping[str, float] | None
    both_right: int
    only_new: int
    only_old: int
    both_wrong: int
    slices: list[tuple[str, list[tuple[str, Mapping[str, float]]]]]
    length_new: float | None
    length_old: float | None
    longer_wins: float | None
    changed: list[tuple[str, float, float]]

    @property
    def is_too_few(self) -> bool:
        """Whether too few comparisons are shared to say which version is better, by the gate's
        limit."""
        return self.count < FEWEST_TO_JUDGE


def compare_versions(pairs: Iterable[tuple[Prediction, Prediction]]) -> HeadToHead:
    """Compares two versions on the test split. `pairs` come from evaluating.on_same_rows."""
    on_test = [(new, old) for new, old in pairs if new.split == "test"]
    decided = [(new, old) for new, old in on_test if new.point is not None]

    def count(new_right: bool, old_right: bool) -> int:
        return sum(
            (new.point == 1.0) == new_right and (old.point == 1.0) == old_right
            for new, old in decided
        )

    turned = [(new, old) for new, old in decided if new.point != old.point]
    turned.sort(key=lambda pair: -abs(pair[0].delta - pair[1].delta))
    return HeadToHead(
        compared=[new.id for new, _ in decided],
        count=len(decided),
        difference=compare(on_test),
        both_right=count(True, True),
        only_new=count(True, False),
        only_old=count(False, True),
        both_wrong=count(False, False),
        slices=_slice_differences(on_test),
        length_new=length_correlation([new for new, _ in on_test]),
        length_old=length_correlation([old for _, old in on_test]),
        longer_wins=(accuracy_of([new for new, _ in on_test], longer_point) or {}).get("value"),
        changed=[(new.id, new.delta, old.delta) for new, old in turned[:SHOWN_CONTRADICTED]],
    )


def _slice_differences(
    pairs: Sequence[tuple[Prediction, Prediction]],
) -> list[tuple[str, list[tuple[str, Mapping[str, float]]]]]:
    old_of = {new.id: old for new, old in pairs}
    named_by_kind = by_slice([new for new, _ in pairs])
    tables = []
    for kind, title in KINDS.items():
        rows: list[tuple[str, Mapping[str, float]]] = []
        for name, members in list(named_by_kind.get(kind, {}).items())[:MOST_TAGS]:
            difference = compare([(row, old_of[row.id]) for row in members])
            if difference is not None:
                rows.append((name, difference))
        if len(rows) > 1:
            tables.append((title, rows))
    return tables


def known_preferences(project: Project, ids: Iterable[str]) -> dict[str, Preference]:
    wanted = [int(key) for key in ids if key.isdecimal()]
    preferences = Preference.objects.filter(project=project, pk__in=wanted).select_related("prompt")
    return {str(row.pk): row for row in preferences}


def made_with(model: RewardModel) -> list[tuple[str, str]]:
    """Lists (what, how) for whatever in the model's training is not the ordinary way."""
    config = model.figures.config
    details = []
    if config.get("method") == RewardMethod.FROZEN:
        details.append(("Method", "a head on frozen features"))
    if config.get("adapter", Adapter.NONE) != Adapter.NONE:
        details.append(("Trained weights", f"{str(config['adapter']).upper()}, merged"))
    if config.get("pooling") == Pooling.MEAN:
        details.append(("Reward read from", "the mean over the response"))
    if len(model.member_paths) > 1:
        details.append(("Members", f"{len(model.member_paths)} models"))
    elif model.member_count > 1:
        details.append(("Members", f"{model.member_count} heads on one model"))
    return details
