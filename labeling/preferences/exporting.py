"""Preferences and judgments as rows for training and for other programs, however many there are.

Rows are read in keyset pages: the first leaves at once, memory stays flat, a slow reader holds
no transaction open, and whoever was cut off goes on after the last id they got.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias

from django.db.models import QuerySet

from labeling.models import Comparison, ComparisonResponse, Judgment, Preference, Project

PAGE_ROWS = 500

Row: TypeAlias = dict[str, Any]
Messages: TypeAlias = list[dict[str, str]]

SPEAKERS = {"system": "System", "user": "Human", "assistant": "Assistant"}


@dataclass(frozen=True)
class PreferenceFilter:
    """Which settled preferences to export, and how prompts and responses are written.

    Without `include_ties` and `include_both_bad`, every row says that `chosen` is better, which is
    all that most trainers can take.
    """

    after: int = 0
    settled_since: datetime | None = None
    splits: frozenset[str] = field(default_factory=frozenset)
    provenances: frozenset[str] = field(default_factory=frozenset)
    min_weight: float = 0.0
    include_ties: bool = False
    include_both_bad: bool = False
    include_excluded: bool = False
    style: str = "messages"

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f"style must be one of {', '.join(STYLES)}, not {self.style!r}")

    @property
    def kinds(self) -> list[str]:
        kinds: list[str] = [Preference.Kind.PREFER]
        if self.include_ties:
            kinds.append(Preference.Kind.TIE)
        if self.include_both_bad:
            kinds.append(Preference.Kind.BOTH_BAD)
        return kinds


def preferences_to_export(project: Project, wanted: PreferenceFilter) -> QuerySet[Preference]:
    found = Preference.objects.filter(
        project=project, settled_at__isnull=False, kind__in=wanted.kinds
    )
    if not wanted.include_excluded:
        found = found.filter(excluded=False)
    if wanted.settled_since:
        found = found.filter(settled_at__gte=wanted.settled_since)
    if wanted.splits:
        found = found.filter(split__in=wanted.splits)
    if wanted.provenances:
        found = found.filter(provenance__in=wanted.provenances)
    if wanted.min_weight > 0:
        found = found.filter(weight__gte=wanted.min_weight)
    return found


PREFERENCE_COLUMNS = (
    "id", "prompt__messages", "chosen__text", "rejected__text", "kind", "target", "strength",
    "weight", "agreement", "votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad",
    "split", "provenance", "arm", "round_number", "chosen__source", "rejected__source",
    "excluded", "settled_at",
)  # fmt: skip


def preference_rows(project: Project, wanted: PreferenceFilter) -> Iterator[Row]:
    """The preferences in id order, as the formats in docs/data-formats.md say."""
    found = preferences_to_export(project, wanted).values(*PREFERENCE_COLUMNS)
    write = STYLES[wanted.style]
    for values in _by_id(found, wanted.after):
        yield _preference_row(values, write)


def _preference_row(values: Row, write: "Style") -> Row:
    """No value is ever null: datasets takes a column's type from the first rows it sees, and a
    file whose first megabytes hold null there could not be loaded."""
    prompt, chosen, rejected = write(
        values["prompt__messages"], values["chosen__text"], values["rejected__text"]
    )
    votes = [values[f"votes_{side}"] for side in ("chosen", "rejected", "tie", "both_bad")]
    return {
        "id": values["id"],
        "prompt": prompt,
        "chosen": chosen,
        "rejected": rejected,
        "kind": values["kind"],
        "target": float(values["target"]),
        "strength": float(values["strength"] or 0.0),
        "weight": float(values["weight"]),
        "agreement": float(values["agreement"] or 0.0),
        "judgments": sum(votes),
        "split": values["split"],
        "provenance": values["provenance"],
        "arm": values["arm"],
        "round": values["round_number"] or 0,
        "chosen_model": values["chosen__source"],
        "rejected_model": values["rejected__source"],
        "excluded": values["excluded"],
        "settled_at": values["settled_at"].isoformat(),
    }


def _as_messages(prompt: Messages, chosen: str, rejected: str) -> tuple[Any, Any, Any]:
    """The conversational form of TRL: its trainers put the chat template around it."""
    return (
        [{"role": message["role"], "content": message["content"]} for message in prompt],
        [{"role": "assistant", "content": chosen}],
        [{"role": "assistant", "content": rejected}],
    )


def _as_texts(prompt: Messages, chosen: str, rejected: str) -> tuple[Any, Any, Any]:
    """Plain texts. A conversation becomes one dialogue, which the importer splits again."""
    if len(prompt) == 1 and prompt[0]["role"] == "user":
        return prompt[0]["content"], chosen, rejected
    turns = [f"{SPEAKERS[message['role']]}: {message['content']}" for message in prompt]
    return "\n\n".join([*turns, "Assistant:"]), chosen, rejected


Style: TypeAlias = Callable[[Messages, str, str], tuple[Any, Any, Any]]
STYLES: dict[str, Style] = {"messages": _as_messages, "text": _as_texts}


JUDGMENT_COLUMNS = (
    "id", "comparison_id", "comparison__prompt__messages", "labeler__username", "kind", "tiers",
    "strength", "aspects", "rationale", "reasons", "flag", "rewrite__text", "seconds", "order",
    "guidelines__number", "is_late", "is_surplus", "created_at", "superseded_at",
)  # fmt: skip


def judgment_rows(
    project: Project,
    *,
    after: int = 0,
    since: datetime | None = None,
    include_superseded: bool = False,
) -> Iterator[Row]:
    """What people answered, in id order, each with the responses as they stood on screen."""
    found = Judgment.objects.filter(project=project, purpose=Judgment.Purpose.WORK)
    if since:
        found = found.filter(created_at__gte=since)
    if not include_superseded:
        found = found.filter(superseded_at__isnull=True)
    for page in _pages(found.values(*JUDGMENT_COLUMNS), after):
        responses = _responses_of({values["comparison_id"] for values in page})
        for values in page:
            yield _judgment_row(values, responses)


def _responses_of(comparison_ids: Iterable[int]) -> dict[int, Row]:
    found = ComparisonResponse.objects.filter(comparison_id__in=comparison_ids)
    rows = found.order_by().values_list("response_id", "response__text", "response__source")
    return {
        response_id: {"id": response_id, "text": text, "model": source}
        for response_id, text, source in rows
    }


def _judgment_row(values: Row, responses: dict[int, Row]) -> Row:
    superseded_at = values["superseded_at"]
    return {
        "id": values["id"],
        "comparison": values["comparison_id"],
        "prompt": values["comparison__prompt__messages"],
        "responses": [responses[response_id] for response_id in values["order"]],
        "labeler": values["labeler__username"],
        "kind": values["kind"],
        "tiers": values["tiers"],
        "strength": values["strength"],
        "aspects": values["aspects"],
        "rationale": values["rationale"],
        "reasons": values["reasons"],
        "flag": values["flag"],
        "rewrite": values["rewrite__text"],
        "seconds": values["seconds"],
        "guidelines": values["guidelines__number"],
        "is_late": values["is_late"],
        "is_surplus": values["is_surplus"],
        "created_at": values["created_at"].isoformat(),
        "superseded_at": superseded_at.isoformat() if superseded_at else None,
    }


def json_lines(rows: Iterable[Row]) -> Iterator[bytes]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def page_of(rows: Iterator[Row], size: int) -> tuple[list[Row], int | None]:
    """The next rows, and the id to go on after, or None at the end."""
    page = list(islice(rows, size + 1))
    return (page[:size], page[size - 1]["id"]) if len(page) > size else (page, None)


def _by_id(found: QuerySet[Any, Row], after: int) -> Iterator[Row]:
    for page in _pages(found, after):
        yield from page


def _pages(found: QuerySet[Any, Row], after: int) -> Iterator[list[Row]]:
    while page := list(found.filter(id__gt=after).order_by("id")[:PAGE_ROWS]):
        yield page
        if len(page) < PAGE_ROWS:
            return
        after = page[-1]["id"]


def project_counts(project: Project) -> dict[str, int]:
    """The numbers an engineer asks for first."""
    settled = Preference.objects.filter(project=project, settled_at__isnull=False)
    return {
        "prompts": project.prompts.count(),
        "comparisons_open": project.comparisons.filter(state=Comparison.State.OPEN).count(),
        "comparisons_finished": project.comparisons.filter(state=Comparison.State.FINISHED).count(),
        "judgments": project.judgments.filter(
            superseded_at__isnull=True, kind__in=Judgment.ANSWERS
        ).count(),
        "preferences": settled.filter(excluded=False).count(),
        "preferences_excluded": settled.filter(excluded=True).count(),
    }
