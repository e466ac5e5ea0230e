"""From messages to token ids: chat template, end token, pad token, truncation.

A text is tokenised as one piece, exactly as a user of the saved folder would do it, so that the
reward of a text never depends on how it was batched. The prompt's share of the tokens is found
afterwards, as the longest common token prefix with the prompt rendered alone.
Messages are given whole: what of their tool calls and reasoning is read is the template's choice.
Left out: images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from modeling.core.messages import Prompt as Prompt
from modeling.core.messages import (
    PromptResponse,
    Response,
    beginning,
    for_template,
    messages_of,
    options_of,
    with_response,
)
from modeling.core.program.errors import ProgramError
from modeling.core.texts.roles import fit_roles, is_changed
from modeling.core.texts.tables import count_positions
from modeling.core.texts.template_date import pin_date
from modeling.run_data.shared import DEFAULT_DATE

Render = Callable[[PreTrainedTokenizerBase, Prompt, Response], str]

# For tokenizers that have no chat template. Plain text with one role per paragraph; the saved
# tokenizer carries it, so the folder still says how its texts have to look.
FALLBACK_TEMPLATE = (
    "{%- if bos_token %}{{ bos_token }}{%- elif cls_token %}{{ cls_token }}{%- endif %}"
    "{%- if tools %}{{ 'Tools:\\n' ~ (tools | tojson) ~ '\\n\\n' }}{%- endif %}"
    "{%- for message in messages %}"
    "{{ message['role'] | capitalize }}:{{ '\\n' }}"
    "{%- if message['reasoning_content'] %}"
    "{{ '<think>\\n' ~ message['reasoning_content'] ~ '\\n</think>\\n' }}{%- endif %}"
    "{{ message['content'] }}"
    "{%- if message['tool_calls'] %}{{ message['tool_calls'] | tojson }}{%- endif %}"
    "{%- if message['role'] == 'assistant' %}{{ eos_token }}{%- endif %}"
    "{%- if not loop.last or add_generation_prompt %}{{ '\\n\\n' }}{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}Assistant:{{ '\\n' }}{%- endif %}"
)
PAD_TOKEN, END_TOKEN = "<|pad|>", "<|end|>"
DEFAULT_MAX_LENGTH = 2048


@dataclass(frozen=True)
class Tokenized:
    """A whole text's ids. `ids[:prompt_length]` belong to the prompt; the last id is the EOS."""

    ids: list[int]
    prompt_length: int


@dataclass(frozen=True)
class Encoded:
    """A text's ids at the length it is read with.

    `ids[:prompt_length]` belong to the prompt; the last id is the EOS.
    """

    ids: list[int]
    prompt_length: int
    truncated: bool
    lost_prompt: bool = False  # of its beginning
    lost_end: bool = False  # of the response


def complete_tokenizer(
    tokenizer: PreTrainedTokenizerBase, day: str = DEFAULT_DATE, *, is_policy: bool = False
) -> list[str]:
    """Give the tokenizer what scoring needs: an EOS, a pad that is not the EOS, a chat template,
    which prints `day` where it prints today's date.

    A pad that doubles as EOS would make the end of a text indistinguishable from padding. A policy
    is read through masks, and its model has no row for a new token: where it has no pad, the EOS
    serves. Returns a sentence for each thing that was missing.
    """
    notes = []
    if tokenizer.eos_token is None and tokenizer.sep_token is not None:
        tokenizer.eos_token = tokenizer.sep_token  # BERT's word for the same thing
    elif tokenizer.eos_token is None:
        tokenizer.add_special_tokens({"eos_token": END_TOKEN})
        notes.append(f"The tokenizer has no end-of-text token: {END_TOKEN} was added.")
    if is_policy:
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
    elif tokenizer.pad_token is None or tokenizer.pad_token_id == tokenizer.eos_token_id:
        tokenizer.add_special_tokens({"pad_token": PAD_TOKEN})
        notes.append(f"The tokenizer has no padding token of its own: {PAD_TOKEN} was added.")
    if tokenizer.chat_template is None:
        tokenizer.chat_template = FALLBACK_TEMPLATE
        notes.append("The tokenizer has no chat template: the plain fallback format is used.")
    if on_date := pin_date(tokenizer, day):
        notes.append(on_date)
    return notes


def pad_on(tokenizer: PreTrainedTokenizerBase, side: str) -> None:
    """Set the side of padding, "left" or "right", for this tokenizer and for what it is saved
    as."""
    tokenizer.padding_side = side
    tokenizer.init_kwargs["padding_side"] = side  # else save_pretrained leaves it out


def render_prompt(tokenizer: PreTrainedTokenizerBase, prompt: Prompt) -> str:
    """The prompt up to the place where the policy starts to write."""
    return _render(tokenizer, prompt, add_generation_prompt=True)


def render_text(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, response: Response) -> str:
    """Prompt and response as the reward model reads them, ending in the EOS token."""
    text = render_as_written(tokenizer, prompt, response)
    end = str(tokenizer.eos_token)
    stripped = text.rstrip()  # many templates put a newline after the end of a turn
    return stripped if stripped.endswith(end) else text + end


def render_as_written(
    tokenizer: PreTrainedTokenizerBase, prompt: Prompt, response: Response
) -> str:
    """Prompt and response to the last character that the template writes."""
    return _render(tokenizer, with_response(prompt, response), add_generation_prompt=False)


def _render(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, **options: Any) -> str:
    messages = for_template(messages_of(prompt, _clean))
    given = options_of(prompt, _clean)
    options |= {"tools": given.get("tools")}
    # Ours win over the prompt's own arguments: without them a text would end in another place.
    options = given.get("chat_template_kwargs", {}) | options
    try:
        messages = fit_roles(tokenizer, messages, options)
        text = tokenizer.apply_chat_template(messages, tokenize=False, **options)
    except TemplateError as error:
        raise ProgramError(
            f"The chat template refuses a prompt: {error}",
            where=f"the prompt that begins {beginning(prompt)[:60]!r}",
            hint="Leave this prompt out, or use a model whose template takes these roles.",
        ) from error
    return str(text)


def is_refitted(tokenizer: PreTrainedTokenizerBase, prompt: Prompt) -> bool:
    """Whether the template takes this prompt only in other roles than its own."""
    given = options_of(prompt, _clean)
    options = given.get("chat_template_kwargs", {}) | {"tools": given.get("tools")}
    options |= {"add_generation_prompt": True}
    return is_changed(tokenizer, for_template(messages_of(prompt, _clean)), options)


def _clean(text: str) -> str:
    """Replace lone surrogates by U+FFFD: JSON can carry them, and tokenizers take UTF-8 alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def encode_texts(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[PromptResponse],
    max_length: int,
    render: Render = render_text,
) -> list[Encoded]:
    """Tokenise (prompt, response) texts. Each distinct prompt is tokenised alone once as well."""
    return cut_texts(tokenizer, tokenize_texts(tokenizer, texts, render), max_length)


def tokenize_texts(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[PromptResponse],
    render: Render = render_text,
) -> list[Tokenized]:
    """Whole texts, however long. `render`: how prompt and response become one text."""
    prompts = list(dict.fromkeys(prompt for prompt, _ in texts))
    rendered = [render_prompt(tokenizer, prompt) for prompt in prompts]
    prompt_ids = dict(zip(prompts, _tokenize(tokenizer, rendered), strict=True))
    # Whole, and not the prompt's ids with the response's behind them: a tokenizer may merge across
    # the boundary, and whoever uses the saved folder tokenises the whole text too.
    full = _tokenize(tokenizer, [render(tokenizer, *text) for text in texts])
    return [
        Tokenized(ids, common_prefix(prompt_ids[prompt], ids))
        for (prompt, _), ids in zip(texts, full, strict=True)
    ]


def cut_texts(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[Tokenized],
    max_length: int,
    end: int | None = None,
) -> list[Encoded]:
    """The texts at a length of at most `max_length` tokens. `end`: the last token of those that
    lose their end; None: the EOS."""
    eos = tokenizer.eos_token_id if end is None else end
    keep_first = first_tokens(tokenizer)
    return [
        truncate(text.ids, text.prompt_length, max_length, eos=eos, keep_first=keep_first)
        for text in texts
    ]


def encode_prompts(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], max_length: int
) -> list[Encoded]:
    """Tokenise prompts for sampling; a longer one loses tokens on the left, but for its BOS."""
    rendered = _tokenize(tokenizer, [render_prompt(tokenizer, prompt) for prompt in prompts])
    keep_first = first_tokens(tokenizer)
    return [cut_prompt(ids, max_length, keep_first) for ids in rendered]


def cut_prompt(ids: list[int], max_length: int, keep_first: set[int]) -> Encoded:
    """Keep a prompt's last `max_length` tokens, its first BOS or CLS token among them."""
    if len(ids) <= max_length:
        return Encoded(ids, len(ids), False)
    first = ids[:1] if ids[0] in keep_first else []
    cut = first + ids[len(ids) - max_length + len(first) :]
    return Encoded(cut, len(cut), True, lost_prompt=True)


def first_tokens(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens that every text begins with: models are trained to find one there."""
    return {tokenizer.bos_token_id, tokenizer.cls_token_id} - {None}


def _tokenize(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[int]]:
    # The template has written the special tokens already; adding them again would double them.
    ids: list[list[int]] = []
    for start in range(0, len(texts), 1000):  # keeps the tokenizer's own memory bounded
        chunk = tokenizer(
            texts[start : start + 1000], add_special_tokens=False, return_attention_mask=False
        )
        ids.extend(chunk["input_ids"])
    return ids


def common_prefix(left: Sequence[object], right: Sequence[object]) -> int:
    """How many leading items two sequences share."""
    shorter = min(len(left), len(right))
    # Most prompts are prefixes as a whole: one comparison in C before the search in Python.
    if list(left[:shorter]) == list(right[:shorter]):
        return shorter
    return next(at for at in range(shorter) if left[at] != right[at])


def truncate(
    ids: list[int], prompt_length: int, max_length: int, *, eos: int, keep_first: set[int]
) -> Encoded:
    """Cut a text down to `max_length` tokens: the oldest part of the prompt goes first.

    A first BOS or CLS token stays. Only when the response alone leaves the prompt less than a
    quarter of the room is the response's end cut as well; the EOS is always the last token.
    """
    if len(ids) <= max_length:
        return Encoded(ids, prompt_length, False)
    first = ids[:1] if prompt_length and ids[0] in keep_first else []
    prompt, response = ids[len(first) : prompt_length], ids[prompt_length:]
    room = max_length - len(first)
    # A response without any of its question cannot be judged: a quarter of the room stays for it.
    prompt_room = max(min(len(prompt), room // 4), room - len(response))
    lost_end = len(response) > room - prompt_room
    if lost_end:
        response = [*response[: room - prompt_room - 1], eos]
    lost_prompt = len(prompt) > prompt_room
    prompt = prompt[len(prompt) - prompt_room :]
    ids = first + prompt + response
    return Encoded(ids, len(first) + len(prompt), True, lost_prompt, lost_end)


def truncation_warning(texts: Sequence[Encoded], max_length: int) -> str | None:
    """Say how many texts were cut, at which end, and what to set; None where none was."""
    if not any(text.truncated for text in texts):
        return None
    prompts, ends = (sum(text.lost_prompt for text in texts), sum(text.lost_end for text in texts))
    return (
        f"Of {len(texts)} texts (prompt and response), {prompts} lost the beginning of their "
        f"prompt and {ends} the end of their response, because only {max_length} tokens are "
        "read. Raise max_length, if the base model reads more, or use shorter texts."
    )


def choose_max_length(asked: int | None, tokenizer: PreTrainedTokenizerBase, model: Any) -> int:
    """Choose how many tokens a text may have: what is asked for, else the model's limit and at most
    2,048. Never more than the model can take. Raises ProgramError for less than 8."""
    config = model.config.get_text_config()
    names = ("max_position_embeddings", "max_seq_len")
    limits = [getattr(config, name, None) for name in names]
    limits += [tokenizer.model_max_length, count_positions(model)]
    limit = min((n for n in limits if isinstance(n, int) and n > 0), default=DEFAULT_MAX_LENGTH)
    if asked is None:
        return min(limit, DEFAULT_MAX_LENGTH)
    if not isinstance(asked, int) or asked < 8:
        raise ProgramError(
            f"max_length must be a whole number of at least 8 tokens, not {asked!r}.",
            where="config.json: max_length",
            hint="Leave it out to take the model's own.",
        )
    return min(asked, limit)
