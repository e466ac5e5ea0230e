"""Finding preferences: the filter in a page's address, search, facets with counts, keyset pages.

A search reads texts, which no index helps with, so it looks at the newest `SEARCH_WINDOW`
preferences that pass the other filters, and goes on further back only when asked. Capital and
small letters are the same; on SQLite that holds for a–z only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.curation.doubts import DOUBTS
from labeling.material.adding import prompts_with_near_copies
from labeling.material.excerpts import AllContents, AllValues, with_excerpts
from labeling.material.metadata_conditions import (
    ConditionRefused,
    MetadataCondition,
    conditions_in,
    with_metadata,
)
from labeling.models import Doubt, Judgment, Preference, Project, User
from labeling.models.material import Arm, Split
from labeling.people.clock import server_zone

PAGE_SIZE = 50
SEARCH_WINDOW = 20_000

STATES = {
    "in_use": Q(excluded=False, settled_at__isnull=False),
    "excluded": Q(excluded=True),
    "redoing": Q(excluded=False, settled_at__isnull=True),
}
ARMS = [value for value in Arm.values if value]


class FilterError(ValueError):
    """The filter asks for something that does not exist. `field` names where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class PreferenceFilter:
    """What a curator asked to see. Empty fields do not filter."""

    q: str = ""
    state: str = ""
    kind: str = ""
    provenance: str = ""
    split: str = ""
    arm: str = ""
    source: str = ""  # "3|helper" is version 3 of policy helper, "|gpt" a source without versions
    labeler: str = ""  # user name
    answer: str = ""  # kind of a judgment that stands
    judged_on: str = ""  # ISO date of a judgment that stands
    settled_on: str = ""
    doubt: str = ""  # what the reward model contradicts: "open" comes strongest first
    near: str = ""  # "prompts": those whose prompt has near copies
    metadata: tuple[MetadataCondition, ...] = ()

    CHOICES: ClassVar[Mapping[str, list[str]]] = {
        "state": list(STATES),
        "kind": Preference.Kind.values,
        "provenance": Preference.Provenance.values,
        "split": Split.values,
        "arm": ARMS,
        "answer": Judgment.Kind.values,
        "doubt": list(DOUBTS),
        "near": ["prompts"],
    }

    def __post_init__(self) -> None:
        for field, choices in self.CHOICES.items():
            value = getattr(self, field)
            if value and value not in choices:
                raise FilterError(
                    field, f"There is no {field} “{value}”; choose one of {', '.join(choices)}."
                )
        for field in ("judged_on", "settled_on"):
            _day(field, getattr(self, field))
        if len(self.q) > 200:
            raise FilterError("q", "A search may have at most 200 characters.")
        if self.source and "|" not in self.source:
            raise FilterError("source", f"“{self.source}” names no source of responses.")
        version = self.source.partition("|")[0]
        # Ten digits and more overflow the column, which is an error on PostgreSQL.
        if version and not (version.isascii() and version.isdigit() and len(version) < 10):
            raise FilterError("source", f"“{version}” is no version of a policy.")
        if "\0" in "".join(value for _, value in self.fields):
            raise FilterError("q", "A filter cannot contain the NUL character.")

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "PreferenceFilter":
        values: dict[str, Any] = {
            name: str(data.get(name, "")).strip() for name in cls._plain_fields()
        }
        try:
            return cls(**values, metadata=conditions_in(data))
        except ConditionRefused as refused:
            raise FilterError(refused.field, str(refused)) from None

    @classmethod
    def _plain_fields(cls) -> list[str]:
        return [field.name for field in fields(cls) if field.name != "metadata"]

    def querystring(self, **changes: Any) -> str:
        """The filter as an address, with `changes` made; what is empty is left out."""
        values = {**dict(self.fields), **changes}
        return urlencode({name: value for name, value in values.items() if value})

    def without(self, *names: str) -> "PreferenceFilter":
        empty: dict[str, Any] = dict.fromkeys(names, "")
        return replace(self, **empty)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What is asked for, as hidden fields of a form."""
        plain = [(name, getattr(self, name)) for name in self._plain_fields()]
        conditions = [(condition.name, condition.value) for condition in self.metadata]
        return [(name, value) for name, value in (*plain, *conditions) if value]

    @property
    def is_empty(self) -> bool:
        return not self.fields


def _day(field: str, text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise FilterError(field, f"“{text}” is no date; write it as 2026-01-31.") from None
    # A day of the first or the last year can lie outside the calendar in another zone.
    if not date.min.year < day.year < date.max.year:
        raise FilterError(field, f"“{text}” is too far away; write a date such as 2026-01-31.")
    return day


def _on_day(column: str, text: str) -> dict[str, datetime]:
    """Conditions for a time on this day, in the server's zone. A range can use the column's index,
    which a truncated date cannot."""
    day = date.fromisoformat(text)
    start = datetime(day.year, day.month, day.day, tzinfo=server_zone())
    return {f"{column}__gte": start, f"{column}__lt": start + timedelta(days=1)}


@dataclass(frozen=True)
class Window:
    """The ids looked at: above `low`, up to and including `high`; None is unbounded.

    `high` is fixed when a page is made, so that what is settled later cannot slip into an
    action on "all that match".
    """

    low: int | None = None
    high: int | None = None

    @property
    def condition(self) -> Q:
        condition = Q()
        if self.low is not None:
            condition &= Q(id__gt=self.low)
        if self.high is not None:
            condition &= Q(id__lte=self.high)
        return condition


def window_for(project: Project, wanted: PreferenceFilter, start: int | None = None) -> Window:
    """The window of all preferences so far; for a search, of the newest SEARCH_WINDOW of them from
    `start` back."""
    newest = Preference.objects.filter(project=project).order_by("-id").values_list("id", flat=True)
    high = start if start is not None else newest.first()
    if not wanted.q or high is None:
        return Window(high=high)
    within = _narrowed(project, wanted).filter(id__lte=high).order_by("-id")
    beyond = within.values_list("id", flat=True)[SEARCH_WINDOW : SEARCH_WINDOW + 1]
    return Window(low=next(iter(beyond), None), high=high)


def matching(project: Project, wanted: PreferenceFilter, window: Window) -> QuerySet[Preference]:
    """The preferences in the window that pass the filter and hold the text searched for."""
    rows = _narrowed(project, wanted).filter(window.condition)
    if not wanted.q:
        return rows
    rows = rows.alias(
        prompt_text=AllContents("prompt__messages"),
        chosen_beside=AllValues("chosen__extra"),
        rejected_beside=AllValues("rejected__extra"),
    )
    return rows.filter(_holds_text(project, wanted.q))


def _narrowed(project: Project, wanted: PreferenceFilter) -> QuerySet[Preference]:
    """The preferences that pass every filter but the text."""
    rows = with_metadata(Preference.objects.filter(project=project), wanted.metadata)
    if wanted.state:
        rows = rows.filter(STATES[wanted.state])
    for field in ("kind", "provenance", "split", "arm"):
        if getattr(wanted, field):
            rows = rows.filter(**{field: getattr(wanted, field)})
    if wanted.source:
        rows = rows.filter(_from_source(wanted.source))
    if wanted.doubt:
        rows = rows.filter(DOUBTS[wanted.doubt])
    if wanted.near:
        rows = rows.filter(prompt__in=prompts_with_near_copies(project))
    if wanted.settled_on:
        rows = rows.filter(**_on_day("settled_at", wanted.settled_on))
    judged: dict[str, Any] = {}
    if wanted.labeler:
        judged["labeler__username"] = wanted.labeler
    if wanted.answer:
        judged["kind"] = wanted.answer
    if wanted.judged_on:
        judged |= _on_day("created_at", wanted.judged_on)
    return rows.filter(_judged(**judged)) if judged else rows


def _judged(**conditions: Any) -> Exists:
    """Whether a judgment that stands meets these conditions."""
    return Exists(
        Judgment.objects.filter(
            comparison=OuterRef("comparison"), superseded_at__isnull=True, **conditions
        )
    )


def _from_source(source: str) -> Q:
    version, _, name = source.partition("|")
    number = int(version) if version else None
    chosen, rejected = (
        Q(**{f"{side}__source": name, f"{side}__policy_version": number})
        if number is not None
        else Q(**{f"{side}__source": name, f"{side}__policy_version__isnull": True})
        for side in ("chosen", "rejected")
    )
    return chosen | rejected


def _holds_text(project: Project, text: str) -> Q:
    condition = (
        Q(chosen__text__icontains=text)
        | Q(rejected__text__icontains=text)
        | Q(prompt_text__icontains=text)
        | Q(chosen_beside__icontains=text)
        | Q(rejected_beside__icontains=text)
    )
    number = text.removeprefix("#")
    # Longer numbers overflow the column, which is an error on both databases.
    if number.isascii() and number.isdigit() and len(number) < 18:
        condition |= Q(id=int(number))
    labelers = list(
        User.objects.filter(username__icontains=text, judgments__project=project)
        .distinct()
        .values_list("id", flat=True)[:100]
    )
    return condition | Q(_judged(labeler__in=labelers)) if labelers else condition


@dataclass(frozen=True)
class Page:
    """Rows newest first; `older` and `newer` are the ids to go on from, None at an end."""

    rows: list[Preference]
    older: int | None
    newer: int | None


def preference_page(
    rows: QuerySet[Preference],
    *,
    before: int | None = None,
    after: int | None = None,
    by_doubt: bool = False,
) -> Page:
    """Reads one keyset page, which costs the same however far back it lies. With `by_doubt` the
    most strongly doubted come first; each row then has a doubt."""
    rows = with_excerpts(rows)
    if after is not None:
        order = ("doubt__strength", "id") if by_doubt else ("id",)
        ahead = rows.filter(_beyond(after, "gt", by_doubt))
        page = list(ahead.order_by(*order)[: PAGE_SIZE + 1])
        more_newer, more_older = len(page) > PAGE_SIZE, True
        page = page[:PAGE_SIZE][::-1]
    else:
        order = ("-doubt__strength", "-id") if by_doubt else ("-id",)
        rows = rows.filter(_beyond(before, "lt", by_doubt)) if before is not None else rows
        page = list(rows.order_by(*order)[: PAGE_SIZE + 1])
        more_newer, more_older = before is not None, len(page) > PAGE_SIZE
        page = page[:PAGE_SIZE]
    if not page:
        return Page([], None, None)
    return Page(
        page,
        older=page[-1].pk if more_older else None,
        newer=page[0].pk if more_newer else None,
    )


def _beyond(pk: int, side: str, by_doubt: bool) -> Q:
    """The condition for rows that come after the row `pk` in the order (`lt`), or before it (`gt`).
    By id alone where the row has no doubt any more."""
    strength = Doubt.objects.filter(preference=pk).values_list("strength", flat=True).first()
    if not by_doubt or strength is None:
        return Q(**{f"id__{side}": pk})
    return Q(**{f"doubt__strength__{side}": strength}) | Q(
        **{"doubt__strength": strength, f"id__{side}": pk}
    )
