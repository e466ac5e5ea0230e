"""Keeps a comparison while it is read, or gives it back unanswered."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import problems
from labeling.api.conventions.requests import user_of
from labeling.api.hand_outs.views import NOT_YOURS
from labeling.models import Assignment, Scope, User
from labeling.queue import leases


class Gone(APIException):
    """The comparison is no longer theirs, as the page's 410."""

    status_code = 410
    default_detail = (
        "You do not hold this comparison any more: it was answered, or others have it by now. An "
        "answer that you send all the same is kept."
    )


class HeldSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the hand-out.")
    expires_at = serializers.DateTimeField()


def _mine(uuid: UUID, user: User) -> Assignment:
    assignment = Assignment.objects.filter(uuid=uuid, labeler=user).first()
    if assignment is None:
        raise NotFound(NOT_YOURS)
    return assignment


class KeepView(APIView):
    write_scope = Scope.LABEL

    @extend_schema(
        summary="Keep a comparison that is being read",
        description="Prolongs the hold to its full length from now: send it every minute while "
        "somebody reads. One whose hold has ended is taken up again if its place is free. 410: it "
        "was answered, or others have it by now.",
        request=None,
        responses={200: HeldSerializer, **problems(410)},
    )
    def post(self, request: Request, uuid: UUID) -> Response:
        user = user_of(request)
        _mine(uuid, user)
        if not leases.renew_lease(uuid, user.pk):
            raise Gone
        return Response({"id": str(uuid), "expires_at": _mine(uuid, user).expires_at})


class ReleaseView(APIView):
    write_scope = Scope.LABEL

    @extend_schema(
        summary="Give a comparison back unanswered",
        description="For a front end that is closed. It goes to others, and may come to you again. "
        "Sending it again changes nothing, nor does it for one that is answered.",
        request=None,
        responses={204: None},
    )
    def post(self, request: Request, uuid: UUID) -> Response:
        user = user_of(request)
        _mine(uuid, user)
        leases.let_go([uuid], user.pk, timedelta(0))
        return Response(status=204)
