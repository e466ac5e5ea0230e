"""Policies: the versions, registering one by hand, and which one writes the responses."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from labeling.models import Project, Role, User
from labeling.pages.naming import Named, names_of
from labeling.pages.requests import SignedInRequest
from labeling.people.access import project_for
from labeling.projects.model_locations import NotUsable
from modeling.loop.run_outcomes import reward_model_role
from modeling.models import Loop, Policy, deciding
from modeling.pages.versions import seen_in_service
from modeling.policies import promotion, registry

MOST_SHOWN = 200


LONGEST_REASON = 300
THEN = [
    ("current", "Make it the current policy"),
    ("compare", "Compare it blind with the current one; the better one stays"),
    ("nothing", "Only keep it"),
]


class PolicyForm(forms.ModelForm):
    then = forms.ChoiceField(
        choices=THEN,
        initial="current",
        label="And then",
        help_text="The current policy writes the responses from the next sampling on.",
    )

    class Meta:
        model = Policy
        fields = ["name", "location", "notes"]
        labels = {"location": "Folder, hub id or address of a server"}
        help_texts = {
            "name": "What people call it, for example “qwen-0.5b after round 2”.",
            "location": "The model of one of this project's runs (runs/12/model), a folder below "
            "those that the operator lists in MODEL_ROOTS, a Hugging Face id such as org/name, or "
            "an OpenAI-compatible server (vLLM, TGI, llama.cpp …): "
            "http://host:8000/v1?model=NAME&api_key_env=POLICY_API_KEY. The key itself is set in "
            "that variable, where the worker runs, with the servers that it may be sent to in "
            "POLICY_API_KEY_HOSTS; it does not belong here.",
            "notes": "Where it comes from, how it was trained.",
        }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def policy_list(request: SignedInRequest, slug: str) -> HttpResponse:
    """Shows the versions; a POST registers one more."""
    is_post = request.method == "POST"
    project = project_for(request.user, slug, Role.ADMIN if is_post else Role.CURATOR)
    form = PolicyForm(request.POST if is_post else None)
    if is_post and form.is_valid():
        try:
            policy = _register(project, request.user, form.cleaned_data)
        except NotUsable as problem:
            form.add_error("location", str(problem))
        else:
            messages.success(request, f"{policy} is registered.")
            return redirect("policies", slug)
    return _page(request, project, form)


def _register(project: Project, by: User, given: dict[str, Any]) -> Policy:
    return registry.register_policy(
        project,
        given["name"],
        given["location"],
        by,
        make_current=given["then"] == "current",
        notes=given["notes"],
        compare=given["then"] == "compare",
    )


def _page(request: SignedInRequest, project: Project, form: PolicyForm) -> HttpResponse:
    loop = Loop.objects.filter(project=project).first()
    policies = Policy.objects.filter(project=project).select_related(
        "project", "created_by", "run", "parent", "reference"
    )
    context: dict[str, Any] = {
        "project": project,
        "policies": _rows(project, list(policies[:MOST_SHOWN])),
        "current_id": loop.policy_id if loop else None,
        "form": form,
        "is_admin": project.role_of_viewer == Role.ADMIN,
    }
    status = 422 if form.errors else 200
    return render(request, "modeling/policies/policies.html", context, status=status)


def _why_not_current(policy: Policy) -> str:
    """Says in a sentence why the version cannot take over; "" if it can."""
    try:
        promotion.check_usable(policy)
    except NotUsable as problem:
        return str(problem)
    return ""


def _rows(
    project: Project, policies: list[Policy]
) -> list[tuple[Policy, str, tuple[str, Named | None]]]:
    """Puts beside each version why it cannot take over. A version that a run improved also gets its
    reward model, with what that was for."""
    keys = {
        policy.pk: ("rewardmodel", str(policy.run.asked.reward_model))
        for policy in policies
        if policy.run and policy.run.asked.reward_model
    }
    names = names_of(project, keys.values())
    return [
        (
            policy,
            _why_not_current(policy),
            (reward_model_role(policy.run).lower(), names[keys[policy.pk]])
            if policy.run and policy.pk in keys
            else ("", None),
        )
        for policy in policies
    ]


@login_required
@require_POST
def policy_make_current(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    """Puts a version in service; an earlier version rolls back."""
    policy, reason = _policy_and_reason(request, slug, version)
    try:
        changed = promotion.promote_policy(
            policy, request.user, reason or "by hand", instead_of=seen_in_service(request)
        )
    except NotUsable as problem:
        messages.error(request, f"{policy} cannot take over. {problem}")
    except deciding.Outrun as problem:
        messages.error(request, f"{policy} was not made current. {problem}")
    else:
        text = f"{policy} is the current policy." if changed else f"{policy} was current already."
        messages.success(request, text)
    return redirect("policies", slug)


@login_required
@require_POST
def policy_reject(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    policy, reason = _policy_and_reason(request, slug, version)
    if promotion.reject_policy(policy, request.user, reason or "by hand"):
        messages.success(request, f"{policy} is rejected. It can be made current all the same.")
    else:
        messages.info(request, f"{policy} is in service, or rejected already.")
    return redirect("policies", slug)


@login_required
@require_POST
def policy_compare(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    """Has people compare the version blind with the current one once more."""
    policy, _ = _policy_and_reason(request, slug, version)
    if promotion.compare_again(policy, request.user):
        messages.success(request, f"{policy} is compared blind as soon as the loop is free.")
    else:
        messages.info(request, f"{policy} is in service, or waits for its comparison already.")
    return redirect("policies", slug)


def _policy_and_reason(request: SignedInRequest, slug: str, version: int) -> tuple[Policy, str]:
    project = project_for(request.user, slug, Role.ADMIN)
    policy = get_object_or_404(Policy, project=project, version=version)
    return policy, request.POST.get("reason", "").strip()[:LONGEST_REASON]
