"""What requests of the learning side send, and how a refusal of the domain is answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from labeling.api.conventions.errors import Contradicted
from labeling.api.conventions.parameters import Body
from modeling.models import deciding

LONGEST_REASON = 300  # as on the pages


@contextmanager
def refusing(*faults: type[Exception]) -> Iterator[None]:
    """Answers these exceptions of the domain, whose words are for people, with a 409."""
    try:
        yield
    except faults as fault:
        raise Contradicted(str(fault)) from fault


class ReasonSerializer(Body):
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
