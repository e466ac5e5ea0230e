"""What a setting may hold: one rule, and the same rule in words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any


@dataclass(frozen=True)
class Limit:
    """A rule and its words, which go on from "must be"."""

    words: str
    holds: Callable[[Any], bool]

    def __call__(self, value: Any) -> bool:
        return self.holds(value)


def is_count(value: Any) -> bool:
    """Whether it is a whole number from 1. True is not one."""
    return is_whole(value) and value >= 1


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a number of a size that a float has. JSON may hold a whole number of any
    length."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and abs(value) < 1e300 and isfinite(value)


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def is_date(value: Any) -> bool:
    """Whether it is a day such as "2024-07-26"."""
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def whole(least: int = 1, most: int | None = None) -> Limit:
    """Allows whole numbers; True and 1.0 are none."""
    words = f"a whole number from {least:,}" + ("" if most is None else f" to {most:,}")
    return Limit(words, lambda v: is_whole(v) and v >= least and (most is None or v <= most))


def number(
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Limit:
    """Allows finite numbers within bounds: `least` and `most` are allowed, `above` and `below` are
    not."""
    bounds = {"at least": least, "above": above, "at most": most, "below": below}
    words = ", ".join(f"{name} {bound:g}" for name, bound in bounds.items() if bound is not None)

    def holds(value: Any) -> bool:
        return (
            is_number(value)
            and (least is None or value >= least)
            and (above is None or value > above)
            and (most is None or value <= most)
            and (below is None or value < below)
        )

    return Limit(f"a number, {words}".removesuffix(", "), holds)


def one_of(*choices: str) -> Limit:
    """Allows these words, of which there have to be two at least."""
    *first, last = [f'"{choice}"' for choice in choices]
    return Limit(
        f"{', '.join(first)} or {last}",
        lambda v: isinstance(v, str) and v in choices,
    )


def or_null(limit: Limit) -> Limit:
    return Limit(f"null or {limit.words}", lambda v: v is None or limit(v))


def texts(least: int = 0) -> Limit:
    """Allows lists of texts."""
    words = "a list of texts" + (f", at least {least}" if least else "")
    return Limit(
        words,
        lambda v: isinstance(v, list | tuple) and len(v) >= least and all(is_text(x) for x in v),
    )


FLAG = Limit("true or false", lambda v: isinstance(v, bool))
TEXT = Limit("a text that is not empty", is_text)
DATE = Limit("a date as 2024-07-26", is_date)
