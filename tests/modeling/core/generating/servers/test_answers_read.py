"""What is read out of a stranger's answer, without a server."""

import base64
import json
import time
from contextlib import suppress
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.core.generating.samples_file import Wanted, sound
from modeling.core.generating.servers.chat_answer import (
    CHARACTERS_PER_TOKEN,
    MOST_DROPPED,
    MOST_NESTED,
    Completion,
    Unusable,
    is_nested_beyond,
    most_bytes,
    read_answers,
    read_json,
    repeats_key,
)
from modeling.core.generating.servers.chat_client import MOST_PATIENCE, Reply, asked_pause
from modeling.core.generating.servers.remote_policy import MOST_LEFT_OUT, _Work, in_requests
from modeling.core.messages import Prompt
from modeling.core.program.errors import ProgramError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3)
    ),
    max_leaves=12,
)


def answer(*messages: Any, **more: Any) -> dict[str, Any]:
    return {
        "choices": [{"message": message, "finish_reason": "stop"} for message in messages]
    } | more


@given(parsed=JSON)
def test_no_answer_is_an_error_of_another_kind(parsed: Any) -> None:
    for odd in (parsed, {"choices": parsed}, {"choices": [parsed]}, answer(parsed, usage=parsed)):
        with suppress(Unusable):
            answers = read_answers(odd, 2, 20, "sk-key")
            assert len(answers.usable) + len(answers.faults) <= 2


def test_more_completions_than_asked_for_are_not_taken() -> None:
    many = answer(*({"content": str(number)} for number in range(5)))
    assert [one.text for one in read_answers(many, 2, 20, "").usable] == ["0", "1"]


@pytest.mark.parametrize(
    ("reason", "finished"),
    [
        *(("stop", True), ("tool_calls", True), ("function_call", True)),
        *(("length", False), ("content_filter", False), (None, False)),
    ],
)
def test_only_an_end_of_its_own_finishes_a_response(reason: Any, finished: bool) -> None:
    one = {"choices": [{"message": {"content": "a"}, "finish_reason": reason}]}
    assert read_answers(one, 1, 20, "").usable == [Completion("a", finished, None)]


def test_tokens_are_known_for_a_single_completion_alone() -> None:
    usage = {"completion_tokens": 20}
    assert read_answers(answer({"content": "a"}, usage=usage), 1, 20, "").usable[0].tokens == 20
    assert read_answers(answer({"content": "a"}, usage=usage), 1, 19, "").usable[0].tokens is None
    both = read_answers(answer({"content": "a"}, {"content": "b"}, usage=usage), 2, 20, "")
    assert [one.tokens for one in both.usable] == [None, None]


def test_a_text_may_be_as_long_as_its_tokens_and_not_longer() -> None:
    limit = 3 * CHARACTERS_PER_TOKEN
    fits = read_answers(answer({"content": "x" * limit}), 1, 3, "")
    assert (len(fits.usable), fits.faults) == (1, [])
    longer = read_answers(answer({"content": "x" * (limit + 1)}), 1, 3, "")
    assert longer.faults == ["the text is longer than 3 tokens can be"]
    beside = {"content": "x" * limit, "reasoning": "y"}
    assert read_answers(answer(beside), 1, 3, "").faults, "what stands beside the text counts too"


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [0, 1, 2, 7])
def test_nesting_is_counted_over_lists_and_objects(depth: int) -> None:
    for value in (nested(depth), {"a": nested(depth - 1), "b": 1} if depth else "x"):
        assert not is_nested_beyond(value, depth)
        assert depth == 0 or is_nested_beyond(value, depth - 1)


def test_a_message_is_nested_as_deep_as_calls_are_and_not_deeper() -> None:
    """Deeper ones pass here and fail where they are read with more calls on the stack."""
    calls = nested(MOST_NESTED - 1)
    whole = read_answers(answer({"content": None, "tool_calls": calls}), 1, 900, "")
    assert whole.usable[0].extra == {"tool_calls": calls}
    deeper = read_answers(answer({"content": None, "tool_calls": nested(900)}), 1, 900, "")
    assert deeper.faults == [f"its message is nested more than {MOST_NESTED} deep"]


def test_names_of_what_is_not_kept_are_few_short_and_of_letters() -> None:
    odd = {"a b": 1, "<b>": 1, "x" * 41: 1, "": 1, "none": None, "empty": [], "ünö": 1}
    many = {f"name_{chr(97 + at)}": at + 1 for at in range(20)}
    (one,) = read_answers(
        answer({"content": "a", "role": "assistant"} | odd | many), 1, 20, ""
    ).usable
    assert one.dropped == tuple(sorted(many))[:MOST_DROPPED]


@pytest.mark.parametrize(
    "content", [b"\xff", b"{", b"NaN", b'{"a": -Infinity}', "é".encode("latin-1"), b"[" * 99_999]
)
def test_what_is_no_json_in_utf_8_is_unusable(content: bytes) -> None:
    with pytest.raises(Unusable, match=r"is not (JSON|UTF-8)"):
        read_json(content)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_the_bytes_of_an_answer_grow_with_what_was_asked_for() -> None:
    assert most_bytes(2, 50) - most_bytes(1, 50) == 50 * CHARACTERS_PER_TOKEN * 6


@given(key=st.text("abcdefghij0123456789", min_size=8, max_size=20), text=st.text(max_size=9))
def test_a_key_is_found_however_it_is_spaced_turned_or_wrapped(key: str, text: str) -> None:
    wrapped = base64.b64encode(key.encode()).decode()
    for form in (key, key[::-1], wrapped, "\n".join(key), f"{key[:3]} {key[3:]}"):
        assert repeats_key(f"{text}{form}!", key)
    assert not repeats_key(key[:-1], key)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *(("", None), ("  ", None), ("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None)),
        *(("Mon, 01 Jan 2001 00:00:00 GMT", 0.0), ("nan", 0.0)),
    ],
)
def test_a_pause_is_read_from_its_header(header: str, seconds: float | None) -> None:
    assert asked_pause(Reply(429, b"", retry_after=header), "host") == seconds


def test_a_pause_may_be_a_date() -> None:
    later = formatdate(time.time() + 100, usegmt=True)
    pause = asked_pause(Reply(429, b"", retry_after=later), "host")
    assert pause is not None and 90 < pause <= 100


@pytest.mark.parametrize("header", [str(MOST_PATIENCE + 1), "1e9", "inf"])
def test_a_pause_that_nobody_waits_for_ends_the_run(header: str) -> None:
    with pytest.raises(ProgramError, match=r"host asks to wait \S+ minutes \(HTTP 429\)") as caught:
        asked_pause(Reply(429, b"", retry_after=header), "host")
    assert "goes on where it stopped" in caught.value.hint
    assert asked_pause(Reply(429, b"", retry_after=str(MOST_PATIENCE)), "host") == MOST_PATIENCE


def test_samples_of_a_prompt_are_asked_for_together_up_to_the_limit() -> None:
    wanted = [Wanted("p", name, sample, 0) for sample in range(5) for name in ("a", "b")]
    requests = in_requests(wanted, 2)
    assert [[(one.id, one.sample) for one in request] for request in requests] == [
        *([("a", 0), ("a", 1)], [("a", 2), ("a", 3)], [("a", 4)]),
        *([("b", 0), ("b", 1)], [("b", 2), ("b", 3)], [("b", 4)]),
    ]
    assert in_requests([], 2) == []


def work(n: int = 1, prompts: int = 8) -> _Work:
    server: Any = SimpleNamespace(name="small at x", base_url="x")
    config: Any = SimpleNamespace(temperature=1, top_p=1, max_new_tokens=9, n=n)
    nothing: Any = None
    texts: dict[str, Prompt] = {str(number): (("user", "x"),) for number in range(prompts)}
    return _Work(nothing, server, texts, config, nothing)


def test_half_of_all_may_be_left_out_and_one_more_may_not() -> None:
    one = work()
    one.answered = 1
    for number in range(int(MOST_LEFT_OUT * 8)):
        one.leave_out("it is not JSON" if number % 2 else "", [Wanted("p", str(number), 0, 0)])
    with pytest.raises(ProgramError) as caught:
        one.leave_out("it is not JSON", [Wanted("p", "7", 0, 0)])
    assert caught.value.message == (
        "small at x gives answers that cannot be used: 5 of 8 responses so far. It is not JSON "
        "(3); they have no text (2)."
    )


def test_the_first_prompts_without_exception_are_enough_to_give_up() -> None:
    one = work(n=100, prompts=100)
    for number in range(4):
        one.leave_out("it is cut", [Wanted("p", str(number), 0, 0)])
    with pytest.raises(ProgramError, match="5 of 10000 responses so far"):
        one.leave_out("it is cut", [Wanted("p", "4", 0, 0)])


def test_troubles_are_told_by_kind_and_number() -> None:
    one = work()
    one.refused.update({"HTTP 400 a": 1, "HTTP 400 b": 2} | {f"HTTP 4{n}": 1 for n in range(5)})
    one.left_out.update({"the answer is cut": 1})
    one.dropped.update({"mood": 1})
    one.missing = 3
    said = one.warnings()
    assert said[0] == "small at x refused 2 requests: HTTP 400 b"
    assert said[1] == "small at x refused 1 request: HTTP 400 a"
    assert said[5:] == [
        "… and in 2 other ways.",
        "small at x: 1 response left out because the answer is cut.",
        "small at x: “mood” of 1 message was not kept.",
        "small at x left 3 samples out, asked 4 times.",
    ]
    assert work().warnings() == []


@pytest.mark.parametrize(
    "row",
    [
        *({}, {"policy": "p", "id": "a"}, {"policy": ["p"], "id": "a", "sample": 0}),
        *({"policy": "p", "id": {}, "sample": 0}, [], "p", None),
    ],
)
def test_a_line_that_names_no_response_is_none(row: Any) -> None:
    assert sound(json.dumps(row).encode()) is None
