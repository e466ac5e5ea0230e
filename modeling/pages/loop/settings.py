"""The page on which admins say what the loop does: trains, chooses, samples, improves."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from labeling.models import Role
from labeling.pages.projects.sectioned_forms import TO_DEFAULT, refilled, say_saved, set_back
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.projects.template_remarks import remark_on
from modeling.loop.changing_settings import change_loop_settings
from modeling.models import LoopSettings
from modeling.pages.loop.settings_forms import LoopSettingsForm, as_shown
from modeling.settings import SETTINGS
from modeling.settings.recipes import RECIPES

RECIPE = "recipe"


@login_required
@require_http_methods(["GET", "POST"])
def loop_settings(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.ADMIN)
    current = LoopSettings.objects.get(project=project)
    form = LoopSettingsForm(request.POST or None, project=project, current=current)
    if {TO_DEFAULT, RECIPE} & request.POST.keys():
        data = refilled(request.POST, _typed_over(request.POST, form))
        form = LoopSettingsForm(data, project=project, current=current)
    elif request.method == "POST" and form.is_valid():
        changes = change_loop_settings(project, request.user, form.changed_fields())
        say_saved(request, form, changes)
        if "base_model" in changes and (
            remark := remark_on(project.loop_settings.base_model, project)
        ):
            messages.warning(request, remark)
        return redirect("project-loop-settings", slug)
    status = 422 if form.errors else 200
    context = {"project": project, "form": form, "recipes": RECIPES}
    return render(request, "modeling/loop/loop_settings.html", context, status=status)


def _typed_over(post: QueryDict, form: LoopSettingsForm) -> dict[str, Any]:
    """What a recipe, or a way back to a default, puts into the form."""
    chosen = next((one for one in RECIPES if one.name == post.get(RECIPE)), None)
    if chosen is None:
        return set_back(form, post.get(TO_DEFAULT, ""))
    return {name: as_shown(SETTINGS[name], value) for name, value in chosen.values.items()}
