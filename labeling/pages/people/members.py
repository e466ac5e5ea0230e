"""The people of a project: list, add, invite, change, remove."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from config.nudges import nudge
from labeling.models import Membership, Project, Role
from labeling.pages.people.forms import AddMemberForm, InviteForm, MemberForm
from labeling.pages.people.invitations import LINK, InvitationForm, keep_link
from labeling.pages.people.measure_words import bounds, per_cent
from labeling.pages.requests import SignedInRequest
from labeling.people import invitations, members
from labeling.people.access import project_for
from labeling.people.mailing import can_send, site
from labeling.people.members import MembersError
from labeling.people.signing_in.who_signs_in import AccountMark, mark_of
from labeling.quality import labelers
from labeling.quality.measures.one_labeler import LabelerMeasures

# A file may bring thousands: the page shows who judged most.
OUTSIDE_SHOWN = 50


@dataclass(frozen=True)
class MemberRow:
    """A member with the figures of the table. A figure that is refused shows as a dash."""

    member: Membership
    figures: list[tuple[str, str, str, str]]  # name, figure, interval, why there is none
    mark: AccountMark | None

    @classmethod
    def of(cls, member: Membership, measures: LabelerMeasures) -> "MemberRow":
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
            mark_of(member.user),
        )


@login_required
@require_safe
def people(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    # Shown once: reading it takes it out of the session.
    return _page(request, project, link=request.session.pop(LINK, None))


def _page(request: SignedInRequest, project: Project, **context: Any) -> HttpResponse:
    forms = {"add_form": AddMemberForm(prefix="add"), "invite_form": InviteForm(prefix="invite")}
    context = forms | {"link": None} | context
    own = list(members.members_of(project))
    outside = list(members.outside_members_of(project)[:OUTSIDE_SHOWN])
    memberships = [*own, *outside]
    measured = labelers.measure_everybody(project, among={one.user_id for one in memberships})
    rows, outside_rows = (
        [MemberRow.of(member, measured.measures_of(member.user_id)) for member in shown]
        for shown in (own, outside)
    )
    context |= {
        "project": project,
        "rows": rows,
        "outside_rows": outside_rows,
        "outside_count": project.outside_labelers.count(),
        "members": own,
        "weighed_at": max(
            (datetime.fromisoformat(m.measured["at"]) for m in memberships if "at" in m.measured),
            default=None,
        ),
        "link_form": InvitationForm(project, prefix="link"),
        "invitations": invitations.open_invitations(project).select_related("created_by"),
        "can_send": can_send(),
        "is_admin": project.role_of_viewer == Role.ADMIN,
    }
    has_errors = any(context[name].errors for name in forms)
    return render(request, "people/people.html", context, status=422 if has_errors else 200)


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
    """Invites an account. The answer is the same whether or not the account exists: who has one is
    nobody's business."""
    project = project_for(request.user, slug, Role.ADMIN)
    form = AddMemberForm(request.POST, prefix="add")
    if not form.is_valid():
        return _page(request, project, add_form=form)
    who, role = form.cleaned_data["who"], Role(form.cleaned_data["role"])
    email = who if can_send() and _is_address(who) else ""
    try:
        invited, token = invitations.invite_account(project, request.user, who, role, email)
    except MembersError as error:
        form.add_error(error.field or None, str(error))
        return _page(request, project, add_form=form)
    url = site(request) + reverse("invitation", args=[token])
    if email and not invitations.mail_invitation(invited, url):
        messages.error(request, f"The mail server did not take the mail to {email}.")
    messages.success(
        request,
        f"{who} is invited: whoever has this account finds it on their first page, for seven days. "
        "Somebody without an account needs a link.",
    )
    return redirect("members", slug)


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


@login_required
@require_POST
def member_invite(request: SignedInRequest, slug: str) -> HttpResponse:
    """Makes a link for somebody whose user name and full name are proposed."""
    project = project_for(request.user, slug, Role.ADMIN)
    form = InviteForm(request.POST, prefix="invite")
    if not form.is_valid():
        return _page(request, project, invite_form=form)
    fields = form.cleaned_data
    names = {"username": fields["username"], "full_name": fields["full_name"]}
    note, role = fields["full_name"] or fields["username"], Role(fields["role"])
    _, token = invitations.create_invitation(project, request.user, role, note[:120], **names)
    keep_link(request, token, note, role)
    return redirect("members", slug)


@login_required
@require_POST
def member_change(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    membership = _member(request, slug, pk)
    form = MemberForm(request.POST)
    if not form.is_valid():
        messages.error(request, "This is not one of the roles.")
        return redirect("members", slug)
    role = Role(form.cleaned_data["role"])
    try:
        if members.change_member(membership, request.user, role=role):
            messages.success(request, f"{membership.user} is now {role}.")
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
