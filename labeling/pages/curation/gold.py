"""Gold before its release: curators bring a file, look at each comparison, decide on several."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from labeling.importing.kept.uploads import MAX_UPLOAD_BYTES
from labeling.importing.reports import ImportRefused
from labeling.models import Gold, Project, Role
from labeling.pages.curation.quality_control import page_context
from labeling.pages.numbers import whole_number, whole_numbers
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.quality import gold_release
from labeling.quality.gold_files import add_gold_file

DECISIONS = {"release": (gold_release.release, "released"), "drop": (gold_release.drop, "dropped")}


class GoldFileForm(forms.Form):
    file = forms.FileField(allow_empty_file=True)  # the reader says it better

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MAX_UPLOAD_BYTES:
            raise forms.ValidationError(f"The file is larger than {MAX_UPLOAD_BYTES // 2**20} MB.")
        return file


@login_required
@require_POST
def gold_bring(request: SignedInRequest, slug: str) -> HttpResponse:
    """Takes a file of gold, whole or not at all."""
    project = project_for(request.user, slug, Role.CURATOR)
    form = GoldFileForm(request.POST, request.FILES)
    if not form.is_valid():
        problem = form.errors.get("file", ["Choose a file."])[0]
        return _quality_control(request, project, file_problem=problem)
    upload: UploadedFile = form.cleaned_data["file"]
    name = upload.name or "upload"
    try:
        report = add_gold_file(project, request.user, upload, name=name)
    except ImportRefused as refused:
        return _quality_control(request, project, refused=refused, name=name)
    messages.success(request, " ".join(report.sentences))
    return redirect("quality-control", slug)


def _quality_control(request: SignedInRequest, project: Project, **trouble: Any) -> HttpResponse:
    context = page_context(project) | trouble
    return render(request, "curation/quality_control/quality_control.html", context, status=422)


@login_required
@require_safe
def gold_page(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Shows all of one gold comparison: what is expected of labelers, and why."""
    project = project_for(request.user, slug, Role.CURATOR)
    mine = Gold.objects.filter(project=project).select_related("comparison__prompt")
    gold = get_object_or_404(mine, pk=pk)
    (looked,) = gold_release.looked_at([gold])
    context = {
        "project": project,
        "gold": gold,
        "looked": looked,
        "prompt": gold.comparison.prompt,
        "waiting_count": gold_release.waiting(project).count(),
    }
    return render(request, "curation/quality_control/gold.html", context)


@login_required
@require_safe
def gold_look(request: SignedInRequest, slug: str) -> HttpResponse:
    """Leads to the next gold comparison that waits for a decision: the first with an id above
    `?after=ID`, or else the first of all."""
    project = project_for(request.user, slug, Role.CURATOR)
    waiting = gold_release.waiting(project)
    after = whole_number(request.GET.get("after")) or 0
    following = waiting.filter(pk__gt=after).first() or waiting.first()
    if following is None:
        return redirect("quality-control", slug)
    return redirect("gold", slug, following.pk)


@login_required
@require_POST
def gold_decide(request: SignedInRequest, slug: str) -> HttpResponse:
    """Releases or drops the gold comparisons that are named. With `after`, as on the page of one of
    them, it leads on to the next one that waits."""
    project = project_for(request.user, slug, Role.CURATOR)
    ids = set(whole_numbers(request.POST.getlist("gold")))
    decide, done = DECISIONS.get(request.POST.get("decision", ""), (None, ""))
    if decide is None:
        messages.error(request, "Choose what is to become of them: release or drop.")
        return redirect("quality-control", slug)
    count = decide(project, request.user, ids)
    if count:
        messages.success(request, f"{count} gold comparison{'s' * (count != 1)} {done}.")
    elif ids:
        messages.info(request, "Somebody has decided on it already.")
    else:
        messages.warning(request, "Nothing was ticked.")
    after = whole_number(request.POST.get("after"))
    if after is not None:
        return redirect(f"{reverse('gold-look', args=[slug])}?after={after}")
    return redirect(f"{reverse('quality-control', args=[slug])}#gold-title")
