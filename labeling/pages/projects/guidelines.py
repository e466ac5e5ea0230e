"""Writes a project's guidelines, and shows their versions with what changed between two."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from labeling.material.diffs import diff_lines
from labeling.models import GuidelineVersion, Project, Role
from labeling.pages.numbers import whole_number
from labeling.pages.projects.forms import GuidelinesForm
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.projects.editing import GuidelinesMoved, save_guidelines

HISTORY_LENGTH = 100


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def guidelines_edit(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    current = project.guidelines
    initial = {
        "text": current.text if current else "",
        "written_on": current.number if current else 0,
    }
    form = GuidelinesForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        response = _save(request, project, form)
        if response is not None:
            return response
    context = {"project": project, "form": form, "current": current}
    status = 422 if form.errors else 200
    return render(request, "projects/guidelines_edit.html", context, status=status)


def _save(request: SignedInRequest, project: Project, form: GuidelinesForm) -> HttpResponse | None:
    text, written_on = form.cleaned_data["text"], form.cleaned_data["written_on"]
    try:
        version = save_guidelines(project, request.user, text, written_on=written_on)
    except GuidelinesMoved as moved:
        form.add_error("text", str(moved))
        # Saving again after reading the newer version is allowed: it starts from that one.
        form.data = {"text": text, "written_on": moved.newest.number}
        return None
    if version is None:
        messages.info(request, "The text is the same as before: no new version.")
    else:
        messages.success(request, f"Version {version.number} is what labelers read from now on.")
    return redirect("guidelines-history", project.slug)


@login_required
@require_safe
def guidelines_history(request: SignedInRequest, slug: str) -> HttpResponse:
    """The versions, and what changed from one (`?old=`) to another (`?new=`)."""
    project = project_for(request.user, slug, Role.CURATOR)
    versions = list(project.guideline_versions.select_related("created_by")[:HISTORY_LENGTH])
    context = {"project": project, "versions": versions}
    if versions:
        new = _version(project, request.GET.get("new"), versions[0].number)
        old = _version(project, request.GET.get("old"), new.number - 1)
        context |= {"old": old, "new": new, "lines": diff_lines(old.text, new.text)}
    return render(request, "projects/guidelines_history.html", context)


def _version(project: Project, number: str | None, default: int) -> GuidelineVersion:
    wanted = default if number is None else whole_number(number)
    if wanted is None:
        raise Http404("Versions are counted 1, 2, 3 …")
    if wanted <= 0:
        return GuidelineVersion(project=project, number=0, text="")
    version = project.guideline_versions.filter(number=wanted).first()
    if version is None:
        raise Http404(f"There is no version {wanted} of these guidelines.")
    return version
