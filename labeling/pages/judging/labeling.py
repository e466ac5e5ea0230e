"""The page on which people compare: shows a comparison, takes the answer, shows the next.

One answer is one request: its response carries the next comparison. Everything here works as
plain forms too; htmx only saves the page load.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from labeling import handout, leases
from labeling.access import project_for
from labeling.habits import habits_of
from labeling.judging import (
    Answer,
    AnswerTo,
    CannotUndo,
    NoMember,
    NotYours,
    Recorded,
    submit_and_claim,
    undo_last,
)
from labeling.models import Assignment, Judgment, Project, Prompt, Response, User
from labeling.modes import LETTERS, Asked, read_answer
from labeling.pages import sessions
from labeling.pages.days import midnight
from labeling.pages.remarks import remark_on
from labeling.pages.requests import SignedInRequest

SAID: dict[str, str] = {Judgment.Kind.SKIP: "Skipped", Judgment.Kind.FLAG: "Flagged"}


@dataclass(frozen=True)
class Side:
    """A response in its place on screen. No name, no score: nothing that could sway."""

    letter: str
    response: Response


@dataclass(frozen=True)
class Shown:
    """What the page shows of an assignment."""

    assignment: Assignment
    prompt: Prompt
    sides: list[Side]


def load_view(assignment: Assignment) -> Shown:
    """The comparison as this labeler sees it, in one query at most."""
    responses = handout.shown_responses(assignment)
    sides = [Side(*pair) for pair in zip(LETTERS, responses, strict=False)]
    return Shown(assignment, responses[0].prompt, sides)


@never_cache
@login_required
@require_GET
def label(request: SignedInRequest, slug: str) -> HttpResponse:
    """The comparison in hand, or the next. A page that waits polls here and gets 204 as long as
    the reason to wait has not changed."""
    project = project_for(request.user, slug)
    assignment = handout.current_or_next(request.user, project)
    context = _context(request.user, project, assignment, judged_today(request.user, project))
    if not request.htmx:
        habits = habits_of(request.user)
        script = {"instant": habits.instant, "keys": habits.keys}
        context |= {"habits": habits, "habits_for_script": script}
        return render(request, "labeling/label.html", context)
    nothing = context.get("nothing")
    if nothing and nothing.reason == request.GET.get("nothing"):
        return HttpResponse(status=204)
    return render(request, "labeling/_comparison.html", context | {"announce": _announce(context)})


@login_required
@require_POST
def ahead(request: SignedInRequest, slug: str) -> HttpResponse:
    """The comparison after the one on screen, handed out while that one is read; 204: none."""
    project = project_for(request.user, slug)
    assignment = handout.current_or_next(request.user, project, _uuid(request, "on_screen"))
    if assignment is None:
        return HttpResponse(status=204)
    today = _number(request.POST.get("today"))
    context = _context(request.user, project, assignment, today)
    return render(request, "labeling/_comparison.html", context)


@require_POST
def judge(request: SignedInRequest, uuid: UUID) -> HttpResponse:
    """Takes the answer; its response is the next comparison.

    Who is signed in is checked against the labeler that comes with the assignment, so that the
    busiest request of all does not read the user twice.
    """
    labeler_id = sessions.labeler_id(request)
    if labeler_id is None:
        return redirect_to_login(reverse("home"))
    try:
        answer = _answer_from(request)
        recorded, following = submit_and_claim(
            uuid, labeler_id, answer, _uuid(request, "on_screen")
        )
        labeler = sessions.check(request, recorded.assignment.labeler)
    except sessions.SignedOut:
        return redirect_to_login(reverse("home"))
    except NotYours as problem:
        raise Http404(str(problem)) from None
    except NoMember as problem:
        return _refusal(f"Not saved: {problem}.", 403)
    except leases.Conflict as problem:
        return _refusal(f"Not saved: {problem}. Please try again.", 409)
    except ValueError as problem:
        return _refusal(f"Not saved: {problem}.", 400)
    project = recorded.assignment.project
    note = _note(recorded, answer)
    if not request.htmx:
        if note:
            messages.info(request, note)
        return redirect("label", project.slug)
    answered = recorded.is_new and recorded.judgment.kind in Judgment.ANSWERS
    today = _number(request.POST.get("today")) + answered
    context = _context(labeler, project, following, today)
    said = SAID.get(recorded.judgment.kind, "Saved")
    context["announce"] = f"{said}. {_announce(context)}"
    context["note"] = note
    return render(request, "labeling/_comparison.html", context)


@login_required
@require_POST
def undo(request: SignedInRequest, slug: str) -> HttpResponse:
    """Brings one's last comparison back on screen, to be judged again."""
    project = project_for(request.user, slug)
    try:
        assignment = undo_last(request.user, project)
    except (CannotUndo, leases.Conflict) as problem:
        if request.htmx:
            toast = {"text": str(problem), "tone": "warning"}
            return trigger_client_event(HttpResponse(status=204), "toast", toast)
        messages.warning(request, str(problem))
        return redirect("label", slug)
    if not request.htmx:
        messages.info(request, "Taken back. This was your last comparison.")
        return redirect("label", slug)
    today = judged_today(request.user, project)
    context = _context(request.user, project, assignment, today)
    context["announce"] = "Taken back. Your last comparison is here again."
    return render(request, "labeling/_comparison.html", context)


@login_required
@require_POST
def heartbeat(request: SignedInRequest, uuid: UUID) -> HttpResponse:
    """The labeler is still reading. 410: the comparison has gone to someone else meanwhile.
    `ahead` names the one that their page has ready."""
    kept = leases.renew_lease(uuid, request.user.pk)
    following = _uuid(request, "ahead")
    if following:
        leases.renew_lease(following, request.user.pk)
    return HttpResponse(status=204 if kept else 410)


@login_required
@require_POST
def let_go(request: SignedInRequest) -> HttpResponse:
    """The page has closed: what it held is soon somebody else's."""
    held = [found for text in request.POST.getlist("held")[:9] if (found := _as_uuid(text))]
    leases.let_go(held, request.user.pk)
    return HttpResponse(status=204)


@login_required
@require_GET
def guidelines(request: SignedInRequest, slug: str) -> HttpResponse:
    """What the project asks of its labelers: a page, or the drawer's content."""
    project = project_for(request.user, slug)
    template = "labeling/_guidelines.html" if request.htmx else "labeling/guidelines.html"
    return render(request, template, {"project": project, "version": project.guidelines})


def judged_today(user: User, project: Project) -> int:
    """Answers since midnight; skips do not count."""
    return Judgment.objects.filter(
        labeler=user,
        project=project,
        superseded_at=None,
        kind__in=Judgment.ANSWERS,
        created_at__gte=midnight(),
    ).count()


def _context(
    user: User, project: Project, assignment: Assignment | None, today: int
) -> dict[str, Any]:
    """What `_comparison.html` needs."""
    context: dict[str, Any] = {
        "project": project,
        "today": today,
        # Three chances to be heard before the lease ends.
        "heartbeat_seconds": max(project.lease_seconds // 3, 3),
    }
    if assignment is None:
        # The list of keys is part of a page without a comparison, too.
        asked = Asked(project, project.responses_per_comparison)
        return context | {"asked": asked, "nothing": handout.why_nothing(user, project)}
    shown = load_view(assignment)
    return context | {"asked": Asked(project, len(shown.sides)), "shown": shown}


def _announce(context: dict[str, Any]) -> str:
    return "Next comparison." if "shown" in context else "Nothing more to compare."


def _note(recorded: Recorded, answer: AnswerTo) -> str:
    """What the labeler should know about an answer that was not simply counted."""
    judgment, assignment = recorded.judgment, recorded.assignment
    if not recorded.is_new and not _says_the_same(judgment, answer, assignment):
        return "You had answered this in another window: that answer stands."
    return remark_on(recorded)


def _says_the_same(judgment: Judgment, answer: AnswerTo, assignment: Assignment) -> bool:
    """Whether an answer that came again, as after a lost reply, is the one that was kept."""
    try:
        again = answer(assignment)
    except ValueError:
        return False
    tiers = [list(tier) for tier in again.tiers]
    kept = (judgment.kind, judgment.tiers, judgment.strength)
    return (again.kind, tiers, again.strength) == kept


def _uuid(request: SignedInRequest, name: str) -> UUID | None:
    return _as_uuid(request.POST.get(name, ""))


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _answer_from(request: SignedInRequest) -> AnswerTo:
    def answer_to(assignment: Assignment) -> Answer:
        """Which response is on the left is known, and whose work this is, once the row is read."""
        sessions.check(request, assignment.labeler)
        return read_answer(request.POST, assignment.project, assignment.order)

    return answer_to


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 7 else 0


def _refusal(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
