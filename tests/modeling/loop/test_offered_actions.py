"""What a page offers to start is accepted; what would be refused is not offered, or says why."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.curation.decisions import exclude
from labeling.models import Preference, Project
from modeling.loop.by_hand import start_training_now
from modeling.loop.rounds import advance
from modeling.models import Round, Run, versions
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project, set_loop
from tests.modeling.loop_helpers import make_policy
from tests.modeling.page_helpers import make_cast, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(name="Teatime", retrain_after=100, queue_target=2)
    make_policy(project, tmp_path / "policy")
    make_comparisons(project, 8)
    for _ in range(3):
        claim_and_judge(make_member(project), project)
    advance(project)
    return project


@pytest.fixture
def cast(project: Project) -> dict[str, Any]:
    return make_cast(project)


def train(project: Project, cast: dict[str, Any], state: str = Run.State.SUCCEEDED) -> Run:
    """A training on what there is, that has come to its end."""
    run = start_training_now(project, cast["admin"])
    Run.objects.filter(pk=run.pk).update(state=state)
    Round.objects.filter(project=project).update(state=Round.State.LABELING)
    return run


def nothing(project: Project, cast: dict[str, Any]) -> None:
    pass


def trained(project: Project, cast: dict[str, Any]) -> None:
    train(project, cast)


def failed(project: Project, cast: dict[str, Any]) -> None:
    train(project, cast, Run.State.FAILED)


def trained_and_both_bad_since(project: Project, cast: dict[str, Any]) -> None:
    train(project, cast)
    claim_and_judge(make_member(project), project, "both_bad")


def trained_and_judged_since(project: Project, cast: dict[str, Any]) -> None:
    train(project, cast)
    claim_and_judge(make_member(project), project)


def trained_and_excluded_since(project: Project, cast: dict[str, Any]) -> None:
    train(project, cast)
    exclude(project, cast["admin"], [Preference.objects.earliest("pk").pk], "spam")


def other_settings_since(project: Project, cast: dict[str, Any]) -> None:
    train(project, cast)
    set_loop(project, reward_heads=3)


def base_model_is_gone(project: Project, cast: dict[str, Any]) -> None:
    set_loop(project, base_model="/nowhere/at/all")


def training(project: Project, cast: dict[str, Any]) -> None:
    make_run(project, Run.State.RUNNING)


def sampling(project: Project, cast: dict[str, Any]) -> None:
    make_run(project, Run.State.RUNNING, kind=Run.Kind.SAMPLE)


def improving(project: Project, cast: dict[str, Any]) -> None:
    Round.objects.filter(project=project).update(state=Round.State.IMPROVING)
    make_run(project, Run.State.RUNNING, kind=Run.Kind.TRAIN_POLICY)


def no_prompts(project: Project, cast: dict[str, Any]) -> None:
    project.preferences.all().delete()
    project.comparisons.all().delete()
    project.prompts.all().delete()


STATES: list[Callable[..., None]] = [
    nothing, trained, failed, trained_and_both_bad_since, trained_and_judged_since,
    trained_and_excluded_since, other_settings_since, base_model_is_gone, training, sampling,
    improving, no_prompts,
]  # fmt: skip
SAYS_WHY = {trained, failed, trained_and_both_bad_since, base_model_is_gone, improving}


@pytest.mark.parametrize("name", ["train-now", "sample-now"])
@pytest.mark.parametrize("state", STATES)
def test_what_can_be_started_is_what_is_offered(
    client: Client, project: Project, cast: dict[str, Any], state: Callable[..., None], name: str
) -> None:
    state(project, cast)
    client.force_login(cast["admin"])
    page = client.get(reverse("project", args=[project.slug])).content.decode()
    button = button_for(page, reverse(name, args=[project.slug]))
    before = Run.objects.count()
    client.post(reverse(name, args=[project.slug]))
    was_started = Run.objects.count() > before
    assert was_started == (button is not None and "disabled" not in button)
    if name == "train-now" and state in SAYS_WHY:
        assert button is not None and "aria-describedby" in button
        assert re.search(r'id="why-not-\d">Retrain now: [^<]+\.', page)


def button_for(page: str, address: str) -> str | None:
    form = re.search(rf'action="{re.escape(address)}">.*?(<button.*?>)', page, re.DOTALL)
    return form[1] if form else None


@pytest.mark.parametrize("another_runs", [False, True])
def test_a_run_is_tried_again_where_no_other_of_its_kind_is_under_way(
    client: Client, project: Project, cast: dict[str, Any], another_runs: bool
) -> None:
    run = make_run(project, Run.State.FAILED, error="The disk is full.")
    if another_runs:
        make_run(project, Run.State.RUNNING)
    client.force_login(cast["admin"])
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    button = button_for(page, reverse("run-retry", args=[run.pk]))
    assert button is not None and ("disabled" in button) == another_runs
    client.post(reverse("run-retry", args=[run.pk]))
    run.refresh_from_db()
    assert (run.state == Run.State.QUEUED) == (not another_runs)


def test_a_policy_whose_folder_is_gone_cannot_be_made_current(
    client: Client, project: Project, cast: dict[str, Any], tmp_path: Path
) -> None:
    second = make_policy(project, tmp_path / "second")
    client.force_login(cast["admin"])
    address = reverse("policies", args=[project.slug])
    assert "disabled" not in client.get(address).content.decode()
    versions.loop_of(project)
    (tmp_path / "policy" / "config.json").unlink()
    (tmp_path / "policy" / "model.safetensors").unlink()
    first = project.policies.exclude(pk=second.pk).get()
    page = client.get(address).content.decode()
    assert f'disabled aria-describedby="why-not-{first.version}"' in page
    said = client.post(
        reverse("policy-make-current", args=[project.slug, first.version]), follow=True
    )
    assert "cannot take over" in said.content.decode()
