"""What chat templates print as today's date is the day on which the project was made."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from labeling.models import Project
from modeling.models import Run
from modeling.pipeline import inputs
from tests.modeling.improvement_helpers import improving_project, until_improvement
from tests.modeling.loop_helpers import advance_one, execute, label, loop_project

pytestmark = pytest.mark.django_db(transaction=True)


def config_of(run: Run, stage: str) -> dict[str, Any]:
    Project.objects.update(created_at=datetime(2026, 2, 3, 23, 30, tzinfo=UTC))
    folder = inputs.prepare(Run.objects.get(pk=run.pk), stage)
    assert folder is not None
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return config


def test_a_training_and_the_sampling_after_it_have_the_projects_date(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    training = advance_one(project)
    assert config_of(training, "train_reward")["template_date"] == "2026-02-03"
    execute(training)
    sampling = advance_one(project)
    assert config_of(sampling, "sample")["template_date"] == "2026-02-03"


def test_an_improvement_has_the_projects_date(tmp_path: Path) -> None:
    run = until_improvement(improving_project(tmp_path, improvement="rloo"))
    assert config_of(run, "train_policy")["template_date"] == "2026-02-03"
