"""The comments of a project, and the forms below a comparison that add and settle them."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labeling.curation import comments
from labeling.curation.comments import CannotComment
from labeling.models import Comparison, Judgment, Preference, Project, Role, User
from labeling.models.comments import MAX_COMMENT
from labeling.pages.numbers import number_in
from labeling.pages.requests import SignedInRequest, wants_fragment
from labeling.people.access import project_for
from labeling.texts.limits import BIGGEST_ID


@login_required
@require_safe
@never_cache
def comments_page(request: SignedInRequest, slug: str) -> HttpResponse:
    """Shows the open comments of the project, or the settled ones; to labelers those that they may
    read."""
    project = project_for(request.user, slug)
    state = request.GET.get("state", "")
    page = comments.comment_page(
        project,
        request.user,
        resolved=state == "resolved",
        mentioned=state == "mentions",
        before=number_in(request.GET, "before"),
    )
    places = _places(project, request.user, [one.comparison_id for one in page.comments])
    context = {
        "project": project,
        "page": page,
        "rows": [(one, places.get(one.comparison_id, "")) for one in page.comments],
        "state": state,
        "states": (("", "Open"), ("mentions", "Mention you"), ("resolved", "Resolved")),
        "is_curator": comments.is_curator(request.user, project),
    }
    return render(request, "curation/comments.html", context)


@login_required
@require_POST
def comment_add(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Adds a curator's comment on a comparison."""
    return _add(request, project_for(request.user, slug, Role.CURATOR), min(pk, BIGGEST_ID))


@login_required
@require_POST
def note_add(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Adds somebody's note on an answer of their own. The number of a comparison would tell what
    is a check: gold is made together, and a repeat has that of the answer before."""
    project = project_for(request.user, slug)
    own = Judgment.objects.filter(pk=min(pk, BIGGEST_ID), labeler=request.user, project=project)
    judgment = own.first()
    if judgment is None:
        raise Http404("This is not an answer of yours.")
    return _add(request, project, judgment.comparison_id, judgment)


def _add(
    request: SignedInRequest, project: Project, comparison: int, own: Judgment | None = None
) -> HttpResponse:
    error, text = "", request.POST.get("text", "")
    try:
        to_labelers = "to_labelers" in request.POST
        comments.add_comment(project, request.user, comparison, text, to_labelers=to_labelers)
        text = ""
    except CannotComment as problem:
        error = str(problem)
    return _answer(request, project, comparison, own, error=error, draft=text)


@login_required
@require_POST
def comment_resolve(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Settles a comment, or opens it again."""
    project = project_for(request.user, slug, Role.CURATOR)
    resolved = "again" not in request.POST
    comments.resolve(project, request.user, min(pk, BIGGEST_ID), resolved=resolved)
    comparison = number_in(request.POST, "comparison") or 0
    return _answer(request, project, comparison)


def thread_context(
    project: Project, comparison: Comparison, user: User, own: Judgment | None = None
) -> dict[str, Any]:
    """What curation/_comments.html shows below a comparison, or below an answer of one's own."""
    is_curator = comments.is_curator(user, project)
    if own is None:
        number, address = comparison.pk, reverse("comment-add", args=[project.slug, comparison.pk])
    else:
        number, address = own.pk, reverse("note-add", args=[project.slug, own.pk])
    return {
        "thread_project": project,
        "thread_number": number,
        "thread_address": address,
        "thread_comparison": comparison.pk if is_curator else None,
        "thread": comments.about(comparison, user),
        "thread_is_curators": is_curator,
        "thread_longest": MAX_COMMENT,
    }


def _answer(
    request: SignedInRequest,
    project: Project,
    comparison_id: int,
    own: Judgment | None = None,
    error: str = "",
    draft: str = "",
) -> HttpResponse:
    """The thread as it is now, or the page that the form stands on."""
    if wants_fragment(request):
        comparison = Comparison.objects.filter(project=project, pk=comparison_id).first()
        if comparison is None:
            raise Http404("There is no such comparison.")
        context = thread_context(project, comparison, request.user, own)
        context |= {"project": project, "thread_error": error, "thread_draft": draft}
        return render(request, "curation/_comments.html", context, status=422 if error else 200)
    if error:
        messages.error(request, error)
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("comments", args=[project.slug])
    return redirect(back)


def _places(project: Project, user: User, comparison_ids: list[int]) -> dict[int, str]:
    """Where each comparison is to be seen: curators read it as a preference, labelers as their own
    answer."""
    if comments.is_curator(user, project):
        preferences = Preference.objects.filter(project=project, comparison__in=comparison_ids)
        return {
            comparison: reverse("preference", args=[project.slug, pk])
            for comparison, pk in preferences.values_list("comparison_id", "pk")
        }
    own = Judgment.objects.filter(
        labeler=user, comparison__in=comparison_ids, superseded_at__isnull=True
    )
    return {
        comparison: reverse("my-judgment", args=[project.slug, pk])
        for comparison, pk in own.values_list("comparison_id", "pk")
    }
