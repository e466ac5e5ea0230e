"""What of a spread of rewards is rounding. No torch: pages and benchmarks may use it too.

Rewards are sums in fp32: padding or another batch moves one by about a millionth of its size, and
one near zero by a millionth of what was summed. Whatever divides by their spread would make that
into rewards of any size.
"""

import statistics
from collections.abc import Sequence

RELATIVE = 1e-5  # of the largest value; fp32 resolves 1e-7, a forward pass about 1e-6
ABSOLUTE = 1e-7  # for values near zero, which are differences of larger ones


def noise_of(largest: float) -> float:
    """How far values of at most this absolute size may differ by rounding alone, in their unit."""
    return max(ABSOLUTE, RELATIVE * abs(largest))


def has_spread(values: Sequence[float]) -> bool:
    """Whether the values' standard deviation is more than rounding."""
    if len(values) < 2:
        return False
    return statistics.pstdev(values) > noise_of(max(map(abs, values)))
