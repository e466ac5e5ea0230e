"""A saved reward model's chat template ends in the end token, whatever the base model's did."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from modeling.core.loading.pretrained import load_causal_model
from modeling.core.texts.chat_end import ending_template, find_stop_ids
from modeling.core.texts.text import FALLBACK_TEMPLATE, render_prompt, render_text
from tests.tiny_model import CHAT_TEMPLATE, build_tiny_tokenizer

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
PROMPT = (("system", "Be kind."), ("user", "  Hello\n"))


def with_template(template: str) -> PreTrainedTokenizerFast:
    tokenizer = build_tiny_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, CHATML, FALLBACK_TEMPLATE])
@pytest.mark.parametrize("response", ["Hi there.", "  spaces \n\n", ""])
def test_what_the_template_gives_is_what_is_scored(template: str, response: str) -> None:
    tokenizer = with_template(template)
    scored, asked = render_text(tokenizer, PROMPT, response), render_prompt(tokenizer, PROMPT)
    tokenizer.chat_template = ending_template(tokenizer)
    turns = [*PROMPT, ("assistant", response)]
    messages = [{"role": role, "content": content} for role, content in turns]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == scored
    assert render_text(tokenizer, PROMPT, response) == scored
    assert render_prompt(tokenizer, PROMPT) == asked


def test_a_template_that_ends_right_is_left_alone_also_a_second_time() -> None:
    tokenizer = with_template(CHAT_TEMPLATE)
    tokenizer.chat_template = ending_template(tokenizer)
    assert tokenizer.chat_template != CHAT_TEMPLATE
    assert ending_template(tokenizer) == tokenizer.chat_template
    right = with_template(FALLBACK_TEMPLATE)
    assert ending_template(right) == FALLBACK_TEMPLATE


def test_a_template_that_would_render_otherwise_is_kept() -> None:
    """A first newline is lost inside a block: better a template as it was than another text."""
    tokenizer = with_template("\n" + CHAT_TEMPLATE)
    assert ending_template(tokenizer) == "\n" + CHAT_TEMPLATE


WANTS_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ raise_exception('Say who I am') }}{% endif %}"
) + CHAT_TEMPLATE


def test_a_template_that_wants_a_system_message_is_tried_on_one() -> None:
    tokenizer = with_template(WANTS_SYSTEM)
    scored = render_text(tokenizer, PROMPT, "Hi.")
    tokenizer.chat_template = ending_template(tokenizer)
    messages = [{"role": role, "content": text} for role, text in (*PROMPT, ("assistant", "Hi."))]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == scored


def test_a_template_that_takes_no_made_up_conversation_is_kept() -> None:
    template = "{% if messages | length < 9 %}{{ raise_exception('More') }}{% endif %}"
    assert ending_template(with_template(template)) == template


def test_a_template_that_wants_a_system_message_tells_where_responses_end(
    tiny_model: Path,
) -> None:
    tokenizer = with_template(WANTS_SYSTEM.replace("eos_token", "'<|user|>'"))
    ends = find_stop_ids(load_causal_model(str(tiny_model)), tokenizer)
    assert tokenizer.convert_tokens_to_ids("<|user|>") in ends
