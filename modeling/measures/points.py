"""What an order scores against the judged one, of rewards as well as of lengths. And the splits
that accuracies are given of."""

HEADLINE = ("test", "dev")  # the most honest first; never what the model learned from


def point_of(difference: float, target: float) -> float | None:
    """Scores an order: 1 for the judged one, 0 for the reverse, 0.5 for equal sides.

    `difference` is what the first side has more than the second; `target` is the share of judgments
    for the first. None when people called it a tie: then no order is right. Of many comparisons at
    once `sums_for_log` in modeling/core/reward/objective.py says the same."""
    if target == 0.5:
        return None
    if difference == 0:
        return 0.5
    return float((difference > 0) == (target > 0.5))
