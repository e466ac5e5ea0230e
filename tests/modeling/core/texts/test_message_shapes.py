"""Messages on their way through the program: nothing is lost, merged or read as something else."""

import copy
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from modeling.core.messages import (
    OPTIONS,
    beginning,
    for_server,
    for_template,
    messages_of,
    options_of,
    prompt_of,
    response_of,
    text_of,
    with_response,
)
from modeling.core.program.errors import ProgramError
from modeling.core.texts.equal_rows import (
    count_equal,
    equal_pairs_warning,
    equal_texts_warning,
    first_of,
    once,
)
from modeling.core.texts.groups import LabeledPair, PromptGroup
from modeling.core.texts.left_out import NAMED, Refusals, sentences
from modeling.core.texts.roles import BETWEEN, into_user, is_plain, joined, ways
from modeling.core.texts.template_check import check_template, sample_prompt, sample_text
from modeling.core.texts.text import FALLBACK_TEMPLATE, Encoded, encode_texts, render_text
from modeling.core.texts.token_cache import encode_cached, fingerprint
from tests.tiny_model import CHAT_TEMPLATE, build_tiny_tokenizer

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ROLE = st.sampled_from(["system", "developer", "user", "assistant", "tool"])
VALUE = st.none() | st.booleans() | st.integers() | TEXT
KEYS = st.sampled_from(["name", "reasoning_content", "tool_call_id", "Ünï"])
FURTHER = st.dictionaries(KEYS, VALUE | st.lists(VALUE, max_size=2), max_size=2)
MESSAGE = st.builds(
    lambda role, content, further: {"role": role, "content": content} | further,
    ROLE,
    TEXT,
    FURTHER,
)
MESSAGES = st.lists(MESSAGE, min_size=1, max_size=5)
TOOLS = st.fixed_dictionaries({}, optional={"tools": st.lists(FURTHER, min_size=1, max_size=2)})


@given(messages=MESSAGES, options=TOOLS)
def test_a_prompt_gives_back_its_messages_and_options(
    messages: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    prompt = prompt_of(messages, options)
    assert messages_of(prompt) == messages
    assert options_of(prompt) == options
    assert beginning(prompt) == messages[0]["content"]
    assert hash(prompt) == hash(prompt_of(copy.deepcopy(messages), options))
    whole = with_response(prompt, response_of(messages[-1] | {"role": "assistant"}))
    assert messages_of(whole)[-1] == messages[-1] | {"role": "assistant"}


@given(one=MESSAGES, other=MESSAGES)
def test_prompts_are_equal_just_where_their_messages_are(
    one: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    as_json = [json.dumps(messages, sort_keys=True) for messages in (one, other)]
    assert (prompt_of(one) == prompt_of(other)) == (as_json[0] == as_json[1])


def test_no_message_can_be_taken_for_options() -> None:
    """Their role holds a NUL, which require_messages refuses."""
    assert options_of(prompt_of([{"role": "options", "content": "{}", "tools": [1]}])) == {}
    assert OPTIONS.startswith("\x00")
    assert options_of(()) == {} and beginning(()) == ""
    assert beginning(prompt_of([], {"tools": [1]})) == ""


def test_a_response_without_a_text_is_one_by_its_call() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]}
    response = response_of(call)
    assert text_of(response) == ""
    assert response != response_of("")
    assert len({response, response_of(call), response_of("")}) == 2


@pytest.mark.parametrize(
    ("given_arguments", "for_templates"),
    [
        ('{"city": "Turin"}', {"city": "Turin"}),
        ('{"a": {"b": [1, null]}}', {"a": {"b": [1, None]}}),
        ("{}", {}),
        ("", ""),
        ("[1]", "[1]"),
        ("7", "7"),
        ('{"cut', '{"cut'),
        ({"city": "Turin"}, {"city": "Turin"}),
        (None, None),
    ],
)
def test_arguments_are_objects_for_templates(given_arguments: Any, for_templates: Any) -> None:
    message = {"tool_calls": [{"function": {"name": "f", "arguments": given_arguments}}]}
    (written,) = for_template([message])
    assert written["tool_calls"][0]["function"]["arguments"] == for_templates


@given(arguments=st.dictionaries(TEXT, VALUE, max_size=3))
def test_arguments_are_the_same_again_after_server_and_template(arguments: dict[str, Any]) -> None:
    messages = [{"tool_calls": [{"function": {"arguments": dict(arguments)}}]}]
    written = for_server(messages)[0]["tool_calls"][0]["function"]["arguments"]  # type: ignore[index]
    assert isinstance(written, str)
    read = for_template(messages)[0]["tool_calls"][0]["function"]["arguments"]  # type: ignore[index]
    assert read == arguments


@pytest.mark.parametrize(
    "calls",
    [None, "call", 7, {}, [], [None], ["call"], [{}], [{"function": "f"}], [{"function": {}}]],
)
def test_calls_of_another_shape_are_left_for_the_template(calls: Any) -> None:
    message = {"role": "assistant", "content": "x", "tool_calls": calls}
    for change in (for_template, for_server):
        assert change([copy.deepcopy(message)]) == [message]


PLAIN = st.builds(lambda role, content: {"role": role, "content": content}, ROLE, TEXT)
ANY = st.lists(PLAIN | MESSAGE, min_size=1, max_size=6)


@given(messages=ANY)
def test_no_convention_loses_or_reorders_a_text(messages: list[dict[str, Any]]) -> None:
    texts = BETWEEN.join(message["content"] for message in messages)
    every = list(ways(messages))
    assert every[0] == messages
    for way in every:
        assert BETWEEN.join(message["content"] for message in way) == texts
        whole = [message for message in messages if not is_plain(message)]
        left = [message for message in way if not is_plain(message)]
        roles = {"developer": "system"}
        assert [m | {"role": roles.get(m["role"], m["role"])} for m in whole] == [
            m | {"role": roles.get(m["role"], m["role"])} for m in left
        ]


@given(messages=ANY)
def test_joined_turns_alternate_where_messages_are_plain(messages: list[dict[str, Any]]) -> None:
    turns = joined(messages)
    for one, other in pairwise(turns):
        if one["role"] == other["role"] in ("user", "assistant"):
            assert not (is_plain(one) and is_plain(other))
    assert joined(turns) == turns


@given(messages=ANY)
def test_instructions_go_into_the_first_user_message_or_stay(
    messages: list[dict[str, Any]],
) -> None:
    turns = into_user(messages)
    if turns != messages:
        assert turns[0]["role"] == "user"
        assert messages[0]["role"] in ("system", "developer")
        rest = len(turns) - 1
        assert turns[1:] == messages[len(messages) - rest :]


IDS = st.lists(st.integers(0, 1), min_size=1, max_size=3)
GROUPS = st.lists(st.lists(IDS, min_size=1, max_size=4), min_size=1, max_size=4)


def encoded(ids: list[int], truncated: bool = False) -> Encoded:
    return Encoded(list(ids), 0, truncated)


@given(ids=GROUPS)
def test_texts_read_once_are_found_again_at_their_places(ids: list[list[list[int]]]) -> None:
    groups = [[encoded(one) for one in group] for group in ids]
    left, places = once(groups)
    flat = [text.ids for group in left for text in group]
    assert len({tuple(one) for one in flat}) == len(flat)
    assert [flat[place] for place in places] == [one for group in ids for one in group]
    assert all(left), "no group is empty"
    every = [one for group in ids for one in group]
    assert first_of(groups) == [every.index(one) for one in every]


def test_equal_pairs_are_counted_by_split_and_by_reason() -> None:
    pairs = [LabeledPair("a", 0, 1, 1.0, 1.0, 0.0), LabeledPair("b", 0, 2, 1.0, 1.0, 0.0)]
    prompt = (("user", "x"),)
    groups = [PromptGroup(prompt, split, ["1", "2", "3"], pairs) for split in ("train", "dev")]
    same, cut, other = encoded([1]), encoded([1], True), encoded([2])
    counts, were_cut = count_equal(groups, [[same, cut, other], [same, other, same]])
    assert counts == {"train": 1, "calibration": 0, "dev": 1, "test": 0}
    assert were_cut == 1


@pytest.mark.parametrize(
    ("equal", "cut", "words"),
    [
        (0, 0, None),
        (3, 3, "3 of 9 pairs are the same text to the model after cutting at 64 tokens: both"),
        (3, 0, "to the model because its chat template leaves out what differs: both"),
        (3, 1, "after cutting at 64 tokens (1 of them) and because its chat template leaves out"),
    ],
)
def test_why_pairs_are_equal_is_said(equal: int, cut: int, words: str | None) -> None:
    sentence = equal_pairs_warning(equal, cut, 9, 64)
    assert sentence is None if words is None else words in (sentence or "")
    if sentence:
        assert ("Raise max_length" in sentence) == (cut > 0)


def test_responses_that_read_alike_are_counted_within_their_prompt() -> None:
    one, two = encoded([1]), encoded([2])
    assert equal_texts_warning([[one, two], [one]], 64) is None
    sentence = equal_texts_warning([[one, one, one], [two, one]], 64)
    assert sentence is not None and sentence.startswith("2 of 5 responses are the same text")


def refused(count: int) -> list[dict[str, Any]]:
    return [{"line": n, "id": f"q{n}", "reason": "no tool role"} for n in range(1, count + 1)]


def test_what_is_left_out_is_said_in_the_right_number() -> None:
    nothing = Refusals({}, frozenset())
    assert sentences(nothing, [], 9, "prompts") == []
    (one,) = sentences(nothing, refused(1), 9, "prompts")
    assert one == (
        "1 of 9 prompts was left out, because the chat template refuses its prompt (no tool role): "
        "q1 in line 1."
    )
    (many,) = sentences(nothing, refused(NAMED + 2), 9, "prompts")
    assert many.startswith("7 of 9 prompts were left out, because the chat template refuses their")
    assert many.endswith("q5 in line 5 and 2 more.")
    with pytest.raises(ProgramError, match="refuses every prompt: no tool role") as caught:
        sentences(nothing, refused(9), 9, "prompts")
    assert caught.value.where.endswith("and 4 more")


@pytest.mark.parametrize(("count", "words"), [(1, "1 prompt is written"), (2, "2 prompts are wr")])
def test_prompts_in_other_roles_are_counted(count: int, words: str) -> None:
    refitted = frozenset((("user", str(number)),) for number in range(count))
    (sentence,) = sentences(Refusals({}, refitted), [], 9, "prompts")
    assert sentence.startswith(words)


def with_template(template: str) -> PreTrainedTokenizerBase:
    tokenizer = build_tiny_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


def test_a_template_is_tried_before_any_work() -> None:
    check_template(with_template(CHAT_TEMPLATE), "m")
    with pytest.raises(ProgramError, match="of m leaves out the response: two different ones"):
        check_template(with_template("{{ messages[0].content }}"), "m")
    with pytest.raises(ProgramError, match="of m leaves out the prompt: two different ones"):
        check_template(with_template("{{ messages[-1].content if messages[1:] }}"), "m")
    with pytest.raises(ProgramError, match="of m fails on plain messages: "):
        check_template(with_template("{{ 1 // 0 }}"), "m")


def test_a_template_that_takes_no_made_up_text_is_left_to_real_ones() -> None:
    tokenizer = with_template("{{ raise_exception('only with tools') }}")
    check_template(tokenizer, "m")
    assert sample_text(tokenizer, "yes") is None
    assert sample_prompt(tokenizer, "why") is None


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, FALLBACK_TEMPLATE])
@pytest.mark.parametrize(
    "turns",
    [
        (("user", ""),),
        (("user", "  \n"),),
        (("user", "a"), ("assistant", ""), ("user", "b")),
        (("user", "é\u2028\u200d🙂\x00"),),
        (("user", "{{ 7 * 7 }}{% raw %}"),),
        (("user", "<|end|><|pad|>"),),
    ],
)
@pytest.mark.parametrize("response", ["", " ", "{{ bos_token }}", "\u202eabc", "a<|end|>b"])
def test_odd_turns_are_written_and_end_in_one_end_token(
    template: str, turns: Any, response: str
) -> None:
    tokenizer = with_template(template)
    text = render_text(tokenizer, turns, response)
    assert text.endswith(str(tokenizer.eos_token))
    assert "49" not in text, "a text is no template"
    (tokens,) = encode_texts(tokenizer, [(turns, response)], 500)
    assert tokens.ids[-1] == tokenizer.eos_token_id
    assert 0 < tokens.prompt_length < len(tokens.ids)


def test_a_tokenizer_that_cannot_be_written_down_has_no_cache(tmp_path: Path) -> None:
    class Slow:
        """Python's alone, as some of transformers' are."""

        def __init__(self) -> None:
            self.fast = build_tiny_tokenizer()

        def __getattr__(self, name: str) -> Any:
            if name == "backend_tokenizer":
                raise AttributeError(name)
            return getattr(self.fast, name)

        def __call__(self, *arguments: Any, **how: Any) -> Any:
            return self.fast(*arguments, **how)

    slow: Any = Slow()
    texts = [((("user", "Hello?"),), "Hi.")]
    assert fingerprint(slow) is None
    for _ in range(2):
        encoded_texts, known = encode_cached(tmp_path, slow, texts, 64)
        assert (encoded_texts, known) == (encode_texts(slow.fast, texts, 64), 0)
    assert list(tmp_path.iterdir()) == []
