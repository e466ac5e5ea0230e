"""How figures of learning read on a page."""

import pytest

from modeling.reward_models.accuracy import Accuracy
from modeling.templatetags.learning import estimate


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.712, 0.694, 0.730, "71.2 % ± 1.8"),
        (0.9, 0.6, 0.98, "90.0 % [60.0, 98.0]"),
        (1.0, 0.51, 1.0, "100.0 % [51.0, 100.0]"),
    ],
)
def test_an_estimate_reads_with_its_interval(
    value: float, low: float, high: float, text: str
) -> None:
    assert estimate(Accuracy(value=value, low=low, high=high, n=20, split="test")) == text
