"""Each kind of run is known wherever runs are told apart: queued by the loop, named in words,
carried out by programs that there are."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from modeling.core.program.seal import Notes
from modeling.loop import rounds
from modeling.loop.doing import WORDS
from modeling.loop.situation import Situation
from modeling.loop.steps import DUE, StepKind
from modeling.models import Policy, Round, Run
from modeling.pipeline import inputs, outputs
from modeling.pipeline.run_progress import COSTS
from modeling.run_data.programs import CONFIGS, RESULTS
from modeling.settings.declaring import LearningProgram
from tests.factories import make_project
from tests.modeling.loop.test_stored_configs import CURRENT, situation_of

FAKE_PROGRAMS = Path(__file__).parent / "fake_programs"
every_kind = pytest.mark.parametrize("kind", Run.Kind.values)
# What a run may be asked beside its kind adds stages to it.
MOST_STAGES: dict[str, Any] = {"reward_model": 1, "incumbent": 1, "shadow": 2}
# Step of the loop -> the kind of run that it queues, and the round's state by then.
STEPS = {
    StepKind.SAMPLE: (Run.Kind.SAMPLE, Round.State.SAMPLING),
    StepKind.RANK: (Run.Kind.SCORE, Round.State.SAMPLING),
    StepKind.TRAIN: (Run.Kind.TRAIN_REWARD, Round.State.LABELING),
    StepKind.IMPROVE: (Run.Kind.TRAIN_POLICY, Round.State.IMPROVING),
    StepKind.COMPARE: (Run.Kind.COMPARE, Round.State.COMPARING),
}


def stages() -> set[str]:
    runs = [Run(kind=kind, config=MOST_STAGES) for kind in Run.Kind.values]
    return {stage for run in runs for stage in inputs.stages_of(run)}


def test_the_loop_queues_every_kind_by_a_step_of_its_own() -> None:
    assert {kind for kind, _ in STEPS.values()} == set(Run.Kind)
    assert STEPS.keys() == rounds.QUEUED_BY.keys()
    assert STEPS.keys() <= DUE


@pytest.mark.django_db
@pytest.mark.parametrize("step", STEPS)
def test_a_step_queues_a_run_of_its_kind(step: StepKind) -> None:
    kind, state = STEPS[step]
    situation = situation_of(make_project(improvement="best_of_n"), state=state)
    candidate = Policy.objects.create(
        project=situation.project, version=3, name="p", location="org/new", parent_id=CURRENT
    )
    Round.objects.update(candidate=candidate)
    run = rounds.QUEUED_BY[step](Situation(situation.project))
    assert run is not None
    assert run.kind == kind


@every_kind
def test_each_kind_is_said_in_words_now_and_for_later(kind: str) -> None:
    now, later = WORDS[Run.Kind(kind)]
    assert now != later


@every_kind
def test_each_kind_has_stages(kind: str) -> None:
    assert inputs.stages_of(Run(kind=kind, config={"reward_model": 1}))


def test_each_stage_has_a_cost_and_is_a_program_that_there_is() -> None:
    assert stages() == COSTS.keys()
    programs = {inputs.program_of(stage) for stage in stages()}
    assert programs == CONFIGS.keys() == RESULTS.keys() == {str(one) for one in LearningProgram}
    for program in programs:
        assert importlib.util.find_spec(f"modeling.core.{program}"), program
        assert (FAKE_PROGRAMS / f"{program}.py").is_file(), program


def test_of_a_kind_that_nobody_knows_nothing_is_taken_for_granted() -> None:
    unknown = Run(kind="distil")
    with pytest.raises(ValueError, match="'distil'"):
        inputs.stages_of(unknown)
    made: Notes = {}
    with pytest.raises(ValueError, match="'distil'"):
        outputs.collect(unknown, {}, made, lambda results: None)
