"""Shows the table of preferences, and one preference with everything behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from labeling.curation import decisions
from labeling.curation.doubts import doubt_of
from labeling.curation.facets import count_facets, source_label
from labeling.curation.finding import (
    SEARCH_WINDOW,
    FilterError,
    PreferenceFilter,
    matching,
    preference_page,
    window_for,
)
from labeling.curation.metadata_facets import COUNTED, metadata_facets
from labeling.material.shown.showing import BesideTexts, ShownText, show_anyway
from labeling.models import Doubt, Judgment, Preference, Project, Response, Role, User
from labeling.pages.curation.comments import thread_context
from labeling.pages.numbers import number_in
from labeling.pages.requests import SignedInRequest, wants_fragment
from labeling.people.access import project_for
from labeling.texts.limits import BIGGEST_ID
from labeling.texts.messages import parts_of
from labeling.texts.metadata import as_json

LAST_CHANGE = "last_change"


@login_required
@require_safe
def preferences(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    try:
        context = table_context(project, request.GET)
    except FilterError as error:
        context = {"project": project, "error": error, "wanted": PreferenceFilter(), "total": 0}
    context["last_change"] = request.session.pop(LAST_CHANGE, None)
    opened = number_in(request.GET, "open")
    if opened is not None and not wants_fragment(request):
        opened_row = Preference.objects.filter(project=project, pk=opened).first()
        if opened_row:
            context |= detail_context(opened_row, context["wanted"], request.user)
    return _page_or_fragment(
        request, "preferences", context, status=422 if "error" in context else 200
    )


@login_required
@require_safe
def preference(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    try:
        wanted = PreferenceFilter.parse(request.GET)
    except FilterError:
        wanted = PreferenceFilter()  # the filter only decides where "back" leads
    if pk > BIGGEST_ID:
        raise Http404("There is no such preference.")
    row = get_object_or_404(Preference, project=project, pk=pk)
    context = {"project": project, **detail_context(row, wanted, request.user)}
    fragment = wants_fragment(request)
    context["last_change"] = None if fragment else request.session.pop(LAST_CHANGE, None)
    return _page_or_fragment(request, "preference", context)


def table_context(project: Project, data: QueryDict) -> dict[str, Any]:
    """Returns what curation/preferences/_preferences.html shows for this address."""
    wanted = PreferenceFilter.parse(data)
    window = window_for(project, wanted, start=number_in(data, "from"))
    before, after = number_in(data, "before"), number_in(data, "after")
    rows = matching(project, wanted, window)
    page = preference_page(rows, before=before, after=after, by_doubt=bool(wanted.doubt))
    facets, total = count_facets(project, wanted, window)
    start = {"from": number_in(data, "from")}
    places = [("before", before), ("after", after), *start.items()]
    return {
        "project": project,
        "wanted": wanted,
        "window": window,
        "facets": facets,
        "metadata_facets": metadata_facets(project, wanted, window),
        "metadata_counted": COUNTED,
        "total": total,
        "rows": _with_doubts([PreferenceRow.of(row) for row in page.rows]),
        "state_fields": [*wanted.fields, *((name, at) for name, at in places if at is not None)],
        "filter_query": wanted.querystring(),
        "has_any": total > 0 or Preference.objects.filter(project=project).exists(),
        "older": page.older and wanted.querystring(before=page.older, **start),
        "newer": page.newer and wanted.querystring(after=page.newer, **start),
        "search_on": window.low and wanted.querystring(**{"from": window.low}),
        "search_window": SEARCH_WINDOW,
        "chips": _chips(wanted),
        "bulk_limit": decisions.BULK_LIMIT,
    }


def _chips(wanted: PreferenceFilter) -> list[tuple[str, str]]:
    """Returns the filters that no facet shows: each in words, with the query without it."""
    texts = {
        "answer": f"with a judgment “{wanted.answer.replace('_', ' ')}”",
        "judged_on": f"judged on {wanted.judged_on}",
        "settled_on": f"settled on {wanted.settled_on}",
    }
    chips = [(text, {name: ""}) for name, text in texts.items() if getattr(wanted, name)]
    chips += [(f"{one.key} is {one.value}", {one.name: ""}) for one in wanted.metadata]
    return [(text, wanted.querystring(**changes)) for text, changes in chips]


@dataclass(frozen=True)
class PreferenceRow:
    """A row of the table."""

    preference: Preference
    votes: str
    chosen_by: str
    rejected_by: str
    doubt: Doubt | None = None

    @classmethod
    def of(cls, row: Any) -> "PreferenceRow":
        """Makes a row of a preference that excerpts.with_excerpts has annotated."""
        return cls(
            row,
            votes_of(row),
            _source(row.chosen_version, row.chosen_source),
            _source(row.rejected_version, row.rejected_source),
        )


def _with_doubts(rows: list[PreferenceRow]) -> list[PreferenceRow]:
    """Adds to each row what the reward model says against it, with one query."""
    by_preference = {row.preference.pk: row for row in rows}
    doubts = {
        doubt.preference_id: doubt
        for doubt in Doubt.objects.filter(preference__in=by_preference, confirmed_at__isnull=True)
        if doubt.chosen_id == by_preference[doubt.preference_id].preference.chosen_id
    }
    return [replace(row, doubt=doubts.get(row.preference.pk)) for row in rows]


@dataclass(frozen=True)
class PreferenceSide:
    """One of the two responses of a preference, as the drawer shows it."""

    title: str
    source: str
    response: Response
    text: ShownText
    metadata: list[tuple[str, str]]


def votes_of(row: Preference) -> str:
    """Says the votes, as in “2 : 1, 1 tie”. Empty where nobody judged, as with imported
    preferences."""
    parts = []
    if row.votes_chosen or row.votes_rejected:
        parts.append(f"{row.votes_chosen} : {row.votes_rejected}")
    if row.votes_tie:
        parts.append(f"{row.votes_tie} tie{'' if row.votes_tie == 1 else 's'}")
    if row.votes_both_bad:
        parts.append(f"{row.votes_both_bad} both bad")
    return ", ".join(parts)


def _source(version: int | None, name: str) -> str:
    return source_label(f"{'' if version is None else version}|{name}")


def detail_context(row: Preference, wanted: PreferenceFilter, viewer: User) -> dict[str, Any]:
    joined = ("project", "prompt", "chosen", "rejected", "comparison", "excluded_by")
    shown = Preference.objects.select_related(*joined).get(pk=row.pk)
    beside = BesideTexts(shown.prompt.extra, [shown.chosen.extra, shown.rejected.extra], parts_of)
    texts = show_anyway(shown.prompt.messages, [shown.chosen.text, shown.rejected.text], beside)
    sides = [
        PreferenceSide(
            name,
            _source(response.policy_version, response.source),
            response,
            text,
            metadata_in_words(response.metadata),
        )
        for name, response, text in zip(
            _titles(shown), (shown.chosen, shown.rejected), texts.responses, strict=True
        )
    ]
    return {
        "preference": shown,
        "sides": sides,
        "metadata": metadata_in_words(shown.prompt.metadata),
        "messages_shown": texts.messages,
        "given": texts.given,
        "votes": votes_of(shown),
        "doubt": doubt_of(shown),
        "judgments": [
            (judgment, *judgment_in_words(judgment, shown))
            for judgment in decisions.judgments_behind(shown)
        ],
        "history": decisions.history_of(shown),
        **thread_context(shown.project, shown.comparison, viewer),
        "table_url": table_url(shown.project, wanted, open=shown.pk),
        "back_url": table_url(shown.project, wanted),
        "filter_query": wanted.querystring(),
        "wanted": wanted,
    }


def metadata_in_words(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each key with its value as text."""
    return [
        (name, value if isinstance(value, str) else as_json(value))
        for name, value in metadata.items()
    ]


def _titles(row: Preference) -> tuple[str, str]:
    if row.kind == Preference.Kind.PREFER:
        return "Chosen", "Rejected"
    return "First response", "Second response"


def judgment_in_words(judgment: Judgment, row: Preference) -> tuple[str, str]:
    """Says how the judgment answered this pair, and where the two stood on the labeler's screen."""
    first, second = _titles(row)
    place = {response: number for number, response in enumerate(judgment.order)}
    tier = {response: number for number, group in enumerate(judgment.tiers) for response in group}
    a, b = row.chosen_id, row.rejected_id
    if judgment.kind in (Judgment.Kind.BOTH_BAD, Judgment.Kind.SKIP, Judgment.Kind.FLAG):
        verdict = {"both_bad": "both bad", "skip": "skipped", "flag": "flagged"}[judgment.kind]
    elif a not in tier or b not in tier:
        verdict = judgment.get_kind_display()
    elif tier[a] == tier[b]:
        verdict = "about the same"
    else:
        verdict = f"{first if tier[a] < tier[b] else second} is better"
    where = ""
    if len(judgment.order) == 2 and a in place:
        where = f"{first} on the {'left' if place[a] == 0 else 'right'}"
    elif a in place and b in place:
        where = f"{first} in place {place[a] + 1}, {second.lower()} in place {place[b] + 1}"
    return verdict, where


def table_url(project: Project, wanted: PreferenceFilter, **places: Any) -> str:
    query = wanted.querystring(**places)
    return reverse("preferences", args=[project.slug]) + (f"?{query}" if query else "")


def _page_or_fragment(
    request: SignedInRequest, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    prefix = "_" if wants_fragment(request) else ""
    template = f"curation/preferences/{prefix}{name}.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response
