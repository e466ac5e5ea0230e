"""Pages that make a project and change its settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from labeling.access import project_for
from labeling.models import Project, Role, User
from labeling.pages.mode_forms import preview_context
from labeling.pages.project_forms import ProjectForm, SettingsForm
from labeling.pages.requests import SignedInRequest
from labeling.projects import can_create_projects, change_settings, create_project


@login_required
@require_http_methods(["GET", "POST"])
def project_new(request: SignedInRequest) -> HttpResponse:
    if not can_create_projects(request.user):
        raise PermissionDenied("Only admins make projects. Ask one to make it or to add you.")
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        project = create_project(request.user, form.cleaned_data)
        messages.success(request, f"{project.name} is ready. Next: import its prompts.")
        return redirect("project", project.slug)
    status = 422 if form.errors else 200
    context = {"form": form, "preview": preview_context(form.instance)}
    return render(request, "projects/new.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def project_settings(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.ADMIN)
    # The form gets a copy: it writes what was typed, valid or not, into its instance.
    form = SettingsForm(request.POST or None, instance=Project.objects.get(pk=project.pk))
    if request.method == "POST" and form.is_valid():
        _say_what_changed(request, project, request.user, form)
        return redirect("project-settings", slug)
    context = {"project": project, "form": form, "preview": preview_context(form.instance)}
    status = 422 if form.errors else 200
    return render(request, "projects/settings.html", context, status=status)


def _say_what_changed(
    request: SignedInRequest, project: Project, actor: User, form: SettingsForm
) -> None:
    changes = change_settings(project, actor, form.changed_fields())
    names = [form.fields[name].label or name for name in changes]
    if not names:
        messages.info(request, "Nothing was changed.")
        return
    messages.success(request, f"Saved: {'; '.join(str(name) for name in names)}.")
