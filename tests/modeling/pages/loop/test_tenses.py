"""What has happened is told as past, what goes on as present, what comes as future."""

import pytest

from modeling.loop.improvement_rules import why_kept
from modeling.loop.rulebook import decide_next_step
from modeling.loop.situation import Situation
from modeling.models import Round, Run
from modeling.templatetags.learning import doing
from tests.factories import make_comparisons, make_project
from tests.modeling.loop_helpers import make_policy
from tests.modeling.page_helpers import make_history, make_run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", Run.Kind.values)
def test_a_run_that_waits_is_told_as_future_and_one_that_runs_as_present(kind: str) -> None:
    project = make_project()
    run = make_run(project, Run.State.QUEUED, kind=kind)
    assert " will " in doing(run) and "is being" not in doing(run)
    assert " will " in decide_next_step(Situation(project)).text
    run.state = Run.State.RUNNING
    assert " will " not in doing(run)


def test_an_estimate_is_not_called_an_improvement() -> None:
    run = make_run(
        make_project(), Run.State.RUNNING, kind=Run.Kind.TRAIN_POLICY,
        config={"train_policy": {"distill": False}},
    )  # fmt: skip
    assert "estimated" in doing(run)


def test_why_a_policy_was_kept_announces_nothing() -> None:
    project = make_project(improvement="dpo", improve_after=50)
    make_history(project, 1)
    Round.objects.update(state=Round.State.GATING)
    assert why_kept(Situation(project)) == (
        "The policy was not improved: 50 more preferences were needed for that."
    )


def test_a_paused_project_promises_no_training_before_the_pause_is_over(tmp_path: object) -> None:
    project = make_project(is_paused=True, queue_target=2)
    make_policy(project, tmp_path / "policy")  # type: ignore[operator]
    make_comparisons(project, 20)
    Round.objects.create(
        project=project, number=1, state=Round.State.LABELING, started_at=project.created_at
    )
    assert decide_next_step(Situation(project)).text.startswith("When the pause is over, after ")
