"""Rounds: one row each from policy to verdict, the guard's figures, and what a person can do."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe

from labeling.models import Project, Role
from labeling.pages.numbers import whole_number
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from modeling.loop import by_hand
from modeling.loop.overview import loop_alarms
from modeling.loop.round_rows import latest_rounds
from modeling.loop.rulebook import decide_next_step
from modeling.loop.situation import Situation
from modeling.models import RewardModel
from modeling.pages.policies.guard_report import GuardReport, guard_report
from modeling.pages.polling import PagePart, answer_poll, render_part, with_marks
from modeling.policies import promotion
from modeling.settings.choices import Improvement

PAGE_SIZE = 30
BUSY_SECONDS, QUIET_SECONDS = 3, 15
LONGEST_REASON = 300


@login_required
@require_safe
def round_list(request: SignedInRequest, slug: str) -> HttpResponse:
    """Lists rounds, newest first; `?before=NUMBER` goes on from there."""
    project = project_for(request.user, slug, Role.CURATOR)
    live, drawn = _parts(request, project)
    context = {"project": project, "live": with_marks(live, drawn), "drawn": drawn.html()}
    return render(request, "modeling/rounds/rounds.html", context)


@login_required
@require_safe
def rounds_live(request: SignedInRequest, slug: str) -> HttpResponse:
    """Sends the rows when they have changed, and the guard's plots when they have."""
    project = project_for(request.user, slug, Role.CURATOR)
    return answer_poll(request, *_parts(request, project))


def _parts(request: SignedInRequest, project: Project) -> tuple[PagePart, PagePart]:
    before = whole_number(request.GET.get("before"))
    situation = Situation(project)
    page = latest_rounds(
        project,
        list(RewardModel.objects.filter(project=project)),
        PAGE_SIZE + 1,
        before=before,
    )
    report = guard_report(project)
    is_admin = project.role_of_viewer == Role.ADMIN
    context: dict[str, Any] = {
        "project": project,
        "rows": page[:PAGE_SIZE],
        "older_than": page[PAGE_SIZE - 1].round.number if len(page) > PAGE_SIZE else None,
        "before": "" if before is None else before,
        "step": decide_next_step(situation),
        "stopped": situation.improvement_stopped,
        "alarms": loop_alarms(situation),
        "shows_gold": any(row.gold for row in page),
        "is_admin": is_admin,
        "is_off": project.loop_settings.improvement == Improvement.OFF,
        "can_improve": is_admin and not by_hand.why_not_improve(situation),
        "can_estimate": is_admin and not by_hand.why_not_estimate(situation),
        "every": BUSY_SECONDS if situation.active_runs else QUIET_SECONDS,
    }
    live = render_part(request, "modeling/rounds/_rounds-live.html", context)
    return live, _drawn(request, project, report)


def _drawn(request: SignedInRequest, project: Project, report: GuardReport) -> PagePart:
    context = {"project": project, "report": report}
    return PagePart(
        report.mark, lambda: render_to_string("modeling/rounds/_rounds-guard.html", context)
    )


@login_required
@require_POST
def improve_now(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.ADMIN)
    try:
        by_hand.start_improving_now(project, request.user)
    except by_hand.CannotStart as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "The policy is being improved.")
    return redirect("rounds", slug)


@login_required
@require_POST
def estimate_now(request: SignedInRequest, slug: str) -> HttpResponse:
    """Starts a run that estimates what the best of n responses would bring, without training on
    them."""
    project = project_for(request.user, slug, Role.ADMIN)
    try:
        by_hand.start_estimate_now(project, request.user)
    except by_hand.CannotStart as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "The best of n is being estimated. No policy is changed.")
    return redirect("rounds", slug)


@login_required
@require_POST
def improvement_resume(request: SignedInRequest, slug: str) -> HttpResponse:
    """Lets improvement go on after the guard has stopped it. The reason goes into the audit log."""
    project = project_for(request.user, slug, Role.ADMIN)
    reason = request.POST.get("reason", "").strip()[:LONGEST_REASON]
    if not reason:
        messages.error(request, "Say in a few words why it may go on: the audit log keeps it.")
    elif promotion.resume_improvement(project, request.user, reason):
        messages.success(request, "Improvement goes on with the next round.")
    else:
        messages.info(request, "Improvement was not stopped.")
    return redirect("rounds", slug)
