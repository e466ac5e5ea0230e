"""Reward models: the versions, and the page of one: is it good, what from, how to use it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from labeling.access import project_for, projects_of
from labeling.models import Project, Role
from labeling.pages.requests import SignedInRequest
from modeling import registry
from modeling.models import RewardModel
from modeling.overview import accuracy_of
from modeling.pages import chart_specs
from modeling.pages.run_results import flat_rows

PAGE_SIZE = 50
SHOWN_ELSEWHERE = ("config", "warnings", "accuracy", "gate")


@login_required
@require_safe
def reward_model_list(request: SignedInRequest, slug: str) -> HttpResponse:
    """The newest first; `?before=VERSION` goes on from there."""
    project = project_for(request.user, slug, Role.CURATOR)
    found = RewardModel.objects.filter(project=project).select_related("snapshot", "run")
    before = request.GET.get("before", "")
    if before.isdecimal():
        found = found.filter(version__lt=int(before))
    page = list(found.order_by("-version")[: PAGE_SIZE + 1])
    shown = page[:PAGE_SIZE]
    context = {
        "project": project,
        "models": [(model, accuracy_of(model)) for model in shown],
        "older_than": shown[-1].version if len(page) > PAGE_SIZE else None,
        "is_first_page": not before,
        "chart": chart_specs.accuracy_by_version(reversed(shown)),
    }
    return render(request, "modeling/reward_models.html", context)


@login_required
@require_safe
def reward_model_page(request: SignedInRequest, pk: int) -> HttpResponse:
    model, project = _model_for(request, pk, Role.CURATOR)
    results = model.results
    context = {
        "project": project,
        "model": model,
        "accuracy": accuracy_of(model),
        "by_split": results.get("accuracy", {}),
        "gate": results.get("gate"),
        "warnings": results.get("warnings", []),
        "result_rows": flat_rows(results, leave_out=SHOWN_ELSEWHERE),
        "is_gone": not (model.path / "config.json").is_file(),
        "can_put_in_service": project.role_of_viewer == Role.ADMIN
        and model.status != RewardModel.Status.LIVE,
    }
    return render(request, "modeling/reward_model.html", context)


def _model_for(request: SignedInRequest, pk: int, at_least: Role) -> tuple[RewardModel, Project]:
    mine = RewardModel.objects.filter(project__in=projects_of(request.user))
    model = get_object_or_404(mine.select_related("project", "run", "snapshot"), pk=pk)
    return model, project_for(request.user, model.project.slug, at_least)


@login_required
@require_POST
def reward_model_in_service(request: SignedInRequest, pk: int) -> HttpResponse:
    """Rolls back or forward: this version ranks the queue from now on."""
    model, _ = _model_for(request, pk, Role.ADMIN)
    if registry.make_live(model, request.user, reason="by hand"):
        messages.success(request, f"Reward model v{model.version} is in service.")
    else:
        messages.info(request, "It was in service already, or somebody else was faster.")
    return redirect("reward-model", pk)
