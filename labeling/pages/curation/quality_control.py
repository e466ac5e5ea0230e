"""The curators' page of quality control: reviews, the results of each member, gold and its making.

What a curator does with gold before its release is in labeling/pages/curation/gold.py."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from labeling.judging import adaptive
from labeling.models import Gold, Membership, Project, Role
from labeling.pages.numbers import whole_numbers
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.quality import gold, gold_release, reviews
from labeling.quality.gold import CannotMakeGold
from labeling.quality.reviews import CannotReview

GOLD_SHOWN = 100
CANDIDATES_SHOWN = 20
RULES = [
    (Gold.Origin.TRUNCATED, "cut off", "A response against its own beginning."),
    (Gold.Origin.SHUFFLED, "shuffled", "A response against its sentences in another order."),
    (Gold.Origin.OFF_TOPIC, "off topic", "A response against one to another prompt."),
]


@login_required
@require_safe
def quality_control(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    return render(request, "curation/quality_control/quality_control.html", page_context(project))


def page_context(project: Project) -> dict[str, Any]:
    golds = gold.golds_of(project)
    waiting = gold_release.waiting(project)
    return {
        "waiting": gold_release.looked_at(waiting[:GOLD_SHOWN]),
        "waiting_count": waiting.count(),
        "project": project,
        "to_review": reviews.to_review(project),
        "members": reviews.checked_members(project),
        "golds": golds[:GOLD_SHOWN],
        "gold_count": golds.count(),
        "gold_shown": GOLD_SHOWN,
        "candidates": gold.candidates(project)[:CANDIDATES_SHOWN],
        "rules": RULES,
        "saved": adaptive.judgments_saved(project),
    }


@login_required
@require_POST
def gold_make(request: SignedInRequest, slug: str) -> HttpResponse:
    """Constructs gold by rule."""
    project = project_for(request.user, slug, Role.CURATOR)
    wanted = request.POST.get("count", "")
    count = int(wanted) if wanted.isdecimal() and len(wanted) < 5 else 0
    try:
        # A seed used before would make the same pairs of the same data again.
        seed = Gold.objects.filter(project=project).count()
        made = gold.construct(
            project, request.user, count, rules=request.POST.getlist("rule"), seed=seed
        )
    except CannotMakeGold as problem:
        messages.error(request, str(problem))
    else:
        how_many = f"{len(made)} gold comparison{'s' * (len(made) != 1)} made."
        messages.success(request, f"{how_many} Nobody gets them before you release them.")
    return redirect("quality-control", slug)


@login_required
@require_POST
def gold_approve(request: SignedInRequest, slug: str) -> HttpResponse:
    """Makes gold of unanimous preferences that the curator has ticked."""
    project = project_for(request.user, slug, Role.CURATOR)
    ticked = set(whole_numbers(request.POST.getlist("preference")))
    made = gold.approve(project, request.user, ticked)
    if made:
        messages.success(request, f"{made} gold comparison{'s' * (made != 1)} approved.")
    else:
        messages.warning(request, "Nothing was ticked that can become gold.")
    return redirect("quality-control", slug)


@login_required
@require_POST
def gold_retire(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    retired = gold.retire(
        get_object_or_404(Gold.objects.select_related("project"), pk=pk, project=project),
        request.user,
    )
    if retired:
        messages.success(request, "Retired. Its answers so far are kept.")
    return redirect("quality-control", slug)


@login_required
@require_POST
def review(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Resumes or removes a member whom a check has paused."""
    project = project_for(request.user, slug, Role.CURATOR)
    membership = get_object_or_404(
        Membership.objects.select_related("user", "project"), pk=pk, project=project
    )
    decision, note = request.POST.get("decision", ""), request.POST.get("note", "")
    try:
        done = reviews.decide_review(membership, request.user, decision, note)
    except CannotReview as problem:
        messages.error(request, str(problem))
    else:
        if not done:
            messages.info(request, f"Somebody has decided on {membership.user} already.")
        elif decision == reviews.RESUME:
            messages.success(request, f"{membership.user} can go on.")
        else:
            messages.success(request, f"{membership.user} gets no more comparisons here.")
    return redirect("quality-control", slug)
