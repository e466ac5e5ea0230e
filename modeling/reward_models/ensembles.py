"""The opinions that the members of a reward model have of a text, made one. No torch: the same
formulas as modeling/core/loading/aggregation.py, for the processes that hold no model."""

import statistics
from collections.abc import Sequence

from modeling.settings.choices import Aggregate


def combine(members: Sequence[float], way: str = Aggregate.MEAN, uwo_weight: float = 0.5) -> float:
    """Makes one reward of the members' rewards, which are on one scale."""
    mean = statistics.fmean(members)
    if way == Aggregate.MEAN:
        return mean
    if way == Aggregate.WCO:
        return min(members)
    if way == Aggregate.UWO:
        return mean - uwo_weight * statistics.pvariance(members)
    raise ValueError(f"no way to aggregate: {way!r}")


def spread(members: Sequence[float]) -> float:
    """The standard deviation over the members; 0 for a single one."""
    return statistics.pstdev(members)
