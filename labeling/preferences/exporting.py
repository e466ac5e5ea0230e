"""Preferences and judgments as rows for training and for other programs, however many there are.

Rows are read in keyset pages: the first leaves at once, memory stays flat, a slow reader holds
no transaction open, and whoever was cut off goes on after the last id they got.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from labeling.material.metadata_conditions import MetadataCondition, with_metadata
from labeling.models import Comparison, ComparisonResponse, Judgment, Preference, Project
from labeling.preferences import counts
from labeling.preferences.beyond_text import refuse_beyond_content, refuse_beyond_text
from labeling.preferences.changes import CursorRefused, number_changes, read_cursor
from labeling.preferences.settling import counted
from labeling.preferences.shapes.annotators import votes_on
from labeling.preferences.shapes.styles import (
    OF_PROMPT,
    STYLES,
    Answer,
    Pair,
    Row,
    Style,
    VoteOfPair,
)
from labeling.texts.metadata import as_json
from labeling.texts.sameness import as_words, fingerprint

PAGE_ROWS = 500
# A row is stamped some moments before others can see it: who asks for what is new since the last
# stamp they have is also given what came just before it. No transaction takes that long.
OVERLAP = timedelta(minutes=5)


KINDS_IN_WORDS: dict[str, str] = {
    Preference.Kind.TIE: "ties",
    Preference.Kind.BOTH_BAD: "pairs where both are bad",
}
OPTIONS: dict[str, str] = {Preference.Kind.TIE: "ties", Preference.Kind.BOTH_BAD: "both_bad"}


class StyleRefused(ValueError):
    """The style cannot say what was asked for. The message is a sentence for people."""


@dataclass(frozen=True)
class ExportOptions:
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
    # A file with one type for each column has no place for what a message holds beside its content.
    is_plain: bool = False
    # People under their own names, where the style has people in it.
    with_names: bool = False
    metadata: tuple[MetadataCondition, ...] = ()

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f"style must be one of {', '.join(STYLES)}, not {self.style!r}")
        if self.with_names and not STYLES[self.style].is_of_votes:
            raise StyleRefused(
                f"style={self.style} has no people in it: leave with_names out, or export with "
                "style=judgments."
            )
        for kind in self.kinds:
            if kind in STYLES[self.style].cannot_say:
                raise StyleRefused(
                    f"style={self.style} has no place for {KINDS_IN_WORDS[kind]}: leave "
                    f"include_{OPTIONS[kind]} out, or export with style=messages."
                )

    @property
    def of_cursor(self) -> Row:
        """The options that must be the same when a cursor goes on: which rows, not how they are
        written."""
        which = asdict(self)
        for name in ("after", "settled_since", "style", "is_plain", "with_names"):
            del which[name]
        if not self.metadata:  # cursors of before there were such conditions go on
            del which["metadata"]
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in which.items()
        }

    @property
    def kinds(self) -> list[str]:
        kinds: list[str] = [Preference.Kind.PREFER]
        if self.include_ties:
            kinds.append(Preference.Kind.TIE)
        if self.include_both_bad:
            kinds.append(Preference.Kind.BOTH_BAD)
        return kinds


def preferences_to_export(project: Project, wanted: ExportOptions) -> QuerySet[Preference]:
    preferences = Preference.objects.filter(
        project=project, settled_at__isnull=False, kind__in=wanted.kinds
    )
    preferences = with_metadata(preferences, wanted.metadata)
    if not wanted.include_excluded:
        preferences = preferences.filter(excluded=False)
    if wanted.settled_since:
        preferences = preferences.filter(settled_at__gte=wanted.settled_since)
    if wanted.splits:
        preferences = preferences.filter(split__in=wanted.splits)
    if wanted.provenances:
        preferences = preferences.filter(provenance__in=wanted.provenances)
    if wanted.min_weight > 0:
        preferences = preferences.filter(weight__gte=wanted.min_weight)
    if STYLES[wanted.style].is_of_prompts:
        earlier = preferences.filter(prompt=OuterRef("prompt"), pk__lt=OuterRef("pk"))
        preferences = preferences.filter(~Exists(earlier))
    if STYLES[wanted.style].is_of_votes:
        judgments = counted(project.pk).filter(comparison=OuterRef("comparison"))
        preferences = preferences.filter(Exists(judgments))
    return preferences


PREFERENCE_COLUMNS = (
    "id", "prompt__messages", "prompt__extra", "chosen__text", "chosen__extra", "rejected__text",
    "rejected__extra", "kind", "target", "strength",
    "weight", "vote_share", "votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad",
    "split", "provenance", "arm", "round_number", "chosen__source", "rejected__source",
    "prompt__tags", "excluded", "excluded_reason", "settled_at", "prompt__digest",
    "chosen__digest", "rejected__digest", "prompt_id", "project__slug",
    "comparison_id", "chosen_id", "rejected_id",
    "prompt__metadata", "chosen__metadata", "rejected__metadata",
)  # fmt: skip


def preference_rows(project: Project, wanted: ExportOptions) -> Iterator[Row]:
    """The preferences in id order, as the formats in docs/data-formats.md say. Raises CannotBeTexts
    at once for what the style cannot carry."""
    preferences = preferences_to_export(project, wanted)
    _refuse_what_would_be_lost(preferences.filter(pk__gt=wanted.after), wanted)
    pages = _pages(preferences.values(*PREFERENCE_COLUMNS), wanted.after)
    return _rows_of_pages(project, pages, wanted)


def _refuse_what_would_be_lost(preferences: QuerySet[Preference], wanted: ExportOptions) -> None:
    style = STYLES[wanted.style]
    if style.is_text:
        refuse_beyond_text(preferences, wanted.style)
    elif wanted.is_plain:
        refuse_beyond_content(preferences, of_prompts=style.is_of_prompts)


@dataclass(frozen=True)
class Changes:
    """Rows in the order of their changes. `cursor` goes on after all of them. `is_cut`: there are
    more already."""

    rows: Iterator[Row]
    cursor: str
    is_cut: bool


def preference_changes(
    project: Project, wanted: ExportOptions, cursor: str, limit: int | None
) -> Changes:
    """What has changed since the answer that gave out this cursor; everything, with an empty
    one."""
    start = read_cursor(cursor, Preference, project, wanted.of_cursor)
    last = number_changes(Preference, project)
    preferences = preferences_to_export(project, wanted)
    end, is_cut = _end_of(preferences, start.number, last, limit)
    _refuse_what_would_be_lost(
        preferences.filter(change_number__gt=start.number, change_number__lte=end), wanted
    )
    columns = (*PREFERENCE_COLUMNS, "change_number")
    upto = preferences.filter(change_number__lte=end).values(*columns)
    pages = _pages(upto, start.number, "change_number")
    return Changes(_rows_of_pages(project, pages, wanted), start.at(end), is_cut)


def _end_of(rows: QuerySet[Any], start: int, last: int, limit: int | None) -> tuple[int, bool]:
    """The change number up to which this answer goes, and whether rows are left beyond it. The end
    is the last change, or that of the last row within the limit."""
    if start > last:
        raise CursorRefused(
            "This cursor is ahead of the project: its database was put back to an earlier state. "
            "Begin with an empty cursor."
        )
    if limit is None:
        return last, False
    numbers = rows.filter(change_number__gt=start, change_number__lte=last)
    page = list(
        numbers.order_by("change_number").values_list("change_number", flat=True)[: limit + 1]
    )
    return (page[limit - 1], True) if len(page) > limit else (last, False)


def _rows_of_pages(
    project: Project, pages: Iterable[list[Row]], wanted: ExportOptions
) -> Iterator[Row]:
    style = STYLES[wanted.style]
    votes: dict[int, list[VoteOfPair]] = {}
    for page in pages:
        if style.is_of_votes:
            votes = votes_on(project.pk, page, with_names=wanted.with_names)
        for values in page:
            yield from _preference_rows(values, style, votes.get(values["id"], []))


def _preference_rows(values: Row, style: Style, votes: list[VoteOfPair]) -> list[Row]:
    """Writes a preference without nulls. The library `datasets` takes a column's type from the
    first rows it sees, and could not load a file whose first megabytes hold null there."""
    pair = Pair(
        prompt=values["prompt__messages"],
        chosen=Answer(values["chosen__text"], values["chosen__extra"]),
        rejected=Answer(values["rejected__text"], values["rejected__extra"]),
        is_both_bad=values["kind"] == Preference.Kind.BOTH_BAD,
        prompt_id=values["prompt_id"],
        project=values["project__slug"],
        split=values["split"],
        votes=votes,
    )
    beside = _beside(values)
    if style.is_of_prompts:
        beside = {name: beside[name] for name in OF_PROMPT}
    # Tools and the like are in few files, so no column of the others.
    return [
        {"id": values["id"], **own, **values["prompt__extra"], **beside}
        for own in style.write(pair)
    ]


def _beside(values: Row) -> Row:
    """What is known of a preference beside what a trainer reads, the same in every style."""
    votes = [values[f"votes_{side}"] for side in ("chosen", "rejected", "tie", "both_bad")]
    return {
        "kind": values["kind"],
        "target": float(values["target"]),
        "strength": float(values["strength"] or 0.0),
        "weight": float(values["weight"]),
        "vote_share": float(values["vote_share"] or 0.0),
        "judgments": sum(votes),
        "votes_chosen": votes[0],
        "votes_rejected": votes[1],
        "votes_tie": votes[2],
        "votes_both_bad": votes[3],
        "split": values["split"],
        "provenance": values["provenance"],
        "arm": values["arm"],
        "round": values["round_number"] or 0,
        "chosen_model": values["chosen__source"],
        "rejected_model": values["rejected__source"],
        "tags": as_words(values["prompt__tags"]),
        "excluded": values["excluded"],
        "excluded_reason": values["excluded_reason"],
        "settled_at": timestamp(values["settled_at"]),
        "fingerprint": fingerprint(
            values["prompt__digest"], (values["chosen__digest"], values["rejected__digest"])
        ),
        "metadata": as_json(values["prompt__metadata"]),
        "chosen_metadata": as_json(values["chosen__metadata"]),
        "rejected_metadata": as_json(values["rejected__metadata"]),
    }


def timestamp(at: datetime) -> str:
    """The moment in UTC with Z, always in the same number of characters, so that a column has one
    type. A plus sign would be a space in an address."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


JUDGMENT_COLUMNS = (
    "id", "comparison_id", "comparison__prompt__messages", "comparison__prompt__metadata",
    "labeler__username", "kind", "tiers",
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
    judgments = _judgments_to_export(project, include_superseded)
    if since:
        judgments = judgments.filter(created_at__gte=since)
    return _judgment_rows(_pages(judgments.values(*JUDGMENT_COLUMNS), after))


def judgment_changes(
    project: Project, cursor: str, limit: int | None, *, include_superseded: bool = False
) -> Changes:
    """What was answered, taken back or corrected since the answer that gave out this cursor."""
    wanted = {"include_superseded": include_superseded}
    start = read_cursor(cursor, Judgment, project, wanted)
    last = number_changes(Judgment, project)
    judgments = _judgments_to_export(project, include_superseded)
    end, is_cut = _end_of(judgments, start.number, last, limit)
    values = judgments.filter(change_number__lte=end).values(*JUDGMENT_COLUMNS, "change_number")
    rows = _judgment_rows(_pages(values, start.number, "change_number"))
    return Changes(rows, start.at(end), is_cut)


def _judgments_to_export(project: Project, include_superseded: bool) -> QuerySet[Judgment]:
    judgments = Judgment.objects.filter(project=project, purpose=Judgment.Purpose.WORK)
    return judgments if include_superseded else judgments.filter(superseded_at__isnull=True)


def _judgment_rows(pages: Iterable[list[Row]]) -> Iterator[Row]:
    for page in pages:
        responses = _responses_of({values["comparison_id"] for values in page})
        for values in page:
            yield _judgment_row(values, responses)


def _responses_of(comparison_ids: Iterable[int]) -> dict[int, Row]:
    places = ComparisonResponse.objects.filter(comparison_id__in=comparison_ids)
    columns = ("response_id", "response__text", "response__source", "response__extra")
    return {
        pk: {"id": pk, "text": text, "model": source, "metadata": as_json(metadata)}
        | ({"extra": extra} if extra else {})
        for pk, text, source, extra, metadata in places.order_by().values_list(
            *columns, "response__metadata"
        )
    }


def _judgment_row(values: Row, responses: dict[int, Row]) -> Row:
    superseded_at, strength = values["superseded_at"], values["strength"]
    return {
        "id": values["id"],
        "comparison": values["comparison_id"],
        "prompt": values["comparison__prompt__messages"],
        "metadata": as_json(values["comparison__prompt__metadata"]),
        "responses": [responses[response_id] for response_id in values["order"]],
        "labeler": values["labeler__username"],
        "kind": values["kind"],
        "tiers": values["tiers"],
        "strength": -1 if strength is None else strength,
        "aspects": json.dumps(values["aspects"], ensure_ascii=False, separators=(",", ":")),
        "rationale": values["rationale"],
        "reasons": as_words(values["reasons"]),
        "flag": values["flag"],
        "rewrite": values["rewrite__text"] or "",
        "seconds": float(values["seconds"] or 0.0),
        "guidelines": values["guidelines__number"] or 0,
        "is_late": values["is_late"],
        "is_surplus": values["is_surplus"],
        "created_at": timestamp(values["created_at"]),
        "superseded_at": timestamp(superseded_at) if superseded_at else "",
    }


def page_of(rows: Iterator[Row], size: int) -> tuple[list[Row], int | None]:
    """Takes the rows of the next `size` ids, and the id to go on after; None at the end."""
    groups: Iterator[list[Row]] = _by_id(rows)
    page: list[list[Row]] = list(islice(groups, size))
    is_cut = next(groups, None) is not None
    after = page[-1][-1]["id"] if page and is_cut else None
    return [row for group in page for row in group], after


def first_of(rows: Iterable[Row], size: int | None) -> Iterator[Row]:
    """The rows of the first `size` ids, or all: where a style writes two rows of one preference,
    whoever goes on after its id has both."""
    return (row for group in islice(_by_id(rows), size) for row in group)


def _by_id(rows: Iterable[Row]) -> Iterator[list[Row]]:
    yield from (list(group) for _, group in groupby(rows, key=itemgetter("id")))


def _pages(rows: QuerySet[Any, Row], after: int, by: str = "id") -> Iterator[list[Row]]:
    while page := list(rows.filter(**{f"{by}__gt": after}).order_by(by)[:PAGE_ROWS]):
        yield page
        if len(page) < PAGE_ROWS:
            return
        after = page[-1][by]


def project_counts(project: Project) -> dict[str, int]:
    """The numbers an engineer asks for first."""
    settled = Preference.objects.filter(project=project, settled_at__isnull=False)
    return {
        "prompts": project.prompts.count(),
        "comparisons_open": project.comparisons.filter(state=Comparison.State.OPEN).count(),
        "comparisons_finished": project.comparisons.filter(state=Comparison.State.FINISHED).count(),
        "judgments": counts.judgments(project).count(),
        "skips": counts.judgments_of_every_kind(project).filter(kind=Judgment.Kind.SKIP).count(),
        "flags": counts.judgments_of_every_kind(project).filter(kind=Judgment.Kind.FLAG).count(),
        "preferences": settled.filter(excluded=False).count(),
        "preferences_excluded": settled.filter(excluded=True).count(),
    }
