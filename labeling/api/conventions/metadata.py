"""Parameters that ask for metadata, `metadata.KEY=VALUE`, as the preferences page has them."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from labeling.api.conventions.parameters import Parameters
from labeling.material.metadata_conditions import PREFIX, ConditionRefused, conditions_in

METADATA_PARAMETER = OpenApiParameter(
    "metadata.KEY",
    str,
    description="Only what has this metadata: of the prompt or of one of its responses, the value "
    "of this key, or one item of its list. `metadata.score=5` finds the number and the text, "
    '`metadata.score="5"` the text alone; `metadata.info.language=de` looks into an object. '
    "Several keys all hold.",
)


class MetadataParameters(Parameters):
    """Reads parameters of this kind beside the others, as `metadata`."""

    @classmethod
    def of(cls, request: Request) -> dict[str, Any]:
        query = request.query_params
        given = super().of(request)  # which refuses what is given twice
        try:
            return given | {"metadata": conditions_in(query)}
        except ConditionRefused as refused:
            raise serializers.ValidationError({refused.field: [str(refused)]}) from None

    def knows(self, name: str) -> bool:
        return name.startswith(PREFIX) or super().knows(name)
