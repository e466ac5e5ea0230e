"""The n whose best-of-n goes as far as a KL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.measures.best_of_n import best_of_n_kl
from modeling.pages.policies.guard_report import n_at

MOST = 100_000


@pytest.mark.parametrize("n", [1, 2, 3, 4, 16, 64])
def test_a_small_n_is_found_by_its_own_distance(n: int) -> None:
    assert n_at(best_of_n_kl(n)) == n


@pytest.mark.parametrize("kl", [0.0, -0.5])
def test_no_distance_is_a_single_response(kl: float) -> None:
    assert n_at(kl) == 1


@given(st.floats(0.0, best_of_n_kl(MOST)))
def test_the_n_reaches_the_distance_and_hardly_more(kl: float) -> None:
    n = n_at(kl)
    assert n is not None and best_of_n_kl(n) >= kl
    if n > 1:
        before = min(n - 1, round(n / 1.02) - 1)
        assert best_of_n_kl(max(1, before)) <= kl + 1e-9


def test_a_distance_beyond_every_n_has_none() -> None:
    assert n_at(best_of_n_kl(MOST) + 0.01) is None
