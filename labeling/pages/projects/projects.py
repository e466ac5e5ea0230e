"""Pages that make a project and change its settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from labeling.models import Project, Role
from labeling.pages.projects.forms import ProjectForm, SettingsForm
from labeling.pages.projects.mode_forms import preview_context
from labeling.pages.projects.sectioned_forms import TO_DEFAULT, refilled, say_saved, set_back
from labeling.pages.requests import SignedInRequest
from labeling.people.access import can_create_projects, project_for
from labeling.projects.editing import change_settings, create_project


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
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
@require_http_methods(["GET", "HEAD", "POST"])
def project_settings(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.ADMIN)
    # The form gets a copy: it writes what was typed, valid or not, into its instance.
    form = SettingsForm(request.POST or None, instance=Project.objects.get(pk=project.pk))
    if name := request.POST.get(TO_DEFAULT):
        data = refilled(request.POST, set_back(form, name))
        form = SettingsForm(data, instance=Project.objects.get(pk=project.pk))
    elif request.method == "POST" and form.is_valid():
        say_saved(request, form, change_settings(project, request.user, form.changed_fields()))
        return redirect("project-settings", slug)
    context = {"project": project, "form": form, "preview": preview_context(form.instance)}
    status = 422 if form.errors else 200
    return render(request, "projects/settings.html", context, status=status)
