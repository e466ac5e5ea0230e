"""What follows from where a project's loop stands: the rules up to the gate.

How the policy is improved and compared is in improvement_rules.py.
"""

from collections.abc import Callable

from labeling.models import Comparison
from modeling.loop import improvement_rules
from modeling.loop.doing import doing, time_left
from modeling.loop.situation import FEWEST_TO_TRAIN, LOW_QUEUE, Situation
from modeling.loop.steps import NextStep, StepKind
from modeling.models import Round, Run

State = Run.State


def decide_next_step(situation: Situation) -> NextStep:
    """The one next step."""
    if situation.candidate_reward_model is not None:
        return NextStep(StepKind.GATE, "The new reward model is checked before it goes live.")
    if situation.active_runs:
        return running(situation.active_runs[0])
    if situation.waiting_candidate is not None and may_take_up(situation):
        return NextStep(
            StepKind.START_COMPARING, "The new policy is about to be compared with the current one."
        )
    if not situation.project.loop_settings.loop_enabled and not situation.was_asked_for:
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
        Round.State.GATING: improvement_rules.while_gating,
        Round.State.IMPROVING: while_improving,
        Round.State.COMPARING: while_comparing,
    }
    step = steps[situation.round.state](situation)
    # Another worker may have queued a run since the active ones were read: what a rule made of it
    # holds only when it has ended.
    just_queued = situation.active_run_of_round
    return running(just_queued) if just_queued else step


def may_take_up(situation: Situation) -> bool:
    """A new policy that waits is compared as soon as a round has no other work in hand."""
    states = (Round.State.SAMPLING, Round.State.LABELING)
    return (
        situation.round is not None
        and situation.round.state in states
        and situation.policy is not None
        and situation.waiting_candidate != situation.policy
    )


def running(run: Run) -> NextStep:
    name = doing(run)
    if run.state == State.QUEUED:
        text = f"{name}."
    elif run.progress == 0:
        text = f"{name}: it is starting."
    else:
        left = time_left(run.seconds_left)
        text = f"{name}: {run.progress:.0%} done{', ' if left else ''}{left}."
    return NextStep(StepKind.RUNNING, text, round(run.progress * 100), 100, run)


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
    # Drift and the schedule do not wait for the full number, but for enough to learn from.
    early = situation.new_preferences >= FEWEST_TO_TRAIN and (
        situation.drift or situation.schedule_is_due
    )
    if due or early:
        if situation.base_model:
            return NextStep(
                StepKind.TRAIN,
                (situation.drift if not due else "") or "The reward model is about to be trained.",
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
    low = min(LOW_QUEUE, situation.project.loop_settings.queue_target)
    last = situation.last_sampling
    took_over = last is not None and last.policy_id != situation.policy.pk
    return took_over or situation.fresh_comparisons < low


def count_down(situation: Situation) -> NextStep:
    done, needed = situation.new_preferences, situation.preferences_needed
    then = " and new pairs are sampled" if situation.policy else " and the queue is ranked by it"
    when = "When the pause is over, after" if situation.project.is_paused else "After"
    text = (
        f"{when} {needed - done} more preferences the reward model is "
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
    training = situation.training_of_round
    if training is not None and training.state in Run.ACTIVE:
        return running(training)
    if training is not None and training.state == State.SUCCEEDED:
        return NextStep(StepKind.START_GATING, "The new reward model has been checked.")
    return NextStep(StepKind.CLOSE_ROUND, "The round is complete.")


def while_improving(situation: Situation) -> NextStep:
    run = situation.improvement_of_round
    if run is not None and run.state in Run.ACTIVE:
        return running(run)
    thirsty = situation.can_sample and is_thirsty(situation)
    return improvement_rules.while_improving(situation, thirsty)


def while_comparing(situation: Situation) -> NextStep:
    run = situation.comparison_of_round
    if run is not None and run.state in Run.ACTIVE:
        return running(run)
    return improvement_rules.while_comparing(situation)
