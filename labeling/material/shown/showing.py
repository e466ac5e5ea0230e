"""The texts of a comparison as a page shows them, within one budget for the whole page.

Text is never cut: what the budget does not reach is shown whole, as plain text. So is, folded,
what a message holds beside its text.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from labeling.material.shown.rendering import (
    NOTE,
    PLAIN_NOTE,
    Budget,
    plain,
    render_alike,
    render_markdown,
)
from labeling.texts.limits import MAX_MESSAGES, MAX_SHOWN
from labeling.texts.messages import (
    Extra,
    MessagePart,
    canonical,
    extra_of,
    parts_for_labelers,
    parts_of,
)
from labeling.texts.pieces import in_pieces

logger = logging.getLogger(__name__)


class CannotBeShown(Exception):
    """The comparison has to be set aside; the message says why."""


@dataclass(frozen=True)
class ShownText:
    """A text as it was written, and as the page shows it. `role` is a message's; `parts` are what
    it holds beside its text."""

    raw: str
    html: SafeString
    role: str = ""
    parts: list[MessagePart] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.raw.strip() and not self.parts

    @property
    def is_plain(self) -> bool:
        """Whether the page shows it as it was written, with a note. No text can bring a note of
        its own: the allow-list lets no such class through."""
        return self.html.startswith(NOTE)

    @property
    def note(self) -> str:
        return PLAIN_NOTE if self.is_plain else ""

    @property
    def raw_html(self) -> SafeString:
        return mark_safe(in_pieces(self.raw.encode(errors="replace").decode()))


@dataclass(frozen=True)
class ShownTexts:
    messages: list[ShownText]
    responses: list[ShownText]
    given: list[MessagePart] = field(default_factory=list)  # beside the messages: tools

    @property
    def last(self) -> ShownText:
        return self.messages[-1]

    @property
    def earlier(self) -> list[ShownText]:
        return self.messages[:-1]


@dataclass(frozen=True)
class BesideTexts:
    """What stands beside the texts: `prompt` with the prompt, `responses` with each response.
    Labelers see of a response only what the model said (labeling/texts/messages.py)."""

    prompt: Extra = field(default_factory=dict)
    responses: Sequence[Extra] = ()
    parts: Callable[[Extra], list[MessagePart]] = parts_for_labelers

    def of_response(self, place: int) -> list[MessagePart]:
        return self.parts(self.responses[place]) if self.responses else []


NOTHING_BESIDE = BesideTexts()


def show(
    messages: Any, responses: Sequence[str], beside: BesideTexts = NOTHING_BESIDE
) -> ShownTexts:
    """Formats the prompt's messages and the responses, as far as the page's budget lasts.

    The responses come first, all or none, then the messages from the last one back. Raises
    CannotBeShown for what is no prompt, or more than a page holds.
    """
    _check_messages(messages)
    further = [extra for extra in map(extra_of, messages) if extra]
    further += [extra for extra in (beside.prompt, *beside.responses) if extra]
    size = sum(len(message["content"]) for message in messages) + sum(map(len, responses))
    size += len(canonical(further)) if further else 0
    if size > MAX_SHOWN:
        raise CannotBeShown(
            f"Its texts have {size:,} characters; a page shows at most {MAX_SHOWN:,}."
        )
    if len(messages) > MAX_MESSAGES:
        raise CannotBeShown(
            f"Its prompt has {len(messages):,} messages; a page shows at most {MAX_MESSAGES:,}."
        )
    for text in responses:
        _check_characters(text, "a response")
    _check_characters(canonical(further), "what a message holds beside its text")
    budget = Budget()
    formatted = render_alike(responses, budget)
    html = [render_markdown(message["content"], budget) for message in reversed(messages)]
    return ShownTexts(
        [
            ShownText(message["content"], shown, message["role"], parts_of(extra_of(message)))
            for message, shown in zip(messages, reversed(html), strict=True)
        ],
        [
            ShownText(text, shown, parts=beside.of_response(place))
            for place, (text, shown) in enumerate(zip(responses, formatted, strict=True))
        ],
        parts_of(beside.prompt),
    )


def show_anyway(
    messages: Any, responses: Sequence[str], beside: BesideTexts = NOTHING_BESIDE
) -> ShownTexts:
    """Shows the same to curators and to the author of an answer, who must see what there is. What
    cannot be formatted is plain text, and a damaged prompt is shown as it is stored."""
    try:
        return show(messages, responses, beside)
    except CannotBeShown:
        pass  # said by the page itself: what follows is plain
    except Exception:
        logger.exception("texts that cannot be formatted are shown plain")
    given = messages if isinstance(messages, list) and messages else [messages]
    return ShownTexts(
        [ShownText(*_as_stored(message)) for message in given],
        [
            ShownText(text, _plain(text), parts=_sound(beside.of_response(place)))
            for place, text in enumerate(responses)
        ],
        _sound(parts_of(beside.prompt)),
    )


def _sound(parts: Sequence[MessagePart]) -> list[MessagePart]:
    return [MessagePart(_whole(part.title), _whole(part.text), part.is_code) for part in parts]


def _as_stored(message: Any) -> tuple[str, SafeString, str]:
    is_whole = isinstance(message, dict) and isinstance(message.get("content"), str)
    text = message["content"] if is_whole and len(message) == 2 else str(message)
    role = message.get("role", "") if isinstance(message, dict) else ""
    return text, _plain(text), str(role)


def _plain(text: str) -> SafeString:
    return plain(_whole(text))


def _whole(text: str) -> str:
    """The text with a question mark for each half of a character."""
    return text.encode(errors="replace").decode()


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise CannotBeShown("Its prompt has no messages.")
    for number, message in enumerate(messages, start=1):
        for key in ("role", "content"):
            if not isinstance(message, dict) or not isinstance(message.get(key), str):
                raise CannotBeShown(f"Message {number} of its prompt has no text as “{key}”.")
        _check_characters(message["content"], f"message {number} of its prompt")


def _check_characters(text: Any, where: str) -> None:
    """Raises CannotBeShown for half of a surrogate pair: no page can be sent with one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CannotBeShown(f"There is half a character in {where}.") from None


def check_that_any_can_be_shown() -> None:
    """Formats a known text, and raises what is wrong with the formatting itself. Then no comparison
    is at fault, and none is set aside."""
    render_markdown("Some *text* with `code`.")
