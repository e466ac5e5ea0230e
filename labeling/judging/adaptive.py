"""Adaptive overlap: how many judgments a comparison needs, decided as they come.

The question asked after each judgment: how probable is it that more than half of all labelers
would give the answer that leads? With the weight `lead` behind the leading answer and `rest`
behind all others (a judgment weighs its labeler's reliability, 0 to 1), the share of labelers who
would give it has the posterior Beta(1 + lead, 1 + rest) under a flat prior, and the confidence is
P(share > ½). One judgment gives 0.75, two that agree 0.875, three 0.9375; two against one 0.6875.
First, second, tie and both bad are four answers. A ranking is as sure as its least sure pair.

Sure enough: no further labeler is asked. Not sure with all judgments in: one more is asked, up to
the project's cap. `Comparison.planned` keeps what was asked for at first, so that the judgments
saved can be counted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from django.db.models import Count, F, Q, Sum

from labeling.models import Comparison, Judgment, Project
from labeling.preferences.settling import Vote, vote_on


@dataclass(frozen=True)
class SavedJudgments:
    """How many judgments adaptive overlap planned and asked for, on the finished comparisons that
    it decided on."""

    comparisons: int
    planned: int
    asked: int
    stopped_early: int
    extended: int

    @property
    def judgments(self) -> int:
        return self.planned - self.asked

    @property
    def percent(self) -> int:
        return round(100 * self.judgments / self.planned) if self.planned else 0


def share_above_half(a: float, b: float) -> float:
    """P(X > ½) for X ~ Beta(a, b); a and b at least 1. By Simpson's rule on the density: smooth
    for such a and b, so that 200 steps leave an error below 1e-6 for up to 40 judgments."""
    steps = 200
    log_scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

    def density(x: float) -> float:
        if x >= 1.0:
            return math.exp(log_scale) if b == 1.0 else 0.0
        return math.exp(log_scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))

    width = 0.5 / steps
    inner = sum((4 if step % 2 else 2) * density(0.5 + step * width) for step in range(1, steps))
    return min(1.0, (density(0.5) + inner + density(1.0)) * width / 3)


def confidence_in(votes: Sequence[Vote]) -> float:
    """The probability that more than half of all labelers would give the answer that leads on this
    pair."""
    weights: dict[int | None, float] = {}
    for vote in votes:
        weights[vote.direction] = weights.get(vote.direction, 0.0) + vote.weight
    lead = max(weights.values(), default=0.0)
    return share_above_half(1 + lead, 1 + sum(weights.values()) - lead)


def confidence(judgments: Sequence[Judgment]) -> float:
    """The confidence of a whole comparison: that of its least sure pair."""
    if not judgments:
        return 0.5
    response_ids = sorted(response_id for tier in judgments[0].tiers for response_id in tier)
    pairs = combinations(response_ids, 2)
    return min(confidence_in([vote_on(pair, judgment) for judgment in judgments]) for pair in pairs)


def wanted_now(project: Project, wanted: int, judgments: Sequence[Judgment], held: int) -> int:
    """How many judgments to ask for, given those that count. Those being made at this moment
    (`held`) are waited for: nobody's work is thrown away."""
    count = len(judgments)
    if confidence(judgments) >= project.adaptive_confidence:
        return count + held
    if count >= wanted and not held:
        return max(wanted, min(count + 1, project.overlap_cap))
    return wanted


def judgments_saved(project: Project) -> SavedJudgments:
    """Sums up what adaptive overlap saved and added in the project."""
    decided = Comparison.objects.filter(
        project=project, state=Comparison.State.FINISHED, planned__isnull=False
    )
    sums = decided.aggregate(
        comparisons=Count("id"),
        all_planned=Sum("planned", default=0),
        all_asked=Sum("wanted", default=0),
        stopped_early=Count("id", filter=Q(wanted__lt=F("planned"))),
        extended=Count("id", filter=Q(wanted__gt=F("planned"))),
    )
    return SavedJudgments(
        comparisons=sums["comparisons"],
        planned=sums["all_planned"],
        asked=sums["all_asked"],
        stopped_early=sums["stopped_early"],
        extended=sums["extended"],
    )
