"""Every page shows the rows that earlier versions have left, whatever these lack."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Project
from modeling.models import Policy, Run
from modeling.reward_models.model_card import card_of
from tests.factories import make_project
from tests.modeling.page_helpers import make_cast, make_reward_model, make_run

pytestmark = pytest.mark.django_db

OLD_RESULTS: list[dict[str, Any]] = [
    {},
    {"accuracy": {}, "warnings": None, "evaluation": None, "members": None, "config": None},
    {"accuracy": {"dev": {"value": 0.5, "n": 20}}, "evaluation": {"contradicted": []}, "gone": [1]},
]


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def admin(client: Client, project: Project) -> Client:
    client.force_login(make_cast(project)["admin"])
    return client


@pytest.mark.parametrize("results", OLD_RESULTS)
def test_a_reward_model_of_an_earlier_version_is_shown(
    admin: Client, project: Project, results: dict[str, Any]
) -> None:
    model = make_reward_model(project, results=results)
    Run.objects.filter(pk=model.run_id).update(results=results, config={})
    for address in (
        reverse("reward-model", args=[model.pk]),
        reverse("reward-models", args=[project.slug]),
        reverse("run", args=[model.run_id]),
        reverse("runs", args=[project.slug]),
        reverse("project-loop", args=[project.slug]),
    ):
        assert admin.get(address).status_code == 200, address
    assert card_of(model).startswith("---")
    assert (model.member_count, model.why_not_plain) == (1, "")


@pytest.mark.parametrize(
    "results", [{"stopped": "It went too far."}, {"stopped": None, "reward_after": None}]
)
def test_a_policy_of_an_earlier_version_is_shown(
    admin: Client, project: Project, results: dict[str, Any]
) -> None:
    first = Policy.objects.create(project=project, version=1, name="p", location="org/p")
    run = make_run(project, kind="train_policy", policy=first, results=results, config={})
    Policy.objects.create(
        project=project,
        version=2,
        name="p",
        location=f"runs/{run.pk}/model",
        parent=first,
        reference=first,
        run=run,
        results=results,
    )
    for name in ("policies", "rounds", "runs", "project-loop"):
        assert admin.get(reverse(name, args=[project.slug])).status_code == 200, name
    assert admin.get(reverse("run", args=[run.pk])).status_code == 200


@pytest.mark.parametrize("kind", ["train_reward", "sample", "score", "train_policy", "compare"])
def test_a_run_without_config_and_results_is_shown(
    admin: Client, project: Project, kind: str
) -> None:
    run = make_run(project, kind=kind, config={}, results={})
    assert admin.get(reverse("run", args=[run.pk])).status_code == 200
    assert admin.get(reverse("runs", args=[project.slug])).status_code == 200
