"""The import page: checks what was uploaded or pasted, shows what is in it and what it would bring,
and imports it at a second click. What is large, and what lies on a hub, a worker reads."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from labeling.importing import (
    ImportInterrupted,
    ImportRefused,
    ImportUnfinished,
    check_file,
    import_file,
    is_unknown_shape,
    preview_rows,
)
from labeling.importing.jobs.asking import IN_BACKGROUND_BYTES, ask_worker
from labeling.importing.kept.uploads import drop_upload, keep_upload, kept_upload
from labeling.models import Import, Project, Role
from labeling.pages.projects import mapping
from labeling.pages.projects.import_forms import ConfirmForm, UploadForm
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for

EARLIER_IMPORTS = 10


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def import_page(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    if request.method != "POST":
        return _page(request, project, form=UploadForm())
    if "token" in request.POST:
        return _import(request, project)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, project, status=422, form=form)
    if form.dataset is not None:
        job = ask_worker(project, request.user, form.dataset, form.options())
        return redirect("import-detail", project.slug, job.pk)
    if form.cleaned_data["map_columns"] and (page := mapping.begin(request, project, form)):
        return page
    if form.size > IN_BACKGROUND_BYTES:
        return _hand_over(request, project, form)
    return _check(request, project, form)


def _hand_over(request: SignedInRequest, project: Project, form: UploadForm) -> HttpResponse:
    """Looks at the beginning of a large upload and leaves the rest to a worker."""
    if is_unknown_shape(form.source, form.name) and (page := mapping.begin(request, project, form)):
        return page
    upload = kept_upload(keep_upload(form.chunks(), request.user.pk), request.user.pk)
    assert upload is not None  # written a moment ago
    return mapping.hand_over(request, project, upload, form)


def _check(request: SignedInRequest, project: Project, form: UploadForm) -> HttpResponse:
    """Keeps the upload and shows what is in it; nothing is stored yet."""
    name, skip_bad = form.name, form.cleaned_data["skip_bad"]
    try:
        checked = check_file(form.source, name=name, skip_bad=skip_bad)
    except ImportRefused as refused:
        if refused.is_unknown_shape and (page := mapping.begin(request, project, form)):
            return page
        return _page(request, project, status=422, form=form, refused=refused, name=name)
    context: dict[str, Any] = {
        "checked": checked,
        "name": name,
        "rows": preview_rows(form.source, name=name, skip_bad=skip_bad),
        "expected": mapping.rehearse(project, form.source, form, name),
        "token": keep_upload(form.chunks(), request.user.pk),
        "pairs": form.cleaned_data["pairs"],
        # Without spaces: written longer than it was typed, it could be too long to come back.
        "tags": ",".join(form.cleaned_data["tags"]),
        "skip_bad": skip_bad,
    }
    return _page(request, project, **context)


def _import(request: SignedInRequest, project: Project) -> HttpResponse:
    """Imports an upload that was checked before."""
    form = ConfirmForm(request.POST)
    upload = kept_upload(form.cleaned_data["token"], request.user.pk) if form.is_valid() else None
    if upload is None:
        messages.warning(request, "That upload is gone: it was imported already, or is too old.")
        return redirect("import", project.slug)
    options = form.options(form.cleaned_data["mapping"])
    with upload.open() as file:
        try:
            report = import_file(project, request.user, file, name=upload.name, options=options)
        except ImportRefused as refused:
            context = {"form": UploadForm(), "refused": refused, "name": upload.name}
            return _page(request, project, status=422, **context)
        except ImportInterrupted as interrupted:
            messages.warning(request, str(interrupted))
            return redirect("import", project.slug)
        except ImportUnfinished as unfinished:
            # It is taken and goes on by itself: a second click would be another import.
            drop_upload(form.cleaned_data["token"], request.user.pk)
            messages.warning(request, str(unfinished))
            return redirect("import", project.slug)
    drop_upload(form.cleaned_data["token"], request.user.pk)
    return redirect("import-detail", project.slug, report.import_id)


def _page(
    request: SignedInRequest, project: Project, *, status: int = 200, **context: Any
) -> HttpResponse:
    imports = Import.objects.filter(project=project).select_related("actor").order_by("-pk")
    context |= {"project": project, "imports": imports[:EARLIER_IMPORTS]}
    return render(request, "projects/importing/import.html", context, status=status)
