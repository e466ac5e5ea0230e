"""The page of one member: how they judge, and what a curator can do about it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from labeling.models import Membership, Project, Role
from labeling.pages.people.measure_words import lines_about
from labeling.pages.requests import SignedInRequest
from labeling.people import members
from labeling.people.access import project_for
from labeling.people.members import MembersError
from labeling.people.signing_in.who_signs_in import mark_of
from labeling.preferences.resettling import Resettled
from labeling.quality import exclusion, labelers


class TakeOutForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        label="Why",
        help_text="Kept with the judgments and in the audit log. The person does not see it.",
    )


@login_required
@require_safe
def person(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project, membership = _member(request, slug, pk)
    return _page(request, project, membership)


def _page(
    request: SignedInRequest, project: Project, membership: Membership, **more: Any
) -> HttpResponse:
    user = membership.user
    everybody = labelers.measure_everybody(project, only=user.pk)
    measures = everybody.measures_of(user.pk)
    context = {
        "project": project,
        "membership": membership,
        "mark": mark_of(user),
        "measures": measures,
        "lines": lines_about(measures, everybody),
        "uses": exclusion.snapshots_using(project, user),
        "held": project.assignment_set.filter(labeler=user, state="leased").count(),
        "roles": Role.choices,
        "form": TakeOutForm(),
        "is_admin": project.role_of_viewer == Role.ADMIN,
    }
    has_errors = bool(more)
    return render(request, "people/person.html", context | more, status=422 if has_errors else 200)


@login_required
@require_POST
def member_pause(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Pauses somebody, or lets them go on."""
    _, membership = _member(request, slug, pk)
    is_paused = request.POST.get("paused") == "yes"
    # What the page said when the button was pressed.
    membership.is_paused = not is_paused
    membership.paused_by_rule = request.POST.get("rule", membership.paused_by_rule)
    try:
        members.change_member(membership, request.user, is_paused=is_paused)
    except MembersError as error:
        messages.error(request, str(error))
    else:
        what = "is paused" if is_paused else "gets comparisons again"
        messages.success(request, f"{membership.user} {what}.")
    return redirect("member", slug, pk)


@login_required
@require_POST
def member_reassign(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    _, membership = _member(request, slug, pk)
    count = exclusion.reassign(membership, request.user)
    what = f"{count} comparison{'s' * (count != 1)} went back to the queue."
    messages.success(request, what if count else f"{membership.user} holds no comparison now.")
    return redirect("member", slug, pk)


@login_required
@require_POST
def member_take_out(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project, membership = _member(request, slug, pk)
    form = TakeOutForm(request.POST)
    if not form.is_valid():
        return _page(request, project, membership, form=form)
    try:
        done = exclusion.take_out(membership, request.user, form.cleaned_data["reason"])
    except MembersError as error:
        messages.error(request, str(error))
    else:
        said = f"The judgments of {membership.user} are out of training. {_what_changed(done)}"
        messages.success(request, said)
    return redirect("member", slug, pk)


@login_required
@require_POST
def member_bring_back(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    _, membership = _member(request, slug, pk)
    try:
        done = exclusion.bring_back(membership, request.user)
    except MembersError as error:
        messages.error(request, str(error))
    else:
        said = f"The judgments of {membership.user} count again. {_what_changed(done)}"
        messages.success(request, said)
    return redirect("member", slug, pk)


def _what_changed(done: Resettled) -> str:
    changed = f"{done.changed:,} preference{'s' * (done.changed != 1)} settled anew"
    if not done.reopened:
        return f"{changed}."
    return f"{changed}, {done.reopened:,} comparison{'s' * (done.reopened != 1)} back in the queue."


def _member(request: SignedInRequest, slug: str, pk: int) -> tuple[Project, Membership]:
    project = project_for(request.user, slug, Role.CURATOR)
    memberships = project.memberships.select_related("user", "project")
    return project, get_object_or_404(memberships, pk=pk)
