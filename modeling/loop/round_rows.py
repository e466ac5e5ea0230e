"""Rounds as rows that read like sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.db.models import Count, Q
from django.utils import timezone

from labeling.models import Project
from labeling.preferences.counts import judgments
from modeling.loop.run_outcomes import reward_model_role
from modeling.models import BlindPair, RewardModel, Round, Run
from modeling.reward_models.accuracy import Accuracy, accuracy_of
from modeling.run_data.rounds import GoldMeans, WinRate

ROUNDS_SHOWN = 5


@dataclass(frozen=True)
class RoundRow:
    """A round with its judgments, the gain of its reward model, and what became of its new policy.
    `model` is the reward model that the policy was improved with, else the one that was trained in
    the round; the row shows its accuracy and gain, and `role` says what it was for. `blind` counts
    judged and queued blind comparisons while these are under way."""

    round: Round
    judgments: int
    model: RewardModel | None
    role: str
    accuracy: Accuracy | None
    gain: float | None
    win_rate: WinRate | None
    blind: tuple[int, int] | None

    @property
    def trained_apart(self) -> RewardModel | None:
        """The reward model that the round trained, where its policy was improved with another
        one."""
        trained = self.round.reward_model
        return trained if trained is not None and trained != self.model else None

    @property
    def kl(self) -> float | None:
        return self.round.candidate.kl if self.round.candidate else None

    @property
    def p_value(self) -> float | None:
        """Of the decided comparison; valid whenever it was looked at."""
        blind = self.round.figures.blind
        return blind.p_value if blind is not None and self.win_rate is not None else None

    @property
    def gold(self) -> GoldMeans | None:
        """The oracle's mean scores of both policies; None where the project has no oracle."""
        return self.round.figures.gold

    @property
    def proxy(self) -> tuple[float, float] | None:
        """Mean reward before and after, by the reward model that the policy was improved
        against."""
        if self.round.candidate is None:
            return None
        figures = self.round.candidate.figures
        before, after = figures.reward_before, figures.reward_after
        return (before, after) if before is not None and after is not None else None


def latest_rounds(
    project: Project,
    reward_models: Sequence[RewardModel],
    shown: int = ROUNDS_SHOWN,
    before: int | None = None,
) -> list[RoundRow]:
    """Makes rows of the newest rounds, newest first. `reward_models` are the project's newest ones,
    newest first."""
    wanted = Round.objects.filter(project=project)
    if before is not None:
        wanted = wanted.filter(number__lt=before)
    rounds = list(wanted.select_related("policy", "reward_model", "candidate")[:shown])
    return rows_of(project, rounds, reward_models)


def rows_of(
    project: Project, rounds: Sequence[Round], reward_models: Sequence[RewardModel]
) -> list[RoundRow]:
    """Makes rows of these rounds, in a fixed number of statements. `reward_models` as above."""
    if not rounds:
        return []
    judged = _judgments_in(project, rounds)
    improvements = _improvements_of(rounds)
    used = RewardModel.objects.in_bulk(
        [pk for run in improvements.values() if (pk := run.asked.reward_model)]
    )
    earlier = dict(pairwise(reward_models))
    rows = []
    for a_round in rounds:
        run = improvements.get(a_round.pk)
        improved_with = used.get(run.asked.reward_model) if run else None
        model = improved_with or a_round.reward_model
        accuracy = accuracy_of(model)
        gain = gain_over(accuracy, accuracy_of(earlier.get(model) if model else None))
        blind = a_round.figures.blind
        rows.append(
            RoundRow(
                a_round,
                judged[a_round.pk],
                model,
                reward_model_role(run).lower() if run and improved_with else "",
                accuracy,
                gain,
                blind.win_rate if blind else None,
                _blind_progress(a_round),
            )
        )
    return rows


def _improvements_of(rounds: Sequence[Round]) -> dict[int, Run]:
    """The last improvement of each of these rounds, in one query."""
    runs = Run.objects.filter(round__in=rounds, kind=Run.Kind.TRAIN_POLICY).order_by("pk")
    return {run.round_id: run for run in runs if run.round_id is not None}


def gain_over(now: Accuracy | None, before: Accuracy | None) -> float | None:
    """Gives the difference in points. None where the two were not measured on the same split."""
    if now is None or before is None or now.split != before.split:
        return None
    return 100 * (now.value - before.value)


def _blind_progress(a_round: Round) -> tuple[int, int] | None:
    """Counts how many blind comparisons are judged. It never says which side leads, since the
    viewer may be about to judge."""
    if a_round.state != Round.State.COMPARING:
        return None
    settled = Q(comparison__preferences__settled_at__isnull=False)
    counts = BlindPair.objects.filter(round=a_round).aggregate(
        judged=Count("pk", filter=settled), pairs=Count("pk")
    )
    return (counts["judged"], counts["pairs"]) if counts["pairs"] else None


def _judgments_in(project: Project, rounds: Sequence[Round]) -> dict[int, int]:
    """Counts the judgments between each round's start and end, in one query."""
    now = timezone.now()
    counts = {
        f"round_{a_round.pk}": Count(
            "pk",
            filter=Q(created_at__gte=a_round.started_at, created_at__lt=a_round.finished_at or now),
        )
        for a_round in rounds
    }
    since = min(a_round.started_at for a_round in rounds)
    numbers = judgments(project).filter(created_at__gte=since).aggregate(**counts)
    return {a_round.pk: numbers[f"round_{a_round.pk}"] for a_round in rounds}
