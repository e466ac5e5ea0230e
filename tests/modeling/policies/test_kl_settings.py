"""A project's KL target and estimator reach the config of the run that improves its policy."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from modeling.models import Policy
from modeling.pipeline import inputs
from modeling.policies import improving
from modeling.run_data.train_policy import LIMITS
from tests.factories import make_project
from tests.modeling.improvement_helpers import improving_project, until_improvement

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_kl_target_and_estimator_reach_the_program(tmp_path: Path) -> None:
    told: dict[str, Any] = {"improvement": "rloo", "kl_target": 4.0, "kl_estimator": "k3"}
    run = until_improvement(improving_project(tmp_path, **told))
    folder = inputs.prepare(run, "train_policy")
    assert folder is not None
    config = json.loads((folder / "config.json").read_text())
    assert (config["kl_target"], config["kl_estimator"]) == (4.0, "k3")
    assert LIMITS["kl_target"](4.0) and LIMITS["kl_estimator"]("k3")


def asked_of(**settings: Any) -> dict[str, Any]:
    """The program's settings, for a policy of such a project."""
    project = make_project(**settings)
    policy = Policy.objects.create(project=project, version=1, name="p", location="org/p")
    return improving.train_policy_asked(project, policy).as_json()


def test_the_programs_own_kl_settings_are_not_repeated() -> None:
    asked = asked_of(improvement="rloo")
    assert "kl_target" not in asked and "kl_estimator" not in asked


def test_a_target_is_for_the_algorithms_that_adapt() -> None:
    assert "kl_target" not in asked_of(improvement="dpo", kl_target=4.0)


@pytest.mark.parametrize("wrong", [{"kl_target": -1.0}, {"kl_estimator": "k9"}])
def test_the_database_refuses_what_the_program_would(wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_project(**wrong)
