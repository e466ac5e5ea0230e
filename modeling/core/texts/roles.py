"""Fitting a conversation's roles to what a chat template takes.

Templates differ in the roles that they know: Gemma's refuse a system message, Mistral's and Llama
2's want user and assistant in turn, few know OpenAI's `developer`. Where there is a convention it
is followed: `developer` is the newer word for `system`; a system message that is refused goes
before the first user message, as Gemma's and Mistral's own documentation have it; messages of the
same role in a row become one, as mistral-common joins them. Everything else is refused, and the
programs leave such prompts out, counted and named (left_out.py).

A template is asked with made-up contents, once for each sequence of roles: what it does not write
counts as refused, for it would be dropped without a word.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

Message = dict[str, Any]
Messages = Sequence[Message]
BETWEEN = "\n\n"
PLAIN = {"role", "content"}
INSTRUCTIONS = ("system", "developer")

# tokenizer -> (template, roles) -> (the first way that fits, or None; what the template said)
_lock = Lock()  # the scorer asks in several threads
_known: WeakKeyDictionary[Any, dict[Any, tuple[int | None, str]]] = WeakKeyDictionary()


class RolesRefusedError(TemplateError):
    """No way of writing these roles is taken by the template."""


def fit_roles(
    tokenizer: PreTrainedTokenizerBase, messages: Messages, options: Mapping[str, Any]
) -> list[Message]:
    """Write the messages in roles that the template takes; unchanged where it takes them so.

    `options`: what the template is given beside them. With `add_generation_prompt` among them the
    messages are to be answered; else the last one is the answer, and stays apart.
    Raises RolesRefusedError, a TemplateError, with what the template says.
    """
    given = {name: value for name, value in options.items() if name != "add_generation_prompt"}
    is_prompt = bool(options["add_generation_prompt"])
    prompt = list(messages if is_prompt else messages[:-1])
    rest = [] if is_prompt else [messages[-1]]
    roles = tuple((m["role"], is_plain(m), *sorted(m)) for m in prompt)
    key = (str(tokenizer.chat_template), roles, json.dumps(given, sort_keys=True))
    with _lock:
        known = _known.setdefault(tokenizer, {})
    if key not in known:
        known[key] = first_that_fits(tokenizer, prompt, given)
    way, reason = known[key]
    if way is None:
        raise RolesRefusedError(reason)
    return [*next(islice(ways(prompt), way, None)), *rest]


def is_changed(
    tokenizer: PreTrainedTokenizerBase, messages: Messages, options: Mapping[str, Any]
) -> bool:
    """Whether a prompt that is taken is written in other roles than its own."""
    return fit_roles(tokenizer, messages, options) != list(messages)


def first_that_fits(
    tokenizer: PreTrainedTokenizerBase, prompt: Messages, given: Mapping[str, Any]
) -> tuple[int | None, str]:
    """Find the first of `ways` that the template takes. Returns its number and ""; None and what
    the template says of the messages as they are where it takes none."""
    reasons = []
    for number, way in enumerate(ways(marked(prompt))):
        reason = refusal(tokenizer, way, given)
        if reason is None:
            return number, ""
        reasons.append(reason)
    return None, reasons[0]


def ways(prompt: Messages) -> Iterator[list[Message]]:
    """Yield the messages as they are, then by each convention, the smallest change first."""
    messages = list(prompt)
    yield messages
    messages = [m | {"role": "system"} if m["role"] == "developer" else m for m in messages]
    yield messages
    yield into_user(messages)
    yield joined(messages)
    yield joined(into_user(messages))


def into_user(messages: Messages) -> list[Message]:
    """Put leading instructions before the first user message's text. Unchanged where a message
    holds more than a text, which joining would lose."""
    count = next((at for at, m in enumerate(messages) if m["role"] not in INSTRUCTIONS), 0)
    turn = messages[: count + 1]
    if not count or turn[-1]["role"] != "user" or not all(map(is_plain, turn)):
        return list(messages)
    text = BETWEEN.join(m["content"] for m in turn)
    return [{"role": "user", "content": text}, *messages[count + 1 :]]


def joined(messages: Messages) -> list[Message]:
    """Join neighbouring messages of the same role, user or assistant."""
    result: list[Message] = []
    for message in messages:
        before = result[-1] if result else None
        alike = before is not None and before["role"] == message["role"] in ("user", "assistant")
        if before is not None and alike and is_plain(before) and is_plain(message):
            text = before["content"] + BETWEEN + message["content"]
            result[-1] = before | {"content": text}
        else:
            result.append(message)
    return result


def is_plain(message: Message) -> bool:
    return message.keys() == PLAIN and isinstance(message["content"], str)


def marked(messages: Messages) -> list[Message]:
    """Replace the contents by marks that can be looked for in what a template writes."""
    return [m | {"content": f"mark{at}mark"} if is_plain(m) else m for at, m in enumerate(messages)]


def refusal(
    tokenizer: PreTrainedTokenizerBase, prompt: Messages, given: Mapping[str, Any]
) -> str | None:
    """Say why the template refuses these messages and an answer to them; None when it does not."""
    texts = [m["content"] for m in prompt if is_plain(m)]
    marks = [mark for text in texts for mark in text.split(BETWEEN)]
    answered = [*prompt, {"role": "assistant", "content": "answer"}]
    try:
        asked = write(tokenizer, prompt, given, add_generation_prompt=True)
        whole = write(tokenizer, answered, given, add_generation_prompt=False)
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        return str(error) or type(error).__name__
    unwritten = [mark for mark in marks if mark not in asked or mark not in whole]
    if not unwritten or len(unwritten) == len(marks):
        return None  # a template that writes no text at all has another fault
    at = next(m["role"] for m in prompt if is_plain(m) and unwritten[0] in m["content"])
    return f"it does not write the message of the role {at!r}"


def write(
    tokenizer: PreTrainedTokenizerBase,
    messages: Messages,
    given: Mapping[str, Any],
    *,
    add_generation_prompt: bool,
) -> str:
    options = {**given, "add_generation_prompt": add_generation_prompt}
    return str(tokenizer.apply_chat_template(list(messages), tokenize=False, **options))
