"""A project's webhooks: who is told of what, with which secret, and what became of each event."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labeling.models import Delivery, EventType, Project, Role, Webhook
from labeling.models.webhooks import LONGEST_ADDRESS
from labeling.pages.numbers import number_in
from labeling.pages.requests import SignedInRequest, wants_fragment
from labeling.people.access import project_for
from labeling.projects import webhooks as domain
from labeling.projects.webhooks import WebhookRefused, WithSecret, deliveries_of
from labeling.webhooks.outbox import webhooks_of
from labeling.webhooks.signing import secret_of

PAGE = 50
# In the session: the salt whose secret the next page shows. The secret itself is kept nowhere.
SECRET_TO_SHOW = "webhook_secret_to_show"


class WebhookForm(forms.Form):
    """What a webhook is told, and where."""

    address = forms.CharField(
        max_length=LONGEST_ADDRESS,
        help_text="By https. Private addresses only as the operator allows.",
        error_messages={"required": "Give the address that events are sent to."},
    )
    events = forms.MultipleChoiceField(
        choices=EventType.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one event."},
    )
    with_texts = forms.BooleanField(
        required=False, label="Send prompts, responses and reasons along"
    )
    with_names = forms.BooleanField(
        required=False, label="Send user names along, beside the pseudonyms"
    )


class ChangeForm(WebhookForm):
    is_active = forms.BooleanField(required=False, label="Send events")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: SignedInRequest, slug: str) -> HttpResponse:
    """Lists the webhooks, and takes the form for one more, whose secret is shown once."""
    project = project_for(request.user, slug, Role.ADMIN)
    if request.method != "POST":
        return _list(request, project, WebhookForm())
    form = WebhookForm(request.POST)
    if not form.is_valid():
        return _list(request, project, form, status=422)
    try:
        made = domain.create_webhook(project, request.user, form.cleaned_data)
    except WebhookRefused as refusal:
        form.add_error(refusal.field or None, str(refusal))
        return _list(request, project, form, status=422)
    return _show_secret(request, project, made)


def _list(
    request: SignedInRequest, project: Project, form: WebhookForm, status: int = 200
) -> HttpResponse:
    context = {"project": project, "form": form, "webhooks": webhooks_of(project)}
    return render(request, "projects/webhooks/webhooks.html", context, status=status)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """One webhook: what it is told, which can be changed, and the log of what was sent."""
    project, hook = _webhook_of(request, slug, pk)
    if request.method != "POST":
        secret = "" if wants_fragment(request) else _secret_to_show(request, hook)
        return _one(request, project, hook, secret=secret)
    form = ChangeForm(request.POST)
    if not form.is_valid():
        return _one(request, project, hook, form, status=422)
    try:
        domain.change_webhook(hook, request.user, form.cleaned_data)
    except WebhookRefused as refusal:
        form.add_error(refusal.field or None, str(refusal))
        return _one(request, project, hook, form, status=422)
    messages.success(request, "Saved.")
    return redirect("webhook", slug, pk)


def _one(
    request: SignedInRequest,
    project: Project,
    hook: Webhook,
    form: ChangeForm | None = None,
    status: int = 200,
    secret: str = "",
) -> HttpResponse:
    initial = {name: getattr(hook, name) for name in ChangeForm.base_fields}
    state = request.GET.get("state", "")
    rows = deliveries_of(hook, state if state in Delivery.State.values else "")
    before = number_in(request.GET, "before")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    page = list(rows[: PAGE + 1])
    context: dict[str, Any] = {
        "project": project,
        "webhook": hook,
        "form": form or ChangeForm(initial=initial),
        "secret": secret,
        "deliveries": page[:PAGE],
        "following": page[PAGE - 1].pk if len(page) > PAGE else None,
        "state": state,
        "states": Delivery.State.choices,
        "counts": {value: deliveries_of(hook, value).count() for value in Delivery.State.values},
        "is_waiting": any(one.state == Delivery.State.WAITING for one in page[:PAGE]),
    }
    name = "_deliveries.html" if wants_fragment(request) else "webhook.html"
    return render(request, f"projects/webhooks/{name}", context, status=status)


@login_required
@never_cache
@require_POST
def webhook_rotate(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    """Makes a new secret, and shows it once."""
    project, hook = _webhook_of(request, slug, pk)
    try:
        made = domain.rotate_secret(hook, request.user)
    except WebhookRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("webhooks", slug)
    return _show_secret(request, project, made)


def _show_secret(request: SignedInRequest, project: Project, made: WithSecret) -> HttpResponse:
    """Leads to the page that shows the secret, once: reloading it must not make another one."""
    request.session[SECRET_TO_SHOW] = made.webhook.salt
    return redirect("webhook", project.slug, made.webhook.pk)


def _secret_to_show(request: SignedInRequest, hook: Webhook) -> str:
    """The secret that was made by the request before this one; else nothing."""
    if request.method != "GET" or request.session.get(SECRET_TO_SHOW) != hook.salt:
        return ""
    del request.session[SECRET_TO_SHOW]
    return secret_of(hook.salt)


@login_required
@require_POST
def webhook_test(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    _, hook = _webhook_of(request, slug, pk)
    try:
        domain.send_test(hook, request.user)
    except WebhookRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "A test event is on its way: see below what comes of it.")
    return redirect("webhook", slug, pk)


@login_required
@require_POST
def webhook_remove(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    _, hook = _webhook_of(request, slug, pk)
    try:
        domain.remove_webhook(hook, request.user)
    except WebhookRefused as refusal:
        messages.info(request, str(refusal))
    else:
        messages.success(request, "Removed: nothing is sent there any more.")
    return redirect("webhooks", slug)


@login_required
@require_safe
def webhook_delivery(request: SignedInRequest, slug: str, pk: int, delivery: int) -> HttpResponse:
    """One event: what was sent, what was answered, and the button that sends it again."""
    project, hook = _webhook_of(request, slug, pk)
    context = {
        "project": project,
        "webhook": hook,
        "delivery": (row := _delivery_of(hook, delivery)),
        "payload": json.dumps(row.payload, indent=2, ensure_ascii=False),
    }
    return render(request, "projects/webhooks/delivery.html", context)


@login_required
@require_POST
def webhook_resend(request: SignedInRequest, slug: str, pk: int, delivery: int) -> HttpResponse:
    _, hook = _webhook_of(request, slug, pk)
    try:
        domain.resend(_delivery_of(hook, delivery), request.user)
    except WebhookRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "The event is sent again, under its old id.")
    return redirect("webhook-delivery", slug, pk, delivery)


def _webhook_of(request: SignedInRequest, slug: str, pk: int) -> tuple[Project, Webhook]:
    project = project_for(request.user, slug, Role.ADMIN)
    hook = webhooks_of(project).filter(pk=pk).first()
    if hook is None:
        raise Http404("There is no such webhook in this project.")
    hook.project = project
    return project, hook


def _delivery_of(hook: Webhook, pk: int) -> Delivery:
    delivery = deliveries_of(hook).filter(pk=pk).first()
    if delivery is None:
        raise Http404("There is no such event here: events are kept for 30 days.")
    delivery.webhook = hook
    return delivery
