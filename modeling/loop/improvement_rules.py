"""The rules of the loop from the gate on: whether the policy is improved, compared, promoted."""

from dataclasses import dataclass

from labeling.texts.shown_paths import without_paths
from modeling.loop.situation import Situation
from modeling.loop.steps import NextStep, StepKind
from modeling.models import Policy, RewardModel, Round, Run
from modeling.policies.comparing import Verdict
from modeling.settings.choices import Improvement, Promotion

State = Round.State


@dataclass(frozen=True)
class RoundEnding:
    """How a round ends, and why, in a sentence."""

    state: str
    reason: str


def why_kept(situation: Situation) -> str:
    """Says why this round leaves the policy as it is. "" where it is to be improved, and where
    improvement is switched off, which needs no explaining: `is_due` tells the two apart."""
    project, policy = situation.project, situation.policy
    if project.loop_settings.improvement == Improvement.OFF:
        return ""
    if policy is None:
        return "There was no policy to improve."
    if situation.improvement_stopped:
        return f"Improvement was stopped. {situation.improvement_stopped}"
    model = situation.model_of_round
    is_live = model is not None and model.status == RewardModel.Status.LIVE
    if project.loop_settings.improvement != Improvement.DPO and not is_live:
        return "Its reward model is not in service, so the policy was not improved against it."
    missing = project.loop_settings.improve_after - situation.new_for_policy
    if missing > 0:
        return f"The policy was not improved: {missing} more preferences were needed for that."
    return ""


def is_due(situation: Situation) -> bool:
    is_off = situation.project.loop_settings.improvement == Improvement.OFF
    return not is_off and not why_kept(situation)


def while_gating(situation: Situation) -> NextStep:
    if is_due(situation):
        return NextStep(StepKind.START_IMPROVING, "The policy is about to be improved.")
    return NextStep(StepKind.CLOSE_ROUND, "The round is complete.")


def while_improving(situation: Situation, thirsty: bool) -> NextStep:
    """Says what comes next while the policy is improved. `thirsty`: labelers have little left, and
    the policy can bring more before it is trained."""
    run = situation.improvement_of_round
    if run is None:
        if thirsty and not situation.sampled_since_training:
            return NextStep(StepKind.SAMPLE, "New pairs are about to be sampled from the policy.")
        return NextStep(StepKind.IMPROVE, "The policy is about to be improved.")
    if ending_of(situation) is not None:
        return NextStep(StepKind.CLOSE_ROUND, "The round is complete.")
    return NextStep(StepKind.CHECK_CANDIDATE, "The new policy is about to be checked.")


def while_comparing(situation: Situation) -> NextStep:
    if ending_of(situation) is not None:
        return NextStep(StepKind.CLOSE_ROUND, "The new policy's comparison is complete.")
    if situation.comparison_of_round is None:
        return NextStep(
            StepKind.COMPARE, "The new and the current policy are about to answer the same prompts."
        )
    standing = situation.blind_standing
    return NextStep(
        StepKind.LABEL,
        f"A new policy is being compared blind with the current one: at most {standing.still_open} "
        "more of these comparisons, which come among all others, decide whether it takes over.",
        standing.judged,
        standing.pairs,
    )


def ending_of(situation: Situation) -> RoundEnding | None:
    """How the round that is open ends as things are; None while it goes on."""
    assert situation.round is not None
    match situation.round.state:
        case State.TRAINING:
            return RoundEnding(State.FAILED, _why(situation.training_of_round, "The training"))
        case State.GATING:
            return RoundEnding(State.FINISHED, why_kept(situation))
        case State.IMPROVING:
            return _ending_of_improvement(situation.improvement_of_round)
        case State.COMPARING:
            return _ending_of_comparison(situation)
    return None


def _ending_of_improvement(run: Run | None) -> RoundEnding | None:
    if run is None or run.state == Run.State.SUCCEEDED or run.state in Run.ACTIVE:
        return None
    state = State.FINISHED if run.state == Run.State.CANCELLED else State.FAILED
    return RoundEnding(state, _why(run, "The improvement"))


def _ending_of_comparison(situation: Situation) -> RoundEnding | None:
    round_ = situation.round
    assert round_ is not None
    candidate, run = round_.candidate, situation.comparison_of_round
    if candidate is None:
        return RoundEnding(State.REJECTED, "The new policy was deleted.")
    if candidate.status == Policy.Status.ACCEPTED:
        return RoundEnding(State.PROMOTED, candidate.verdict or "By hand.")
    if candidate.status == Policy.Status.REJECTED:
        return RoundEnding(State.REJECTED, candidate.verdict or "By hand.")
    if situation.policy != round_.policy:
        return RoundEnding(
            State.REJECTED,
            f"{situation.policy or 'No policy'} was put in service while it was being compared.",
        )
    if run is None or run.state in Run.ACTIVE:
        return None
    if run.state != Run.State.SUCCEEDED:
        return RoundEnding(State.REJECTED, _why(run, "The sampling for the comparison"))
    standing = situation.blind_standing
    if standing.outcome.verdict == Verdict.OPEN and standing.still_open:
        return None
    state = State.PROMOTED if standing.outcome.verdict == Verdict.BETTER else State.REJECTED
    return RoundEnding(state, standing.in_words)


def promotes_at_once(situation: Situation) -> bool:
    return situation.project.loop_settings.promotion == Promotion.AUTOMATIC


def _why(run: Run | None, what: str) -> str:
    if run is None:
        return f"{what} never began."
    if run.state == Run.State.CANCELLED:
        return f"{what} was cancelled."
    first, _, _ = without_paths(run.error.strip()).partition("\n")
    return f"{what} failed. {first}"
