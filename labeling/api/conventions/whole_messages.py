"""Reads messages in requests by the importer's rules, so that no key of a message is dropped."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from labeling.importing.lines.message_fields import message_in, text_in
from labeling.importing.reports import Wrong
from labeling.texts.messages import ROLES, Message


def _in_words(fault: Wrong) -> serializers.ValidationError:
    return serializers.ValidationError(f"{fault.field}: {fault.problem} {fault.advice}".strip())


class MessageSerializer(serializers.Serializer[Any]):
    """Describes a message for the schema. Further keys, such as `tool_calls`, stand beside these
    two."""

    role = serializers.ChoiceField(choices=ROLES)
    content = serializers.CharField()


@extend_schema_field(MessageSerializer)
class MessageField(serializers.Field):
    """A message: role, content and every further key."""

    def to_internal_value(self, data: Any) -> Message:
        try:
            return message_in(data, self.field_name or "message", lambda _: None)
        except Wrong as fault:
            raise _in_words(fault) from fault


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object"}]})
class ResponseField(serializers.Field):
    """A response: a text, or the assistant's message where it holds more than a text."""

    def to_internal_value(self, data: Any) -> str | Message:
        name = self.field_name or "response"
        try:
            if not isinstance(data, dict):
                return text_in(data, name)
            return message_in({"role": "assistant"} | data, name, lambda _: None)
        except Wrong as fault:
            raise _in_words(fault) from fault
