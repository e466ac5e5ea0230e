"""A labeler's own settings: keys, size of text, density, and whether a key answers at once."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from labeling.habits import (
    ACTIONS,
    DENSITIES,
    TEXT_SIZES,
    Habits,
    HabitsError,
    habits_from,
    habits_of,
    name_of,
    set_habits,
)
from labeling.pages.accounts import safe_next
from labeling.pages.requests import SignedInRequest


@login_required
@require_http_methods(["GET", "POST"])
def my_settings(request: SignedInRequest) -> HttpResponse:
    if request.method == "GET":
        return _page(request, habits_of(request.user))
    if "reset" in request.POST:
        now = habits_of(request.user)
        kept = Habits(text_size=now.text_size, density=now.density, instant=now.instant)
        return _saved(request, kept, "Keys are the default ones again.")
    try:
        habits = habits_from(request.POST.dict())
    except HabitsError as problem:
        return _page(request, habits_of(request.user), problem)
    return _saved(request, habits, "Your settings are saved.")


def _saved(request: SignedInRequest, habits: Habits, words: str) -> HttpResponse:
    set_habits(request.user, habits)
    messages.success(request, words)
    return redirect(safe_next(request) if "reset" not in request.POST else request.get_full_path())


def _page(
    request: SignedInRequest, habits: Habits, problem: HabitsError | None = None
) -> HttpResponse:
    """With a problem, the page shows what was sent, so that one field is to be mended."""
    sent = request.POST if problem else {}
    rows: list[dict[str, Any]] = []
    for number, action in enumerate(ACTIONS):
        key = sent.get(f"key-{action.key}", habits.key_for(action)) or action.key
        error = str(problem) if problem and problem.action == action.key else ""
        rows.append({"number": number, "action": action, "key": key, "error": error})
    context = {
        "rows": rows,
        "default_names": {action.key: name_of(action.key) for action in ACTIONS},
        "habits": habits,
        "text_size": sent.get("text_size", habits.text_size),
        "density": sent.get("density", habits.density),
        "instant": sent.get("instant") == "yes" if problem else habits.instant,
        "text_sizes": TEXT_SIZES,
        "densities": DENSITIES,
        "problem": problem,
        "next": request.POST.get("next") or request.GET.get("next", ""),
    }
    return render(request, "labeling/my_settings.html", context, status=422 if problem else 200)
