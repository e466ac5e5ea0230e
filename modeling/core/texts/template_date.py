"""Chat templates that print today's date, made to print one date for good.

transformers gives a template the function `strftime_now`, which reads the clock: the texts of such
a model change overnight, and with them its tokens and its rewards. A macro of the same name before
the template takes its place, so that a saved folder reads alike on any day, in any program that
renders Jinja.
"""

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from modeling.core.program.errors import ProgramError
from modeling.run_data.limits import is_date

if TYPE_CHECKING:  # a program that samples from a server does without it
    from transformers import PreTrainedTokenizerBase

CLOCK = "strftime_now"
PINNED = re.compile(r"\bmacro\s+strftime_now\b")
LETTERS = "aAwdbBmyYHIpMSfzZjUWcxXGuVeDFTRhkl"
PERCENT = "&percent;"  # stands for "%%" while the other directives are replaced


def pin_date(tokenizer: "PreTrainedTokenizerBase", day: str) -> str | None:
    """Make the tokenizer's chat templates print `day` ("2024-07-26") as today's date.

    Returns a sentence where they print one; a template that was pinned before keeps its date.
    Raises ProgramError for what is no day.
    """
    if not is_date(day):
        raise ProgramError(
            f"{day!r} is not a date.",
            where="config.json: template_date",
            hint="Write it as 2024-07-26.",
        )
    before: Any = tokenizer.chat_template
    if isinstance(before, dict):  # several by name, one for tools
        tokenizer.chat_template = {name: pinned(text, day) for name, text in before.items()}
    elif isinstance(before, str):
        tokenizer.chat_template = pinned(before, day)
    if tokenizer.chat_template == before:
        return None
    return f"The chat template prints today's date: it was fixed at {day}."


def pinned(template: str, day: str) -> str:
    """The template with `strftime_now` giving `day`, at noon; as it is where it does not ask."""
    if CLOCK not in template or PINNED.search(template):
        return template
    # Nothing may come before the template's own first character, nor be taken from it: both would
    # change the text.
    end = "%}" if template[:1].isspace() else "-%}"
    body = "{{- " + _replaced(template, day) + " -}}"
    return f"{{%- macro {CLOCK}(format) %}}{body}{{%- endmacro {end}\n{template}"


def _replaced(template: str, day: str) -> str:
    """A Jinja expression: `format` with each directive replaced by what it stands for on `day`."""
    noon = datetime.combine(date.fromisoformat(day), datetime.min.time()).replace(hour=12)
    directives = [f"%{flag}{letter}" for letter in LETTERS for flag in ("", "-")]
    # A format that is put together on the way may have any of them.
    named = [one for one in directives if one in template] or directives
    parts = [f"format | replace('%%', '{PERCENT}')"]
    for one in named:
        value = noon.strftime(one)
        if value != one and "'" not in value:
            parts.append(f"replace('{one}', '{value}')")
    return " | ".join([*parts, f"replace('{PERCENT}', '%')"])
