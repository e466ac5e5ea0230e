"""The loop of a project at a glance, for its page."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from labeling.models import Assignment, Comparison, Project
from labeling.people.clock import server_midnight
from labeling.preferences.counts import judgments
from labeling.preferences.settling import settled
from labeling.projects.model_locations import NotUsable, check_model
from labeling.texts.shown_paths import without_paths
from modeling.loop import by_hand
from modeling.loop.rulebook import decide_next_step
from modeling.loop.situation import Situation
from modeling.loop.steps import NextStep
from modeling.models import Policy, RewardModel, Round, Run
from modeling.policies import registry
from modeling.reward_models import service
from modeling.reward_models.accuracy import (
    Accuracy,
    Against,
    Yardsticks,
    accuracy_of,
    yardsticks_of,
)
from modeling.settings.choices import Improvement

SLOW_START = timedelta(minutes=2)
NO_BASE_MODEL = (
    "No reward model can be trained yet: it needs a model to start from. Name one in the settings, "
    "under Learning, or register a policy."
)
# Eight people, each with a comparison on screen and the next one prepared: from there on one answer
# in twenty waits for SQLite's single writer (docs/benchmarks.md, "Labeling over HTTP").
MANY_LEASES_ON_SQLITE = 16


@dataclass(frozen=True, kw_only=True)
class QueueCounts:
    """`open` = `fresh` (seen by nobody yet) + `waiting` (seen, and to be judged again)."""

    open: int
    fresh: int
    waiting: int
    in_hand: int
    random_share: float
    random_measured: float | None


@dataclass(frozen=True, kw_only=True)
class LoopAlarm:
    """Something a person should look at. `tone` is "warning" or "danger"."""

    tone: str
    text: str
    run: Run | None = None


@dataclass(frozen=True, kw_only=True)
class LoopSummary:
    round: Round | None
    policy: Policy | None
    reward_model: RewardModel | None
    accuracy: Accuracy | None
    yardsticks: Yardsticks
    queue: QueueCounts
    judgments: int
    judgments_today: int
    preferences: int
    new_preferences: int
    next_step: NextStep
    active_runs: list[Run]
    recent_runs: list[Run]
    alarms: list[LoopAlarm]
    why_not_train: str
    why_not_sample: str


def loop_summary(project: Project) -> LoopSummary:
    situation = Situation(project)
    answers = judgments(project)
    queue = queue_of(situation)
    return LoopSummary(
        round=situation.round,
        policy=situation.policy,
        reward_model=situation.reward_model,
        accuracy=accuracy_of(situation.reward_model),
        yardsticks=yardsticks_of(situation.reward_model),
        queue=queue,
        judgments=answers.count(),
        judgments_today=answers.filter(created_at__gte=server_midnight()).count(),
        preferences=settled(project).count(),
        new_preferences=situation.new_preferences,
        next_step=decide_next_step(situation),
        active_runs=situation.active_runs,
        recent_runs=list(Run.objects.filter(project=project).select_related("reward_model")[:5]),
        alarms=loop_alarms(situation) + stopped_by_guard(situation) + outgrown(queue),
        why_not_train=by_hand.why_not_train(situation),
        why_not_sample=by_hand.why_not_sample(situation),
    )


def queue_of(situation: Situation) -> QueueCounts:
    project = situation.project
    leases = Assignment.objects.filter(
        project=project, state=Assignment.State.LEASED, expires_at__gt=timezone.now()
    )
    judged = Comparison.objects.filter(project=project, state=Comparison.State.FINISHED)
    drawn = judged.filter(arm__in=(Comparison.Arm.ACTIVE, Comparison.Arm.RANDOM)).count()
    at_random = judged.filter(arm=Comparison.Arm.RANDOM).count()
    return QueueCounts(
        open=situation.open_comparisons,
        fresh=situation.fresh_comparisons,
        waiting=situation.open_comparisons - situation.fresh_comparisons,
        in_hand=leases.count(),
        random_share=project.random_share,
        random_measured=at_random / drawn if drawn else None,
    )


def lacks_base_model(situation: Situation) -> bool:
    """Whether people label for a model that cannot be trained. With enough preferences the next
    step says so itself."""
    return (
        not situation.base_model
        and situation.open_comparisons > 0
        and situation.new_preferences < situation.preferences_needed
    )


def loop_alarms(situation: Situation) -> list[LoopAlarm]:
    """What has gone wrong since the last success of its kind."""
    alarms = [_failure(run) for run in _last_runs(situation) if run.state == Run.State.FAILED]
    for run in situation.active_runs:
        if run.state == Run.State.QUEUED and timezone.now() - run.created_at > SLOW_START:
            waits = "A run has been waiting for minutes: is a gpu worker running?"
            alarms.append(LoopAlarm(tone="warning", text=waits, run=run))
    if situation.policy is not None:
        try:
            registry.check_policy(situation.policy.location, situation.project)
        except NotUsable as problem:
            alarms.append(
                LoopAlarm(tone="danger", text=f"The current policy cannot be used: {problem}")
            )
    if situation.reward_model is not None:
        try:
            service.check_reward_model(situation.reward_model)
        except NotUsable as problem:
            text = f"The reward model in service cannot be used. {problem}"
            alarms.append(LoopAlarm(tone="danger", text=text))
        accuracy = accuracy_of(situation.reward_model)
        if accuracy is not None and accuracy.against_chance == Against.WORSE:
            text = (
                f"{str(situation.reward_model).capitalize()} is in service and worse than tossing "
                f"a coin: {accuracy.value:.0%} right on {accuracy.n:,} held-out comparisons."
            )
            alarms.append(LoopAlarm(tone="danger", text=text))
    if situation.project.loop_settings.base_model:
        try:
            check_model(situation.project.loop_settings.base_model, situation.project)
        except NotUsable as problem:
            text = f"No reward model can be trained: the base model is not usable. {problem}"
            alarms.append(LoopAlarm(tone="danger", text=text))
    elif lacks_base_model(situation):
        alarms.append(LoopAlarm(tone="warning", text=NO_BASE_MODEL))
    if situation.drift:
        alarms.append(LoopAlarm(tone="warning", text=situation.drift))
    rejected = _rejected_since_live(situation)
    if rejected is not None:
        reason = rejected.figures.gate.get("reason", "")
        text = f"{str(rejected).capitalize()} was not put in service. {reason}"
        alarms.append(LoopAlarm(tone="warning", text=text, run=rejected.run))
    return alarms


def _last_runs(situation: Situation) -> list[Run]:
    """The newest of each kind. Of what improves the policy only while that is wanted."""
    runs = [situation.last_training, situation.last_sampling]
    if situation.project.loop_settings.improvement != Improvement.OFF:
        runs.append(situation.last_improvement)
    runs.append(situation.last_comparison)
    return [run for run in runs if run is not None]


def _failure(run: Run) -> LoopAlarm:
    reason = without_paths(run.error.partition("\n")[0])
    return LoopAlarm(
        tone="danger", text=f"{run.get_kind_display().capitalize()}: {reason}", run=run
    )


def stopped_by_guard(situation: Situation) -> list[LoopAlarm]:
    """The alarm of a stopped improvement, in one sentence; the page Rounds has the whole story."""
    if not situation.improvement_stopped:
        return []
    text = f"The guard has stopped improvement: {situation.improvement_stopped}"
    return [LoopAlarm(tone="warning", text=text)]


def outgrown(queue: QueueCounts) -> list[LoopAlarm]:
    """Says that SQLite has become too small, before people feel it."""
    if connection.vendor != "sqlite" or queue.in_hand < MANY_LEASES_ON_SQLITE:
        return []
    text = (
        "Many people are labeling at once, and SQLite saves one answer at a time: some wait. "
        "For a team of this size set DATABASE_URL to a PostgreSQL server."
    )
    return [LoopAlarm(tone="warning", text=text)]


def _rejected_since_live(situation: Situation) -> RewardModel | None:
    newest = RewardModel.objects.filter(project=situation.project).select_related("run").first()
    if newest is None or newest.status != RewardModel.Status.REJECTED:
        return None
    return newest
