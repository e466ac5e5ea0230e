"""The page of the loop's settings: how it trains, chooses, samples and improves. Curators see all
of them, and change those that their role may change."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from labeling.models import Project, Role
from labeling.pages.projects.sectioned_forms import TO_DEFAULT, refilled, say_saved, set_back
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.projects.template_remarks import remark_on
from modeling.loop.changing_settings import SettingsRefused, change_loop_settings
from modeling.models import LoopSettings
from modeling.pages.loop.settings_forms import LoopSettingsForm, as_shown
from modeling.settings import SETTINGS
from modeling.settings.recipes import RECIPES

RECIPE = "recipe"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def loop_settings(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    make_form = partial(
        LoopSettingsForm,
        project=project,
        current=LoopSettings.objects.get(project=project),
        role=Role(project.role_of_viewer),
    )
    form = make_form(request.POST or None)
    if {TO_DEFAULT, RECIPE} & request.POST.keys():
        form = make_form(refilled(request.POST, _typed_over(request.POST, form)))
    elif request.method == "POST" and form.is_valid() and _save(request, project, form):
        return redirect("project-loop-settings", slug)
    context = {
        "project": project,
        "form": form,
        "recipes": RECIPES,
        "is_admin": project.role_of_viewer == Role.ADMIN,
    }
    status = 422 if form.errors else 200
    return render(request, "modeling/loop/loop_settings.html", context, status=status)


def _save(request: SignedInRequest, project: Project, form: LoopSettingsForm) -> bool:
    """Saves the form. False where the settings contradict each other; the form then says why."""
    try:
        changes = change_loop_settings(project, request.user, form.changed_fields())
    except SettingsRefused as refusal:
        form.refuse(refusal.sentences)
        return False
    say_saved(request, form, changes)
    if "base_model" in changes and (remark := remark_on(project.loop_settings.base_model, project)):
        messages.warning(request, remark)
    return True


def _typed_over(post: QueryDict, form: LoopSettingsForm) -> dict[str, Any]:
    """The values that a recipe, or a way back to a default, puts into the form."""
    recipe = next((recipe for recipe in RECIPES if recipe.name == post.get(RECIPE)), None)
    if recipe is None:
        return set_back(form, post.get(TO_DEFAULT, ""))
    return {name: as_shown(SETTINGS[name], value) for name, value in recipe.values.items()}
