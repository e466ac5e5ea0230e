"""A project's webhooks: made, changed and removed, their secrets, what was sent, and sent again."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import problems
from labeling.api.conventions.parameters import MAX_PAGE, Parameters
from labeling.api.conventions.requests import project_of, user_of
from labeling.models import Delivery, EventType, Project, Role, Webhook
from labeling.models.webhooks import LONGEST_ADDRESS
from labeling.projects import webhooks as domain
from labeling.projects.webhooks import WebhookRefused, WithSecret, deliveries_of
from labeling.webhooks.outbox import webhooks_of

OF_READING = problems(400, 401, 403, 404, 429)
OF_SENDING = problems(400, 401, 403, 404, 409, 413, 415, 429)


class WebhookConflict(APIException):
    """The webhook or event is in no state for this."""

    status_code = 409


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    events = serializers.ListField(child=serializers.ChoiceField(choices=EventType.choices))

    class Meta:
        model = Webhook
        fields = [
            "id", "address", "events", "with_texts", "with_names", "is_active", "failures",
            "failing_since", "switched_off_because", "created_at",
        ]  # fmt: skip


class WithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="Shown only now. `whsec_…`, in base64.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class WebhookChangeSerializer(serializers.Serializer[Any]):
    """What may be sent. A name that is not known is refused."""

    address = serializers.CharField(
        max_length=LONGEST_ADDRESS, help_text="By https, and not on a private network."
    )
    events = serializers.MultipleChoiceField(choices=EventType.choices, allow_empty=False)
    with_texts = serializers.BooleanField(
        required=False, help_text="Prompts, responses and reasons of judgments."
    )
    with_names = serializers.BooleanField(required=False, help_text="User names beside pseudonyms.")
    is_active = serializers.BooleanField(required=False, help_text="Whether events are sent.")

    def to_internal_value(self, data: Any) -> Any:
        unknown = data.keys() - self.fields.keys() if isinstance(data, dict) else ()
        if unknown:
            known = ", ".join(self.fields)
            problem = f"There is no such field. Known are: {known}."
            raise ValidationError(dict.fromkeys(sorted(map(str, unknown)), problem))
        return super().to_internal_value(data)


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    class Meta:
        model = Delivery
        fields = [
            "id", "event_id", "type", "state", "attempts", "status", "excerpt", "problem",
            "seconds", "created_at", "tried_at", "next_try_at", "finished_at", "payload",
        ]  # fmt: skip


class DeliveryParameters(Parameters):
    state = serializers.ChoiceField(
        choices=Delivery.State.choices, required=False, help_text="Only those in this state."
    )
    before = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, required=False, help_text="Only older ones than this id."
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_PAGE, default=100, help_text="Events on a page."
    )


class WebhooksView(APIView):
    @extend_schema(
        summary="The project's webhooks",
        description="For admins of the project.",
        responses={200: WebhookSerializer(many=True), **OF_READING},
    )
    def get(self, request: Request, slug: str) -> Response:
        rows = webhooks_of(project_of(request, slug, Role.ADMIN))
        return Response(WebhookSerializer(rows, many=True).data)

    @extend_schema(
        summary="Add a webhook",
        description="For admins of the project. The answer holds its secret, once.",
        request=WebhookChangeSerializer,
        responses={201: WithSecretSerializer, **OF_SENDING},
    )
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        fields = _sent(request)
        try:
            made = domain.create_webhook(project, user_of(request), fields)
        except WebhookRefused as refusal:
            raise _refused(refusal) from refusal
        return _with_secret(made, 201)


class WebhookView(APIView):
    @extend_schema(
        summary="A webhook",
        description="For admins of the project.",
        responses={200: WebhookSerializer, **OF_READING},
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        return Response(WebhookSerializer(_webhook_of(request, slug, pk)).data)

    @extend_schema(
        summary="Change a webhook",
        description="For admins of the project. Send what is to change; the rest stays.",
        request=WebhookChangeSerializer(partial=True),
        responses={200: WebhookSerializer, **OF_SENDING},
    )
    def patch(self, request: Request, slug: str, pk: int) -> Response:
        webhook = _webhook_of(request, slug, pk)
        fields = _sent(request, partial=True)
        try:
            changed = domain.change_webhook(webhook, user_of(request), fields)
        except WebhookRefused as refusal:
            raise _refused(refusal) from refusal
        return Response(WebhookSerializer(changed).data)

    @extend_schema(
        summary="Remove a webhook",
        description="For admins of the project. What waits for it is not sent any more.",
        responses={204: None, **OF_READING},
    )
    def delete(self, request: Request, slug: str, pk: int) -> Response:
        webhook = _webhook_of(request, slug, pk)
        try:
            domain.remove_webhook(webhook, user_of(request))
        except WebhookRefused as refusal:
            raise Http404(str(refusal)) from refusal
        return Response(status=204)


class WebhookSecretView(APIView):
    @extend_schema(
        summary="Make a new secret",
        description="For admins of the project. For 24 hours events are signed with both.",
        request=None,
        responses={200: WithSecretSerializer, **OF_SENDING},
    )
    def post(self, request: Request, slug: str, pk: int) -> Response:
        webhook = _webhook_of(request, slug, pk)
        try:
            return _with_secret(domain.rotate_secret(webhook, user_of(request)), 200)
        except WebhookRefused as refusal:
            raise Http404(str(refusal)) from refusal


class WebhookTestView(APIView):
    @extend_schema(
        summary="Send a test event",
        description="For admins of the project. Ask for its delivery to see what came of it.",
        request=None,
        responses={202: DeliverySerializer, **OF_SENDING},
    )
    def post(self, request: Request, slug: str, pk: int) -> Response:
        webhook = _webhook_of(request, slug, pk)
        try:
            delivery = domain.send_test(webhook, user_of(request))
        except WebhookRefused as refusal:
            raise WebhookConflict(str(refusal)) from refusal
        return Response(DeliverySerializer(delivery).data, status=202)


class DeliveriesView(APIView):
    @extend_schema(
        summary="What was sent to a webhook",
        description="For admins of the project, newest first. `next` leads to older ones. What was "
        "delivered or given up is kept for 30 days.",
        parameters=[DeliveryParameters],
        responses={
            200: inline_serializer(
                "DeliveryPage",
                {
                    "next": serializers.URLField(allow_null=True),
                    "results": DeliverySerializer(many=True),
                },
            ),
            **OF_READING,
        },
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        webhook = _webhook_of(request, slug, pk)
        asked = DeliveryParameters.of(request)
        rows = deliveries_of(webhook, asked.get("state", ""))
        if "before" in asked:
            rows = rows.filter(pk__lt=asked["before"])
        page = list(rows[: asked["limit"] + 1])
        shown = page[: asked["limit"]]
        following = None
        if len(page) > len(shown):
            query = request.query_params.copy()
            query["before"] = str(shown[-1].pk)
            following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
        results = DeliverySerializer(shown, many=True).data
        return Response({"next": following, "results": results})


class DeliveryView(APIView):
    @extend_schema(
        summary="One event that was sent or waits",
        description="For admins of the project.",
        responses={200: DeliverySerializer, **OF_READING},
    )
    def get(self, request: Request, slug: str, pk: int, delivery: int) -> Response:
        return Response(DeliverySerializer(_delivery_of(request, slug, pk, delivery)).data)


class ResendView(APIView):
    @extend_schema(
        summary="Send an event again",
        description="For admins of the project. Under its old id, with all the tries of a new one.",
        request=None,
        responses={202: DeliverySerializer, **OF_SENDING},
    )
    def post(self, request: Request, slug: str, pk: int, delivery: int) -> Response:
        row = _delivery_of(request, slug, pk, delivery)
        try:
            row = domain.resend(row, user_of(request))
        except WebhookRefused as refusal:
            raise WebhookConflict(str(refusal)) from refusal
        return Response(DeliverySerializer(row).data, status=202)


def _sent(request: Request, *, partial: bool = False) -> dict[str, Any]:
    given = WebhookChangeSerializer(data=request.data, partial=partial)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _refused(refusal: WebhookRefused) -> APIException:
    if refusal.field:
        return ValidationError({refusal.field: str(refusal)})
    return WebhookConflict(str(refusal))


def _with_secret(made: WithSecret, status: int) -> Response:
    body = WebhookSerializer(made.webhook).data | {"secret": made.secret}
    return Response(body, status=status, headers={"Cache-Control": "no-store"})


def _webhook_of(request: Request, slug: str, pk: int) -> Webhook:
    project: Project = project_of(request, slug, Role.ADMIN)
    webhook = webhooks_of(project).filter(pk=pk).first()
    if webhook is None:
        raise Http404("There is no such webhook in this project.")
    webhook.project = project
    return webhook


def _delivery_of(request: Request, slug: str, pk: int, delivery: int) -> Delivery:
    webhook = _webhook_of(request, slug, pk)
    row = deliveries_of(webhook).filter(pk=delivery).first()
    if row is None:
        raise Http404("There is no such event here: events are kept for 30 days.")
    row.webhook = webhook
    return row
