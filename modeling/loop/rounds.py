"""What happens next in a project's loop, decided from rows alone.

`next_step` reads and says; `advance` does it, and again, until there is nothing left to do now.
A round is one turn: sampling → labeling → training → gating → improving → comparing → promoted or
rejected; where the policy is not to be improved it ends after the gate. Every change is a
compare-and-set or a row that a constraint allows once, so any number of workers may advance the
same project at the same moment.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from labeling.models import Project
from modeling.loop import improvement_rules, new_runs
from modeling.loop.round_states import move, open_round
from modeling.loop.rulebook import decide_next_step
from modeling.loop.situation import Situation
from modeling.loop.steps import NextStep, StepKind
from modeling.models import Round, Run
from modeling.policies import promotion
from modeling.reward_models import drift, gates

log = logging.getLogger(__name__)

# More than any project has to do at once: a rule that asks for its own step again must not keep a
# worker for ever.
MOST_STEPS_AT_ONCE = 15
# Step -> what queues its run.
QUEUED_BY: dict[StepKind, Callable[[Situation], Run | None]] = {
    StepKind.SAMPLE: new_runs.sampling,
    StepKind.RANK: new_runs.ranking,
    StepKind.TRAIN: new_runs.training,
    StepKind.IMPROVE: new_runs.improvement,
    StepKind.COMPARE: new_runs.comparison,
}

__all__ = ["NextStep", "StepKind", "advance", "next_step"]


def next_step(project: Project) -> NextStep:
    """What happens next, when, and what a person has to do for it."""
    return decide_next_step(Situation(project))


def advance(project: Project, now: datetime | None = None) -> list[Run]:
    """Does what is due now; gives the runs that this call has queued. Doing it again, or twice at
    once, changes nothing."""
    now = now or timezone.now()
    queued: list[Run] = []
    drift.note_foretold(project, Situation(project).reward_model)
    for _ in range(MOST_STEPS_AT_ONCE):
        situation = Situation(project)
        step = decide_next_step(situation)
        if not step.is_due:
            break
        run = _do(step, situation, now)
        if run is not None:
            queued.append(run)
        elif step.kind in QUEUED_BY:
            break  # another worker has queued it, or these very inputs were run before
    return queued


def advance_all(now: datetime) -> list[Run]:
    """Advances every project. Trouble in one is logged and does not hold up the others."""
    queued: list[Run] = []
    for project in Project.objects.order_by("pk"):
        try:
            queued += advance(project, now)
        except Exception:
            log.exception("project %s could not be advanced", project.slug)
    return queued


def _do(step: NextStep, situation: Situation, now: datetime) -> Run | None:
    match step.kind:
        case StepKind.GATE:
            gates.apply(situation.candidate_reward_model)
        case StepKind.OPEN_ROUND:
            open_round(situation, now)
        case StepKind.START_LABELING:
            move(situation.round, Round.State.LABELING)
        case StepKind.START_GATING:
            move(situation.round, Round.State.GATING, reward_model=situation.model_of_round)
        case StepKind.START_IMPROVING:
            move(situation.round, Round.State.IMPROVING, policy=situation.policy)
        case StepKind.CHECK_CANDIDATE:
            _check_candidate(situation)
        case StepKind.START_COMPARING:
            _start_comparing(situation)
        case StepKind.CLOSE_ROUND:
            _close_round(situation)
        case _:
            return QUEUED_BY[step.kind](situation)
    return None


def _check_candidate(situation: Situation) -> None:
    assert situation.round is not None
    at_once = improvement_rules.promotes_at_once(situation)
    promotion.check_candidate(situation.round, at_once=at_once)


def _start_comparing(situation: Situation) -> None:
    move(
        situation.round,
        Round.State.COMPARING,
        candidate=situation.waiting_candidate,
        policy=situation.policy,
    )


def _close_round(situation: Situation) -> None:
    ending = improvement_rules.ending_of(situation)
    assert situation.round is not None and ending is not None
    promotion.finish(situation.round, ending.state, ending.reason)
