"""Numbers in addresses and forms, as people and programs may write anything there."""

from django.http import QueryDict

BIGGEST_ID = 2**63 - 1


MOST_DIGITS = 18  # fits a column of the database; Python itself reads no more than 4,300


def whole_number(text: str | None) -> int | None:
    """The number that `text` writes in digits; None for all else, and for one that no row has."""
    if text and len(text) <= MOST_DIGITS and text.isascii() and text.isdecimal():
        return int(text)
    return None


def whole_numbers(texts: list[str]) -> list[int]:
    numbers = (whole_number(text) for text in texts)
    return [number for number in numbers if number is not None]


def number_in(data: QueryDict, name: str) -> int | None:
    """An id from the address; what is not one is as good as not given."""
    return whole_number(data.get(name))
