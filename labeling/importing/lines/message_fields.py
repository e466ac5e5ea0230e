"""One message out of a file: its role, its content in the forms that people write it in, and every
other key as given. What cannot be kept or shown is refused in words."""

import json
import reprlib
from collections.abc import Callable
from typing import Any

from labeling.importing.lines.reading import name_of_type
from labeling.importing.reports import Wrong
from labeling.models.material import MAX_MODEL_NAME
from labeling.texts.limits import MAX_TEXT
from labeling.texts.messages import NO_WORDS, ROLES, Message, is_said

# Takes a notice: something worth saying that is no fault.
Tell = Callable[[str], object]

MAX_TAG = 120
TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
# Between the text parts of one message, as vLLM and llama.cpp join them for a chat template.
BETWEEN_PARTS = "\n"
# What no page of ours shows and no model of ours reads.
NOT_TEXT = frozenset(
    {"image", "images", "image_url", "audio", "audios", "video", "videos", "file", "files"}
    | {"attachments", "input_audio", "input_image"}
)


def text_in(value: Any, field: str) -> str:
    """Checks that the value is a text that every database can hold."""
    if not isinstance(value, str):
        raise Wrong(field, f"Must be a text, not {name_of_type(value)}.")
    if len(value) > MAX_TEXT:
        problem = f"{len(value):,} characters; at most {MAX_TEXT:,} can be shown."
        raise Wrong(field, problem, "Shorten it, or leave the row out.")
    if "\x00" in value:
        raise Wrong(field, "Holds a NUL character (\\u0000).", "Remove it: nothing can show it.")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as fault:
        half = f"\\u{ord(value[fault.start]):04x}"
        advice = "A character was cut in half: write the text out again as UTF-8."
        raise Wrong(field, f"Holds half of a surrogate pair ({half}).", advice) from None
    return value


def name_in(value: Any, field: str) -> str:
    """A model's name, or a number as its name; "" for null."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value}"
    return tag_in(value, field, MAX_MODEL_NAME)


def tag_in(value: Any, field: str, most: int = MAX_TAG) -> str:
    """A short text; "" for null."""
    text = "" if value is None else text_in(value, field).strip()
    if len(text) > most:
        advice = "Write a shorter one: what is cut off could be another one's."
        raise Wrong(field, f"{len(text):,} characters; at most {most} are kept.", advice)
    return text


def values_in(value: Any, field: str) -> Any:
    """Checks that every database can hold the value, whatever JSON says in it."""
    written = json.dumps(value, ensure_ascii=False)
    text_in(written, field)
    if "\\u0000" in written and _holds_nul(value):
        raise Wrong(field, "Holds a NUL character (\\u0000).", "Remove it: nothing can show it.")
    return value


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(inner) for key, inner in value.items())
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\x00" in value


def message_in(value: Any, field: str, tell: Tell) -> Message:
    """Reads a message, with a text as its content. A key that is null counts as missing."""
    if not isinstance(value, dict):
        advice = 'Write {"role": "user", "content": "…"}.'
        raise Wrong(field, f"A message must be an object, not {name_of_type(value)}.", advice)
    if "role" not in value:
        raise Wrong(f"{field}.role", "Is missing.")
    if value["role"] not in ROLES:
        known = ", ".join(ROLES)
        raise Wrong(
            f"{field}.role", f"{reprlib.repr(value['role']):.60} is no known role.", f"Use {known}."
        )
    extra = {
        key: _extra_value(key, inner, field)
        for key, inner in value.items()
        if key not in ("role", "content") and inner is not None
    }
    return {"role": value["role"], "content": _content(value, extra, field, tell), **extra}


def _extra_value(key: str, value: Any, field: str) -> Any:
    text_in(key, f"{field} (the name of a key)")
    if key in NOT_TEXT and value not in ("", [], {}):
        raise _no_text(f"{field}.{key:.40}", key)
    return values_in(value, f"{field}.{key:.40}")


def _content(value: Message, extra: Message, field: str, tell: Tell) -> str:
    where = f"{field}.content"
    content = value.get("content")
    if isinstance(content, list):
        return text_in(_joined(content, where, tell), where)
    if content is not None:
        return text_in(content, where)
    if any(key not in NO_WORDS and is_said(key, inner) for key, inner in extra.items()):
        return ""
    if "content" not in value:
        raise Wrong(where, "Is missing.")
    advice = "Give a text, or what stands in its place, such as tool_calls."
    raise Wrong(where, "Is null, and nothing else holds what the message says.", advice)


def _joined(parts: list[Any], where: str, tell: Tell) -> str:
    texts = []
    for number, part in enumerate(parts):
        field = f"{where}[{number}]"
        if isinstance(part, str):
            texts.append(text_in(part, field))
            continue
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str) or kind not in TEXT_PARTS:
            raise _no_text(field, kind if isinstance(kind, str) else reprlib.repr(part))
        texts.append(text_in(part.get("text"), f"{field}.text"))
        for key, inner in part.items():
            if key not in ("type", "text") and inner not in (None, "", [], {}):
                tell(f"“{key:.40}” of a part of a message's content left out")
    if len(texts) > 1:
        tell("contents of several parts, joined with line breaks")
    return BETWEEN_PARTS.join(texts)


def _no_text(field: str, kind: str) -> Wrong:
    return Wrong(
        field,
        f"Holds “{kind:.40}”: only text can be shown and learned from.",
        "Take this part out, or leave the row out.",
    )
