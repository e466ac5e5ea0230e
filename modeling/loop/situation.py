"""Where a project's loop stands: rows, each read at most once and only when asked.

What follows from that is in modeling/loop/rulebook.py.
"""

from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Max
from django.utils import timezone

from labeling.models import Comparison, Project, Prompt
from labeling.preferences import counts
from labeling.preferences.settling import USABLE, settled
from modeling.core.generating.servers.chat_server import is_server
from modeling.models import Loop, Policy, RewardModel, Round, Run
from modeling.policies.blind import BlindStanding, standing
from modeling.reward_models.drift import alarm_of

State = Run.State

# With fewer comparisons to train on, a reward model only learns them by heart.
FEWEST_TO_TRAIN = 10
# With fewer comparisons that nobody has seen yet, labelers may soon have nothing to do: sampling
# takes minutes, judging one takes seconds.
LOW_QUEUE = 10


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
        """What a reward model begins as; "" where there is only a server, which lends none."""
        location = self.policy.location if self.policy else ""
        return self.project.loop_settings.base_model or ("" if is_server(location) else location)

    @cached_property
    def candidate_reward_model(self) -> RewardModel | None:
        """The oldest reward model that the gate has not judged. The candidate of a round is a
        policy."""
        candidates = RewardModel.objects.filter(
            project=self.project, status=RewardModel.Status.CANDIDATE
        )
        return candidates.select_related("run", "project").order_by("version").first()

    @cached_property
    def round(self) -> Round | None:
        open_rounds = Round.objects.filter(project=self.project, state__in=Round.OPEN)
        return open_rounds.select_related("policy", "reward_model", "candidate").first()

    @cached_property
    def active_runs(self) -> list[Run]:
        return list(Run.objects.filter(project=self.project, state__in=Run.ACTIVE).order_by("pk"))

    @property
    def active_run_of_round(self) -> Run | None:
        """The run of this round that is under way; read anew at each call."""
        return Run.objects.filter(round=self.round, state__in=Run.ACTIVE).first()

    @cached_property
    def last_training(self) -> Run | None:
        trainings = Run.objects.filter(project=self.project, kind=Run.Kind.TRAIN_REWARD)
        return trainings.select_related("snapshot").order_by("-pk").first()

    @cached_property
    def training_of_round(self) -> Run | None:
        trainings = Run.objects.filter(round=self.round, kind=Run.Kind.TRAIN_REWARD)
        return trainings.select_related("reward_model").order_by("-pk").first()

    @property
    def model_of_round(self) -> RewardModel | None:
        """What this round's training has made."""
        training = self.training_of_round
        return getattr(training, "reward_model", None) if training else None

    @cached_property
    def _newest(self) -> dict[str, Run]:
        """The last sampling and the last comparison, in one query."""
        kinds = (Run.Kind.SAMPLE, Run.Kind.COMPARE)
        runs = Run.objects.filter(project=self.project, kind__in=kinds).order_by()
        newest = runs.values("kind").annotate(newest=Max("pk")).values("newest")
        return {run.kind: run for run in Run.objects.filter(pk__in=newest)}

    @property
    def last_sampling(self) -> Run | None:
        return self._newest.get(Run.Kind.SAMPLE)

    @property
    def last_comparison(self) -> Run | None:
        return self._newest.get(Run.Kind.COMPARE)

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
        return self._usable_since(None)

    @cached_property
    def new_preferences(self) -> int:
        """How many have settled since the last snapshot that a training took, also one that
        failed."""
        snapshot = self.last_training.snapshot if self.last_training else None
        if snapshot is None or snapshot.last_settled_at is None:
            return self.usable_preferences
        return self._usable_since(snapshot.last_settled_at)

    @cached_property
    def last_improvement(self) -> Run | None:
        improvements = Run.objects.filter(project=self.project, kind=Run.Kind.TRAIN_POLICY)
        improvements = improvements.filter(round__isnull=False)  # others only estimate something
        return improvements.order_by("-pk").first()

    @cached_property
    def new_for_policy(self) -> int:
        """How many have settled since the last run that improved the policy began, also one that
        failed."""
        if self.last_improvement is None:
            return self.usable_preferences
        return self._usable_since(self.last_improvement.created_at)

    def _usable_since(self, when: datetime | None) -> int:
        return settled(self.project, when).filter(kind__in=USABLE).count()

    @property
    def improvement_stopped(self) -> str:
        """Why the guard has stopped improvement; "" otherwise."""
        return self._loop.improvement_stopped if self._loop else ""

    @cached_property
    def improvement_of_round(self) -> Run | None:
        return self._run_of_round(Run.Kind.TRAIN_POLICY)

    @cached_property
    def comparison_of_round(self) -> Run | None:
        return self._run_of_round(Run.Kind.COMPARE)

    def _run_of_round(self, kind: str) -> Run | None:
        return Run.objects.filter(round=self.round, kind=kind).order_by("-pk").first()

    @cached_property
    def blind_standing(self) -> BlindStanding:
        assert self.round is not None
        return standing(self.round)

    @cached_property
    def waiting_candidate(self) -> Policy | None:
        """A new policy that no round has taken up yet, the oldest first."""
        waiting = Policy.objects.filter(project=self.project, status=Policy.Status.CANDIDATE)
        taken_up = Round.objects.filter(project=self.project, state__in=Round.OPEN)
        named = taken_up.filter(candidate__isnull=False).values("candidate")
        return waiting.exclude(pk__in=named).order_by("version").first()

    @property
    def was_asked_for(self) -> bool:
        """Whether somebody, not the loop, has begun what this round is about now."""
        begun = (Round.State.IMPROVING, Round.State.COMPARING)
        if self.round is None or self.round.state not in begun:
            return False
        run = self.improvement_of_round
        return run is None or run.created_by_id is not None

    @cached_property
    def sampled_since_training(self) -> bool:
        if self.training_of_round is None:
            return self.began_with_a_run
        samplings = Run.objects.filter(round=self.round, kind=Run.Kind.SAMPLE)
        return samplings.filter(pk__gt=self.training_of_round.pk).exists()

    @property
    def schedule_is_due(self) -> bool:
        """Whether the last training is so long ago that few new preferences are enough."""
        hours, last = self.project.loop_settings.retrain_every_hours, self.last_training
        if not hours or last is None:
            return False
        return timezone.now() - last.created_at >= timedelta(hours=hours)

    @cached_property
    def drift(self) -> str:
        return alarm_of(self.reward_model)

    @cached_property
    def open_comparisons(self) -> int:
        return open_comparisons(self.project)

    @cached_property
    def fresh_comparisons(self) -> int:
        return counts.fresh(self.project).count()

    @property
    def can_sample(self) -> bool:
        return (
            self.policy is not None
            and self.open_comparisons < self.project.loop_settings.queue_target
            and self.has_prompts
        )

    @property
    def more_sampling_may_help(self) -> bool:
        """Not when the last sampling by this policy failed or brought nothing: the next would too.
        A person, a new policy or the next round tries again."""
        last, policy = self.last_sampling, self.policy
        if last is None or policy is None or last.policy_id != policy.pk:
            return True
        return last.state == State.SUCCEEDED and bool(last.figures.comparisons)

    @property
    def preferences_needed(self) -> int:
        """How many new preferences start the next training."""
        missing = FEWEST_TO_TRAIN - (self.usable_preferences - self.new_preferences)
        return max(self.project.loop_settings.retrain_after, missing)
