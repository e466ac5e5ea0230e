"""The people of a project: list, add, invite, change, remove; and the page an invitation opens."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_POST, require_safe

from config.nudges import nudge
from labeling import labelers, members
from labeling.access import project_for
from labeling.invitations import can_send, open_invitations
from labeling.measures.labelers import LabelerMeasures
from labeling.members import MembersError
from labeling.models import Membership, Project, Role
from labeling.pages.invitations import LINK, InvitationForm
from labeling.pages.measure_words import bounds, per_cent
from labeling.pages.project_forms import AddMemberForm, InviteForm, MemberForm
from labeling.pages.requests import SignedInRequest

INVITATION = "invitation"


@dataclass(frozen=True)
class Row:
    """A member with the figures of the table; those that are refused are a dash."""

    member: Membership
    figures: list[tuple[str, str, str, str]]  # name, figure, interval, why there is none

    @classmethod
    def of(cls, member: Membership, measures: LabelerMeasures) -> "Row":
        named = (
            ("Agreement", measures.agreement),
            ("Known answers", measures.gold),
            ("Same again", measures.repeats),
            ("Left side", measures.left),
        )
        return cls(
            member,
            [
                (name, per_cent(measure), bounds(measure), getattr(measure, "reason", ""))
                for name, measure in named
            ],
        )


@login_required
@require_safe
def people(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    # Shown once: reading them takes them out of the session.
    invitation = request.session.pop(INVITATION, None)
    return _page(request, project, invitation=invitation, link=request.session.pop(LINK, None))


def _page(request: SignedInRequest, project: Project, **context: Any) -> HttpResponse:
    forms = {"add_form": AddMemberForm(prefix="add"), "invite_form": InviteForm(prefix="invite")}
    context = forms | {"invitation": None, "link": None} | context
    everybody = labelers.measure_everybody(project)
    found = list(members.members_of(project))
    context |= {
        "project": project,
        "rows": [Row.of(member, everybody.measures_of(member.user_id)) for member in found],
        "members": found,
        "weighed_at": max((m.measured["at"] for m in found if "at" in m.measured), default=""),
        "link_form": InvitationForm(project, prefix="link"),
        "invitations": open_invitations(project).select_related("created_by"),
        "can_send": can_send(),
        "is_admin": project.role_of_viewer == Role.ADMIN,
    }
    has_errors = any(context[name].errors for name in forms)
    return render(request, "projects/people.html", context, status=422 if has_errors else 200)


@login_required
@require_POST
def weigh_now(request: SignedInRequest, slug: str) -> HttpResponse:
    """Asks a worker to weigh everybody's judgments now instead of within the hour."""
    project = project_for(request.user, slug, Role.CURATOR)
    nudge("labeling.tasks.update_reliability", project.pk)
    messages.success(request, "The judgments are being weighed anew. Reload in a moment.")
    return redirect("members", slug)


@login_required
@require_POST
def member_add(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.ADMIN)
    form = AddMemberForm(request.POST, prefix="add")
    if not form.is_valid():
        return _page(request, project, add_form=form)
    user = members.find_user(form.cleaned_data["who"].strip())
    if user is None:
        form.add_error("who", "Nobody here has this user name or e-mail. Invite them below.")
        return _page(request, project, add_form=form)
    try:
        members.add_member(project, request.user, user, Role(form.cleaned_data["role"]))
    except MembersError as error:
        form.add_error(error.field or None, str(error))
        return _page(request, project, add_form=form)
    messages.success(request, f"{user} is a member now.")
    return redirect("members", slug)


@login_required
@require_POST
def member_invite(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.ADMIN)
    form = InviteForm(request.POST, prefix="invite")
    if not form.is_valid():
        return _page(request, project, invite_form=form)
    fields = form.cleaned_data
    try:
        membership, path = members.invite(
            project, request.user, fields["username"], fields["full_name"], Role(fields["role"])
        )
    except MembersError as error:
        form.add_error(error.field or None, str(error))
        return _page(request, project, invite_form=form)
    _keep_invitation(request, membership, path)
    return redirect("members", slug)


@login_required
@require_POST
def member_invite_again(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    membership = _member(request, slug, pk)
    try:
        path = members.new_invitation(request.user, membership)
    except MembersError as error:
        messages.error(request, str(error))
    else:
        _keep_invitation(request, membership, path)
    return redirect("members", slug)


def _keep_invitation(request: SignedInRequest, membership: Membership, path: str) -> None:
    request.session[INVITATION] = {
        "name": str(membership.user),
        "url": request.build_absolute_uri(path),
    }


@login_required
@require_POST
def member_change(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    membership = _member(request, slug, pk)
    form = MemberForm(request.POST)
    if not form.is_valid():
        messages.error(request, "This is not one of the roles.")
        return redirect("members", slug)
    role, is_paused = Role(form.cleaned_data["role"]), form.cleaned_data["is_paused"]
    try:
        if members.change_member(membership, request.user, role=role, is_paused=is_paused):
            paused = ", paused" if is_paused else ""
            messages.success(request, f"{membership.user} is now {role}{paused}.")
    except MembersError as error:
        messages.error(request, str(error))
    return redirect("members", slug)


@login_required
@require_POST
def member_remove(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    membership = _member(request, slug, pk)
    try:
        members.remove_member(membership, request.user)
    except MembersError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, f"{membership.user} no longer sees this project. Their judgments stay."
        )
    if membership.user_id == request.user.pk:
        return redirect("home")
    return redirect("members", slug)


def _member(request: SignedInRequest, slug: str, pk: int) -> Membership:
    project = project_for(request.user, slug, Role.ADMIN)
    return get_object_or_404(project.memberships.select_related("user", "project"), pk=pk)


class SetPassword(PasswordResetConfirmView):
    """Opens once from an invitation's link, sets the password and signs in."""

    template_name = "projects/set_password.html"
    post_reset_login = True
    success_url = reverse_lazy("home")
