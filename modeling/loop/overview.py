"""The loop of a project at a glance, for its page."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from labeling.models import Assignment, Comparison, Judgment, Project
from labeling.models.improvement import Improvement
from labeling.preferences import settled
from modeling import registry
from modeling.models import Policy, RewardModel, Round, Run
from modeling.rulebook import decide
from modeling.situation import Situation
from modeling.steps import NextStep

SLOW_START = timedelta(minutes=2)
# Eight people, each with a comparison on screen and the next one prepared: from there on one answer
# in twenty waits for SQLite's single writer (docs/benchmarks.md, "Labeling over HTTP").
MANY_LEASES_ON_SQLITE = 16


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Share of comparisons that the reward model orders as people did, with its interval."""

    value: float
    low: float
    high: float
    n: int
    split: str


@dataclass(frozen=True, kw_only=True)
class Yardsticks:
    """What to hold an accuracy against, on the same held-out comparisons: how often two labelers
    say the same, and what “the longer one wins” would score. None: not known."""

    agreement: float | None = None
    longer_wins: float | None = None

    def __str__(self) -> str:
        named = (("people", self.agreement), ("longer wins", self.longer_wins))
        return ", ".join(
            f"{name} {100 * share:.0f} %" for name, share in named if share is not None
        )


@dataclass(frozen=True, kw_only=True)
class Queue:
    """`open` = `fresh` (seen by nobody yet) + `waiting` (seen, and to be judged again)."""

    open: int
    fresh: int
    waiting: int
    in_hand: int
    random_share: float
    random_measured: float | None


@dataclass(frozen=True, kw_only=True)
class Alarm:
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
    queue: Queue
    judgments: int
    judgments_today: int
    preferences: int
    new_preferences: int
    next_step: NextStep
    active_runs: list[Run]
    recent_runs: list[Run]
    alarms: list[Alarm]


def loop_summary(project: Project) -> LoopSummary:
    situation = Situation(project)
    answers = Judgment.objects.filter(
        project=project, superseded_at__isnull=True, kind__in=Judgment.ANSWERS
    )
    queue = queue_of(situation)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return LoopSummary(
        round=situation.round,
        policy=situation.policy,
        reward_model=situation.reward_model,
        accuracy=accuracy_of(situation.reward_model),
        yardsticks=yardsticks_of(situation.reward_model),
        queue=queue,
        judgments=answers.count(),
        judgments_today=answers.filter(created_at__gte=midnight).count(),
        preferences=settled(project).count(),
        new_preferences=situation.new_preferences,
        next_step=decide(situation),
        active_runs=situation.active_runs,
        recent_runs=list(Run.objects.filter(project=project).select_related("reward_model")[:5]),
        alarms=alarms_of(situation) + stopped_by_guard(situation) + outgrown(queue),
    )


def accuracy_of(reward_model: RewardModel | None) -> Accuracy | None:
    """On the test split, or while that is empty on the dev split. What a model was trained on says
    nothing about how good it is, so without either there is no figure."""
    if reward_model is None:
        return None
    told = reward_model.results.get("accuracy") or {}
    for split in ("test", "dev"):
        found = told.get(split)
        if found and found.get("value") is not None:
            return Accuracy(
                value=found["value"],
                low=found.get("low", found["value"]),
                high=found.get("high", found["value"]),
                n=found.get("n", 0),
                split=split,
            )
    return None


def yardsticks_of(reward_model: RewardModel | None) -> Yardsticks:
    if reward_model is None:
        return Yardsticks()
    results = reward_model.results
    evaluation = results.get("evaluation") or {}
    longer_wins = (evaluation.get("length") or {}).get("longer_wins") or {}
    return Yardsticks(
        agreement=(evaluation.get("agreement") or {}).get("value"),
        longer_wins=longer_wins.get("value", results.get("longer_wins_accuracy")),
    )


def queue_of(situation: Situation) -> Queue:
    project = situation.project
    leases = Assignment.objects.filter(
        project=project, state=Assignment.State.LEASED, expires_at__gt=timezone.now()
    )
    judged = Comparison.objects.filter(project=project, state=Comparison.State.FINISHED)
    drawn = judged.filter(arm__in=(Comparison.Arm.ACTIVE, Comparison.Arm.RANDOM)).count()
    at_random = judged.filter(arm=Comparison.Arm.RANDOM).count()
    return Queue(
        open=situation.open_comparisons,
        fresh=situation.fresh_comparisons,
        waiting=situation.open_comparisons - situation.fresh_comparisons,
        in_hand=leases.count(),
        random_share=project.random_share,
        random_measured=at_random / drawn if drawn else None,
    )


def alarms_of(situation: Situation) -> list[Alarm]:
    """What has gone wrong since the last success of its kind."""
    alarms = [_failure(run) for run in _last_runs(situation) if run.state == Run.State.FAILED]
    for run in situation.active_runs:
        if run.state == Run.State.QUEUED and timezone.now() - run.created_at > SLOW_START:
            waits = "A run has been waiting for minutes: is a gpu worker running?"
            alarms.append(Alarm(tone="warning", text=waits, run=run))
    if situation.policy is not None:
        try:
            registry.check_policy(situation.policy.location)
        except registry.NotUsable as problem:
            alarms.append(
                Alarm(tone="danger", text=f"The current policy cannot be used: {problem}")
            )
    if situation.reward_model is not None:
        try:
            registry.check_reward_model(situation.reward_model)
        except registry.NotUsable as problem:
            text = f"The reward model in service cannot be used. {problem}"
            alarms.append(Alarm(tone="danger", text=text))
    if situation.project.base_model:
        try:
            registry.check_model(situation.project.base_model)
        except registry.NotUsable as problem:
            text = f"No reward model can be trained: the base model is not usable. {problem}"
            alarms.append(Alarm(tone="danger", text=text))
    if situation.drift:
        alarms.append(Alarm(tone="warning", text=situation.drift))
    rejected = _rejected_since_live(situation)
    if rejected is not None:
        reason = rejected.results.get("gate", {}).get("reason", "")
        text = f"{str(rejected).capitalize()} was not put in service. {reason}"
        alarms.append(Alarm(tone="warning", text=text, run=rejected.run))
    return alarms


def _last_runs(situation: Situation) -> list[Run]:
    """The newest of each kind. Of what improves the policy only while that is wanted."""
    runs = [situation.last_training, situation.last_sampling]
    if situation.project.improvement != Improvement.OFF:
        runs.append(situation.last_improvement)
    runs.append(situation.last_comparison)
    return [run for run in runs if run is not None]


def _failure(run: Run) -> Alarm:
    reason = run.error.partition("\n")[0]
    return Alarm(tone="danger", text=f"{run.get_kind_display().capitalize()}: {reason}", run=run)


def stopped_by_guard(situation: Situation) -> list[Alarm]:
    """For the loop's page; the page Rounds tells it at length."""
    if not situation.improvement_stopped:
        return []
    text = f"The guard has stopped improvement: {situation.improvement_stopped}"
    return [Alarm(tone="warning", text=text)]


def outgrown(queue: Queue) -> list[Alarm]:
    """Says that SQLite has become too small, before people feel it."""
    if connection.vendor != "sqlite" or queue.in_hand < MANY_LEASES_ON_SQLITE:
        return []
    text = (
        "Many people are labeling at once, and SQLite saves one answer at a time: some wait. "
        "For a team of this size set DATABASE_URL to a PostgreSQL server."
    )
    return [Alarm(tone="warning", text=text)]


def _rejected_since_live(situation: Situation) -> RewardModel | None:
    newest = RewardModel.objects.filter(project=situation.project).select_related("run").first()
    if newest is None or newest.status != RewardModel.Status.REJECTED:
        return None
    return newest
