"""Where a project's loop stands, and what follows from that.

`Situation` reads rows, each at most once and only when asked; `decide` is the whole rule book.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from labeling.models import Comparison, Preference, Project, Prompt
from labeling.preferences import settled
from modeling.drift import alarm_of
from modeling.models import Loop, Policy, RewardModel, Round, Run

State = Run.State

# With fewer comparisons to train on, a reward model only learns them by heart.
FEWEST_TO_TRAIN = 10
# So few comparisons nobody has seen yet that labelers may soon have nothing to do.
LOW_QUEUE = 10
USABLE = (Preference.Kind.PREFER, Preference.Kind.TIE)


class StepKind(StrEnum):
    """What the loop does next. Those in `DUE` are done by the loop at once."""

    GATE = "gate"
    OPEN_ROUND = "open_round"
    SAMPLE = "sample"
    RANK = "rank"
    START_LABELING = "start_labeling"
    TRAIN = "train"
    CLOSE_ROUND = "close_round"
    RUNNING = "running"
    LABEL = "label"
    OFF = "off"
    NEEDS_MODEL = "needs_model"
    NEEDS_MATERIAL = "needs_material"
    STUCK = "stuck"


DUE = frozenset(
    {
        StepKind.GATE,
        StepKind.OPEN_ROUND,
        StepKind.SAMPLE,
        StepKind.RANK,
        StepKind.START_LABELING,
        StepKind.TRAIN,
        StepKind.CLOSE_ROUND,
    }
)


@dataclass(frozen=True)
class NextStep:
    """What happens next, in words for people. `needed` 0: there is nothing to count."""

    kind: StepKind
    text: str
    done: int = 0
    needed: int = 0
    run: Run | None = None

    @property
    def is_due(self) -> bool:
        return self.kind in DUE


def open_comparisons(project: Project) -> int:
    return Comparison.objects.filter(project=project, slots_left__gt=0).count()


class Situation:
    def __init__(self, project: Project) -> None:
        self.project = project
        # Read first: a sampling is named by the number of those before it, so that two workers
        # who decide from the same situation, however long they take, queue the same one.
        samplings = Run.objects.filter(project=project, kind=Run.Kind.SAMPLE)
        self.sampling_runs = samplings.count()

    @cached_property
    def _loop(self) -> Loop | None:
        loops = Loop.objects.select_related("policy", "reward_model__snapshot")
        return loops.filter(project=self.project).first()

    @property
    def policy(self) -> Policy | None:
        return self._loop.policy if self._loop else None

    @property
    def reward_model(self) -> RewardModel | None:
        return self._loop.reward_model if self._loop else None

    @property
    def base_model(self) -> str:
        return self.project.base_model or (self.policy.location if self.policy else "")

    @cached_property
    def candidate(self) -> RewardModel | None:
        candidates = RewardModel.objects.filter(
            project=self.project, status=RewardModel.Status.CANDIDATE
        )
        return candidates.select_related("run", "project").order_by("version").first()

    @cached_property
    def round(self) -> Round | None:
        closed = (Round.State.FINISHED, Round.State.FAILED)
        return Round.objects.filter(project=self.project).exclude(state__in=closed).first()

    @cached_property
    def active_runs(self) -> list[Run]:
        return list(Run.objects.filter(project=self.project, state__in=Run.ACTIVE).order_by("pk"))

    @cached_property
    def last_training(self) -> Run | None:
        trainings = Run.objects.filter(project=self.project, kind=Run.Kind.TRAIN_REWARD)
        return trainings.select_related("snapshot").order_by("-pk").first()

    @cached_property
    def training_of_round(self) -> Run | None:
        trainings = Run.objects.filter(round=self.round, kind=Run.Kind.TRAIN_REWARD)
        return trainings.select_related("reward_model").order_by("-pk").first()

    @cached_property
    def last_sampling(self) -> Run | None:
        samplings = Run.objects.filter(project=self.project, kind=Run.Kind.SAMPLE)
        return samplings.order_by("-pk").first()

    @cached_property
    def began_with_a_run(self) -> bool:
        """Whether this round has had its sampling (or ranking) already."""
        kinds = (Run.Kind.SAMPLE, Run.Kind.SCORE)
        return Run.objects.filter(round=self.round, kind__in=kinds).exists()

    @cached_property
    def has_prompts(self) -> bool:
        return Prompt.objects.filter(project=self.project).exists()

    @cached_property
    def usable_preferences(self) -> int:
        return settled(self.project).filter(kind__in=USABLE).count()

    @cached_property
    def new_preferences(self) -> int:
        """Settled since the last snapshot that a training took, whatever became of it."""
        snapshot = self.last_training.snapshot if self.last_training else None
        if snapshot is None or snapshot.last_settled_at is None:
            return self.usable_preferences
        usable = settled(self.project).filter(kind__in=USABLE)
        return usable.filter(settled_at__gt=snapshot.last_settled_at).count()

    @cached_property
    def drift(self) -> str:
        return alarm_of(self.reward_model)

    @cached_property
    def open_comparisons(self) -> int:
        return open_comparisons(self.project)

    @cached_property
    def fresh_comparisons(self) -> int:
        fresh = Comparison.objects.filter(project=self.project, slots_left__gt=0)
        return fresh.filter(waiting_since__isnull=True).count()

    @property
    def can_sample(self) -> bool:
        return (
            self.policy is not None
            and self.open_comparisons < self.project.queue_target
            and self.has_prompts
        )

    @property
    def more_sampling_may_help(self) -> bool:
        """Not when the last sampling by this policy failed or brought nothing: the next would too.
        A person, a new policy or the next round tries again."""
        last, policy = self.last_sampling, self.policy
        if last is None or policy is None or last.policy_id != policy.pk:
            return True
        return last.state == State.SUCCEEDED and last.results.get("comparisons", 0) > 0

    @property
    def preferences_needed(self) -> int:
        """How many new preferences start the next training."""
        missing = FEWEST_TO_TRAIN - (self.usable_preferences - self.new_preferences)
        return max(self.project.retrain_after, missing)


def decide(situation: Situation) -> NextStep:
    """The one next step."""
    if situation.candidate is not None:
        return NextStep(StepKind.GATE, "The new reward model is checked before it goes live.")
    if situation.active_runs:
        return running(situation.active_runs[0])
    if not situation.project.loop_enabled:
        return NextStep(
            StepKind.OFF,
            "The loop is switched off: nothing is trained or sampled unless somebody starts it "
            "here. It can be switched on in the settings.",
        )
    if situation.round is None:
        return NextStep(StepKind.OPEN_ROUND, "The next round is about to begin.")
    steps: dict[str, Callable[[Situation], NextStep]] = {
        Round.State.SAMPLING: while_sampling,
        Round.State.LABELING: while_labeling,
        Round.State.TRAINING: while_training,
    }
    return steps[situation.round.state](situation)


def running(run: Run) -> NextStep:
    name = {
        Run.Kind.TRAIN_REWARD: "The reward model is being trained",
        Run.Kind.SAMPLE: "New pairs are being sampled from the policy",
        Run.Kind.SCORE: "The queue is being ranked by the new reward model",
    }[Run.Kind(run.kind)]
    if run.state == State.QUEUED:
        text = f"{name} as soon as a worker is free."
    elif run.progress == 0:
        text = f"{name}: it is starting."
    else:
        text = f"{name}: {run.progress:.0%} done{time_left(run.seconds_left)}."
    return NextStep(StepKind.RUNNING, text, round(run.progress * 100), 100, run)


def time_left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f", about {max(1, round(seconds))} s left"
    return f", about {round(seconds / 60)} min left"


def while_sampling(situation: Situation) -> NextStep:
    if not situation.began_with_a_run:
        if situation.can_sample:
            return NextStep(StepKind.SAMPLE, "New pairs are about to be sampled from the policy.")
        if situation.reward_model is not None and situation.fresh_comparisons:
            return NextStep(
                StepKind.RANK, "The queue is about to be ranked by the new reward model."
            )
    return NextStep(StepKind.START_LABELING, "The queue is ready to be labeled.")


def while_labeling(situation: Situation) -> NextStep:
    due = situation.new_preferences >= situation.preferences_needed
    # Drift does not wait for the full number, but for enough to learn something new from.
    if due or (situation.new_preferences >= FEWEST_TO_TRAIN and situation.drift):
        if situation.base_model:
            return NextStep(
                StepKind.TRAIN,
                "The reward model is about to be trained." if due else situation.drift,
            )
        return NextStep(
            StepKind.NEEDS_MODEL,
            f"{situation.new_preferences} new preferences wait for a model to learn from them: set "
            "a base model in the settings, or register a policy.",
        )
    if situation.can_sample and situation.more_sampling_may_help and is_thirsty(situation):
        return NextStep(StepKind.SAMPLE, "New pairs are about to be sampled from the policy.")
    if situation.open_comparisons == 0:
        return nothing_to_label(situation)
    return count_down(situation)


def is_thirsty(situation: Situation) -> bool:
    """Labelers may soon run dry, or a policy has just taken over from another one."""
    assert situation.policy is not None
    low = min(LOW_QUEUE, situation.project.queue_target)
    last = situation.last_sampling
    took_over = last is not None and last.policy_id != situation.policy.pk
    return took_over or situation.fresh_comparisons < low


def count_down(situation: Situation) -> NextStep:
    done, needed = situation.new_preferences, situation.preferences_needed
    then = " and new pairs are sampled" if situation.policy else " and the queue is ranked by it"
    text = (
        f"After {needed - done} more preferences the reward model is "
        f"{'re' if situation.reward_model else ''}trained{then}."
    )
    return NextStep(StepKind.LABEL, text, done, needed)


def nothing_to_label(situation: Situation) -> NextStep:
    project = situation.project
    if Comparison.objects.filter(project=project, state=Comparison.State.OPEN).exists():
        return count_down(situation)  # the last ones are with people now
    if situation.policy is None:
        return NextStep(
            StepKind.NEEDS_MATERIAL,
            "Nothing is left to compare. Import comparisons, or register a policy that writes "
            "responses to the prompts.",
        )
    if not situation.has_prompts:
        return NextStep(
            StepKind.NEEDS_MATERIAL, "Import prompts: the policy has nothing to respond to."
        )
    last = situation.last_sampling
    if last is not None and last.state == State.SUCCEEDED:
        text = (
            "The last sampling brought no two different responses to any prompt. Raise the "
            "temperature, import prompts, or register another policy; then sample again."
        )
    else:
        text = (
            "Nothing is left to compare, and the last sampling did not succeed. See its run, then "
            "start it again."
        )
    return NextStep(StepKind.STUCK, text, run=last)


def while_training(situation: Situation) -> NextStep:
    return NextStep(StepKind.CLOSE_ROUND, "The round is complete.")
