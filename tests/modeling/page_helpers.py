"""Rows that the pages of the learning side show, made without running anything."""

from typing import Any

from django.utils import timezone

from labeling.models import Project, Role, Snapshot
from modeling.models import Metric, Policy, RewardModel, Round, Run
from modeling.models.versions import loop_of
from tests.factories import make_member, make_user


def make_cast(project: Project) -> dict[str, Any]:
    return {
        "admin": make_member(project, Role.ADMIN, "owner"),
        "curator": make_member(project, Role.CURATOR, "teammate"),
        "labeler": make_member(project, Role.LABELER, "labeler"),
        "outsider": make_user("outsider"),
    }


def make_run(project: Project, state: str = Run.State.SUCCEEDED, **fields: Any) -> Run:
    fields.setdefault("kind", Run.Kind.TRAIN_REWARD)
    fields.setdefault("input_digest", f"digest-{Run.objects.count()}")
    if state != Run.State.QUEUED:
        fields.setdefault("started_at", timezone.now())
    return Run.objects.create(project=project, state=state, **fields)


def make_reward_model(project: Project, accuracy: float = 0.7, **fields: Any) -> RewardModel:
    version = RewardModel.objects.filter(project=project).count() + 1
    figure = {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02, "n": 210}
    results = {"accuracy": {"test": figure}, "margin": 0.5, "warnings": ["The dev split is small."]}
    digest = f"{version:064x}"
    snapshot = Snapshot.objects.create(project=project, sha256=digest, count=100 * version)
    run = make_run(project, snapshot=snapshot, results=results)
    return RewardModel.objects.create(
        **{
            "project": project,
            "version": version,
            "run": run,
            "snapshot": snapshot,
            "base_model": "base",
            "folder": f"runs/{run.pk}/model",
            "results": results,
        }
        | fields
    )


def hold_against(model: RewardModel, agreement: float, longer_wins: float) -> None:
    """The yardsticks that its evaluation has measured."""
    figure = {"value": longer_wins, "low": 0.5, "high": 0.6, "n": 210}
    told = {"agreement": {"value": agreement, "n": 90}, "length": {"longer_wins": figure}}
    model.results = model.results | {"evaluation": told}
    model.save()


def with_folder(model: RewardModel) -> RewardModel:
    """As its training leaves it: a version that can be put in service."""
    model.path.mkdir(parents=True, exist_ok=True)
    (model.path / "config.json").write_text("{}")
    return model


def make_history(project: Project, turns: int) -> None:
    """So many finished rounds, each with its reward model; the last one is in service."""
    policy = Policy.objects.create(project=project, version=1, name="p", location="org/p")
    for number in range(1, turns + 1):
        model = with_folder(make_reward_model(project, 0.6 + number / 100))
        now = timezone.now()
        Round.objects.create(
            project=project, number=number, state=Round.State.FINISHED, policy=policy,
            reward_model=model, started_at=now, finished_at=now,
        )  # fmt: skip
    model.status = RewardModel.Status.LIVE
    model.save()
    loop = loop_of(project)
    loop.policy, loop.reward_model = policy, model
    loop.save()


def log_metrics(run: Run, name: str, values: list[float]) -> None:
    now = timezone.now()
    Metric.objects.bulk_create(
        Metric(run=run, name=name, step=step, value=value, logged_at=now)
        for step, value in enumerate(values, start=1)
    )
