"""The curation dashboard and the audit log."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from labeling.curation.comments import readable
from labeling.curation.decisions import audit_actions, audit_entries
from labeling.curation.facets import LABELS, preference_counts
from labeling.curation.flags import flags_of
from labeling.curation.set_aside import set_aside_in
from labeling.judging import adaptive
from labeling.models import Comparison, Judgment, Project, Role
from labeling.pages.curation.audit_lines import lines_of
from labeling.pages.naming import key_asked
from labeling.pages.numbers import number_in
from labeling.pages.requests import SignedInRequest, wants_fragment
from labeling.people.access import project_for
from labeling.people.clock import server_zone
from labeling.quality import figures
from labeling.quality.measures.intervals import Estimate

AUDIT_PAGE = 50


@login_required
@require_safe
def dashboard(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    kinds = figures.judgments_by_kind(project)
    counts = preference_counts(project)
    left = figures.left_share(project)
    context = {
        "project": project,
        "judgments": sum(kinds[kind] for kind in Judgment.ANSWERS),
        "outside_judgments": figures.outside_judgments(project),
        "counts": counts,
        "agreement": figures.agreement(project),
        "left": left,
        "is_one_sided": left is not None and left.excludes(0.5),
        "comparisons": project.comparisons.exclude(state=Comparison.State.CHECK).count(),
        "saved": adaptive.judgments_saved(project),
        "comments": readable(project, request.user).filter(resolved_at__isnull=True).count(),
        "flagged": flags_of(project).count() + set_aside_in(project).count(),
    }
    if sum(kinds.values()) or counts["all"]:
        context["charts"] = [
            _judgments_chart(project),
            _agreement_chart(project),
            _kinds_chart(project, kinds),
            _counts_chart(project, "Preferences by provenance", "provenance", counts),
            _counts_chart(project, "Preferences by split", "split", counts),
            _counts_chart(project, "Preferences by state", "state", counts),
        ]
    return render(request, "curation/dashboard.html", context)


def _chart(
    title: str, kind: str, labels: list[str], values: list[Any], links: list[str], **more: Any
) -> dict[str, Any]:
    """What curation/_chart.html draws, with the same numbers for the table behind it."""
    band = more.pop("band", None)
    series = {"name": more["series"], "data": values}
    if band:
        series["band"] = band
    spec = {"type": kind, "labels": labels, "series": [series], "links": links}
    if "y" in more:
        spec["y"] = more.pop("y")
    edges = band or [None] * len(values)
    rows = list(zip(labels, values, edges, links, strict=True))
    return {"title": title, "spec": spec, "rows": rows, **more}


def _judgments_chart(project: Project) -> dict[str, Any]:
    per_day = figures.judgments_per_day(project)
    return _chart(
        f"Judgments per day, last {figures.DAYS_SHOWN} days",
        "bar",
        [_short(day) for day in per_day],
        list(per_day.values()),
        [_rows_url(project, judged_on=day.isoformat()) for day in per_day],
        series="Judgments",
        note="Skips, flags and answers that were taken back are not counted. "
        f"Days are those of {server_zone()}.",
    )


def _agreement_chart(project: Project) -> dict[str, Any]:
    by_day = figures.agreement_by_day(project)
    # Every day since the first one with data has a place, so that idle weeks show as such.
    days = [day for day in figures.last_days(figures.DAYS_SHOWN) if by_day and day >= min(by_day)]
    estimates = [by_day.get(day) for day in days]
    return _chart(
        f"Agreement between labelers, last {figures.DAYS_SHOWN} days",
        "line",
        [_short(day) for day in days],
        [_per_cent(estimate) for estimate in estimates],
        [_rows_url(project, settled_on=day.isoformat()) for day in days],
        series="Agreement",
        band=[_band(estimate) for estimate in estimates],
        y={"min": 0, "max": 100, "unit": " %"},
        unit=" %",
        note="Share of pairs of judgments that say the same, by the day the comparison was "
        "finished, with 95 % intervals by prompt. Needs two judgments of a comparison. "
        f"Days are those of {server_zone()}.",
    )


def _kinds_chart(project: Project, kinds: dict[str, int]) -> dict[str, Any]:
    return _chart(
        "Judgments, skips and flags",
        "bar",
        [str(Judgment.Kind(kind).label).lower() for kind in kinds],
        list(kinds.values()),
        [_rows_url(project, answer=kind) for kind in kinds],
        series="Judgments",
        note="The links lead to the settled preferences with such a judgment.",
    )


def _counts_chart(
    project: Project, title: str, field: str, counts: dict[str, Any]
) -> dict[str, Any]:
    values = counts[field]
    return _chart(
        title,
        "bar",
        [LABELS.get(name, name) for name in values],
        list(values.values()),
        [_rows_url(project, **{field: name}) for name in values],
        series="Preferences",
    )


def _rows_url(project: Project, **wanted: str) -> str:
    return f"{reverse('preferences', args=[project.slug])}?{urlencode(wanted)}"


def _short(day: date) -> str:
    return f"{day.day} {day:%b}"


def _per_cent(estimate: Estimate | None) -> float | None:
    return None if estimate is None else round(100 * estimate.value, 1)


def _band(estimate: Estimate | None) -> list[float] | None:
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    return [round(100 * estimate.low, 1), round(100 * estimate.high, 1)]


@login_required
@require_safe
def audit(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    response = render(
        request,
        "curation/_audit.html" if wants_fragment(request) else "curation/audit.html",
        _audit_context(project, request.GET),
    )
    patch_vary_headers(response, ["HX-Request"])
    return response


def _audit_context(project: Project, data: QueryDict) -> dict[str, Any]:
    wanted = {name: data.get(name, "").strip()[:150] for name in ("actor", "action", "target")}
    wanted = {name: text.replace("\0", "") for name, text in wanted.items()}
    before = number_in(data, "before")
    asked = {**wanted, "target": key_asked(project, wanted["target"])}
    entries = audit_entries(project, **asked)
    if before is not None:
        entries = entries.filter(id__lt=before)
    entries_and_one = list(entries[: AUDIT_PAGE + 1])
    query = {name: text for name, text in wanted.items() if text}
    older = entries_and_one[AUDIT_PAGE - 1].pk if len(entries_and_one) > AUDIT_PAGE else None
    return {
        "project": project,
        "entries": lines_of(project, entries_and_one[:AUDIT_PAGE]),
        "wanted": wanted,
        "is_filtered": bool(query),
        "actors": project.memberships.values_list("user__username", flat=True).order_by(
            "user__username"
        )[:200],
        "actions": audit_actions(project),
        "older": older and urlencode({**query, "before": older}),
        "newest": before is not None and urlencode(query),
    }
