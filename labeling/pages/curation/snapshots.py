"""The pages of snapshots: listed, taken from a filter, shown with their card, named, deleted."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labeling.curation.finding import FilterError
from labeling.models import Project, Role, Snapshot, SnapshotPush, SnapshotTaking
from labeling.models.snapshots import DESCRIPTION_LENGTH, LICENCE_LENGTH, NAME_LENGTH
from labeling.pages.numbers import number_in
from labeling.pages.requests import SignedInRequest, wants_fragment
from labeling.people.access import RANK, project_for
from labeling.preferences.shapes.files import FORMATS
from labeling.preferences.snapshots import SnapshotDamaged
from labeling.snapshots import hub, taking
from labeling.snapshots.card import COMMON_LICENCES, agreement_sentence, text_of
from labeling.snapshots.counting import counts_of
from labeling.snapshots.filters import SnapshotFilter, in_words
from labeling.snapshots.keeping import delete_snapshot, give_name, why_not_delete
from labeling.snapshots.shaping import ROWS_NAME, VOTES_NAME, WHOLE, styles_of
from labeling.snapshots.taking import SnapshotRefused
from labeling.snapshots.uses import uses_of
from labeling.texts.limits import BIGGEST_ID

PAGE_SIZE = 50
ACTIVE = (SnapshotTaking.State.WAITING, SnapshotTaking.State.RUNNING)


class SnapshotForm(forms.Form):
    """What is asked beside the filter."""

    name = forms.CharField(
        label="Name", max_length=NAME_LENGTH, help_text="Only once in this project."
    )
    description = forms.CharField(
        label="Description",
        max_length=DESCRIPTION_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Stands in the dataset card.",
    )
    licence = forms.CharField(
        label="Licence",
        max_length=LICENCE_LENGTH,
        required=False,
        widget=forms.TextInput(attrs={"list": "licences", "autocomplete": "off"}),
        help_text="Under which others may use it, such as cc-by-4.0.",
    )
    include_excluded = forms.BooleanField(
        label="Keep excluded preferences too",
        required=False,
        help_text="They are marked, and in no file for trainers.",
    )


@login_required
@require_safe
def snapshots(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    before = number_in(request.GET, "before")
    rows = project.snapshots.select_related("created_by").order_by("-id")
    if before is not None:
        rows = rows.filter(pk__lt=min(before, BIGGEST_ID))
    page = list(rows[: PAGE_SIZE + 1])
    wishes = list(project.snapshot_takings.select_related("created_by"))
    context = {
        "project": project,
        "snapshots": page[:PAGE_SIZE],
        "older": page[PAGE_SIZE - 1].pk if len(page) > PAGE_SIZE else None,
        "takings": wishes,
        "is_writing": any(wish.state in ACTIVE for wish in wishes),
    }
    prefix = "_" if wants_fragment(request) else ""
    response = render(request, f"curation/snapshots/{prefix}snapshots.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def snapshot_new(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    data = request.POST if request.method == "POST" else request.GET
    try:
        wanted = SnapshotFilter.parse(data, include_excluded=bool(data.get("include_excluded")))
    except FilterError as error:
        context = {"project": project, "error": error}
        return render(request, "curation/snapshots/snapshot_new.html", context, status=422)
    if request.method != "POST":
        return _new_page(request, project, wanted, SnapshotForm())
    form = SnapshotForm(request.POST)
    if form.is_valid():
        try:
            taken = taking.take_by_hand(
                project, request.user, form.cleaned_data["name"], wanted,
                description=form.cleaned_data["description"],
                licence=form.cleaned_data["licence"],
            )  # fmt: skip
        except SnapshotRefused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        else:
            if isinstance(taken, Snapshot):
                return redirect("snapshot", project.slug, taken.pk)
            return redirect("snapshots", project.slug)
    return _new_page(request, project, wanted, form, status=422)


def _new_page(
    request: SignedInRequest,
    project: Project,
    wanted: SnapshotFilter,
    form: SnapshotForm,
    status: int = 200,
) -> HttpResponse:
    context = {
        "project": project,
        "form": form,
        "wanted": wanted.wanted,
        "words": in_words(wanted.as_stored),
        "count": wanted.rows(project).count(),
        "licences": COMMON_LICENCES,
        "at_once": taking.AT_ONCE,
        "back_url": f"{reverse('preferences', args=[project.slug])}?{wanted.wanted.querystring()}",
    }
    return render(request, "curation/snapshots/snapshot_new.html", context, status=status)


@login_required
@require_safe
def snapshot(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    return snapshot_page(request, project, snapshot_in(project, pk))


def snapshot_in(project: Project, pk: int) -> Snapshot:
    own = Snapshot.objects.filter(project=project).select_related("project", "created_by")
    return get_object_or_404(own, pk=min(pk, BIGGEST_ID))


def snapshot_page(
    request: SignedInRequest,
    project: Project,
    row: Snapshot,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """The snapshot with everything about it; only its pushes, where htmx asks how far they are."""
    pushes = list(row.pushes.select_related("created_by")[:10])
    context |= {
        "project": project,
        "snapshot": row,
        "pushes": pushes,
        "is_pushing": any(push.state in SnapshotPush.ACTIVE for push in pushes),
        "is_admin": RANK[Role(project.role_of_viewer)] >= RANK[Role.ADMIN],
    }
    if wants_fragment(request) and request.method == "GET":
        response = render(request, "curation/snapshots/_pushes.html", context)
    else:
        response = render(
            request,
            "curation/snapshots/snapshot.html",
            context | _about(project, row),
            status=status,
        )
    patch_vary_headers(response, ["HX-Request"])
    return response


def _about(project: Project, row: Snapshot) -> dict[str, Any]:
    try:
        counts, damage = counts_of(row), ""
    except SnapshotDamaged as fault:
        counts, damage = {}, str(fault)
    own = [(ROWS_NAME, "all rows"), (VOTES_NAME, "the judgments behind each row")]
    return {
        "counts": counts,
        "damage": damage,
        "parts": [
            (
                title,
                [(one.replace("_", " "), number) for one, number in sorted(counts[name].items())],
            )
            for name, title in (("split", "Split"), ("provenance", "Provenance"), ("kind", "Kind"))
            if counts.get(name)
        ],
        "agreement": agreement_sentence(counts.get("agreement")) if counts else "",
        "words": in_words(row.filters),
        "uses": uses_of(row),
        "own_files": own if row.is_by_hand else own[:1],
        "shapes": [*([WHOLE] if row.is_by_hand else []), *styles_of(row)],
        "endings": list(FORMATS),
        "card": "" if damage else text_of(row, "", counts),
        "why_not_delete": why_not_delete(row),
        "why_not_push": hub.OFFLINE if hub.is_offline() else "",
        "others": project.snapshots.exclude(pk=row.pk).order_by("-id")[:PAGE_SIZE],
    }


@login_required
@require_POST
def snapshot_name(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    row = snapshot_in(project, pk)
    name = request.POST.get("name", "")
    try:
        if len(name) > NAME_LENGTH:
            raise SnapshotRefused("name", f"A name has at most {NAME_LENGTH} characters.")
        give_name(row, request.user, name)
    except SnapshotRefused as refused:
        problem = {"name_problem": str(refused), "name_given": name}
        return snapshot_page(request, project, row, status=422, **problem)
    return redirect("snapshot", project.slug, row.pk)


@login_required
@require_POST
def snapshot_delete(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.ADMIN)
    row = snapshot_in(project, pk)
    try:
        delete_snapshot(row, request.user)
    except SnapshotRefused as refused:
        return snapshot_page(request, project, row, status=422, delete_problem=str(refused))
    messages.success(request, f"{row.title} was deleted.")
    return redirect("snapshots", project.slug)


@login_required
@require_POST
def taking_call_off(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    taking.call_off(_taking_in(project, pk), request.user)
    return redirect("snapshots", project.slug)


@login_required
@require_POST
def taking_again(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    taking.try_again(_taking_in(project, pk))
    return redirect("snapshots", project.slug)


def _taking_in(project: Project, pk: int) -> SnapshotTaking:
    return get_object_or_404(project.snapshot_takings, pk=min(pk, BIGGEST_ID))
