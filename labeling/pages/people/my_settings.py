"""A labeler's own settings: keys, size of text, density, and whether a key answers at once."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from labeling.pages.destinations import safe_next
from labeling.pages.requests import SignedInRequest
from labeling.people.habits import (
    ACTIONS,
    DENSITIES,
    TEXT_SIZES,
    Habits,
    HabitsError,
    habits_from,
    habits_of,
    key_name,
    reset_keys,
    set_habits,
)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def my_settings(request: SignedInRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, habits_of(request.user))
    if "reset" in request.POST:
        reset_keys(request.user)
        messages.success(request, "Keys are the default ones again.")
        return redirect(request.get_full_path())
    try:
        habits = habits_from(request.POST.dict())
    except HabitsError as problem:
        return _page(request, habits_of(request.user), problem)
    set_habits(request.user, habits)
    messages.success(request, "Your settings are saved.")
    return redirect(safe_next(request))


def _page(
    request: SignedInRequest, habits: Habits, problem: HabitsError | None = None
) -> HttpResponse:
    """Shows the form. With a problem it holds what was sent, so that only one field has to be
    mended."""
    sent = request.POST if problem else {}
    rows: list[dict[str, Any]] = []
    for number, action in enumerate(ACTIONS):
        key = sent.get(f"key-{action.key}", habits.key_for(action)) or action.key
        error = str(problem) if problem and problem.action == action.key else ""
        rows.append({"number": number, "action": action, "key": key, "error": error})
    context = {
        "rows": rows,
        "default_names": {action.key: key_name(action.key) for action in ACTIONS},
        "habits": habits,
        "text_size": sent.get("text_size", habits.text_size),
        "density": sent.get("density", habits.density),
        "instant": sent.get("instant") == "yes" if problem else habits.instant,
        "text_sizes": TEXT_SIZES,
        "densities": DENSITIES,
        "problem": problem,
        "next": safe_next(request) if "next" in request.POST or "next" in request.GET else "",
    }
    return render(request, "people/my_settings.html", context, status=422 if problem else 200)
