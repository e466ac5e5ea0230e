"""What of a spread is rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.measures.noise import ABSOLUTE, RELATIVE, has_spread, noise_of

sizes = st.floats(1e-6, 1e6)


@pytest.mark.parametrize("values", [[], [3.0]])
def test_fewer_than_two_values_have_no_spread(values: list[float]) -> None:
    assert not has_spread(values)


@given(st.floats(-1e6, 1e6), st.integers(2, 9))
def test_equal_values_have_no_spread(value: float, count: int) -> None:
    assert not has_spread([value] * count)


@given(sizes)
def test_noise_grows_with_the_values_and_never_falls_below_its_floor(size: float) -> None:
    assert noise_of(size) == noise_of(-size) >= ABSOLUTE
    assert noise_of(10 * size) >= noise_of(size)


@given(sizes)
def test_a_spread_is_more_than_rounding_at_every_size(size: float) -> None:
    assert has_spread([size, size * (1 + 10 * RELATIVE)]) == (
        size * 5 * RELATIVE > noise_of(size * (1 + 10 * RELATIVE))
    )
    assert not has_spread([size, size * (1 + RELATIVE / 10)])


def test_a_sign_alone_is_a_spread() -> None:
    assert has_spread([-1.0, 1.0])
    assert not has_spread([-ABSOLUTE / 2, ABSOLUTE / 2])
