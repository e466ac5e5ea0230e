"""How far labelers agree: the coefficients, over time, by tag, by version of the guidelines.

It reads the judgments one by one, which takes time, so the curation dashboard loads it after
itself."""

from typing import Any

import numpy as np
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from labeling.models import Project, Role
from labeling.pages.requests import SignedInRequest, wants_fragment
from labeling.people.access import project_for
from labeling.quality import agreement
from labeling.quality import votes as answers
from labeling.quality.agreement import Agreement, Slice
from labeling.quality.measures.intervals import Estimate
from labeling.quality.votes import Votes


@login_required
@require_safe
def agreement_page(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    votes = answers.read_votes(project)
    whole = agreement.agreement_of(votes)
    context: dict[str, Any] = {
        "project": project,
        "judgments": len(votes),
        "outside": _outside_among(project, votes),
        "newest": answers.NEWEST,
        "whole": whole,
        "coefficients": _coefficients(whole),
    }
    if whole.percent is not None:
        context |= {
            "chart": _weeks_chart(project, agreement.by_week(votes)),
            "parts": [
                ("By tag", agreement.by_tag(project, votes)),
                ("By version of the guidelines", agreement.by_guidelines(project, votes)),
            ],
        }
    template = "curation/_agreement.html" if wants_fragment(request) else "curation/agreement.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _outside_among(project: Project, votes: Votes) -> int:
    """How many of those who judged are outside labelers."""
    outside = project.outside_labelers.values_list("pk", flat=True)
    return len(set(outside) & set(np.unique(votes.labeler).tolist()))


def _coefficients(whole: Agreement) -> list[tuple[str, str, str, str]]:
    """Returns for each coefficient its name, figure, interval and meaning."""
    return [
        (
            "Per cent agreement",
            "–" if whole.percent is None else f"{whole.percent.percent} %",
            _interval(whole.percent, per_cent=True),
            "Two people who judge the same pair say the same.",
        ),
        (
            "Krippendorff's alpha",
            *_coefficient(whole.alpha),
            "On the ordered scale: a near miss counts less than a contradiction. "
            "0 is chance, 1 is full agreement.",
        ),
        (
            "Fleiss' kappa",
            *_coefficient(whole.fleiss),
            "A, B, a tie and both bad as four answers without an order.",
        ),
        (
            "Cohen's kappa",
            *_coefficient(whole.cohen),
            "Averaged over the pairs of people who judged most together.",
        ),
    ]


def _coefficient(estimate: Estimate | None) -> tuple[str, str]:
    figure = "–" if estimate is None else _signed(estimate.value)
    return figure, _interval(estimate, per_cent=False)


def _interval(estimate: Estimate | None, *, per_cent: bool) -> str:
    if estimate is None:
        return "not enough judgments of the same pairs"
    if estimate.low is None or estimate.high is None:
        return "too few prompts for an interval"
    if per_cent:
        return f"{estimate.percent_low} to {estimate.percent_high} %"
    return f"{_signed(estimate.low)} to {_signed(estimate.high)}"


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _weeks_chart(project: Project, weeks: list[Slice]) -> dict[str, Any]:
    """What curation/_chart.html draws; weeks before the first judgment are left out."""
    first = next((i for i, week in enumerate(weeks) if week.judgments), 0)
    shown = weeks[first:]
    values = [None if week.alpha is None else round(week.alpha.value, 3) for week in shown]
    band = [_band(week.alpha) for week in shown]
    labels = [week.name for week in shown]
    link = reverse("preferences", args=[project.slug])
    spec = {
        "type": "line",
        "labels": labels,
        "series": [{"name": "alpha", "data": values, "band": band}],
        "y": {"max": 1},
    }
    return {
        "title": "Krippendorff's alpha by week of judging",
        "spec": spec,
        "rows": list(zip(labels, values, band, [link] * len(labels), strict=True)),
        "series": "alpha",
        "note": "Weeks begin on Monday. With 95 % intervals by prompt.",
    }


def _band(estimate: Estimate | None) -> list[float] | None:
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    return [round(estimate.low, 3), round(estimate.high, 3)]
