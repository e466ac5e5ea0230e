"""Chat templates, end and pad tokens, truncation, unusual texts."""

import pytest
from transformers import PreTrainedTokenizerBase

from modeling.core.program.errors import ProgramError
from modeling.core.texts.text import (
    FALLBACK_TEMPLATE,
    complete_tokenizer,
    encode_prompts,
    encode_texts,
    render_prompt,
    render_text,
    truncate,
)

PROMPT = (("user", "What is the capital of France?"),)
TURNS = (("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"))


def test_a_text_ends_in_the_eos_token_and_begins_with_the_prompt(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    (text,) = encode_texts(tokenizer, [(PROMPT, "Paris.")], 100)
    assert text.ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(text.ids[: text.prompt_length]) == render_prompt(tokenizer, PROMPT)
    assert tokenizer.decode(text.ids[text.prompt_length :]) == "Paris.<|end|>"


def test_an_empty_response_is_the_prompt_and_an_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    (text,) = encode_texts(tokenizer, [(PROMPT, "")], 100)
    assert text.ids[text.prompt_length :] == [tokenizer.eos_token_id]


def test_the_template_that_ends_without_eos_gets_one(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    assert render_text(tokenizer, PROMPT, "Paris.").endswith("Paris.\n<|end|>")


def test_a_pad_token_that_is_the_eos_gets_one_of_its_own(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    tokenizer.pad_token = tokenizer.eos_token
    notes = complete_tokenizer(tokenizer)
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert "padding token" in notes[0]


def test_a_tokenizer_with_nothing_gets_everything(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.eos_token = tokenizer.pad_token = tokenizer.bos_token = None
    tokenizer.chat_template = None
    assert len(complete_tokenizer(tokenizer)) == 3
    assert tokenizer.chat_template == FALLBACK_TEMPLATE
    assert complete_tokenizer(tokenizer) == []
    (text,) = encode_texts(tokenizer, [(TURNS, "So long")], 200)
    assert tokenizer.decode(text.ids) == (
        "System:\nBe kind.\n\nUser:\nHi\n\nAssistant:\nHello<|end|>\n\nUser:\nBye\n\n"
        "Assistant:\nSo long<|end|>"
    )
    assert tokenizer.decode(text.ids[: text.prompt_length]) == render_prompt(tokenizer, TURNS)


def test_truncation_takes_the_oldest_part_of_the_prompt() -> None:
    ids = [1, *range(10, 20), *range(50, 54), 2]  # BOS, ten of the prompt, four + EOS
    cut = truncate(ids, 11, 10, eos=2, keep_first={1})
    assert cut.ids == [1, 16, 17, 18, 19, 50, 51, 52, 53, 2]
    assert (cut.prompt_length, cut.truncated) == (5, True)
    assert truncate(ids, 11, 16, eos=2, keep_first={1}).truncated is False


def test_a_response_too_long_is_cut_at_its_end_and_keeps_the_eos() -> None:
    ids = [1, *range(10, 20), *range(50, 90), 2]
    cut = truncate(ids, 11, 13, eos=2, keep_first={1})
    assert cut.ids == [1, 17, 18, 19, *range(50, 58), 2]
    assert len(cut.ids) == 13


def test_a_huge_response_fits_and_is_counted(tokenizer: PreTrainedTokenizerBase) -> None:
    long = ["x" * 200_000, "word " * 40_000]
    for text in encode_texts(tokenizer, [(PROMPT, response) for response in long], 64):
        assert len(text.ids) == 64
        assert text.truncated
        assert text.ids[-1] == tokenizer.eos_token_id


@pytest.mark.parametrize(
    "response", ["مرحبا بالعالم", "שלום", "🙂👩‍👩‍👧 ok", "a\x00b", "tab\t\n\n "]
)
def test_any_text_survives_the_round_trip(
    tokenizer: PreTrainedTokenizerBase, response: str
) -> None:
    (text,) = encode_texts(tokenizer, [(PROMPT, response)], 500)
    assert tokenizer.decode(text.ids[text.prompt_length : -1]) == response


def test_a_lone_surrogate_is_replaced(tokenizer: PreTrainedTokenizerBase) -> None:
    (text,) = encode_texts(tokenizer, [(PROMPT, "a\ud83dz")], 500)
    assert tokenizer.decode(text.ids[text.prompt_length : -1]) == "a\ufffdz"


def test_a_long_prompt_to_sample_from_keeps_its_end(tokenizer: PreTrainedTokenizerBase) -> None:
    (prompt,) = encode_prompts(tokenizer, [(("user", "word " * 500),)], 20)
    assert len(prompt.ids) == 20
    assert prompt.truncated
    assert tokenizer.decode(prompt.ids).endswith("<|assistant|>\n")


def test_a_template_that_refuses_a_prompt_says_which(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.chat_template = "{{ raise_exception('no system role here') }}"
    with pytest.raises(ProgramError, match="no system role here") as caught:
        encode_texts(tokenizer, [(TURNS, "x")], 100)
    assert "Be kind." in caught.value.where
