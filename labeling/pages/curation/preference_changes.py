"""Excludes, restores and undoes from the pages: one row, the ticked rows, or all that match."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from labeling.curation import decisions, doubts
from labeling.curation.decisions import EXCLUDE, RESTORE, CannotChange, Change
from labeling.curation.finding import FilterError, PreferenceFilter, Window, matching
from labeling.models import Preference, Project, Role
from labeling.pages.curation.preferences import (
    LAST_CHANGE,
    detail_context,
    table_context,
    table_url,
)
from labeling.pages.numbers import number_in, whole_numbers
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.texts.limits import BIGGEST_ID


@login_required
@require_POST
def preferences_exclude(request: SignedInRequest, slug: str) -> HttpResponse:
    return _change(request, slug, EXCLUDE)


@login_required
@require_POST
def preferences_restore(request: SignedInRequest, slug: str) -> HttpResponse:
    return _change(request, slug, RESTORE)


@login_required
@require_POST
def preferences_undo(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    try:
        done = decisions.undo(project, request.user, request.POST.get("token", ""))
    except CannotChange as error:
        return _answer(request, project, text=str(error), tone="warning", status=422)
    return _answer(request, project, text=_sentence(done, undone=True), tone="success")


@login_required
@require_POST
def preference_doubt(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Confirms a preference that the reward model contradicts, or takes that back."""
    project = project_for(request.user, slug, Role.CURATOR)
    row = get_object_or_404(Preference, project=project, pk=min(pk, BIGGEST_ID))
    if "again" in request.POST:
        changed, text = doubts.doubt_again(row, request.user), "The doubt is open again."
    else:
        changed, text = doubts.confirm(row, request.user), f"Preference {row.pk} is confirmed."
    return _answer(
        request, project, text=text if changed else "Nothing was changed.", tone="success"
    )


def _change(request: SignedInRequest, slug: str, action: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    data = request.POST
    reason = data.get("reason", "")
    try:
        if "all" in data and "expected" not in data:
            return _ask_to_confirm(request, project, action, reason)
        done = _apply(request, project, action, reason)
    except (CannotChange, FilterError) as error:
        return _answer(request, project, text=str(error), tone="danger", status=422)
    return _answer(request, project, text=_sentence(done), tone="success", token=done.undo_token)


def _apply(request: SignedInRequest, project: Project, action: str, reason: str) -> Change:
    data, actor = request.POST, request.user
    if "all" in data:
        return decisions.change_matching(
            project,
            actor,
            action,
            PreferenceFilter.parse(data),
            Window(number_in(data, "low"), number_in(data, "high")),
            expected=number_in(data, "expected") or 0,
            reason=reason,
        )
    ids = whole_numbers(data.getlist("id"))
    if action == EXCLUDE:
        return decisions.exclude(project, actor, ids, reason)
    return decisions.restore(project, actor, ids, reason)


def _ask_to_confirm(
    request: SignedInRequest, project: Project, action: str, reason: str
) -> HttpResponse:
    """Says how many rows "all that match" are, before anything happens to them."""
    if action == EXCLUDE:
        reason = decisions.checked_reason(reason)
    wanted = PreferenceFilter.parse(request.POST)
    window = Window(number_in(request.POST, "low"), number_in(request.POST, "high"))
    changing = matching(project, wanted, window).count()
    context = {
        "project": project,
        "wanted": wanted,
        "window": window,
        "action": action,
        "reason": reason,
        "count": changing,
        "limit": decisions.BULK_LIMIT,
        "table_url": table_url(project, wanted),
        "state_fields": wanted.fields,
    }
    response = render(
        request,
        "curation/preferences/_confirm.html"
        if request.htmx
        else "curation/preferences/confirm.html",
        context,
    )
    if request.htmx:
        response["HX-Retarget"] = "#confirm"
        response["HX-Reswap"] = "outerHTML"
    return response


def _answer(
    request: SignedInRequest,
    project: Project,
    *,
    text: str,
    tone: str,
    token: str = "",
    status: int = 200,
) -> HttpResponse:
    """Answers htmx with the table as it is now and a sentence about what happened. A plain form is
    redirected to the same."""
    change = {"text": text, "tone": tone, "token": token}
    opened = number_in(request.POST, "open")
    if not request.htmx:
        request.session[LAST_CHANGE] = change
        return redirect(_way_back(request, project, opened))
    if status != 200:
        return _error_beside(request, text)
    context = table_context(project, request.POST) | {"last_change": change}
    opened_row = Preference.objects.filter(project=project, pk=opened).first() if opened else None
    if opened_row:
        context |= detail_context(opened_row, context["wanted"], request.user)
    return render(request, "curation/preferences/_after_change.html", context)


def _error_beside(request: SignedInRequest, text: str) -> HttpResponse:
    """Shows the sentence next to the form and replaces nothing else: ticks and the typed reason
    stay."""
    error_id = "drawer-error" if request.POST.get("at") == "drawer" else "change-error"
    context = {"text": text, "error_id": error_id}
    response = render(request, "curation/preferences/_change_error.html", context, status=422)
    response["HX-Retarget"] = f"#{error_id}"
    response["HX-Reswap"] = "outerHTML"
    return response


def _way_back(request: SignedInRequest, project: Project, opened: int | None) -> str:
    try:
        wanted = PreferenceFilter.parse(request.POST)
    except FilterError:
        wanted = PreferenceFilter()
    if opened is not None and request.POST.get("at") == "page":
        query = wanted.querystring()
        return reverse("preference", args=[project.slug, opened]) + (f"?{query}" if query else "")
    places = {name: request.POST.get(name, "") for name in ("before", "after", "from")}
    places["open"] = str(opened) if opened else ""
    return table_url(project, wanted, **places)


def _sentence(done: Change, *, undone: bool = False) -> str:
    count = len(done.changed)
    verb = "excluded" if done.action == EXCLUDE else "restored"
    rest = ""
    if done.untouched and undone:
        rest = f" {_rows(done.untouched)} left as changed since."
    elif done.untouched:
        had = "had been excluded before" if done.action == EXCLUDE else "were in use already"
        rest = f" {done.untouched:,} {had}."
    if not count:
        return f"Nothing was changed.{rest}"
    return f"{'Undone: ' if undone else ''}{_rows(count)} {verb}.{rest}"


def _rows(count: int) -> str:
    return f"{count:,} preference{'' if count == 1 else 's'}"
