"""Whole messages on their way to the chat template: calls, reasoning, tools, names."""

import json
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from modeling.core.messages import (
    beginning,
    for_server,
    messages_of,
    options_of,
    prompt_of,
    response_of,
    with_response,
)
from modeling.core.program.errors import ProgramError
from modeling.core.texts.groups import read_groups
from modeling.core.texts.text import FALLBACK_TEMPLATE, encode_texts, render_prompt, render_text
from modeling.core.texts.token_cache import encode_cached

USER = {"role": "user", "content": "How warm is Turin?"}
CALL = {"function": {"name": "thermometer", "arguments": '{"city": "Turin"}'}}
ANSWER = {"role": "assistant", "content": "", "tool_calls": [CALL]}
TOOLS = {"tools": [{"type": "function", "function": {"name": "thermometer"}}]}
TEMPLATE = (
    "{% if tools %}{{ tools | tojson }}{% endif %}{% if loud %}LOUD{% endif %}"
    "{% for m in messages %}<{{ m.role }}{% if m.name %} {{ m.name }}{% endif %}>{{ m.content }}"
    "{% for call in m.tool_calls %}{{ call.function.arguments.city }}{% endfor %}{% endfor %}"
)


def test_a_plain_prompt_is_pairs_and_a_plain_response_a_text() -> None:
    assert prompt_of([USER]) == (("user", "How warm is Turin?"),)
    assert response_of("21") == response_of({"role": "assistant", "content": "21"}) == "21"


def test_messages_come_back_as_they_were_given() -> None:
    prompt = prompt_of([USER | {"name": "Ada"}, ANSWER], TOOLS)
    assert messages_of(prompt) == [USER | {"name": "Ada"}, ANSWER]
    assert options_of(prompt) == TOOLS
    assert beginning(prompt) == "How warm is Turin?"
    assert messages_of(with_response(prompt_of([USER]), response_of(ANSWER))) == [USER, ANSWER]


def test_the_order_of_keys_makes_no_other_prompt() -> None:
    turned = {"tool_calls": [CALL], "content": "", "role": "assistant"}
    assert prompt_of([USER, ANSWER]) == prompt_of([USER, turned])


def test_the_template_gets_whole_messages_with_arguments_as_objects(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    tokenizer.chat_template = TEMPLATE
    prompt = prompt_of([USER | {"name": "Ada"}], TOOLS | {"chat_template_kwargs": {"loud": True}})
    text = render_text(tokenizer, prompt, response_of(ANSWER))
    assert text.startswith(json.dumps(TOOLS["tools"]) + "LOUD<user Ada>How warm is Turin?")
    assert text.endswith("<assistant>Turin<|end|>")
    assert render_prompt(tokenizer, prompt_of([USER])) == "<user>How warm is Turin?"


def test_the_plain_fallback_tells_calls_reasoning_and_tools(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    tokenizer.chat_template = FALLBACK_TEMPLATE
    thoughtful = response_of({"content": "21", "role": "assistant", "reasoning_content": "May."})
    texts = [
        render_text(tokenizer, prompt_of([USER]), response_of(ANSWER)),
        render_text(tokenizer, prompt_of([USER], TOOLS), thoughtful),
    ]
    assert '{"city": "Turin"}' in texts[0]
    assert "thermometer" in texts[1]
    assert "May." in texts[1]


def test_answers_that_differ_in_a_call_are_other_tokens(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    tokenizer.chat_template = TEMPLATE
    other = {"function": {"name": "thermometer", "arguments": '{"city": "Rome"}'}}
    prompt = prompt_of([USER])
    texts = [(prompt, response_of(ANSWER | {"tool_calls": [call]})) for call in (CALL, other)]
    first, second = encode_texts(tokenizer, texts, 200)
    assert first.ids != second.ids
    assert encode_cached(tmp_path, tokenizer, texts, 200) == ([first, second], 0)
    assert encode_cached(tmp_path, tokenizer, texts, 200) == ([first, second], 2)


def test_a_template_that_refuses_says_which_prompt(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.chat_template = "{{ raise_exception('no tools here') }}"
    with pytest.raises(ProgramError, match="no tools here") as refused:
        render_prompt(tokenizer, prompt_of([USER], TOOLS))
    assert "How warm is Turin?" in str(refused.value.where)


def test_servers_get_arguments_as_text() -> None:
    call = {"function": {"name": "thermometer", "arguments": {"city": "Turin"}}}
    (message,) = for_server([{"role": "assistant", "content": "", "tool_calls": [call]}])
    assert message["tool_calls"][0]["function"]["arguments"] == '{"city": "Turin"}'


def test_preferences_hold_texts_or_whole_answers(tmp_path: Path) -> None:
    row = {"id": "1", "prompt": [USER], "chosen": ANSWER, "rejected": "Warm.", **TOOLS}
    path = tmp_path / "preferences.jsonl"
    path.write_text(json.dumps(row))
    (group,), _ = read_groups(path, 0.0)
    assert options_of(group.prompt) == TOOLS
    assert group.responses == [response_of(ANSWER), "Warm."]


@pytest.mark.parametrize("field", [{"chosen": {"tool_calls": []}}, {"chosen": 1}, {"tools": "x"}])
def test_an_odd_answer_or_tool_is_named_with_its_line(tmp_path: Path, field: dict) -> None:
    row = {"id": "1", "prompt": [USER], "chosen": "21", "rejected": "Warm."} | field
    path = tmp_path / "preferences.jsonl"
    path.write_text(json.dumps(row))
    with pytest.raises(ProgramError, match="Line 1 of") as refused:
        read_groups(path, 0.0)
    assert next(iter(field)) in str(refused.value)
