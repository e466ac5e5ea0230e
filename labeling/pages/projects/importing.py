"""The import page: checks an uploaded file, shows what is in it, imports it at a second click."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from labeling.importing import (
    ImportInterrupted,
    ImportOptions,
    ImportRefused,
    ImportReport,
    ImportUnfinished,
    check_file,
    import_file,
    preview_rows,
)
from labeling.importing.uploads import drop_upload, keep_upload, kept_upload
from labeling.models import AuditEntry, Project, Role
from labeling.pages.numbers import BIGGEST_ID, whole_number
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
        return _page(request, project, form=UploadForm(), done=_entry(request, project))
    if "token" in request.POST:
        return _import(request, project)
    return _check(request, project)


def _check(request: SignedInRequest, project: Project) -> HttpResponse:
    """Keeps the upload and shows what is in it; nothing is stored yet."""
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, project, status=422, form=form)
    upload: UploadedFile = form.cleaned_data["file"]
    name = upload.name or "upload"
    skip_bad = form.cleaned_data["skip_bad"]
    if form.cleaned_data["map_columns"] and (page := mapping.begin(request, project, form)):
        return page
    try:
        checked = check_file(upload, name=name, skip_bad=skip_bad)
    except ImportRefused as refused:
        if refused.is_unknown_shape and (page := mapping.begin(request, project, form)):
            return page
        return _page(request, project, status=422, form=form, refused=refused, name=name)
    context: dict[str, Any] = {
        "checked": checked,
        "name": name,
        "rows": preview_rows(upload, name=name, skip_bad=skip_bad),
        "token": keep_upload(upload.chunks(), request.user.pk),
        "pairs": form.cleaned_data["pairs"],
        # Without spaces: written longer than it was typed, it could be too long to come back.
        "tags": ",".join(form.cleaned_data["tags"]),
        "skip_bad": skip_bad,
    }
    return _page(request, project, **context)


def _import(request: SignedInRequest, project: Project) -> HttpResponse:
    """Imports an upload that was checked before."""
    form = ConfirmForm(request.POST)
    path = kept_upload(form.cleaned_data["token"], request.user.pk) if form.is_valid() else None
    if path is None:
        messages.warning(request, "That upload is gone: it was imported already, or is too old.")
        return redirect("import", project.slug)
    name = form.cleaned_data["name"]
    options = ImportOptions(
        pairs=form.cleaned_data["pairs"],
        tags=tuple(form.cleaned_data["tags"]),
        skip_bad=form.cleaned_data["skip_bad"],
        mapping=form.cleaned_data["mapping"],
        number_labelers=form.cleaned_data["number_labelers"],
    )
    with path.open("rb") as file:
        try:
            import_file(project, request.user, file, name=name, options=options)
        except ImportRefused as refused:
            context = {"form": UploadForm(), "refused": refused, "name": name}
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
    entry = _imports(project).filter(actor=request.user).first()
    return redirect(f"{reverse('import', args=[project.slug])}?entry={entry.pk if entry else ''}")


@login_required
@require_safe
def skipped_lines(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Hands out the rows that an import left out, as a table of plain text."""
    project = project_for(request.user, slug, Role.CURATOR)
    entry = _imports(project).filter(pk=pk).first() if pk <= BIGGEST_ID else None
    if entry is None:
        raise Http404("There is no such import.")
    rows = [("where", "field", "what was wrong")]
    for row in entry.details.get("skipped_lines", []):
        rows.append(
            (
                row.get("place") or f"line {row['line']}",
                row["field"],
                " ".join(row["problem"].split()),
            )
        )
    text = "".join("\t".join(row) + "\n" for row in rows)
    answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{project.slug}-skipped-{pk}.txt"'
    return answer


def _page(
    request: SignedInRequest, project: Project, *, status: int = 200, **context: Any
) -> HttpResponse:
    earlier = _imports(project).select_related("actor")[:EARLIER_IMPORTS]
    context |= {"project": project, "earlier": earlier}
    return render(request, "projects/importing/import.html", context, status=status)


def _imports(project: Project) -> Any:
    return AuditEntry.objects.filter(project=project, action="import")


def _entry(request: SignedInRequest, project: Project) -> dict[str, Any] | None:
    """Returns the import that the address names, as its audit entry holds it."""
    number = whole_number(request.GET.get("entry"))
    entry = _imports(project).filter(pk=number).first() if number is not None else None
    if entry is None:
        return None
    counts = {key: value for key, value in entry.details.items() if key != "file"}
    return {"file": entry.details["file"], "report": ImportReport(**counts), "pk": entry.pk}
