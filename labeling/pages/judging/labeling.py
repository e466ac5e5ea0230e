"""The page on which people compare: shows a comparison, takes the answer, shows the next.

One answer is one request: its response carries the next comparison. Everything here works as
plain forms too; htmx only saves the page load.
"""

import logging
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe
from django_htmx.http import trigger_client_event

from labeling.curation.set_aside import set_aside
from labeling.database.transactions import Conflict
from labeling.judging.modes import AnswerBar, answer_in
from labeling.judging.on_screen import Shown, load_view
from labeling.judging.recording import (
    AnswerTo,
    CannotUndo,
    NoMember,
    NotYours,
    Recorded,
    submit_and_claim,
    undo_answer_to,
    undo_last,
)
from labeling.material.shown.showing import CannotBeShown
from labeling.models import Assignment, Judgment, Project, User
from labeling.pages.judging import someone_else
from labeling.pages.judging.given_answer import taken_back
from labeling.pages.judging.remarks import remark_on
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.people.clock import midnight
from labeling.people.habits import habits_of
from labeling.people.signing_in import sessions
from labeling.queue import handout, leases, outlook

logger = logging.getLogger(__name__)

# Comparisons that one request sets aside before it says that there is trouble.
SET_ASIDE_AT_ONCE = 10
TROUBLE = outlook.NothingToCompare(outlook.Expect.TROUBLE, "What you answered is saved.")

SAID: dict[str, str] = {Judgment.Kind.SKIP: "Skipped", Judgment.Kind.FLAG: "Flagged"}


def view_or_next(
    user: User, project: Project, assignment: Assignment | None, on_screen: UUID | None = None
) -> Shown | outlook.NothingToCompare:
    """Returns the comparison as it is shown, or why there is none. A comparison that cannot be
    shown is set aside for the curators and the next one is taken, so that nobody gets it again."""
    for _ in range(SET_ASIDE_AT_ONCE):
        if assignment is None:
            return outlook.why_nothing(user, project)
        try:
            return load_view(assignment)
        except CannotBeShown as fault:
            set_aside(assignment, str(fault))
        assignment = handout.current_or_next(user, project, on_screen)
    return TROUBLE


@never_cache
@login_required
@require_GET
def label(request: SignedInRequest, slug: str) -> HttpResponse:
    """Shows the comparison in hand, or the next one. A page that waits polls this address and gets
    204 for as long as the reason to wait is the same."""
    project = project_for(request.user, slug)
    assignment = handout.current_or_next(request.user, project)
    shown = view_or_next(request.user, project, assignment)
    context = _context(project, shown, judged_today(request.user, project), looks_back=True)
    if not request.htmx:
        habits = habits_of(request.user)
        script = {"instant": habits.instant, "keys": habits.keys}
        context |= {"habits": habits, "habits_for_script": script}
        return render(request, "judging/label.html", context)
    nothing = context.get("nothing")
    if nothing and nothing.reason == request.GET.get("nothing"):
        return HttpResponse(status=204)
    return render(request, "judging/_comparison.html", context | {"announce": _announce(context)})


@login_required
@require_POST
def ahead(request: SignedInRequest, slug: str) -> HttpResponse:
    """Hands out the comparison after the one on screen while that one is read; 204 if there is
    none."""
    project = project_for(request.user, slug)
    on_screen = _uuid(request, "on_screen")
    assignment = handout.current_or_next(request.user, project, on_screen)
    if assignment is None:
        return HttpResponse(status=204)
    shown = view_or_next(request.user, project, assignment, on_screen)
    if not isinstance(shown, Shown):
        return HttpResponse(status=204)
    context = _context(project, shown, _number(request.POST.get("today")), looks_back=True)
    return render(request, "judging/_comparison.html", context)


@require_POST
def judge(request: SignedInRequest, uuid: UUID) -> HttpResponse:
    """Takes the answer and responds with the next comparison.

    Who is signed in is checked against the labeler that comes with the assignment, so that the
    busiest request of all does not read the user twice.
    """
    labeler_id = sessions.labeler_id(request)
    if labeler_id is None:
        return redirect_to_login(reverse("home"))
    try:
        answer = answer_in(request.POST, partial(sessions.check, request))
        recorded, following = submit_and_claim(
            uuid, labeler_id, answer, _uuid(request, "on_screen")
        )
        labeler = sessions.check(request, recorded.assignment.labeler)
    except sessions.SignedOut:
        return redirect_to_login(reverse("home"))
    except NotYours as problem:
        return _not_yours(request, uuid, problem)
    except NoMember as problem:
        return _refusal(f"Not saved: {problem}.", 403)
    except Conflict as problem:
        return _refusal(f"Not saved: {problem}. Please try again.", 409)
    except ValueError as problem:
        return _refusal(f"Not saved: {problem}.", 400)
    try:
        return _reply(request, labeler, recorded, following, _note(recorded, answer))
    except Exception:
        # The answer is in the database: whatever goes wrong now is no fault of it.
        logger.exception("an answer was saved, and the next comparison could not be shown")
        return _reply_without_next(request, recorded)


def _not_yours(request: SignedInRequest, uuid: UUID, problem: NotYours) -> HttpResponse:
    """Refuses an answer to another account's comparison, so that the page keeps it for that
    account. A page that names its labeler was refused by SomeoneElseMiddleware if they differ, so
    what it sends here belongs to no account: 404."""
    if someone_else.HEADER in request.headers or not Assignment.objects.filter(uuid=uuid).exists():
        raise Http404(str(problem))
    return someone_else.refusal()


def _reply(
    request: SignedInRequest,
    labeler: User,
    recorded: Recorded,
    following: Assignment | None,
    note: str,
) -> HttpResponse:
    """Responds to a saved answer with the next comparison."""
    project = recorded.assignment.project
    if not request.htmx:
        if note:
            messages.info(request, note)
        return redirect("label", project.slug)
    answered = recorded.is_new and recorded.judgment.kind in Judgment.ANSWERS
    today = _number(request.POST.get("today")) + answered
    shown = view_or_next(labeler, project, following, _uuid(request, "on_screen"))
    context = _context(project, shown, today)
    said = SAID.get(recorded.judgment.kind, "Saved")
    context["announce"] = f"{said}. {_announce(context)}"
    context["note"] = note
    return render(request, "judging/_comparison.html", context)


def _reply_without_next(request: SignedInRequest, recorded: Recorded) -> HttpResponse:
    """Responds to a saved answer without reading anything more. The page that waits asks again by
    itself."""
    project = recorded.assignment.project
    if not request.htmx:
        return redirect("label", project.slug)
    context = _context(project, TROUBLE, _number(request.POST.get("today")))
    return render(request, "judging/_comparison.html", context | {"announce": "Saved."})


@login_required
@require_POST
def undo(request: SignedInRequest, slug: str) -> HttpResponse:
    """Brings one's last comparison back on screen with what was answered, to be judged again.

    `only` names an answer that its page took back before it knew whether the answer had arrived.
    Then that answer alone is undone, and nothing is shown."""
    if _is_on_screen_of_another(request):
        return someone_else.refusal()
    project = project_for(request.user, slug)
    only = _uuid(request, "only")
    try:
        if only:
            undo_answer_to(only, request.user, project)
            return HttpResponse(status=204)
        assignment = undo_last(request.user, project)
    except (CannotUndo, Conflict) as problem:
        if request.htmx:
            toast = {"text": str(problem), "tone": "warning"}
            return trigger_client_event(HttpResponse(status=204), "toast", toast)
        messages.warning(request, str(problem))
        return redirect("label", slug)
    if not request.htmx:
        messages.info(request, "Taken back. This was your last comparison.")
        return redirect("label", slug)
    today = judged_today(request.user, project)
    shown = view_or_next(request.user, project, assignment)
    is_back = isinstance(shown, Shown) and shown.assignment.pk == assignment.pk
    context = _context(project, shown, today, looks_back=is_back)
    here = "is here again" if is_back else "cannot be shown"
    said = f" You had said: {context['given'].said}." if context.get("given") else ""
    context["announce"] = f"Taken back. Your last comparison {here}.{said}"
    return render(request, "judging/_comparison.html", context)


def _is_on_screen_of_another(request: SignedInRequest) -> bool:
    """Whether the page that sends this was made for another account. A plain form names no labeler,
    but it names the assignment on its page, which was handed out to one labeler."""
    on_screen = _uuid(request, "on_screen")
    if on_screen is None:
        return False
    return Assignment.objects.filter(uuid=on_screen).exclude(labeler=request.user).exists()


@login_required
@require_POST
def heartbeat(request: SignedInRequest, uuid: UUID) -> HttpResponse:
    """Renews the lease while the labeler reads. `ahead` names the assignment that their page has
    ready, which is renewed too. 410: the comparison has gone to someone else meanwhile."""
    is_renewed = leases.renew_lease(uuid, request.user.pk)
    following = _uuid(request, "ahead")
    if following:
        leases.renew_lease(following, request.user.pk)
    return HttpResponse(status=204 if is_renewed else 410)


@login_required
@require_POST
def let_go(request: SignedInRequest) -> HttpResponse:
    """Gives back what a closed page held, after a short grace. With `now` there is no grace: an
    answer that cannot be saved must not come again as the next comparison."""
    # A page holds what is on screen, the one ahead, and a few answers that wait to be sent.
    held = [uuid for text in request.POST.getlist("held")[:9] if (uuid := _as_uuid(text))]
    grace = timedelta(0) if request.POST.get("now") else leases.GRACE
    leases.let_go(held, request.user.pk, grace)
    return HttpResponse(status=204)


@login_required
@require_safe
def guidelines(request: SignedInRequest, slug: str) -> HttpResponse:
    """Shows what the project asks of its labelers, as a page or as the content of the drawer."""
    project = project_for(request.user, slug)
    template = "judging/texts/_guidelines.html" if request.htmx else "judging/guidelines.html"
    return render(request, template, {"project": project, "version": project.guidelines})


def judged_today(user: User, project: Project) -> int:
    """Counts the labeler's answers since midnight, without skips."""
    return Judgment.objects.filter(
        labeler=user,
        project=project,
        superseded_at=None,
        kind__in=Judgment.ANSWERS,
        created_at__gte=midnight(),
    ).count()


def _context(
    project: Project,
    shown: Shown | outlook.NothingToCompare,
    today: int,
    *,
    looks_back: bool = False,
) -> dict[str, Any]:
    """Returns what `_comparison.html` needs. With `looks_back` that includes an answer that was
    taken back."""
    context: dict[str, Any] = {
        "project": project,
        "today": today,
        # Three chances to be heard before the lease ends.
        "heartbeat_seconds": max(project.lease_seconds // 3, 3),
    }
    if not isinstance(shown, Shown):
        # A page without a comparison shows the list of keys, too.
        bar = AnswerBar(project, project.responses_per_comparison)
        return context | {"bar": bar, "nothing": shown}
    # Only an assignment that was closed once has an earlier answer: the busiest request of all is
    # spared the query for one.
    looks_back = looks_back or shown.assignment.finished_at is not None
    given = taken_back(shown.assignment) if looks_back else None
    return context | {"bar": AnswerBar(project, len(shown.sides)), "shown": shown, "given": given}


def _announce(context: dict[str, Any]) -> str:
    return "Next comparison." if "shown" in context else "Nothing more to compare."


def _note(recorded: Recorded, answer: AnswerTo) -> str:
    """Says what the labeler should know about an answer that was not simply counted."""
    judgment, assignment = recorded.judgment, recorded.assignment
    if not recorded.is_new and not _says_the_same(judgment, answer, assignment):
        return "You had answered this in another window: that answer stands."
    return remark_on(recorded)


def _says_the_same(judgment: Judgment, answer: AnswerTo, assignment: Assignment) -> bool:
    """Whether an answer that came a second time, as after a lost reply, says what is recorded."""
    try:
        again = answer(assignment)
    except ValueError:
        return False
    tiers = [list(tier) for tier in again.tiers]
    as_recorded = (judgment.kind, judgment.tiers, judgment.strength)
    return (again.kind, tiers, again.strength) == as_recorded


def _uuid(request: SignedInRequest, name: str) -> UUID | None:
    return _as_uuid(request.POST.get(name, ""))


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 7 else 0


def _refusal(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
