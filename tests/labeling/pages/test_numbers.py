"""Numbers in addresses and forms: digits of a sensible length, and everything else is none."""

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from labeling.pages.numbers import MOST_DIGITS, number_in, whole_number, whole_numbers
from labeling.texts.limits import BIGGEST_ID


@given(st.integers(0, 10**MOST_DIGITS - 1))
def test_every_number_of_few_digits_is_read(number: int) -> None:
    assert whole_number(str(number)) == number
    assert number <= BIGGEST_ID


@pytest.mark.parametrize(
    "text",
    [None, "", " 1", "1 ", "-1", "+1", "1.0", "1e3", "0x1", "1_000", "²", "٣", "１", "9" * 19,
     "9" * 5000],
)  # fmt: skip
def test_anything_else_is_no_number(text: str | None) -> None:
    assert whole_number(text) is None


@given(st.text(max_size=30))
def test_no_text_is_an_error(text: str) -> None:
    number = whole_number(text)
    assert number is None or 0 <= number < BIGGEST_ID


def test_of_several_texts_the_numbers_stay_in_their_order() -> None:
    assert whole_numbers(["3", "x", "", "1", "3"]) == [3, 1, 3]
    assert whole_numbers([]) == []


def test_a_wrong_number_in_an_address_is_as_if_it_were_not_there() -> None:
    data = QueryDict("page=7&before=x&after=")
    names = ("page", "before", "after", "missing")
    assert [number_in(data, name) for name in names] == [7, None, None, None]
