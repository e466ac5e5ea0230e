"""The curation dashboard and the audit log."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from labeling import adaptive, quality
from labeling.access import project_for
from labeling.curation import audit_actions, audit_entries
from labeling.facets import LABELS
from labeling.finding import STATES
from labeling.flags import flags_of
from labeling.measures.bootstrap import Estimate
from labeling.models import AuditEntry, Comparison, Judgment, Preference, Project, Role
from labeling.models.material import Split
from labeling.pages.preferences import number_in, wants_fragment
from labeling.pages.requests import SignedInRequest

AUDIT_PAGE = 50


@login_required
@require_GET
def dashboard(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    kinds = quality.judgments_by_kind(project)
    counts = preference_counts(project)
    context = {
        "project": project,
        "judgments": sum(kinds.values()),
        "counts": counts,
        "agreement": quality.agreement(project),
        "left": quality.left_share(project),
        "comparisons": project.comparisons.exclude(state=Comparison.State.CHECK).count(),
        "saved": adaptive.judgments_saved(project),
        "flagged": flags_of(project).count(),
    }
    if context["judgments"] or counts["all"]:
        context["charts"] = [
            _judgments_chart(project),
            _agreement_chart(project),
            _kinds_chart(project, kinds),
            _counts_chart(project, "Preferences by provenance", "provenance", counts),
            _counts_chart(project, "Preferences by split", "split", counts),
            _counts_chart(project, "Preferences by state", "state", counts),
        ]
    return render(request, "curation/dashboard.html", context)


def preference_counts(project: Project) -> dict[str, Any]:
    """How many preferences there are of each state, provenance and split, in one query."""
    groups = {
        "state": STATES,
        "provenance": {name: Q(provenance=name) for name in Preference.Provenance.values},
        "split": {name: Q(split=name) for name in Split.values},
    }
    found = Preference.objects.filter(project=project).aggregate(
        all=Count("id"),
        **{
            f"{group}_{name}": Count("id", filter=condition)
            for group, conditions in groups.items()
            for name, condition in conditions.items()
        },
    )
    return {"all": found["all"]} | {
        group: {name: found[f"{group}_{name}"] for name in conditions}
        for group, conditions in groups.items()
    }


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
    per_day = quality.judgments_per_day(project)
    return _chart(
        f"Judgments per day, last {quality.DAYS_SHOWN} days",
        "bar",
        [_short(day) for day in per_day],
        list(per_day.values()),
        [_rows_url(project, judged_on=day.isoformat()) for day in per_day],
        series="Judgments",
        note="Answers that were taken back are not counted.",
    )


def _agreement_chart(project: Project) -> dict[str, Any]:
    by_day = quality.agreement_by_day(project)
    # One place for each day since the first one with data: idle days take room too.
    days = [day for day in quality.last_days(quality.DAYS_SHOWN) if by_day and day >= min(by_day)]
    estimates = [by_day.get(day) for day in days]
    return _chart(
        f"Agreement between labelers, last {quality.DAYS_SHOWN} days",
        "line",
        [_short(day) for day in days],
        [_per_cent(estimate) for estimate in estimates],
        [_rows_url(project, settled_on=day.isoformat()) for day in days],
        series="Agreement",
        band=[_band(estimate) for estimate in estimates],
        y={"min": 0, "max": 100, "unit": " %"},
        unit=" %",
        note="Share of pairs of judgments that say the same, by the day the comparison was "
        "finished, with 95 % intervals by prompt. Needs two judgments of a comparison.",
    )


def _kinds_chart(project: Project, kinds: dict[str, int]) -> dict[str, Any]:
    return _chart(
        "Judgments by kind",
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
@require_GET
def audit(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    response = render(
        request,
        "curation/_audit.html" if wants_fragment(request) else "curation/audit.html",
        _audit_context(project, request.GET),
    )
    patch_vary_headers(response, ["HX-Request"])
    return response


@dataclass(frozen=True)
class AuditLine:
    """An entry with a link to what it is about, where that has a page, and its details in words."""

    entry: AuditEntry
    url: str
    details: list[tuple[str, str]]

    @classmethod
    def of(cls, project: Project, entry: AuditEntry) -> "AuditLine":
        url = ""
        if entry.target_type == "preference":
            url = reverse("preference", args=[project.slug, entry.target_id])
        # What the undo needs is of no use to a reader.
        details = [
            (name.replace("_", " "), str(value))
            for name, value in entry.details.items()
            if name not in ("batch", "was_by", "of") and value not in ("", None)
        ]
        if (together := entry.details.get("of")) and together > 1:
            details.append(("one of", f"{together:,} at once"))
        return cls(entry, url, details)


def _audit_context(project: Project, data: QueryDict) -> dict[str, Any]:
    wanted = {name: data.get(name, "").strip()[:150] for name in ("actor", "action", "target")}
    wanted = {name: text.replace("\0", "") for name, text in wanted.items()}
    before = number_in(data, "before")
    entries = audit_entries(project, **wanted)
    if before is not None:
        entries = entries.filter(id__lt=before)
    found = list(entries[: AUDIT_PAGE + 1])
    query = {name: text for name, text in wanted.items() if text}
    older = found[AUDIT_PAGE - 1].pk if len(found) > AUDIT_PAGE else None
    return {
        "project": project,
        "entries": [AuditLine.of(project, entry) for entry in found[:AUDIT_PAGE]],
        "wanted": wanted,
        "is_filtered": bool(query),
        "actors": project.memberships.values_list("user__username", flat=True).order_by(
            "user__username"
        )[:200],
        "actions": audit_actions(project),
        "older": older and urlencode({**query, "before": older}),
        "newest": before is not None and urlencode(query),
    }
