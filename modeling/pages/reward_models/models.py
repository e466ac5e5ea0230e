"""Reward models: the versions, the page of one, two of them compared, and what is done by hand."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from labeling.curation.doubts import open_doubts
from labeling.models import Project, Role
from labeling.pages.numbers import whole_number
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for, projects_of
from labeling.projects.model_locations import NotUsable
from labeling.texts.shown_paths import details_without_paths
from modeling.models import Loop, RewardModel, deciding
from modeling.models.versions import reward_model_by
from modeling.pages import chart_specs
from modeling.pages.reward_models import report as model_report
from modeling.pages.reward_models.gate_report import gate_report
from modeling.pages.runs.run_results import flat_rows
from modeling.pages.runs.runs import TRAINING_CURVES
from modeling.pages.versions import offered_versions, seen_in_service, version_asked
from modeling.reward_models import drift, gates, service
from modeling.reward_models.accuracy import accuracy_of, yardsticks_of
from modeling.reward_models.evaluating import agreement_on, on_same_rows
from modeling.reward_models.model_card import archive_of, card_of
from modeling.reward_models.shadow_comparison import compare_with_shadow
from modeling.reward_models.using import uses_on_page
from modeling.run_data.stored import RewardModelFigures
from modeling.runs import lifecycle
from modeling.runs.files import predictions_of

PAGE_SIZE = 50
SHOWN_ELSEWHERE = (
    "accuracy", "config", "evaluation", "export", "gate", "learning_curve", "warnings",
)  # fmt: skip


@login_required
@require_safe
def reward_model_list(request: SignedInRequest, slug: str) -> HttpResponse:
    """Lists reward models, newest first; `?before=VERSION` goes on from there."""
    project = project_for(request.user, slug, Role.CURATOR)
    reward_models = RewardModel.objects.filter(project=project).select_related("snapshot", "run")
    before = whole_number(request.GET.get("before"))
    if before is not None:
        reward_models = reward_models.filter(version__lt=before)
    page = list(reward_models.order_by("-version")[: PAGE_SIZE + 1])
    shown = page[:PAGE_SIZE]
    loop = Loop.objects.filter(project=project).first() or Loop(project=project)
    context = {
        "project": project,
        "models": [(model, accuracy_of(model), yardsticks_of(model)) for model in shown],
        "older_than": shown[-1].version if len(page) > PAGE_SIZE else None,
        "is_first_page": not before,
        "chart": chart_specs.accuracy_by_version(reversed(shown)),
        "can_compare": len(shown) > 1,
        "margin_points": 100 * loop.gate_margin,
        "is_admin": project.role_of_viewer == Role.ADMIN,
    }
    return render(request, "modeling/reward_models/reward_models.html", context)


@login_required
@require_safe
def reward_model_page(request: SignedInRequest, pk: int) -> HttpResponse:
    model, project = _model_for(request, pk, Role.CURATOR)
    figures = model.figures
    evaluation = figures.evaluation
    previous = RewardModel.objects.filter(project=project, version__lt=model.version).first()
    is_admin = project.role_of_viewer == Role.ADMIN
    curves = lifecycle.curves(model.run, TRAINING_CURVES)
    context = {
        "project": project,
        "model": model,
        "previous": previous,
        "incumbent": reward_model_by(model.run.asked.incumbent),
        "is_gone": not model.is_here,
        "in_service_id": deciding.in_service(project)[1],
        "can_put_in_service": is_admin
        and model.is_here
        and model.status != RewardModel.Status.LIVE,
        "why_not_in_service": _why_not_in_service(model) if is_admin else "",
        "can_reject": is_admin
        and model.status in (RewardModel.Status.CANDIDATE, RewardModel.Status.RETIRED),
        **_is_it_good(model, figures),
        "calibration": evaluation.calibration,
        "reliability": model_report.reliability_chart(evaluation),
        "slices": model_report.slice_figures(evaluation),
        "margins": model_report.margin_chart(evaluation),
        "contradicted": model_report.contradicted_by(model),
        "learning_curve": chart_specs.learning_curve(figures.learning_curve),
        "doubts": open_doubts(project) if model.status == RewardModel.Status.LIVE else 0,
        "loss_curve": chart_specs.run_curves(curves, "loss"),
        "accuracy_curve": chart_specs.run_curves(curves, "accuracy"),
        "has_predictions": predictions_of(model.run) is not None,
        "made_with": model_report.made_with(model),
        "uses": uses_on_page(model),
        "warnings": details_without_paths(figures.warnings),
        "score_url": request.build_absolute_uri(
            reverse("api-score", args=[project.slug, model.version])
        ),
        "result_rows": flat_rows(model.results, leave_out=SHOWN_ELSEWHERE),
    }
    return render(request, "modeling/reward_models/reward_model.html", context)


def _why_not_in_service(model: RewardModel) -> str:
    try:
        service.check_reward_model(model)
    except NotUsable as problem:
        return str(problem)
    return ""


def _is_it_good(model: RewardModel, figures: RewardModelFigures) -> dict[str, Any]:
    length, newest = figures.evaluation.length, figures.evaluation.newest
    return {
        "accuracy": accuracy_of(model),
        "by_split": figures.accuracy,
        "longer_wins_accuracy": figures.longer_wins_accuracy,
        "margin": figures.margin,
        "agreement": figures.evaluation.agreement,
        "longer_wins": model_report.figure_of(length.get("longer_wins")),
        "longer_lost": model_report.figure_of(length.get("longer_lost")),
        "length_correlation": length.get("correlation"),
        "newest": model_report.figure_of(newest),
        "newest_round": newest.get("round"),
        "gate": gate_report(figures.gate, accuracy_of(model)),
        "foretold": drift.prequential(model),
        "beside": compare_with_shadow(model),
        "is_shadow": service.shadow_of(model.project) == model,
        "drift": drift.alarm_of(model) if model.status == RewardModel.Status.LIVE else "",
    }


def _model_for(request: SignedInRequest, pk: int, at_least: Role) -> tuple[RewardModel, Project]:
    mine = RewardModel.objects.filter(project__in=projects_of(request.user))
    model = get_object_or_404(mine.select_related("project", "run", "snapshot"), pk=pk)
    return model, project_for(request.user, model.project.slug, at_least)


@login_required
@require_safe
def compare(request: SignedInRequest, slug: str) -> HttpResponse:
    """Compares `?new=VERSION` with `?old=VERSION`; without them the two newest."""
    project = project_for(request.user, slug, Role.CURATOR)
    asked = request.GET.get("new", ""), request.GET.get("old", "")
    versions = offered_versions(project, *asked)
    if len(versions) < 2:
        raise Http404("Two versions are needed to compare.")
    new = version_asked(versions, asked[0]) or versions[0]
    old = version_asked(versions, asked[1]) or versions[1]
    comparison = model_report.compare_versions(on_same_rows(new, old))
    known = model_report.known_preferences(project, [key for key, _, _ in comparison.changed])
    changed = [
        (known[key], model_report.excerpt_of(known[key].prompt.messages), now, before)
        for key, now, before in comparison.changed
        if key in known
    ]
    context = {
        "project": project,
        "versions": versions,
        "new": new,
        "old": old,
        "comparison": comparison,
        "fewest": gates.FEWEST_TO_JUDGE,
        "agreement": agreement_on(comparison.compared),
        "changed": changed,
    }
    return render(request, "modeling/reward_models/compare_models.html", context)


@login_required
@require_POST
def reward_model_in_service(request: SignedInRequest, pk: int) -> HttpResponse:
    """Puts this version in service, be it newer or older than the one that is: it ranks the queue
    from now on."""
    model, _ = _model_for(request, pk, Role.ADMIN)
    try:
        promoted = service.promote_reward_model(
            model, request.user, instead_of=seen_in_service(request)
        )
    except NotUsable as problem:
        messages.error(request, f"Reward model v{model.version} cannot take over. {problem}")
        return redirect("reward-model", pk)
    except deciding.Outrun as problem:
        messages.error(request, f"Reward model v{model.version} was not put in service. {problem}")
        return redirect("reward-model", pk)
    if promoted:
        messages.success(request, f"Reward model v{model.version} is in service.")
    else:
        messages.info(request, "It was in service already.")
    return redirect("reward-model", pk)


@login_required
@require_POST
def reject(request: SignedInRequest, pk: int) -> HttpResponse:
    model, _ = _model_for(request, pk, Role.ADMIN)
    if service.reject_reward_model(model, request.user):
        messages.success(request, f"Reward model v{model.version} is rejected.")
    else:
        messages.info(request, "It is in service: put another one there first.")
    return redirect("reward-model", pk)


@login_required
@require_POST
def change_margin(request: SignedInRequest, slug: str) -> HttpResponse:
    """Sets how many points of accuracy a new model may lose on the test split."""
    project = project_for(request.user, slug, Role.ADMIN)
    try:
        points = float(request.POST.get("margin", "").replace(",", "."))
        gates.change_margin(project, request.user, points)
    except ValueError:
        messages.error(request, gates.MARGIN_ALLOWED)
        return redirect("reward-models", slug)
    messages.success(request, f"A new reward model may lose {points:g} points on the test split.")
    return redirect("reward-models", slug)


@login_required
@require_safe
def card(request: SignedInRequest, pk: int) -> HttpResponse:
    """Sends the README.md of the model's folder."""
    model, _ = _model_for(request, pk, Role.CURATOR)
    return HttpResponse(card_of(model), content_type="text/plain; charset=utf-8")


@login_required
@require_safe
def download(request: SignedInRequest, pk: int) -> HttpResponseBase:
    """Sends the folders of the model and its members with the card, as a tar."""
    model, _ = _model_for(request, pk, Role.CURATOR)
    if not model.is_here:
        raise Http404("The model's folder is gone.")
    name, archive = archive_of(model)
    response = StreamingHttpResponse(archive.stream(), content_type="application/x-tar")
    response["Content-Length"] = str(archive.size)
    response["Content-Disposition"] = f'attachment; filename="{name}.tar"'
    return response
