"""Rounds as rows that read like sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.db.models import Count, Q
from django.utils import timezone

from labeling.models import Project
from labeling.quality import current_judgments
from modeling.models import RewardModel, Round
from modeling.overview import Accuracy, accuracy_of

ROUNDS_SHOWN = 5


@dataclass(frozen=True)
class RoundRow:
    """A round with what was judged in its time and how much its reward model gained."""

    round: Round
    judgments: int
    accuracy: Accuracy | None
    gain: float | None


def latest_rounds(
    project: Project, reward_models: Sequence[RewardModel], shown: int = ROUNDS_SHOWN
) -> list[RoundRow]:
    """The newest rounds first. `reward_models`: the project's newest ones, newest first."""
    found = list(
        Round.objects.filter(project=project).select_related("policy", "reward_model")[:shown]
    )
    if not found:
        return []
    judged = _judgments_in(project, found)
    earlier = dict(pairwise(reward_models))
    rows = []
    for a_round in found:
        model = a_round.reward_model
        accuracy = accuracy_of(model)
        gain = gain_over(accuracy, accuracy_of(earlier.get(model) if model else None))
        rows.append(RoundRow(a_round, judged[a_round.pk], accuracy, gain))
    return rows


def gain_over(now: Accuracy | None, before: Accuracy | None) -> float | None:
    """The difference in points; None where the two were not measured on the same split."""
    if now is None or before is None or now.split != before.split:
        return None
    return 100 * (now.value - before.value)


def _judgments_in(project: Project, found: Sequence[Round]) -> dict[int, int]:
    """Judgments between each round's start and end, in one query."""
    now = timezone.now()
    counts = {
        f"round_{a_round.pk}": Count(
            "pk",
            filter=Q(created_at__gte=a_round.started_at, created_at__lt=a_round.finished_at or now),
        )
        for a_round in found
    }
    since = min(a_round.started_at for a_round in found)
    numbers = current_judgments(project).filter(created_at__gte=since).aggregate(**counts)
    return {a_round.pk: numbers[f"round_{a_round.pk}"] for a_round in found}
