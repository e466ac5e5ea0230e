"""Whether the loop will bring new comparisons to people who wait: for their pages, in terms that
tell nothing of what a run is for (labeling/queue/prospects.py)."""

from labeling.models import Project
from labeling.queue.prospects import Coming, Prospect
from modeling.loop.rulebook import decide_next_step
from modeling.loop.situation import Situation
from modeling.loop.steps import StepKind
from modeling.models import Run
from modeling.policies.improving import is_estimate

WRITES = (Run.Kind.SAMPLE, Run.Kind.COMPARE)
WRITES_NEXT = (StepKind.SAMPLE, StepKind.COMPARE, StepKind.START_COMPARING)


def prospect_of(project: Project) -> Prospect:
    situation = Situation(project)
    # An estimate brings nothing; the loop goes on when it has ended.
    runs = situation.active_runs = [run for run in situation.active_runs if not is_estimate(run)]
    writing = next((run for run in runs if run.kind in WRITES), None)
    if writing is not None:
        return _after(writing, Coming.WRITING)
    if runs:
        if not goes_on_to_sample(situation):
            return Prospect()
        is_order = all(run.kind == Run.Kind.SCORE for run in runs)
        return _after(runs[0], Coming.ORDERING if is_order else Coming.LEARNING)
    step = decide_next_step(situation)
    if step.kind in WRITES_NEXT or (step.is_due and goes_on_to_sample(situation)):
        return Prospect(Coming.SOON)
    return Prospect(Coming.STUCK if step.kind == StepKind.STUCK else Coming.NOTHING)


def goes_on_to_sample(situation: Situation) -> bool:
    """Whether the loop samples by itself once what is under way has ended. A sampling that failed,
    or brought nothing, is tried again in the next round."""
    return situation.project.loop_settings.loop_enabled and situation.can_sample


def _after(run: Run, coming: Coming) -> Prospect:
    return Prospect(
        coming,
        has_run=True,
        is_queued=run.state == Run.State.QUEUED,
        progress=run.progress,
        seconds_left=run.seconds_left,
    )
