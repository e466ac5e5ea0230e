"""Policies: the versions, registering one by hand, and which one writes the responses."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from labeling.access import project_for
from labeling.models import Project, Role
from labeling.pages.requests import SignedInRequest
from modeling import registry
from modeling.models import Loop, Policy

MOST_SHOWN = 200


class PolicyForm(forms.ModelForm):
    make_current = forms.BooleanField(
        required=False,
        initial=True,
        label="Make it the current policy",
        help_text="It writes the responses from the next sampling on.",
    )

    class Meta:
        model = Policy
        fields = ["name", "location", "notes"]
        labels = {"location": "Folder or hub id"}
        help_texts = {
            "name": "What people call it, for example “qwen-0.5b after round 2”.",
            "location": "A folder on the server with config.json, weights and tokenizer, or a "
            "Hugging Face id such as org/name.",
            "notes": "Where it comes from, how it was trained.",
        }


@login_required
@require_http_methods(["GET", "POST"])
def policy_list(request: SignedInRequest, slug: str) -> HttpResponse:
    """The versions; a POST registers one more."""
    is_post = request.method == "POST"
    project = project_for(request.user, slug, Role.ADMIN if is_post else Role.CURATOR)
    form = PolicyForm(request.POST if is_post else None)
    if is_post and form.is_valid():
        try:
            policy = registry.register_policy(
                project,
                form.cleaned_data["name"],
                form.cleaned_data["location"],
                request.user,
                make_current=form.cleaned_data["make_current"],
                notes=form.cleaned_data["notes"],
            )
        except registry.NotUsable as problem:
            form.add_error("location", str(problem))
        else:
            messages.success(request, f"{policy} is registered.")
            return redirect("policies", slug)
    return _page(request, project, form)


def _page(request: SignedInRequest, project: Project, form: PolicyForm) -> HttpResponse:
    loop = Loop.objects.filter(project=project).first()
    found = Policy.objects.filter(project=project).select_related("created_by", "run", "parent")
    context: dict[str, Any] = {
        "project": project,
        "policies": list(found[:MOST_SHOWN]),
        "current_id": loop.policy_id if loop else None,
        "form": form,
        "is_admin": project.role_of_viewer == Role.ADMIN,
    }
    status = 422 if form.errors else 200
    return render(request, "modeling/policies.html", context, status=status)


@login_required
@require_POST
def policy_make_current(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    """Puts a version in service; with an earlier version this is the roll-back."""
    project = project_for(request.user, slug, Role.ADMIN)
    policy = get_object_or_404(Policy, project=project, version=version)
    try:
        changed = registry.make_current(policy, request.user)
    except registry.NotUsable as problem:
        messages.error(request, f"{policy} cannot take over. {problem}")
    else:
        text = f"{policy} is the current policy." if changed else f"{policy} was current already."
        messages.success(request, text)
    return redirect("policies", slug)
