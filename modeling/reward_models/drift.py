"""Test-then-train: every randomly drawn judgment is foretold by the model in service before any
model may learn from it. The running accuracy and log-loss have intervals that are valid however
often one looks (modeling/measures/intervals.py), so an alarm on them is no accident of looking.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db.models import Avg, Count, Exists, OuterRef, QuerySet, Subquery

from labeling.models import Comparison, Preference, Project
from labeling.preferences.settling import settled
from modeling.measures.calibration import log_loss
from modeling.measures.intervals import anytime_radius
from modeling.models import Foretold, RewardModel, Run, Score
from modeling.models.versions import reward_model_by
from modeling.reward_models import service
from modeling.reward_models.evaluating import scored_apart, temperature_of

# A claim of more than 99 % counts as 99 %: the loss of one comparison is at most log 100.
MOST_SURE = math.log(99.0)
LOSS_SPAN = math.log(100.0) - math.log(100.0 / 99.0)
COIN = math.log(2.0)
MOST_AT_ONCE = 2000


__all__ = [
    "Prequential", "Running", "alarm_of", "is_calibrated", "note_foretold", "note_from_training",
    "prequential", "running", "temperature_of",
]  # fmt: skip


@dataclass(frozen=True)
class Running:
    """A running mean with its anytime-valid 95 % interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Prequential:
    """Running figures of one policy's responses. `policy_version` is None for all policies
    together, and 0 for responses of no policy of ours."""

    policy_version: int | None
    accuracy: Running
    loss: Running


def note_foretold(project: Project, live: RewardModel | None) -> int:
    """Notes what the model in service says of judgments that have come in since its training, where
    it has scored both responses already; it ranks the queue, so mostly it has. Its predecessor is
    noted, too, as long as it foretells in its shadow."""
    since = _learned_until(live)
    if live is None or since is None:
        return 0
    noted = _note_scored(project, live, since)
    shadow = service.shadow_of(project)
    until = _learned_until(shadow)
    if shadow is not None and until is not None:
        noted += _note_scored(project, shadow, max(since, until), in_shadow=True)
    return noted


def _learned_until(model: RewardModel | None) -> datetime | None:
    return model.snapshot.last_settled_at if model is not None else None


def _note_scored(
    project: Project, model: RewardModel, since: datetime, *, in_shadow: bool = False
) -> int:
    known = (
        _eligible(project)
        .filter(~_foretold_by(model, in_shadow), settled_at__gt=since)
        .annotate(
            said_chosen=_score_of("chosen", model), said_rejected=_score_of("rejected", model)
        )
        .filter(said_chosen__isnull=False, said_rejected__isnull=False)
    )
    rows = list(known.order_by("pk")[:MOST_AT_ONCE])
    rewards = {row.pk: (row.said_chosen, row.said_rejected) for row in rows}
    return _note(model, rows, rewards, in_shadow)


def _foretold_by(model: RewardModel, in_shadow: bool) -> Exists:
    """Finds which preferences have their word already. In service the first word counts, whichever
    model said it; in the shadow each model has its own."""
    said = Foretold.objects.filter(preference=OuterRef("pk"))
    return Exists(said.filter(reward_model=model) if in_shadow else said.filter(in_shadow=False))


def _score_of(side: str, live: RewardModel) -> Subquery:
    scores = Score.objects.filter(reward_model=live, response=OuterRef(f"{side}_id"))
    return Subquery(scores.values("value")[:1])


def note_from_training(run: Run) -> int:
    """Notes the same for preferences that the incumbent had not ranked, from the scores it gave for
    a training."""
    live = reward_model_by(run.asked.incumbent)
    apart = {int(key): both for key, both in scored_apart(run).items() if key.isdecimal()}
    if live is None or live.snapshot.last_settled_at is None:
        return 0
    noted, ids = 0, sorted(apart)
    for start in range(0, len(ids), MOST_AT_ONCE):
        preferences = _eligible(run.project).filter(
            ~_foretold_by(live, in_shadow=False),
            pk__in=ids[start : start + MOST_AT_ONCE],
            settled_at__gt=live.snapshot.last_settled_at,
        )
        noted += _note(live, list(preferences), apart)
    return noted


def _eligible(project: Project) -> QuerySet[Preference]:
    return (
        settled(project)
        .filter(arm=Comparison.Arm.RANDOM, kind=Preference.Kind.PREFER)
        .exclude(target=0.5)
        .select_related("chosen", "rejected")
        .defer("chosen__text", "rejected__text")
    )


def _note(
    model: RewardModel,
    rows: Iterable[Preference],
    rewards: dict[int, tuple[float, float]],
    in_shadow: bool = False,
) -> int:
    temperature = temperature_of(model)
    noted = []
    for row in rows:
        chosen, rejected = rewards[row.pk]
        margin = chosen - rejected
        point = 0.5 if margin == 0 else float((margin > 0) == (row.target > 0.5))
        versions = [r.policy_version for r in (row.chosen, row.rejected) if r.policy_version]
        noted.append(
            Foretold(
                preference=row,
                reward_model=model,
                in_shadow=in_shadow,
                policy_version=max(versions, default=None),
                margin=margin,
                point=point,
                loss=clipped_loss(margin, row.target, temperature),
            )
        )
    Foretold.objects.bulk_create(noted, ignore_conflicts=True)
    return len(noted)


def is_calibrated(model: RewardModel) -> bool:
    return model.figures.evaluation.temperature is not None


def clipped_loss(margin: float, target: float, temperature: float) -> float:
    logit = float(np.clip(margin / temperature, -MOST_SURE, MOST_SURE))
    return float(log_loss(np.array([logit]), np.array([target]))[0])


def running(value: float, n: int, span: float) -> Running:
    radius = anytime_radius(n, span)
    top = 1.0 if span == 1.0 else math.inf
    return Running(value, max(0.0, value - radius), min(top, value + radius), n)


def prequential(model: RewardModel) -> list[Prequential]:
    """Gives the figures of what this model foretold: all together first, then by policy version."""
    rows = Foretold.objects.filter(reward_model=model, in_shadow=False, preference__excluded=False)
    sums: dict[int | None, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    by_version = rows.values("policy_version").annotate(
        count=Count("pk"), right=Avg("point"), lost=Avg("loss")
    )
    for row in by_version.order_by("policy_version"):
        for key in (None, row["policy_version"] or 0):
            sums[key][0] += row["count"]
            sums[key][1] += row["count"] * row["right"]
            sums[key][2] += row["count"] * row["lost"]
    parts = [
        Prequential(
            version,
            running(right / count, int(count), 1.0),
            running(lost / count, int(count), LOSS_SPAN),
        )
        for version, (count, right, lost) in sums.items()
    ]
    # One version alone would only repeat the line of all together.
    return parts if len(parts) > 2 else parts[:1]


def alarm_of(model: RewardModel | None) -> str:
    """Gives a sentence when the model in service has certainly become worse since it was measured;
    "" otherwise."""
    if model is None:
        return ""
    overall = next(iter(prequential(model)), None)
    promised = model.figures.evaluation.accuracy.get("low")
    if overall is None:
        return ""
    now = overall.accuracy
    if promised is not None and now.high < promised:
        return (
            f"{str(model).capitalize()} has drifted: of {now.n} new random judgments it foretold "
            f"{now.value:.0%} (at most {now.high:.0%}), but at least {promised:.0%} when it was "
            "measured."
        )
    if overall.loss.low > COIN:
        return (
            f"{str(model).capitalize()} has drifted: on {now.n} new random judgments its claims "
            f"are worse than tossing a coin (log-loss at least {overall.loss.low:.2f})."
        )
    return ""
