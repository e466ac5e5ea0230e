"""A project's webhooks: made, changed and removed, their secrets, what was sent, and sent again."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import Contradicted, answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, row_of, user_of
from labeling.models import Delivery, EventType, Role, Webhook
from labeling.models.webhooks import LONGEST_ADDRESS
from labeling.projects import webhooks as domain
from labeling.projects.webhooks import WebhookRefused, WithSecret, deliveries_of
from labeling.webhooks.outbox import webhooks_of


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    events = serializers.ListField(child=serializers.ChoiceField(choices=EventType.choices))

    class Meta:
        model = Webhook
        fields = [
            "id", "address", "events", "with_texts", "with_names", "is_active", "failures",
            "failing_since", "switched_off_because", "created_at",
        ]  # fmt: skip


class WithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(
        allow_null=True, help_text="Told in this answer alone. `whsec_…`, in base64."
    )

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class WebhookBody(Body):
    address = serializers.CharField(
        max_length=LONGEST_ADDRESS, help_text="By https, and not on a private network."
    )
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=EventType.choices),
        min_length=1,
        max_length=len(EventType.choices),
    )
    with_texts = serializers.BooleanField(
        required=False, help_text="Prompts, responses and reasons of judgments."
    )
    with_names = serializers.BooleanField(required=False, help_text="User names beside pseudonyms.")
    is_active = serializers.BooleanField(required=False, help_text="Whether events are sent.")


class WebhookChangeBody(WebhookBody):
    """What is to change; the rest stays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.required = False


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    class Meta:
        model = Delivery
        fields = [
            "id", "event_id", "type", "state", "attempts", "status", "excerpt", "problem",
            "seconds", "created_at", "tried_at", "next_try_at", "finished_at", "payload",
        ]  # fmt: skip


class DeliveryParameters(PageParameters):
    state = serializers.ChoiceField(
        choices=Delivery.State.choices, required=False, help_text="Only those in this state."
    )


def webhook_rows(webhooks: Sequence[Webhook]) -> list[dict[str, Any]]:
    return [dict(WebhookSerializer(one).data) for one in webhooks]


def delivery_rows(deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
    return [dict(DeliverySerializer(one).data) for one in deliveries]


class WebhooksView(APIView):
    @extend_schema(
        summary="The project's webhooks",
        description="For admins. The oldest first.",
        parameters=[PageParameters],
        responses=answers(page_of("Webhook", WebhookSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        given = PageParameters.of(request)
        listed = ListOfRows("webhooks", project, given, newest_first=False)
        return answer_page(request, listed, webhooks_of(project), webhook_rows)

    @extend_schema(
        summary="Add a webhook",
        description="For admins. The answer holds its secret, once: under an `Idempotency-Key` a "
        "repeated answer has none.",
        request=WebhookBody,
        responses=answers_to_post(WithSecretSerializer, status=201),
    )
    @once(told_once=("secret",))
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        fields = WebhookBody.of(request)
        try:
            made = domain.create_webhook(project, user_of(request), fields)
        except WebhookRefused as refusal:
            raise _refused(refusal) from refusal
        return _with_secret(made, 201)


class WebhookView(APIView):
    @extend_schema(
        summary="A webhook",
        description="For admins.",
        responses=answers(WebhookSerializer),
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        return Response(WebhookSerializer(_webhook_of(request, slug, pk)).data)

    @extend_schema(
        summary="Change a webhook",
        description="For admins. Send what is to change; the rest stays.",
        request=WebhookChangeBody,
        responses=answers(WebhookSerializer, 400, 409, 413, 415),
    )
    def patch(self, request: Request, slug: str, pk: int) -> Response:
        webhook = _webhook_of(request, slug, pk)
        fields = WebhookChangeBody.of(request)
        try:
            changed = domain.change_webhook(webhook, user_of(request), fields)
        except WebhookRefused as refusal:
            raise _refused(refusal) from refusal
        return Response(WebhookSerializer(changed).data)

    @extend_schema(
        summary="Remove a webhook",
        description="For admins. What waits for it is not sent any more.",
        responses=answers(None, status=204),
    )
    def delete(self, request: Request, slug: str, pk: int) -> Response:
        webhook = _webhook_of(request, slug, pk)
        try:
            domain.remove_webhook(webhook, user_of(request))
        except WebhookRefused as refusal:
            raise NotFound(str(refusal)) from refusal
        return Response(status=204)


class WebhookSecretView(APIView):
    @extend_schema(
        summary="Make a new secret",
        description="For admins. For 24 hours events are signed with both.",
        request=None,
        responses=answers_to_post(WithSecretSerializer),
    )
    @once(told_once=("secret",))
    def post(self, request: Request, slug: str, pk: int) -> Response:
        webhook = _webhook_of(request, slug, pk)
        try:
            return _with_secret(domain.rotate_secret(webhook, user_of(request)), 200)
        except WebhookRefused as refusal:
            raise NotFound(str(refusal)) from refusal


class WebhookTestView(APIView):
    @extend_schema(
        summary="Send a test event",
        description="For admins. Ask for its delivery to see what came of it. 409 where the "
        "webhook is switched off.",
        request=None,
        responses=answers_to_post(DeliverySerializer, status=202),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        webhook = _webhook_of(request, slug, pk)
        try:
            delivery = domain.send_test(webhook, user_of(request))
        except WebhookRefused as refusal:
            raise _refused(refusal) from refusal
        return Response(DeliverySerializer(delivery).data, status=202)


class DeliveriesView(APIView):
    @extend_schema(
        summary="What was sent to a webhook",
        description="For admins. The newest first. What was delivered or given up is kept for 30 "
        "days.",
        parameters=[DeliveryParameters],
        responses=answers(page_of("Delivery", DeliverySerializer), 400),
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        webhook = _webhook_of(request, slug, pk)
        given = DeliveryParameters.of(request)
        listed = ListOfRows(f"deliveries of {webhook.pk}", webhook.project, given)
        rows = deliveries_of(webhook, given.get("state", ""))
        return answer_page(request, listed, rows, delivery_rows)


class DeliveryView(APIView):
    @extend_schema(
        summary="One event that was sent or waits",
        description="For admins.",
        responses=answers(DeliverySerializer),
    )
    def get(self, request: Request, slug: str, pk: int, delivery: int) -> Response:
        return Response(DeliverySerializer(_delivery_of(request, slug, pk, delivery)).data)


class ResendView(APIView):
    @extend_schema(
        summary="Send an event again",
        description="For admins. Under its old id, with all the tries of a new one. 409 where it "
        "waits to be sent anyway.",
        request=None,
        responses=answers_to_post(DeliverySerializer, status=202),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int, delivery: int) -> Response:
        row = _delivery_of(request, slug, pk, delivery)
        try:
            row = domain.resend(row, user_of(request))
        except WebhookRefused as refusal:
            raise _refused(refusal) from refusal
        return Response(DeliverySerializer(row).data, status=202)


def _refused(refusal: WebhookRefused) -> APIException:
    if refusal.field:
        return ValidationError({refusal.field: str(refusal)})
    return Contradicted(str(refusal))


def _with_secret(made: WithSecret, status: int) -> Response:
    body = {**WebhookSerializer(made.webhook).data, "secret": made.secret}
    return Response(body, status=status, headers={"Cache-Control": "no-store"})


def _webhook_of(request: Request, slug: str, pk: int) -> Webhook:
    project = project_of(request, slug, Role.ADMIN)
    webhook = row_of(webhooks_of(project), "webhook", pk)
    webhook.project = project
    return webhook


def _delivery_of(request: Request, slug: str, pk: int, delivery: int) -> Delivery:
    webhook = _webhook_of(request, slug, pk)
    row = row_of(deliveries_of(webhook), "event", delivery)
    row.webhook = webhook
    return row
