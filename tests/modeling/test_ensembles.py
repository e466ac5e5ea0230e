"""How several members' rewards become one: by hand, and as the learning programs do it."""

import pytest
import torch

from modeling.core import aggregation
from modeling.ensembles import combine, spread

MEMBERS = [0.3, -1.25, 2.0, 0.5]


def test_the_three_ways_by_hand() -> None:
    """Members 1, 2, 6: mean 3, variance (4 + 1 + 9) / 3 = 14/3; 3 - 0.3 * 14/3 = 1.6."""
    assert combine([1.0, 2.0, 6.0]) == 3.0
    assert combine([1.0, 2.0, 6.0], "wco") == 1.0
    assert combine([1.0, 2.0, 6.0], "uwo", 0.3) == pytest.approx(1.6)
    assert spread([1.0, 2.0, 6.0]) == pytest.approx((14 / 3) ** 0.5)


@pytest.mark.parametrize("way", aggregation.WAYS)
def test_the_web_side_and_the_programs_agree(way: str) -> None:
    theirs = aggregation.aggregate(torch.tensor([MEMBERS], dtype=torch.float64), way, 0.7)
    assert combine(MEMBERS, way, 0.7) == pytest.approx(theirs.item(), abs=1e-12)


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ValueError, match="max"):
        combine(MEMBERS, "max")
