"""What the database itself refuses of the learning side's rows: every named constraint violated."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from labeling.models import Preference, Project, Response
from modeling.models import (
    ArmLift,
    BlindPair,
    EarlyPair,
    Foretold,
    InstantGuess,
    Loop,
    LoopSettings,
    Metric,
    Policy,
    QueueOrder,
    ResponseFeatures,
    Round,
    Run,
    Score,
)
from tests.factories import (
    claim_and_judge,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
    make_response,
)
from tests.modeling.page_helpers import make_reward_model, make_run

pytestmark = pytest.mark.django_db


def response(project: Project) -> Response:
    return make_response(make_prompt(project), "A text.")


def preference(project: Project) -> Preference:
    make_comparison(project)
    claim_and_judge(make_member(project), project)
    return Preference.objects.latest("pk")


def policy(project: Project, **fields: Any) -> Policy:
    fields = {"version": 1, "name": "p", "location": "org/p"} | fields
    return Policy.objects.create(project=project, **fields)


def a_round(project: Project, **fields: Any) -> Round:
    fields = {"number": 1, "state": "finished"} | fields
    return Round.objects.create(project=project, started_at=timezone.now(), **fields)


def blind_pair_of_one(project: Project) -> None:
    comparison = make_comparison(project)
    one = comparison.prompt.responses.earliest("pk")
    BlindPair.objects.create(
        round=a_round(project), comparison=comparison, candidate_response=one, current_response=one
    )


def early_twice(project: Project) -> None:
    run, first = make_run(project), make_comparison(project)
    second = make_comparison(project, ("Other.", "Others."), prompt=first.prompt)
    for comparison in (first, second):
        EarlyPair.objects.create(run=run, comparison=comparison, prompt=first.prompt)


def foretell(project: Project, times: int = 1, point: float = 1.0, **fields: Any) -> None:
    said, model = preference(project), make_reward_model(project)
    for number in range(times):
        by = model if fields.get("in_shadow") or not number else make_reward_model(project)
        Foretold.objects.create(
            preference=said, reward_model=by, margin=1.0, point=point, loss=0.1, **fields
        )


def guess(project: Project, probability: float) -> None:
    InstantGuess.objects.create(
        preference=preference(project), reward_model=make_reward_model(project),
        probability=probability, point=1.0, loss=0.1, model_point=1.0, model_loss=0.1,
    )  # fmt: skip


def log_twice(project: Project) -> None:
    run = make_run(project)
    for value in (0.1, 0.2):
        Metric.objects.create(run=run, name="loss", step=1, value=value, logged_at=timezone.now())


def twice_of(kind: Any, **fields: Any) -> Callable[[Project], None]:
    """Two rows that one reward model says of one response."""

    def violate(project: Project) -> None:
        one, model = response(project), make_reward_model(project)
        for _ in range(2):
            kind.objects.create(response=one, reward_model=model, **fields)

    return violate


def lift(project: Project) -> None:
    ArmLift.objects.create(
        reward_model=make_reward_model(project), strategy="best", judgments=1, trained_on=1,
        tested_on=1, accuracy=0.0, accuracy_low=0.0, accuracy_high=0.0, loss=0.0,
    )  # fmt: skip


def active_twice(project: Project) -> None:
    make_run(project, Run.State.QUEUED)
    make_run(project, Run.State.RUNNING)


def same_input_twice(project: Project) -> None:
    for _ in range(2):
        make_run(project, input_digest="one")


def live_twice(project: Project) -> None:
    for _ in range(2):
        make_reward_model(project, status="live")


def model_twice(project: Project) -> None:
    for _ in range(2):
        make_reward_model(project, version=1)


def policy_twice(project: Project) -> None:
    for _ in range(2):
        policy(project)


def round_twice(project: Project) -> None:
    for _ in range(2):
        a_round(project)


def open_twice(project: Project) -> None:
    a_round(project, number=1, state="labeling")
    a_round(project, number=2, state="comparing")


VIOLATIONS: dict[str, Callable[[Project], Any]] = {
    "arm_lift_strategy_known": lift,
    "blind_pair_of_two_responses": blind_pair_of_one,
    "early_pair_once_per_prompt": early_twice,
    "features_once_per_response": twice_of(ResponseFeatures, vector=b"\0\0"),
    "foretold_once_in_service": lambda project: foretell(project, times=2),
    "foretold_once_per_model": lambda project: foretell(project, times=2, in_shadow=True),
    "foretold_point_in_0_1": lambda project: foretell(project, point=1.5),
    "instant_guess_probability_in_0_1": lambda project: guess(project, 1.01),
    "loop_gate_margin_in_0_1": lambda project: Loop.objects.create(project=project, gate_margin=2),
    "metric_once_per_step": log_twice,
    "policy_has_location": lambda project: policy(project, location=""),
    "policy_status_known": lambda project: policy(project, status="loved"),
    "policy_version_once_per_project": policy_twice,
    "queue_order_strategy_known": lambda project: QueueOrder.objects.create(
        project=project, strategy="best"
    ),
    "reward_model_one_live_per_project": live_twice,
    "reward_model_status_known": lambda project: make_reward_model(project, status="loved"),
    "reward_model_version_once_per_project": model_twice,
    "round_number_once_per_project": round_twice,
    "round_one_open_per_project": open_twice,
    "round_state_known": lambda project: a_round(project, state="resting"),
    "run_kind_known": lambda project: make_run(project, kind="rest"),
    "run_once_per_input": same_input_twice,
    "run_one_active_per_kind": active_twice,
    "run_progress_in_0_1": lambda project: make_run(project, progress=1.01),
    "run_state_known": lambda project: make_run(project, "resting"),
    "score_once_per_response": twice_of(Score, value=1.0),
}


def named_constraints() -> dict[str, models.BaseConstraint]:
    """Those of the loop's settings are tried at every limit in tests/modeling/settings."""
    return {
        constraint.name: constraint
        for model in apps.get_app_config("modeling").get_models()
        if model is not LoopSettings
        for constraint in model._meta.constraints
    }


def test_no_constraint_is_forgotten_here() -> None:
    assert set(VIOLATIONS) == set(named_constraints())


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_row_that_breaks_a_rule_is_refused_by_the_database(name: str) -> None:
    project = make_project()
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        VIOLATIONS[name](project)
    constraint = named_constraints()[name]
    if connection.vendor == "postgresql" or isinstance(constraint, models.CheckConstraint):
        assert name in str(refusal.value)
    else:  # SQLite names the columns of what is there twice
        assert isinstance(constraint, models.UniqueConstraint)
        assert all(field in str(refusal.value) for field in constraint.fields)


def test_what_is_allowed_once_is_allowed_in_another_project() -> None:
    for _ in range(2):
        project = make_project()
        policy(project)
        a_round(project, state="labeling")
        make_reward_model(project, status="live")
        make_run(project, Run.State.RUNNING, kind=Run.Kind.SAMPLE)


def test_one_run_of_each_kind_may_be_under_way() -> None:
    project = make_project()
    for kind in Run.Kind:
        make_run(project, Run.State.RUNNING, kind=kind)
    assert Run.objects.filter(state__in=Run.ACTIVE).count() == len(Run.Kind)


def test_a_shadow_foretells_beside_the_model_in_service() -> None:
    project = make_project()
    foretell(project)
    said = Preference.objects.get()
    Foretold.objects.create(
        preference=said, reward_model=make_reward_model(project), in_shadow=True,
        margin=0.0, point=0.5, loss=0.7,
    )  # fmt: skip
    assert said.foretold.count() == 2
