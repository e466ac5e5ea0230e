"""The page of flagged comparisons."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from labeling.curation.flags import flagged_page, flags_of, withdraw_comparison
from labeling.curation.set_aside import hand_out_again, set_aside_in
from labeling.models import Comparison, FlagCategory, Role
from labeling.pages.numbers import number_in
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for

SET_ASIDE_SHOWN = 100


@login_required
@require_safe
def flagged(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    category = request.GET.get("category", "")
    counts = dict(flags_of(project).values_list("flag").annotate(Count("id")).order_by())
    context = {
        "project": project,
        "page": flagged_page(project, category=category, before=number_in(request.GET, "before")),
        "category": category,
        "categories": [(value, text, counts.get(value, 0)) for value, text in FlagCategory.choices],
        "total": sum(counts.values()),
        "open": Comparison.State.OPEN,
        "set_aside": set_aside_in(project)[:SET_ASIDE_SHOWN],
        "set_aside_total": set_aside_in(project).count(),
    }
    return render(request, "curation/flagged.html", context)


@login_required
@require_POST
def flagged_withdraw(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    if withdraw_comparison(project, request.user, pk):
        messages.success(request, "Withdrawn: nobody is asked about it any more.")
    else:
        messages.info(request, "Nothing to withdraw: it is no longer open.")
    return redirect("flagged", slug)


@login_required
@require_POST
def flagged_restore(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Puts a comparison that could not be shown back in the queue."""
    project = project_for(request.user, slug, Role.CURATOR)
    if hand_out_again(project, request.user, pk):
        messages.success(request, "Restored: it is handed out again.")
    else:
        messages.info(request, "Nothing to restore: it is no longer set aside.")
    return redirect("flagged", slug)
