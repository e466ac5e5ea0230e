"""A project's home: the loop as a ring of stations with live numbers, and what happens next."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from labeling.models import Comparison, Project, Role, User
from labeling.pages.projects.home import coarse_percent
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.people.clock import server_today
from labeling.quality import figures
from labeling.queue.outlook import outlook_for
from modeling.loop import by_hand
from modeling.loop.overview import LoopSummary, loop_summary
from modeling.loop.round_rows import latest_rounds
from modeling.loop.steps import StepKind
from modeling.models import RewardModel, Run
from modeling.pages import chart_specs
from modeling.pages.loop import ring
from modeling.pages.polling import PagePart, answer_poll, render_part, with_marks
from modeling.selection.report import in_one_line

BUSY_SECONDS, QUIET_SECONDS = 3, 15
DAYS_DRAWN = 14
VERSIONS_DRAWN = 30

# Which way of the ring a run is under way on: from this station to the next.
WAY_OF_RUN: dict[str, str] = {Run.Kind.SAMPLE: "policy", Run.Kind.TRAIN_REWARD: "preferences"}


@dataclass(frozen=True)
class OfferedAction:
    """Something that the viewer can do now. `post`: a button does it; else it is a link. `why_not`:
    why it would be refused, as a sentence."""

    label: str
    url: str
    post: bool = False
    why_not: str = ""


@login_required
@require_safe
def project_page(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    live, drawn = _parts_for(request, project)
    context = {"project": project, "live": with_marks(live, drawn)}
    if drawn is not None:
        context["drawn"] = drawn.html()
    return render(request, "modeling/loop/loop.html", context)


@login_required
@require_safe
def project_loop(request: SignedInRequest, slug: str) -> HttpResponse:
    """Sends the live part of the page when it has changed, and the charts when they have."""
    return answer_poll(request, *_parts_for(request, project_for(request.user, slug)))


def _parts_for(request: SignedInRequest, project: Project) -> tuple[PagePart, PagePart | None]:
    if project.role_of_viewer == Role.LABELER:
        return _part_of_labeler(request, project), None
    return _parts(request, project)


def _part_of_labeler(request: SignedInRequest, project: Project) -> PagePart:
    """Says whether there is anything to judge. A labeler learns nothing that could sway a judgment
    or tell how the machine behind it is set up: no policy, model, figure, verdict, round, run or
    alarm. There is no exact count either: it would stand still after an answer to a check, and give
    the check away."""
    comparisons = project.comparisons.filter(
        state__in=(Comparison.State.OPEN, Comparison.State.FINISHED)
    )
    finished = comparisons.filter(state=Comparison.State.FINISHED).count()
    context: dict[str, Any] = {
        "project": project,
        "outlook": outlook_for(request.user, project),
        "percent": coarse_percent(finished, comparisons.count()),
        "ways": ring.ways({}),
        "every": QUIET_SECONDS,
    }
    return render_part(request, "modeling/loop/_project-loop-labeler.html", context)


def _parts(request: SignedInRequest, project: Project) -> tuple[PagePart, PagePart]:
    summary = loop_summary(project)
    reward_models = list(
        RewardModel.objects.filter(project=project).order_by("-version")[:VERSIONS_DRAWN]
    )
    running = (run for run in summary.active_runs if run.state == Run.State.RUNNING)
    busy = {WAY_OF_RUN[run.kind]: run for run in running if run.kind in WAY_OF_RUN}
    action = primary_action(project, summary)
    context: dict[str, Any] = {
        "project": project,
        "loop": summary,
        "action": action,
        "others": other_actions(project, summary, action),
        "rounds": latest_rounds(project, reward_models),
        "agreement": figures.agreement(project),
        "busy_ways": busy,
        "ways": ring.ways(busy),
        "selection": in_one_line(project),
        "every": BUSY_SECONDS if summary.active_runs else QUIET_SECONDS,
        "is_curator": True,
        "is_admin": project.role_of_viewer == Role.ADMIN,
    }
    live = render_part(request, "modeling/loop/_project-loop.html", context)
    mark = charts_mark(reward_models, summary.judgments)
    return live, PagePart(mark, lambda: _charts(project, reward_models))


def charts_mark(reward_models: list[RewardModel], judgments: int) -> str:
    """Changes with another model, on another day, or when the number of judgments has grown by some
    hundredths. Counting judgments by day is the page's most expensive query, so it is not asked at
    every answer."""
    newest = reward_models[0].pk if reward_models else 0
    state = f"{server_today()} {len(reward_models)} {newest} {judgments:.2g}"
    return hashlib.sha256(state.encode()).hexdigest()[:16]


def _charts(project: Project, reward_models: list[RewardModel]) -> str:
    by_day = figures.judgments_per_day(project, days=DAYS_DRAWN)
    context = {
        "accuracy": chart_specs.accuracy_by_version(reversed(reward_models)),
        "judged": chart_specs.judgments_by_day(by_day),
    }
    return render_to_string("modeling/loop/_loop-charts.html", context)


def primary_action(project: Project, summary: LoopSummary) -> OfferedAction | None:
    """Chooses what this viewer can best do for the loop now. None when the next step is somebody
    else's."""
    role, slug = Role(project.role_of_viewer), project.slug
    if project.is_paused:
        settings = OfferedAction("Open settings", reverse("project-settings", args=[slug]))
        return settings if role == Role.ADMIN else None
    action = _action_of_admin(project, summary) if role == Role.ADMIN else None
    if action is None and summary.queue.open:
        action = OfferedAction("Label", reverse("label", args=[slug]))
    if action is None and summary.active_runs and role != Role.LABELER:
        action = OfferedAction("Watch the run", reverse("run", args=[summary.active_runs[0].pk]))
    return action


def _action_of_admin(project: Project, summary: LoopSummary) -> OfferedAction | None:
    """Offers what the loop lacks, or what its next step asks of an admin."""
    step, slug = summary.next_step, project.slug
    sample = None
    if not summary.why_not_sample:
        sample = OfferedAction("Start sampling", reverse("sample-now", args=[slug]), post=True)
    if not summary.queue.open and not summary.judgments and not project.prompts.exists():
        return OfferedAction("Import prompts", reverse("import", args=[slug]))
    if (not summary.queue.open and summary.policy is None) or step.kind == StepKind.NEEDS_MODEL:
        return OfferedAction("Register a policy", f"{reverse('policies', args=[slug])}#register")
    match step.kind:
        case StepKind.STUCK if step.run:
            return OfferedAction("See what went wrong", reverse("run", args=[step.run.pk]))
        case StepKind.TRAIN if not summary.why_not_train:
            return OfferedAction("Retrain now", reverse("train-now", args=[slug]), post=True)
        case StepKind.SAMPLE:
            return sample
        case StepKind.OFF if not summary.queue.open:
            return sample
    return None


def other_actions(
    project: Project, summary: LoopSummary, first: OfferedAction | None
) -> list[OfferedAction]:
    """Lists the runs that an admin may start by hand, each with why it would be refused. Runs under
    way are left out: the page shows their progress."""
    if project.role_of_viewer != Role.ADMIN or project.is_paused:
        return []
    slug = project.slug
    actions = []
    if summary.preferences:
        url = reverse("train-now", args=[slug])
        actions.append(OfferedAction("Retrain now", url, True, summary.why_not_train))
    if summary.policy:
        url = reverse("sample-now", args=[slug])
        actions.append(OfferedAction("Sample now", url, True, summary.why_not_sample))
    return [
        action
        for action in actions
        if action.why_not != by_hand.UNDER_WAY and (first is None or action.url != first.url)
    ]


@login_required
@require_POST
def train_now(request: SignedInRequest, slug: str) -> HttpResponse:
    return _start(request, slug, by_hand.start_training_now, "The reward model is being retrained.")


@login_required
@require_POST
def sample_now(request: SignedInRequest, slug: str) -> HttpResponse:
    return _start(
        request, slug, by_hand.start_sampling_now, "The current policy is writing new responses."
    )


def _start(
    request: SignedInRequest, slug: str, start: Callable[[Project, User], Run], said: str
) -> HttpResponse:
    """Starts a run by hand, and says so or why it cannot be started."""
    project = project_for(request.user, slug, Role.ADMIN)
    try:
        start(project, request.user)
    except by_hand.CannotStart as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, said)
    return redirect("project", slug)


@login_required
@require_safe
def queue_hint(request: SignedInRequest, slug: str) -> HttpResponse:
    """Tells a labeler who has nothing to compare what brings new pairs, and how far that is."""
    project = project_for(request.user, slug)
    outlook = outlook_for(request.user, project)
    context = {
        "project": project,
        "outlook": outlook,
        "every": BUSY_SECONDS if outlook.prospect.has_run else QUIET_SECONDS,
    }
    return answer_poll(request, render_part(request, "modeling/loop/_queue-hint.html", context))
