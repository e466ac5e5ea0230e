"""What a message holds beside its text: what counts, what labelers see, in which words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.texts import messages
from labeling.texts.limits import (
    MAX_COMPARED,
    MAX_CONVERSATION,
    MAX_SHOWN,
    MAX_TEXT,
    ON_THE_SERVER,
    FileLimits,
)
from labeling.texts.messages import (
    answer_suffix,
    canonical,
    extra_of,
    in_words,
    is_empty,
    is_said,
    message_size,
    message_suffix,
    parts_for_labelers,
    parts_of,
    prompt_suffix,
    said,
    size_of,
    text_or_message,
    whole_message,
    words_of,
)
from labeling.texts.sameness import prompt_digest, response_digest

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["reasoning", "refusal", "score", "model", "tool_calls", "id", "citations", "x"]
)
EXTRAS = st.dictionaries(KEYS, VALUES, max_size=4)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("scoreOf_B2", ("score", "of", "b", "2")),
        ("HTTPServer", ("http", "server")),
        ("chosen-rating", ("chosen", "rating")),
        ("", ()),
        ("__", ()),
        ("模型_name", ("模型", "name")),
        ("ID", ("id",)),
    ],
)
def test_a_name_falls_into_its_words(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("reasoning_content", "Because.", True),
        ("reasoning_content", "", False),
        ("citations", [], False),
        ("citations", [0], True),
        ("refusal", None, False),
        ("quality_score", 0.9, False),
        ("modelName", "gpt", False),
        ("audio", 0, True),
    ],
)
def test_what_is_said_and_what_is_about_it(key: str, value: Any, expected: bool) -> None:
    assert is_said(key, value) is expected


@given(EXTRAS)
def test_what_was_said_is_said_still_and_nothing_more(extra: dict[str, Any]) -> None:
    once = said(extra)
    assert said(once) == once
    assert once.keys() <= extra.keys()
    assert not messages.ABOUT & {word for key in once for word in words_of(key)}


@given(EXTRAS, EXTRAS)
def test_answers_that_say_the_same_have_one_digest(
    extra: dict[str, Any], other: dict[str, Any]
) -> None:
    remarks = {key: value for key, value in other.items() if key in ("score", "model", "id")}
    assert response_digest("Yes.", extra | remarks) == response_digest("Yes.", extra)


@given(EXTRAS)
def test_the_order_of_keys_makes_no_other_answer(extra: dict[str, Any]) -> None:
    turned = dict(reversed(extra.items()))
    assert answer_suffix(turned) == answer_suffix(extra)
    prompt = [{"role": "user", "content": "Why?"}]
    assert prompt_digest(prompt, turned) == prompt_digest(prompt, extra)


def call(name: str, arguments: Any, **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"function": {"name": name, "arguments": arguments}, **more}]}


def test_arguments_are_one_written_as_a_text_or_as_an_object() -> None:
    written = call("search", '{"query": "tea"}', id="call_1")
    assert answer_suffix(written) == answer_suffix(call("search", {"query": "tea"}, id="call_2"))
    assert answer_suffix(written) != answer_suffix(call("search", {"query": "milk"}))
    assert answer_suffix(written) != answer_suffix(call("buy", {"query": "tea"}))


def test_a_call_that_is_none_counts_as_it_is() -> None:
    for odd in ("search()", [1], {"query": "tea"}, {"function": "search"}):
        assert answer_suffix({"tool_calls": [odd]}) == f"\x1d{canonical({'tool_calls': [odd]})}"
    assert answer_suffix({"function_call": {"name": "a", "arguments": "{}"}}) == answer_suffix(
        {"function_call": {"name": "a", "arguments": {}}}
    )


def test_a_plain_answer_has_no_suffix() -> None:
    for extra in (None, {}, {"score": 1}, {"reasoning": ""}):
        assert answer_suffix(extra) == ""
    assert prompt_suffix(None) == prompt_suffix({"tools": []}) == ""
    assert message_suffix({"role": "user", "content": "Why?", "id": "1", "name": ""}) == ""


def test_of_a_prompt_a_name_counts_and_its_id_does_not() -> None:
    named = {"role": "user", "content": "Why?", "name": "Ann"}
    assert message_suffix(named) == '\x1d{"name":"Ann"}'
    assert message_suffix(named | {"created_at": "2026"}) == message_suffix(named)


@given(TEXTS, EXTRAS)
def test_a_response_is_a_message_and_comes_back_from_it(text: str, extra: dict[str, Any]) -> None:
    message = whole_message(text, extra)
    assert (message["role"], message["content"], extra_of(message)) == ("assistant", text, extra)
    assert text_or_message(text, extra) == (message if extra else text)


@given(TEXTS, EXTRAS)
def test_a_response_that_says_nothing_has_nothing_to_show(text: str, extra: dict[str, Any]) -> None:
    if is_empty(text, extra):
        assert not in_words(text, extra).strip()
        assert not parts_for_labelers(extra)
    if text.strip():
        assert in_words(text, extra) == text


def test_parts_have_titles_that_people_read() -> None:
    extra = {
        "reasoning_content": "Because.", "refusal": "No.", "citations": [{"page": 3}], "empty": [],
        **call("search", '{"query": "tea"}'),
    }  # fmt: skip
    titles = [(part.title, part.is_code) for part in parts_of(extra)]
    assert titles == [
        ("Reasoning", False),
        ("Refusal", False),
        ("citations", True),
        ("Tool call: search", True),
    ]
    assert parts_of(extra)[3].text == '{\n  "query": "tea"\n}'


@pytest.mark.parametrize(
    ("value", "title", "text"),
    [
        ("search()", "Tool call", "search()"),
        ({"function": {"name": 3}}, "Tool call", '{\n  "function": {\n    "name": 3\n  }\n}'),
        ({"name": "a", "arguments": "no JSON"}, "Tool call: a", "no JSON"),
        ({"name": "a"}, "Tool call: a", "{}"),
    ],
)
def test_odd_calls_are_shown_as_they_are(value: Any, title: str, text: str) -> None:
    (part,) = parts_of({"function_call": value})
    assert (part.title, part.text, part.is_code) == (title, text, True)


def test_deep_arguments_stay_the_text_that_they_are() -> None:
    deep = "[" * 150 + "]" * 150
    (part,) = parts_of(call("a", deep))
    assert part.text == deep
    deeper = "[" * 100_000
    (part,) = parts_of(call("a", deeper))
    assert part.text == deeper


def test_what_would_be_mostly_indentation_is_written_on_one_line() -> None:
    value: Any = []
    for _ in range(60):
        value = [value]
    (part,) = parts_of({"x": value})
    assert "\n" not in part.text
    assert json.loads(part.text) == value


def test_a_line_of_a_table_says_what_stands_instead_of_a_text() -> None:
    extra = {"reasoning": "Think\n twice.", "score": 3, "refusal": "No."}
    assert in_words(" \n", extra) == "[Reasoning] Think twice.; [Refusal] No."
    assert in_words("Yes.", extra) == "Yes."


def test_parts_are_escaped_for_a_page() -> None:
    (part,) = parts_of({"reasoning": "<script>"})
    assert part.html == "&lt;script&gt;"


@given(st.lists(st.builds(whole_message, TEXTS, EXTRAS), max_size=3), EXTRAS)
def test_the_size_of_a_prompt_is_that_of_its_parts(
    prompt: list[dict[str, Any]], extra: dict[str, Any]
) -> None:
    alone = [message_size(message) for message in prompt]
    assert size_of(prompt, extra) == sum(alone) + size_of([], extra)
    assert size_of([], {}) == 0
    assert all(size >= len(m["content"]) for size, m in zip(alone, prompt, strict=True))


def test_the_largest_comparison_that_is_let_in_fits_a_page() -> None:
    assert MAX_CONVERSATION + MAX_COMPARED * MAX_TEXT <= MAX_SHOWN


@pytest.mark.parametrize(
    ("packed", "allowed"),
    [(0, 2**20), (1_000, 2**20 + 100_000), (2**40, 4 * 2**30)],
)
def test_a_packed_file_may_unpack_to_a_hundred_times_its_size(packed: int, allowed: int) -> None:
    assert FileLimits().packed_allows(packed) == allowed
    assert ON_THE_SERVER.packed_allows(packed) == ON_THE_SERVER.max_bytes
