"""Runs: the list, and the page of one that shows it live."""

from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from labeling.models import Project, Role
from labeling.pages.numbers import whole_number
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for, projects_of
from labeling.preferences.snapshots import SnapshotDamaged, verify
from modeling.loop import by_hand
from modeling.loop.new_runs import has_other_settings
from modeling.loop.run_outcomes import failure_of, warnings_of
from modeling.loop.situation import Situation
from modeling.models import RewardModel, Run
from modeling.pages import chart_specs
from modeling.pages.polling import PagePart, answer_poll, render_part, with_marks
from modeling.pages.runs.run_inputs import config_rows, inputs_of
from modeling.pages.runs.run_results import flat_rows, settings_advised
from modeling.runs import lifecycle
from modeling.runs.files import predictions_of

PAGE_SIZE = 50
POLL_SECONDS = 2
TRAINING_CURVES = ("train/loss", "dev/loss", "train/accuracy", "dev/accuracy")
LENGTH, VARIANCE = "completions/mean_length", "reward_variance"
CURVES = (*TRAINING_CURVES, "reward", "objective/kl", LENGTH, VARIANCE)


@login_required
@require_safe
def run_list(request: SignedInRequest, slug: str) -> HttpResponse:
    """Lists runs, newest first. `?before=ID` goes on from there, `?kind=` and `?state=` filter."""
    project = project_for(request.user, slug, Role.CURATOR)
    runs, filters = _filtered(request, project)
    before = whole_number(request.GET.get("before"))
    if before is not None:
        runs = runs.filter(pk__lt=before)
    page = list(runs.select_related("round", "snapshot", "reward_model", "policy")[: PAGE_SIZE + 1])
    context = {
        "project": project,
        "runs": page[:PAGE_SIZE],
        "older_than": page[PAGE_SIZE - 1].pk if len(page) > PAGE_SIZE else None,
        "is_first_page": not before,
        "kinds": Run.Kind.choices,
        "states": Run.State.choices,
        "filters": filters,
        "filter_query": "".join(f"&{name}={value}" for name, value in filters.items() if value),
    }
    return render(request, "modeling/runs/runs.html", context)


def _filtered(request: SignedInRequest, project: Project) -> tuple[QuerySet[Run], dict[str, str]]:
    runs = Run.objects.filter(project=project).order_by("-id")
    filters = {"kind": request.GET.get("kind", ""), "state": request.GET.get("state", "")}
    known = {"kind": Run.Kind.values, "state": Run.State.values}
    filters = {name: value if value in known[name] else "" for name, value in filters.items()}
    return runs.filter(**{name: value for name, value in filters.items() if value}), filters


@login_required
@require_safe
def run_page(request: SignedInRequest, pk: int) -> HttpResponse:
    run, project = _run_for(request, pk, Role.CURATOR)
    live, drawn = _parts(request, run, project)
    context = {
        "project": project,
        "run": run,
        "live": with_marks(live, drawn),
        "drawn": drawn.html(),
        "config_rows": config_rows(run),
        "inputs": inputs_of(run),
        "folder": f"runs/{run.pk}",
        "has_predictions": predictions_of(run) is not None,
    }
    return render(request, "modeling/runs/run.html", context)


@login_required
@require_safe
def run_live(request: SignedInRequest, pk: int) -> HttpResponse:
    """Sends the live part of the page when it has changed, and the curves when they have grown."""
    run, project = _run_for(request, pk, Role.CURATOR)
    return answer_poll(request, *_parts(request, run, project))


def _run_for(request: SignedInRequest, pk: int, at_least: Role) -> tuple[Run, Project]:
    """Gives the run to a member of its project; an outsider cannot tell that it exists."""
    mine = Run.objects.filter(project__in=projects_of(request.user))
    wanted = mine.select_related(
        "project", "round", "policy", "snapshot", "reward_model", "created_by"
    )
    run = get_object_or_404(wanted, pk=pk)
    return run, project_for(request.user, run.project.slug, at_least)


def _parts(request: SignedInRequest, run: Run, project: Project) -> tuple[PagePart, PagePart]:
    curves = lifecycle.curves(run, CURVES)
    failure = failure_of(run)
    is_admin = project.role_of_viewer == Role.ADMIN
    can_retry = is_admin and lifecycle.can_retry(run)
    live: dict[str, Any] = {
        "project": project,
        "run": run,
        "made": reward_model_of(run),
        "made_policy": run.figures.policy if run.kind == Run.Kind.TRAIN_POLICY else None,
        "failure": failure,
        "settings_advised": settings_advised(run, failure) if can_retry else {},
        "is_active": run.state in Run.ACTIVE,
        "can_cancel": is_admin and lifecycle.can_cancel(run),
        "can_retry": can_retry,
        "why_not_retry": lifecycle.why_not_retry(run) if can_retry else "",
        "can_train_anew": can_retry
        and run.kind == Run.Kind.TRAIN_REWARD
        and has_other_settings(run)
        and not by_hand.why_not_train(Situation(project)),
        "log": lifecycle.log_tail(run),
        "result_rows": flat_rows(run.results, leave_out=("config",)),
        "warnings": warnings_of(run),
        "every": POLL_SECONDS,
    }
    drawn: dict[str, Any] = {
        "run": run,
        "loss": chart_specs.run_curves(curves, "loss"),
        "accuracy": chart_specs.run_curves(curves, "accuracy"),
        "reward": chart_specs.one_curve(curves, "reward"),
        "kl": chart_specs.one_curve(curves, "objective/kl"),
        "length": chart_specs.one_curve(curves, LENGTH),
    }
    # One reward model alone has no variance: a line along zero would tell nothing.
    if any(value for _, value in curves.get(VARIANCE, [])):
        drawn["variance"] = chart_specs.one_curve(curves, VARIANCE)
    return (
        render_part(request, "modeling/runs/_run-live.html", live),
        render_part(request, "modeling/runs/_run-curves.html", drawn),
    )


@login_required
@require_safe
def run_snapshot(request: SignedInRequest, pk: int) -> HttpResponseBase:
    """Sends the preferences that the run learned from, as they were."""
    run, project = _run_for(request, pk, Role.CURATOR)
    if run.snapshot is None:
        raise Http404("The run has no snapshot.")
    try:
        path = verify(run.snapshot)
    except SnapshotDamaged as problem:
        raise Http404(str(problem)) from problem
    return _sent(path, f"{project.slug}-snapshot-{run.snapshot.sha256[:12]}.jsonl")


@login_required
@require_safe
def run_predictions(request: SignedInRequest, pk: int) -> HttpResponseBase:
    """Sends what a training's model says of each preference; docs/learning-programs.md has the
    format."""
    run, project = _run_for(request, pk, Role.CURATOR)
    path = predictions_of(run)
    if path is None:
        raise Http404("The run has left no predictions.")
    return _sent(path, f"{project.slug}-run-{run.pk}-predictions.jsonl")


def _sent(path: Path, name: str) -> FileResponse:
    return FileResponse(
        path.open("rb"), as_attachment=True, filename=name, content_type="application/jsonl"
    )


def reward_model_of(run: Run) -> RewardModel | None:
    return getattr(run, "reward_model", None)


@login_required
@require_POST
def run_cancel(request: SignedInRequest, pk: int) -> HttpResponse:
    run, _ = _run_for(request, pk, Role.ADMIN)
    if lifecycle.request_cancel(run, request.user):
        messages.success(
            request,
            "The run was taken out of the line."
            if run.state == Run.State.CANCELLED
            else "The run stops at its next safe point and keeps its checkpoint.",
        )
    else:
        messages.info(request, "There was nothing to cancel: the run is not under way.")
    return redirect("run", pk)


@login_required
@require_POST
def run_retry(request: SignedInRequest, pk: int) -> HttpResponse:
    run, _ = _run_for(request, pk, Role.ADMIN)
    try:
        lifecycle.retry(run, request.user)
    except lifecycle.CannotRetry as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "The run is in the line again, from its last checkpoint.")
    return redirect("run", pk)
