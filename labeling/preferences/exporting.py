"""Preferences as rows for training and for other programs, however many there are.

Rows are read in keyset pages: the first leaves at once, memory stays flat, a slow reader holds
no transaction open, and whoever was cut off goes on after the last id they got.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from labeling.material.metadata_conditions import MetadataCondition, with_metadata
from labeling.models import Comparison, Judgment, Preference, Project
from labeling.preferences import counts
from labeling.preferences.beyond_text import refuse_beyond_content, refuse_beyond_text
from labeling.preferences.changes import CursorRefused, number_changes, read_cursor
from labeling.preferences.raw_values import pages
from labeling.preferences.settling import counted
from labeling.preferences.shapes.annotators import votes_on
from labeling.preferences.shapes.pairs import Answer, Pair, Ranking, Row, VoteOfPair
from labeling.preferences.shapes.rankings import rankings_of
from labeling.preferences.shapes.styles import STYLES, Style
from labeling.texts.metadata import as_json
from labeling.texts.sameness import as_words, fingerprint

# A row is stamped some moments before others can see it: who asks for what is new since the last
# stamp they have is also given what came just before it. No transaction takes that long.
OVERLAP = timedelta(minutes=5)

KINDS_IN_WORDS: dict[str, str] = {
    Preference.Kind.TIE: "ties",
    Preference.Kind.BOTH_BAD: "pairs where both are bad",
}
# What a cursor goes with; further ones where they are given.
OF_CURSOR = (
    "splits", "provenances", "min_weight", "include_ties", "include_both_bad", "include_excluded",
)  # fmt: skip
OPTIONS: dict[str, str] = {Preference.Kind.TIE: "ties", Preference.Kind.BOTH_BAD: "both_bad"}

BOTH_BAD: str = Preference.Kind.BOTH_BAD.value


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
    # One kind alone, whatever is included.
    kind: str = ""
    metadata: tuple[MetadataCondition, ...] = ()
    # Which of them, beyond this: a narrower query, and what it asks for, by name.
    among: QuerySet[Preference] | None = field(default=None, compare=False)
    filters: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f"style must be one of {', '.join(STYLES)}, not {self.style!r}")
        if self.with_names and not STYLES[self.style].needs_votes:
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
        which = {name: getattr(self, name) for name in OF_CURSOR}
        which |= {name: value for name in ("kind", "filters") if (value := getattr(self, name))}
        if self.metadata:  # cursors of before there were such conditions go on
            which["metadata"] = [[one.key, one.value] for one in self.metadata]
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in which.items()
        }

    @property
    def kinds(self) -> list[str]:
        if self.kind:
            return [self.kind]
        kinds: list[str] = [Preference.Kind.PREFER]
        if self.include_ties:
            kinds.append(Preference.Kind.TIE)
        if self.include_both_bad:
            kinds.append(Preference.Kind.BOTH_BAD)
        return kinds


def preferences_to_export(project: Project, wanted: ExportOptions) -> QuerySet[Preference]:
    preferences = Preference.objects.all() if wanted.among is None else wanted.among
    preferences = preferences.filter(
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
    if STYLES[wanted.style].is_of_comparisons:
        earlier = preferences.filter(comparison=OuterRef("comparison"), pk__lt=OuterRef("pk"))
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
    read = pages(preferences, PREFERENCE_COLUMNS, wanted.after)
    return _rows_of_pages(project, read, wanted)


def pages_as_messages(preferences: QuerySet[Preference]) -> Iterator[list[tuple[Row, Row]]]:
    """Each preference, in id order, as its columns and as its row of the style `messages`."""
    style = STYLES["messages"]
    for page in pages(preferences, PREFERENCE_COLUMNS, 0):
        yield [
            (values, row) for values in page for row in _preference_rows(values, style, [], None)
        ]


def _refuse_what_would_be_lost(preferences: QuerySet[Preference], wanted: ExportOptions) -> None:
    style = STYLES[wanted.style]
    if style.is_text:
        refuse_beyond_text(preferences, wanted.style)
    elif wanted.is_plain:
        refuse_beyond_content(
            preferences,
            of_prompts=style.is_of_prompts,
            of_comparisons=style.is_of_comparisons,
        )


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
    end, is_cut = end_of(preferences, start.number, last, limit)
    _refuse_what_would_be_lost(
        preferences.filter(change_number__gt=start.number, change_number__lte=end), wanted
    )
    upto = preferences.filter(change_number__lte=end)
    read = pages(upto, (*PREFERENCE_COLUMNS, "change_number"), start.number, "change_number")
    return Changes(_rows_of_pages(project, read, wanted), start.at(end), is_cut)


def end_of(rows: QuerySet[Any], start: int, last: int, limit: int | None) -> tuple[int, bool]:
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
    project: Project, read: Iterable[list[Row]], wanted: ExportOptions
) -> Iterator[Row]:
    style = STYLES[wanted.style]
    votes: dict[int, list[VoteOfPair]] = {}
    rankings: dict[int, Ranking] = {}
    for page in read:
        if style.needs_votes:
            votes = votes_on(project.pk, page, with_names=wanted.with_names)
        if style.is_of_comparisons:
            rankings = rankings_of(values["comparison_id"] for values in page)
        for values in page:
            ranking = rankings.get(values["comparison_id"])
            yield from _preference_rows(values, style, votes.get(values["id"], []), ranking)


def _preference_rows(
    values: Row, style: Style, votes: list[VoteOfPair], ranking: Ranking | None
) -> list[Row]:
    """Writes a preference without nulls. The library `datasets` takes a column's type from the
    first rows it sees, and could not load a file whose first megabytes hold null there."""
    beside = _beside(values)
    pair = Pair(
        prompt=values["prompt__messages"],
        chosen=Answer(values["chosen__text"], values["chosen__extra"]),
        rejected=Answer(values["rejected__text"], values["rejected__extra"]),
        is_both_bad=values["kind"] == BOTH_BAD,
        prompt_id=values["prompt_id"],
        project=values["project__slug"],
        split=values["split"],
        votes=votes,
        ranking=ranking,
        kind=values["kind"],
        target=values["target"],
        comparison=values["comparison_id"],
        is_turned=beside["fingerprint"][-1] in "13579bdf",
    )
    if len(style.beside) < len(beside):
        beside = {name: beside[name] for name in style.beside}
    # Tools and the like are in few files, so no column of the others.
    return [
        {"id": values["id"], **own, **values["prompt__extra"], **beside}
        for own in style.write(pair)
    ]


def _beside(values: Row) -> Row:
    """What is known of a preference beside what a trainer reads, the same in every style."""
    for_chosen, for_rejected = values["votes_chosen"], values["votes_rejected"]
    ties, both_bad = values["votes_tie"], values["votes_both_bad"]
    return {
        "kind": values["kind"],
        "target": values["target"],
        "strength": values["strength"] or 0.0,
        "weight": values["weight"],
        "vote_share": values["vote_share"] or 0.0,
        "judgments": for_chosen + for_rejected + ties + both_bad,
        "votes_chosen": for_chosen,
        "votes_rejected": for_rejected,
        "votes_tie": ties,
        "votes_both_bad": both_bad,
        "split": values["split"],
        "provenance": values["provenance"],
        "arm": values["arm"],
        "round": values["round_number"] or 0,
        "chosen_model": values["chosen__source"],
        "rejected_model": values["rejected__source"],
        "tags": as_words(values["prompt__tags"]),
        "excluded": bool(values["excluded"]),
        "excluded_reason": values["excluded_reason"],
        "settled_at": values["settled_at"],
        "fingerprint": fingerprint(
            values["prompt__digest"], (values["chosen__digest"], values["rejected__digest"])
        ),
        "metadata": as_json(values["prompt__metadata"]),
        "chosen_metadata": as_json(values["chosen__metadata"]),
        "rejected_metadata": as_json(values["rejected__metadata"]),
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
    if size is None:
        return iter(rows)
    return (row for group in islice(_by_id(rows), size) for row in group)


def _by_id(rows: Iterable[Row]) -> Iterator[list[Row]]:
    yield from (list(group) for _, group in groupby(rows, key=itemgetter("id")))


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
