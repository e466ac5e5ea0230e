"""The import page: a file is uploaded and checked, looked at, and imported with a second click."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from labeling.access import project_for
from labeling.importing import (
    MAX_PAIRS,
    ImportOptions,
    ImportRefused,
    ImportReport,
    check_file,
    import_file,
    preview_rows,
)
from labeling.importing.uploads import MAX_UPLOAD_BYTES, drop_upload, keep_upload, kept_upload
from labeling.models import AuditEntry, Project, Role
from labeling.pages.requests import SignedInRequest

EARLIER_IMPORTS = 10


class OptionsForm(forms.Form):
    """Choices for the whole file; they travel from the check to the import."""

    pairs = forms.IntegerField(
        label="Comparisons for each prompt",
        min_value=0,
        max_value=MAX_PAIRS,
        initial=1,
        help_text="Where a prompt comes with two or more responses.",
    )
    tags = forms.CharField(
        label="Tags",
        required=False,
        max_length=300,
        help_text="For every new prompt, with commas between them.",
    )

    def clean_tags(self) -> list[str]:
        tags = [tag.strip() for tag in self.cleaned_data["tags"].split(",")]
        if any(len(tag) > 120 for tag in tags):
            raise forms.ValidationError("A tag has at most 120 characters.")
        return [tag for tag in dict.fromkeys(tags) if tag]


class UploadForm(OptionsForm):
    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # the importer says it better
        widget=forms.FileInput(attrs={"accept": ".jsonl,.gz,.json,.ndjson,.txt"}),
        help_text="JSONL, plain or packed with gzip. Drop it here or choose it.",
    )
    field_order = ["file", "pairs", "tags"]

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MAX_UPLOAD_BYTES:
            raise forms.ValidationError(
                f"The file is larger than {MAX_UPLOAD_BYTES // 2**20} MB. Pack it with gzip, or "
                "use manage.py import_data on the server."
            )
        return file


class ConfirmForm(OptionsForm):
    token = forms.CharField(max_length=32)
    name = forms.CharField(max_length=300)


@login_required
@require_http_methods(["GET", "POST"])
def import_page(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    if request.method == "GET":
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
    try:
        found = check_file(upload)
    except ImportRefused as refused:
        return _page(request, project, status=422, form=form, refused=refused, name=name)
    context: dict[str, Any] = {
        "found": found,
        "name": name,
        "rows": preview_rows(upload),
        "token": keep_upload(upload.chunks()),
        "pairs": form.cleaned_data["pairs"],
        "tags": ", ".join(form.cleaned_data["tags"]),
    }
    return _page(request, project, **context)


def _import(request: SignedInRequest, project: Project) -> HttpResponse:
    """Imports an upload that was checked before."""
    form = ConfirmForm(request.POST)
    path = kept_upload(form.cleaned_data["token"]) if form.is_valid() else None
    if path is None:
        messages.warning(request, "That upload is gone: it was imported already, or is too old.")
        return redirect("import", project.slug)
    name = form.cleaned_data["name"]
    options = ImportOptions(pairs=form.cleaned_data["pairs"], tags=tuple(form.cleaned_data["tags"]))
    with path.open("rb") as file:
        try:
            import_file(project, request.user, file, name=name, options=options)
        except ImportRefused as refused:
            context = {"form": UploadForm(), "refused": refused, "name": name}
            return _page(request, project, status=422, **context)
    drop_upload(form.cleaned_data["token"])
    entry = _imports(project).filter(actor=request.user).first()
    return redirect(f"{reverse('import', args=[project.slug])}?entry={entry.pk if entry else ''}")


def _page(
    request: SignedInRequest, project: Project, *, status: int = 200, **context: Any
) -> HttpResponse:
    earlier = _imports(project).select_related("actor")[:EARLIER_IMPORTS]
    context |= {"project": project, "earlier": earlier}
    return render(request, "importing/import.html", context, status=status)


def _imports(project: Project) -> Any:
    return AuditEntry.objects.filter(project=project, action="import")


def _entry(request: SignedInRequest, project: Project) -> dict[str, Any] | None:
    """The import that the address names, as its audit entry remembers it."""
    number = request.GET.get("entry", "")
    entry = _imports(project).filter(pk=number).first() if number.isdecimal() else None
    if entry is None:
        return None
    counts = {key: value for key, value in entry.details.items() if key != "file"}
    return {"file": entry.details["file"], "report": ImportReport(**counts)}
