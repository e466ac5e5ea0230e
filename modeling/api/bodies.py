"""What requests of the learning side send, and how a refusal of the domain is answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from labeling.api.hand_outs.answers import StrictSerializer
from modeling.models import deciding

LONGEST_REASON = 300  # as on the pages


class Refused(APIException):
    """It does not go with how things stand. Nothing was changed; the detail is a sentence."""

    status_code = 409


@contextmanager
def refusing(*faults: type[Exception]) -> Iterator[None]:
    """Answers these exceptions of the domain, whose words are for people, with a 409."""
    try:
        yield
    except faults as fault:
        raise Refused(str(fault)) from fault


class ReasonSerializer(StrictSerializer):
    reason = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=LONGEST_REASON,
        help_text="Why, in a few words: the audit log keeps it.",
    )


def seen_version(given: dict[str, Any], versions: QuerySet[Any]) -> int | deciding.Now | None:
    """The key of the version that somebody saw in service, as `instead_of` names it."""
    if "instead_of" not in given:
        return deciding.NOW
    if given["instead_of"] is None:
        return None
    key = versions.filter(version=given["instead_of"]).values_list("pk", flat=True).first()
    if key is None:
        raise serializers.ValidationError({"instead_of": "There is no such version."})
    return int(key)


def body_of(request: Request, serializer: type[StrictSerializer]) -> dict[str, Any]:
    """The checked body. An empty one counts as an empty object."""
    given = serializer(data=request.data if request.data is not None else {})
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
