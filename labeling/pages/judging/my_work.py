"""A labeler's own page: today's count, how they judge, and their last answers to correct."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from labeling.curation.comments import comment_page
from labeling.database.transactions import Conflict
from labeling.judging import correcting
from labeling.judging.correcting import CannotCorrect
from labeling.judging.modes import LETTERS, SCALES, AnswerBar, answer_in
from labeling.judging.recording import NotYours
from labeling.material.shown.showing import BesideTexts, show_anyway
from labeling.models import Judgment, Membership, Project, User
from labeling.pages.curation.comments import thread_context
from labeling.pages.people.measure_words import MeasureLine, own_lines
from labeling.pages.projects.home import coarse_percent
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.people.clock import midnight, server_midnight
from labeling.quality import labelers
from labeling.queue import handout

COMMENTS_SHOWN = 3


@dataclass(frozen=True)
class Answered:
    """A line of the list of last answers. `why_not` says why it cannot be corrected any more."""

    judgment: Judgment
    prompt: str
    said: str
    why_not: str


@login_required
@require_safe
@never_cache
def my_work(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug)
    context = {
        "project": project,
        "membership": Membership.objects.filter(project=project, user=request.user).first(),
        "counts": _counts(request.user, project),
        "lines": _lines(request.user, project),
        "answers": answered(request.user, project),
        "shown": correcting.SHOWN,
        "comments": comment_page(project, request.user).comments[:COMMENTS_SHOWN],
    }
    return render(request, "judging/my_work.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def my_judgment(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Shows one's own answer with its comparison, and takes the form that corrects it."""
    project = project_for(request.user, slug)
    judgment = correcting.own_judgment(request.user, pk)
    if judgment is None or judgment.project_id != project.pk:
        raise Http404("This is not an answer of yours.")
    problem, status = correcting.why_not(judgment), 200
    if request.method == "POST":
        try:
            _correct(request, judgment)
        except CannotCorrect as refused:
            problem, status = str(refused), 409
        except (ValueError, Conflict) as refused:
            return _judgment_page(request, project, judgment, error=str(refused), status=400)
        else:
            messages.success(request, "Corrected. Your first answer stays on record.")
            return redirect("my-work", slug)
    return _judgment_page(request, project, judgment, problem=problem, status=status)


def _correct(request: SignedInRequest, judgment: Judgment) -> None:
    try:
        correcting.correct(judgment.pk, request.user, answer_in(request.POST))
    except NotYours as problem:
        raise Http404(str(problem)) from None


def _judgment_page(
    request: SignedInRequest,
    project: Project,
    judgment: Judgment,
    *,
    problem: str = "",
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    by_id = {r.pk: r for r in handout.responses_of(judgment.comparison_id)}
    responses = [by_id[pk] for pk in judgment.order if pk in by_id]
    bar = AnswerBar(project, len(responses))
    prompt = judgment.comparison.prompt
    beside = BesideTexts(prompt.extra, [response.extra for response in responses])
    texts = show_anyway(prompt.messages, [response.text for response in responses], beside)
    context = {
        "project": project,
        "judgment": judgment,
        "texts": texts,
        "sides": list(zip(LETTERS, texts.responses, strict=False)),
        "bar": bar,
        "aspects": [
            (number, aspect, side_of(judgment, judgment.aspects.get(aspect, 0)))
            for number, aspect in enumerate(bar.aspects)
        ],
        "places": places_of(judgment),
        "chosen": choice_of(judgment),
        "said": describe_judgment(judgment),
        "problem": problem,
        "error": error,
        "until": _until(judgment, project),
        **thread_context(project, judgment.comparison, request.user, judgment),
    }
    return render(request, "judging/my_judgment.html", context, status=status)


def _until(judgment: Judgment, project: Project) -> Any:
    given_at = judgment.given_at  # type: ignore[attr-defined]
    return given_at + timedelta(minutes=project.correction_minutes)


def _counts(user: User, project: Project) -> dict[str, int]:
    """Counts what this person did, and how far the project is. There are no streaks and no ranking:
    haste costs quality."""
    mine = Judgment.objects.filter(
        labeler=user, project=project, superseded_at=None, kind__in=Judgment.ANSWERS
    )
    comparisons = project.comparisons.filter(state__in=("open", "finished"))
    total = comparisons.count()
    return {
        "today": mine.filter(created_at__gte=midnight()).count(),
        "week": mine.filter(created_at__gte=timezone.now() - timedelta(days=7)).count(),
        "all": mine.count(),
        "comparisons": total,
        "percent": coarse_percent(comparisons.filter(state="finished").count(), total),
    }


def _lines(user: User, project: Project) -> list[MeasureLine]:
    """Returns the measures as of the server's last midnight.

    A figure that moved with one answer, or stood still, would tell whether that answer was to a
    check. A midnight in the reader's own zone could be moved by the reader, to the same end.
    """
    everybody = labelers.measure_everybody(project, only=user.pk, at=server_midnight())
    return own_lines(everybody.measures_of(user.pk), everybody)


def answered(user: User, project: Project) -> list[Answered]:
    now = timezone.now()
    return [
        Answered(
            judgment,
            judgment.comparison.prompt.last_message,
            describe_judgment(judgment),
            correcting.why_not(judgment, now),
        )
        for judgment in correcting.own_judgments(user, project)
    ]


def choice_of(judgment: Judgment) -> str:
    """Returns the value of the button that gave this answer. A ranking has no such button: the kind
    of its judgment is returned."""
    if judgment.kind == Judgment.Kind.PREFER and len(judgment.order) == 2:
        side = "left" if judgment.tiers[0][0] == judgment.order[0] else "right"
        return side if judgment.strength is None else f"{side}-{judgment.strength}"
    return judgment.kind


def describe_judgment(judgment: Judgment) -> str:
    """Says the answer in words, with the letters that were on screen."""
    if judgment.kind == Judgment.Kind.PREFER and len(judgment.order) > 2:
        letter = dict(zip(judgment.order, LETTERS, strict=False))
        tiers = (" = ".join(sorted(letter[pk] for pk in tier)) for tier in judgment.tiers)
        return " > ".join(tiers)
    if judgment.kind == Judgment.Kind.FLAG:
        return f"Flagged: {judgment.get_flag_display()}"
    plain = {"tie": "About the same", "both_bad": "Both bad", "skip": "Skipped"}
    if judgment.kind in plain:
        return plain[judgment.kind]
    chosen = choice_of(judgment)
    # The project's own scale first: the strength 3 has other words on another one. Its scale may
    # have been changed since, so the others follow.
    for scale in (SCALES[judgment.project.scale], *SCALES.values()):
        for choice in scale:
            if choice.value == chosen:
                return str(choice.label)
    return f"{'A' if chosen.startswith('left') else 'B'} is better"


def places_of(judgment: Judgment) -> dict[str, int]:
    """Returns the place that each letter has in a ranking, to fill the form with."""
    letter = dict(zip(judgment.order, LETTERS, strict=False))
    return {letter[pk]: place for place, tier in enumerate(judgment.tiers, 1) for pk in tier}


def side_of(judgment: Judgment, response_id: int | None) -> str:
    """Returns where a response stood: “left”, “right”, “same” for no response, “” for another."""
    if response_id is None:
        return "same"
    sides: dict[int, str] = dict(zip(judgment.order, ("left", "right"), strict=False))
    return str(sides.get(response_id, ""))
