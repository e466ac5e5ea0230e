"""Messages in requests: read as the importer reads them, and no key of one is dropped."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from labeling.api.conventions.whole_messages import MessageField, ResponseField

CALL = {"type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


class Asked(serializers.Serializer[Any]):
    message = MessageField(required=False)
    response = ResponseField(required=False)


def read(**fields: Any) -> dict[str, Any]:
    asked = Asked(data=fields)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def refusal(**fields: Any) -> str:
    asked = Asked(data=fields)
    assert not asked.is_valid()
    ((words,),) = asked.errors.values()
    return str(words)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1))
def test_a_text_is_taken_as_it_is(text: str) -> None:
    assert read(response=text) == {"response": text}
    message = {"role": "user", "content": text}
    assert read(message=message) == {"message": message}


def test_a_message_keeps_its_further_keys() -> None:
    message = {"role": "assistant", "content": "Done.", "tool_calls": [CALL], "name": "helper"}
    assert read(message=message)["message"] == message


def test_a_response_that_is_a_message_needs_no_role() -> None:
    given_response = {"content": "", "tool_calls": [CALL]}
    assert read(response=given_response)["response"] == {"role": "assistant"} | given_response


@pytest.mark.parametrize("value", [5, None, [], True, 1.5])
def test_what_is_neither_text_nor_message_is_refused(value: Any) -> None:
    asked = Asked(data={"response": value})
    assert not asked.is_valid()
    asked = Asked(data={"message": value})
    assert not asked.is_valid()


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"content": "a"}, "message.role"),
        ({"role": "robot", "content": "a"}, "message.role"),
        ({"role": "user"}, "message.content"),
        ({"role": "user", "content": 5}, "message.content"),
    ],
)
def test_a_fault_in_a_message_names_its_key(message: dict[str, Any], field: str) -> None:
    words = refusal(message=message)
    assert words.startswith(f"{field}: "), words
