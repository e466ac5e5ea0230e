"""Runs that a person starts by hand, without waiting for the loop."""

import json

from django.db import transaction
from django.db.models import Count, Max
from django.utils import timezone

from labeling.models import AuditEntry, Preference, Project, User
from labeling.preferences.settling import settled
from labeling.projects.model_locations import NotUsable, check_model
from modeling.core.generating.servers.chat_server import is_server
from modeling.loop import new_runs
from modeling.loop.new_runs import training_asked
from modeling.loop.round_states import move, open_round
from modeling.loop.situation import Situation
from modeling.models import Round, Run, versions
from modeling.run_data.asked import TrainingAsked
from modeling.runs import lifecycle
from modeling.settings.choices import Improvement

LATEST = 5
UNDER_WAY = "Such a run is under way already."
IN_HAND = "A new policy is in hand: wait until it is promoted or rejected."


class CannotStart(ValueError):
    """The run cannot be started now. The message is a sentence for people."""


def start_training_now(project: Project, by: User) -> Run:
    """Trains on what there is, without waiting for more preferences."""
    situation = _ready_to_start(project)
    if problem := why_not_train(situation):
        raise CannotStart(problem)
    run = new_runs.training(situation, by)
    if run is None:
        raise CannotStart(_why_no_training(situation))
    return run


def why_not_train(situation: Situation) -> str:
    """Why no training can be begun by hand now, in a sentence; "" if one can."""
    if is_under_way(situation, Run.Kind.TRAIN_REWARD):
        return UNDER_WAY
    if not situation.base_model:
        return "Set a base model in the settings, or register a policy, first."
    try:
        check_model(situation.base_model, situation.project)
    except NotUsable as problem:
        return f"The base model cannot be used. {problem}"
    if not situation.usable_preferences:
        return "There are no preferences to train on yet."
    if is_new_policy_in_hand(situation):
        return IN_HAND
    return _why_no_training(situation) if is_trained_on(situation) else ""


def is_trained_on(situation: Situation) -> bool:
    """Whether a training has had exactly these preferences and settings. Said by their number and
    times: a page that asks every few seconds cannot write a snapshot each time."""
    project = situation.project
    rows = settled(project).exclude(kind=Preference.Kind.BOTH_BAD)
    learnt = rows.aggregate(number=Count("pk"), newest=Max("settled_at"))
    runs_on_them = Run.objects.filter(
        project=project,
        kind=Run.Kind.TRAIN_REWARD,
        snapshot__count=learnt["number"],
        snapshot__last_settled_at__gte=learnt["newest"],
    )
    asked = json.loads(json.dumps(training_asked(situation).as_json()))
    for run in runs_on_them.order_by("-pk")[:LATEST]:
        if TrainingAsked.settings_in(run.config) == asked:
            return not _was_curated_since(run)
    return False


def _was_curated_since(run: Run) -> bool:
    """Whether rows went out of use or came back: others then stand behind the same number."""
    changes = AuditEntry.objects.filter(project=run.project_id, target_type="preference")
    return changes.filter(created_at__gte=run.created_at).exists()


def _why_no_training(situation: Situation) -> str:
    last = situation.last_training
    if last is not None and lifecycle.can_retry(last):
        return (
            f"Run {last.pk} on exactly these preferences and settings did not succeed: try it "
            "again on its page, or change the settings first."
        )
    return "A model was trained on exactly these preferences already."


def start_sampling_now(project: Project, by: User) -> Run:
    """Samples new pairs from the current policy, even if the queue is full."""
    situation = _ready_to_start(project)
    if problem := why_not_sample(situation):
        raise CannotStart(problem)
    run = new_runs.sampling(situation, by)
    if run is None:
        raise CannotStart("Sampling has just been started.")
    return run


def why_not_sample(situation: Situation) -> str:
    """Why no sampling can be begun by hand now, in a sentence; "" if one can."""
    if is_under_way(situation, Run.Kind.SAMPLE):
        return UNDER_WAY
    if situation.policy is None:
        return "Register a policy first: it writes the responses."
    if not situation.has_prompts:
        return "Import prompts first: there is nothing to respond to."
    return ""


def start_improving_now(project: Project, by: User) -> Run:
    """Improves the current policy against the reward model in service (DPO: on the preferences,
    with or without one), however few preferences are new."""
    situation = _ready_to_start(project)
    if problem := why_not_improve(situation):
        raise CannotStart(problem)
    with transaction.atomic():
        run = None
        if move(situation.round, Round.State.IMPROVING, policy=situation.policy):
            run = new_runs.improvement(situation, by)
        if run is None:
            transaction.set_rollback(True)
    if run is None:
        raise CannotStart("The loop has just gone on: look at what it does now, and try again.")
    return run


def start_estimate_now(project: Project, by: User) -> Run:
    """Estimates what choosing the best of n responses would bring; changes no policy, no round."""
    situation = _ready_to_start(project)
    if problem := why_not_estimate(situation):
        raise CannotStart(problem)
    run = new_runs.estimate(situation, by)
    if run is None:
        raise CannotStart(
            "The best of n was estimated with this policy and this reward model already: see Runs."
        )
    return run


def why_not_improve(situation: Situation) -> str:
    """Why no new policy can be begun by hand now, in a sentence; "" if one can."""
    if is_under_way(situation, Run.Kind.TRAIN_POLICY):
        return UNDER_WAY
    improvement = situation.project.loop_settings.improvement
    if improvement == Improvement.OFF:
        return "Choose in the settings how the policy is improved first."
    if situation.policy is None:
        return "Register a policy first: there is nothing to improve."
    if situation.improvement_stopped:
        return "The guard has stopped improvement: look at the page Rounds, and resume it there."
    if improvement == Improvement.DPO:
        if not situation.usable_preferences:
            return "There are no preferences to learn from yet."
    elif situation.reward_model is None:
        return "There is no reward model in service to improve the policy against."
    if is_new_policy_in_hand(situation):
        return IN_HAND
    if is_under_way(situation, Run.Kind.TRAIN_REWARD):
        return "A reward model is being trained: wait for it."
    return ""


def why_not_estimate(situation: Situation) -> str:
    """Why the best of n cannot be estimated now, in a sentence; "" if it can."""
    if is_under_way(situation, Run.Kind.TRAIN_POLICY):
        return UNDER_WAY
    if situation.policy is None:
        return "Register a policy first: it writes the responses."
    if situation.reward_model is None:
        return "There is no reward model in service to choose the best response by."
    if is_server(situation.policy.location):
        return "The policy runs on another server: its pool cannot be drawn here."
    # The loop could not queue its own run beside this one, and would wait for it.
    return IN_HAND if is_new_policy_in_hand(situation) else ""


def is_new_policy_in_hand(situation: Situation) -> bool:
    in_hand = (Round.State.IMPROVING, Round.State.COMPARING)
    return situation.round is not None and situation.round.state in in_hand


def is_under_way(situation: Situation, kind: str) -> bool:
    return any(run.kind == kind for run in situation.active_runs)


def _ready_to_start(project: Project) -> Situation:
    versions.loop_of(project)
    open_round(Situation(project), timezone.now())
    return Situation(project)
