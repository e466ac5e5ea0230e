"""A reward model beside its predecessor, on the judgments that both have foretold."""

from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean

from django.db.models import Q

from modeling.measures.intervals import anytime_radius
from modeling.models import Foretold, RewardModel

COLUMNS = ("preference_id", "reward_model_id", "point")


@dataclass(frozen=True)
class ShadowComparison:
    """Two models' shares of right answers, and the interval of their difference (new less old). The
    interval holds however often one looks."""

    new: RewardModel
    old: RewardModel
    count: int
    accuracy_new: float
    accuracy_old: float
    low: float
    high: float

    @property
    def figure(self) -> dict[str, float]:
        value = self.accuracy_new - self.accuracy_old
        return {"value": value, "low": self.low, "high": self.high}

    @property
    def verdict(self) -> str:
        if self.low > 0:
            return "better than the one before it"
        if self.high < 0:
            return "worse than the one before it"
        return "no telling apart yet"


def compare_with_shadow(model: RewardModel) -> list[ShadowComparison]:
    """Compares this model with each one that it foretold judgments beside, newest first."""
    said = Foretold.objects.filter(preference__excluded=False)
    as_live = said.filter(reward_model=model, in_shadow=False)
    shadows = said.filter(in_shadow=True).filter(
        Q(reward_model=model) | Q(preference__in=as_live.values("preference"))
    )
    lives = said.filter(in_shadow=False, preference__in=shadows.values("preference"))
    by_live = {row[0]: row[1:] for row in lives.values_list(*COLUMNS)}
    points: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for preference, old, old_point in shadows.values_list(*COLUMNS):
        if preference in by_live:
            new, new_point = by_live[preference]
            points[new, old].append((new_point, old_point))
    models = RewardModel.objects.in_bulk({pk for pair in points for pk in pair})
    comparisons = [beside(models[new], models[old], both) for (new, old), both in points.items()]
    return sorted(comparisons, key=lambda one: -one.new.version)


def beside(
    new: RewardModel, old: RewardModel, points: list[tuple[float, float]]
) -> ShadowComparison:
    """Compares two models. `points` holds (new, old) for each judgment, from 0 to 1, so their
    difference spans 2."""
    count = len(points)
    accuracy_new, accuracy_old = (fmean(column) for column in zip(*points, strict=True))
    difference, radius = accuracy_new - accuracy_old, anytime_radius(count, span=2.0)
    low, high = max(-1.0, difference - radius), min(1.0, difference + radius)
    return ShadowComparison(new, old, count, accuracy_new, accuracy_old, low, high)
