"""Reads numbers from addresses and forms, where people and programs may write anything."""

from django.http import QueryDict

MOST_DIGITS = 18  # all such numbers fit; Python itself raises beyond 4,300 digits


def whole_number(text: str | None) -> int | None:
    """Returns the number that `text` writes in at most MOST_DIGITS digits; None for all else."""
    if text and len(text) <= MOST_DIGITS and text.isascii() and text.isdecimal():
        return int(text)
    return None


def whole_numbers(texts: list[str]) -> list[int]:
    """Returns the numbers among `texts`, in their order."""
    numbers = (whole_number(text) for text in texts)
    return [number for number in numbers if number is not None]


def number_in(data: QueryDict, name: str) -> int | None:
    """Returns the number that the address or form gives as `name`. None where it is missing or no
    number: a wrong one counts as not given."""
    return whole_number(data.get(name))
