"""Rows and folders for tests of the loop: projects with a queue, folders that look like models."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from labeling.models import Project, User
from modeling.loop import rounds
from modeling.models import Policy, Run
from modeling.pipeline import executing
from modeling.policies import registry
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project

FAKE = "tests.modeling.fake_programs"


def model_folder(path: Path, behaviour: str = "") -> Path:
    """What registry.check_policy takes for a model; the fake programs read `behaviour`."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "tokenizer.json").write_text("{}")
    (path / "behaviour").write_text(behaviour)
    return path


def make_policy(project: Project, path: Path, behaviour: str = "") -> Policy:
    return registry.register_policy(project, "tiny", str(model_folder(path, behaviour)))


def loop_project(
    tmp_path: Path, *, behaviour: str = "", comparisons: int = 30, **settings: Any
) -> Project:
    """A project with a policy, a queue that needs no sampling, and training after ten."""
    settings = {"retrain_after": 10, "queue_target": comparisons, "sample_prompts": 6} | settings
    project = make_project(**settings)
    make_policy(project, tmp_path / "policy", behaviour)
    make_comparisons(project, comparisons)
    return project


def label(project: Project, count: int, labeler: User | None = None) -> User:
    rounds.advance(project)
    labeler = labeler or make_member(project)
    for _ in range(count):
        claim_and_judge(labeler, project)
    return labeler


def execute(run: Run, **options: Any) -> Run:
    """Carries the run out with the fake programs."""
    usual: dict[str, Any] = {"package": FAKE, "beat_seconds": 0.02}
    executing.execute(run.pk, **usual | options)
    run.refresh_from_db()
    return run


def advance_one(project: Project) -> Run:
    (run,) = rounds.advance(project)
    return run


def train_once(project: Project) -> Run:
    """Labels what starts a training, and carries that out; the new model waits at the gate."""
    label(project, 10)
    return execute(advance_one(project))


def long_ago(run: Run, seconds: float = 3600) -> None:
    """As if the run's worker had fallen silent."""
    silent_since = timezone.now() - timedelta(seconds=seconds)
    Run.objects.filter(pk=run.pk).update(heartbeat_at=silent_since)
    run.refresh_from_db()
