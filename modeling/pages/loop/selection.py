"""The selection page: what is in the queue and why, and whether choosing is worth it."""

import hashlib
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from labeling.models import Project, Role
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from modeling.loop.overview import queue_of
from modeling.loop.situation import Situation
from modeling.models import ArmLift, QueueOrder, RewardModel
from modeling.pages.chart_specs import Spec, chance_line, thin
from modeling.pages.polling import PagePart, answer_poll, render_part, with_marks
from modeling.selection import fallback
from modeling.selection import report as selection_view
from modeling.selection.report import HeadStanding
from modeling.settings.choices import Selection

EVERY_SECONDS = 3

# What each strategy does, for people who read no papers.
IN_WORDS = {
    Selection.UNCERTAINTY: "First comes what the reward model is least sure of: pairs it gives "
    "about even odds.",
    Selection.DISAGREEMENT: "First comes what would teach the reward model most: pairs on which "
    "models that fit the judgments so far disagree, whatever the noise in people's answers.",
    Selection.THOMPSON: "First comes what two models, drawn from all that fit the judgments so "
    "far, would decide differently.",
    Selection.MAX_MIN: "First come the pairs that are furthest apart in reward.",
    Selection.RANDOM: "Everything is handed out in random order.",
}


@login_required
@require_safe
def selection_page(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    live, drawn = _parts(request, project)
    context = {"project": project, "live": with_marks(live, drawn), "drawn": drawn.html()}
    return render(request, "modeling/selection/selection.html", context)


@login_required
@require_safe
def selection_live(request: SignedInRequest, slug: str) -> HttpResponse:
    return answer_poll(request, *_parts(request, project_for(request.user, slug, Role.CURATOR)))


@login_required
@require_POST
def selection_try_again(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.ADMIN)
    if fallback.try_again(project, request.user):
        name = Selection(project.loop_settings.selection).label.partition(":")[0]
        messages.success(request, f"{name} is tried again, from the next judgment on.")
    return redirect("selection", slug)


def _parts(request: SignedInRequest, project: Project) -> tuple[PagePart, PagePart]:
    order = QueueOrder.objects.filter(project=project).select_related("reward_model").first()
    followed = Selection(fallback.strategy_of(project).value)
    standing = selection_view.head_standing(project)
    lifts = selection_view.measured_lifts(project)
    arms = selection_view.judged_by_arm(project)
    situation = Situation(project)
    context: dict[str, Any] = {
        "project": project,
        "order": order,
        "followed": followed,
        "in_words": IN_WORDS[followed],
        "fallen_back": followed != project.loop_settings.selection,
        "asked": Selection(project.loop_settings.selection).label.partition(":")[0],
        "queue": queue_of(situation),
        "reward_model": situation.reward_model,
        "standing": standing,
        "lift": selection_view.pooled_lift(project),
        "rows": selection_view.next_in_line(project, order),
        "is_admin": project.role_of_viewer == Role.ADMIN,
        "every": EVERY_SECONDS,
    }
    live = render_part(request, "modeling/selection/_selection-live.html", context)
    return live, PagePart(
        _drawn_mark(order, standing, lifts, arms), lambda: _charts(order, standing, lifts, arms)
    )


def _drawn_mark(order: QueueOrder | None, *others: object) -> str:
    """Changes with the histogram and with every guess, measurement and judged comparison."""
    histogram = order.summary.get("histogram") if order else None
    standing, lifts, arms = others
    points = len(standing.curve) if isinstance(standing, HeadStanding) else 0
    last = standing.head.value if isinstance(standing, HeadStanding) else 0
    state = (histogram, points, last, [(r.pk, r.judgments) for r in lifts], arms)  # type: ignore[attr-defined]
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]


def _charts(
    order: QueueOrder | None,
    standing: HeadStanding | None,
    lifts: list[ArmLift],
    arms: dict[str, int],
) -> str:
    context = {
        "histogram": histogram_spec(order),
        "curve": curve_spec(standing),
        "lifts": lift_spec(lifts),
        "arms": arms_spec(arms),
    }
    return render_to_string("modeling/selection/_selection-charts.html", context)


def histogram_spec(order: QueueOrder | None) -> Spec | None:
    histogram = order.summary.get("histogram") if order else None
    if not histogram or not sum(histogram["count"]):
        return None
    return {
        "type": "bar",
        "labels": [f"{100 * low:.0f}–{100 * low + 5:.0f} %" for low in histogram["from"]],
        "series": [{"name": "comparisons", "data": histogram["count"]}],
        "y": {"min": 0},
    }


def curve_spec(standing: HeadStanding | None) -> Spec | None:
    if standing is None:
        return None
    head = thin([(count, ours) for count, ours, _ in standing.curve])
    model = thin([(count, theirs) for count, _, theirs in standing.curve])
    return {
        "type": "line",
        "labels": [count for count, _ in head],
        "series": [
            {"name": "instant head", "data": [round(100 * share, 1) for _, share in head]},
            {"name": "model alone", "data": [round(100 * share, 1) for _, share in model]},
            chance_line(len(head)),
        ],
        "y": {"unit": " %"},
    }


def lift_spec(lifts: list[ArmLift]) -> Spec | None:
    if not lifts:
        return None
    models: list[RewardModel] = [row.reward_model for row in lifts]
    bands = [[round(100 * r.accuracy_low, 1), round(100 * r.accuracy_high, 1)] for r in lifts]
    return {
        "type": "line",
        "labels": [f"v{model.version}" for model in models],
        "series": [
            {
                "name": "lift",
                "data": [round(100 * row.accuracy, 1) for row in lifts],
                "band": bands,
            }
        ],
        "y": {"unit": " points"},
        "links": [reverse("reward-model", args=[model.pk]) for model in models],
    }


def arms_spec(arms: dict[str, int]) -> Spec | None:
    if not arms:
        return None
    return {
        "type": "bar",
        "labels": list(arms),
        "series": [{"name": "judged comparisons", "data": list(arms.values())}],
        "y": {"min": 0},
    }
