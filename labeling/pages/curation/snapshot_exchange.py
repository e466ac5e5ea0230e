"""Two snapshots beside each other, and a snapshot on its way to the hub."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from labeling.models import Project, Role, Snapshot
from labeling.pages.curation.snapshots import snapshot_in, snapshot_page
from labeling.pages.numbers import number_in
from labeling.pages.requests import SignedInRequest, wants_fragment
from labeling.people.access import project_for
from labeling.preferences.snapshots import SnapshotDamaged
from labeling.snapshots import pushing
from labeling.snapshots.comparing import ADDED, CHANGED, REMOVED, WAYS, Difference, Differences
from labeling.snapshots.reading import rows_path
from labeling.snapshots.taking import SnapshotRefused

LISTED = 50
CHOICES = 200
# Files up to this size are compared while the page is made, larger ones after it.
AT_ONCE_BYTES = 4 * 2**20
KINDS = (ADDED, REMOVED, CHANGED)
EXCERPT = 160


@login_required
@require_safe
def snapshot_diff(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    old, new = _asked(request, project, "old"), _asked(request, project, "new")
    context: dict[str, Any] = {
        "project": project,
        "old": old,
        "new": new,
        "choices": project.snapshots.order_by("-id")[:CHOICES],
        "here": f"{request.path}?{request.GET.urlencode()}",
    }
    if old is not None and new is not None:
        is_small = sum(map(_size, (old, new))) < AT_ONCE_BYTES
        context["is_ready"] = is_small or wants_fragment(request) or "whole" in request.GET
        if context["is_ready"]:
            context |= _differences(request, project, old, new)
    prefix = "_" if wants_fragment(request) else ""
    response = render(request, f"curation/snapshots/{prefix}snapshot_diff.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _asked(request: SignedInRequest, project: Project, name: str) -> Snapshot | None:
    """The snapshot that the address names. One of another project is as if there were none."""
    if not request.GET.get(name):
        return None
    pk = number_in(request.GET, name)
    if pk is None:
        raise Http404("There is no such snapshot.")
    return snapshot_in(project, pk)


def _size(snapshot: Snapshot) -> int:
    path = rows_path(snapshot)
    return path.stat().st_size if path.is_file() else 0


def _differences(
    request: SignedInRequest, project: Project, old: Snapshot, new: Snapshot
) -> dict[str, Any]:
    what, after = request.GET.get("what", ""), number_in(request.GET, "after") or 0
    what = what if what in (*KINDS, *WAYS) else ""
    differences = Differences(old, new)
    try:
        page = differences.go_through(LISTED + 1, what=what, after=after)
    except SnapshotDamaged as fault:
        return {"damage": str(fault)}
    shown = page[:LISTED]
    here = {"old": old.pk, "new": new.pk}
    counts, ways = differences.counts, differences.ways
    return {
        "counts": [(name, counts[name]) for name in (*KINDS, "same")],
        "choices_of_kind": [
            (name, number, urlencode(here | ({} if name == what else {"what": name})), name == what)
            for name, number in (
                *((name, counts[name]) for name in KINDS),
                *((name, ways[name]) for name in WAYS),
            )
            if number or name == what
        ],
        "rows": [
            (one, _in_words(one), _outline(one.old), _outline(one.new), _excerpt(one))
            for one in shown
        ],
        "what": what,
        "older": urlencode(here | ({"what": what} if what else {}) | {"after": shown[-1].id})
        if len(page) > LISTED
        else "",
        "stream_url": reverse("api-snapshot-diff", args=[project.slug])
        + f"?{urlencode(here | {'format': 'jsonl'})}",
    }


def _in_words(difference: Difference) -> list[tuple[str, str, str]]:
    """What changed, before and after."""
    old, new = difference.old, difference.new
    if old is None or new is None:
        return []
    return [(way, _value(way, old, old), _value(way, new, old)) for way in difference.ways]


def _outline(row: dict[str, Any] | None) -> str:
    return "–" if row is None else f"{str(row['kind']).replace('_', ' ')}, {row['split']}"


def _value(way: str, row: dict[str, Any], old: dict[str, Any]) -> str:
    if way == "verdict":
        if row["kind"] != "prefer":
            return str(row["kind"]).replace("_", " ")
        same = row["chosen"] == old["chosen"]
        return "first better" if same else "second better"
    if way == "votes":
        if "votes_chosen" not in row:
            return f"target {row['target']:.3g}"
        sides = (row["votes_chosen"], row["votes_rejected"], row["votes_tie"])
        return " : ".join(map(str, sides))
    if way == "texts":
        return "other texts"
    value = row[way]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _excerpt(difference: Difference) -> str:
    row = difference.new or difference.old or {}
    messages = row.get("prompt") or [{"content": ""}]
    return str(messages[-1].get("content") or "")[:EXCERPT]


class PushForm(forms.Form):
    """Where to, and with which token. The token is never shown again."""

    repo_id = forms.CharField(max_length=200)
    token = forms.CharField(max_length=300, required=False)
    is_public = forms.BooleanField(required=False)


@login_required
@require_POST
def snapshot_push(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.ADMIN)
    row = snapshot_in(project, pk)
    form = PushForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            pushing.push_to_hub(
                row, request.user, given["repo_id"],
                is_private=not given["is_public"], token=given["token"],
            )  # fmt: skip
        except SnapshotRefused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        else:
            return redirect(f"{reverse('snapshot', args=[project.slug, row.pk])}#hub")
    problems = [str(problem) for of_field in form.errors.values() for problem in of_field]
    return snapshot_page(
        request, project, row, status=422, push_problem=" ".join(problems),
        repo_given=request.POST.get("repo_id", "")[:200],
    )  # fmt: skip
