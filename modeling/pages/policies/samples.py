"""Samples: what versions of the policy wrote for the same prompt, side by side, with rewards."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labeling.models import Project, Role
from labeling.pages.numbers import whole_number, whole_numbers
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from modeling.models import Policy
from modeling.models.versions import reward_model_by
from modeling.policies.samples import (
    MOST_VERSIONS,
    chosen_versions,
    trained_here,
    versions_with_responses,
    written_in_project,
    written_in_training,
)

PAGE_SIZE = 12


@login_required
@require_safe
def sample_browser(request: SignedInRequest, slug: str) -> HttpResponse:
    """Shows what versions wrote. `?version=` (several) or `?trained=`, `?q=` and `?after=` are the
    whole state, so a view can be sent to somebody. Without a choice, a page that would be empty
    shows what the newest trained version wrote."""
    project = project_for(request.user, slug, Role.CURATOR)
    trained = trained_here(project)
    asked = next((p for p in trained if str(p.version) == request.GET.get("trained")), None)
    text = request.GET.get("q", "").strip()
    start = whole_number(request.GET.get("after"))
    chosen = request.GET.getlist("version")
    known = sorted(versions_with_responses(project), reverse=True)
    context: dict[str, Any] = {
        "project": project,
        "known": known,
        "trained": trained,
        "text": text,
        "most_versions": MOST_VERSIONS,
    }
    if asked is None:
        context |= _from_project(project, known, chosen, text, start)
        if trained and not (chosen or text or context["rows"]):
            asked = trained[0]
    if asked is not None:
        context |= _from_training(project, asked, text, start)
    return render(request, "modeling/policies/samples.html", context)


def _from_project(
    project: Project, known: Sequence[int], chosen: Sequence[str], text: str, after: int | None
) -> dict[str, Any]:
    versions = chosen_versions(known, whole_numbers(list(chosen)))
    page = written_in_project(project, versions, text, after, PAGE_SIZE)
    pairs = [("version", version) for version in versions]
    return {
        "rows": page.rows,
        "versions": versions,
        "reward_model": page.reward_model,
        "next_page": _address(pairs, text, page.after) if page.after is not None else "",
        "first_page": _address(pairs, text) if after is not None else "",
    }


def _from_training(
    project: Project, policy: Policy, text: str, after: int | None
) -> dict[str, Any]:
    """Shows prompts of the run's file; `?after=` counts them."""
    assert policy.run is not None
    page = written_in_training(project, policy, text, after, PAGE_SIZE)
    address = [("trained", policy.version)]
    following = page.after if page else None
    return {
        "rows": page.rows if page else [],
        "shown": policy,
        "is_gone": page is None,
        "reward_model": reward_model_by(policy.run.asked.reward_model),
        "next_page": _address(address, text, following) if following is not None else "",
        "first_page": _address(address, text) if after is not None else "",
    }


def _address(chosen: Sequence[tuple[str, int]], text: str, after: int | None = None) -> str:
    pairs: list[tuple[str, str | int]] = [*chosen]
    if text:
        pairs.append(("q", text))
    if after is not None:
        pairs.append(("after", after))
    return f"?{urlencode(pairs)}"
