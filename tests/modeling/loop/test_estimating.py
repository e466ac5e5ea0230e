"""Estimating the best of n by hand: a run that makes no policy and belongs to no round."""

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Project, Role
from modeling.loop import by_hand, rounds
from modeling.loop.situation import Situation
from modeling.models import Policy, Round, Run, versions
from tests.factories import make_member
from tests.modeling.improvement_helpers import improving_project
from tests.modeling.loop_helpers import execute
from tests.modeling.page_helpers import make_reward_model

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = improving_project(tmp_path, improvement="rloo", kl_coefficient=0.3)
    rounds.advance(project)
    model, loop = make_reward_model(project, status="live"), versions.loop_of(project)
    model.path.mkdir(parents=True)
    loop.reward_model = model
    loop.save()
    return project


def estimate(project: Project) -> Run:
    return by_hand.start_estimate_now(project, make_member(project, Role.ADMIN))


def test_an_estimate_is_best_of_n_without_training_whatever_the_algorithm(
    project: Project,
) -> None:
    run = estimate(project)
    told = run.config["train_policy"]
    assert (told["algorithm"], told["distill"], told["best_of"]) == ("best_of_n", False, 16)
    assert (run.round, run.policy) == (None, versions.loop_of(project).policy)


def test_an_estimate_changes_no_policy_and_no_round(project: Project) -> None:
    def state() -> list[object]:
        return [
            list(Round.objects.values_list("number", "state", "candidate", "policy")),
            list(Policy.objects.values_list("version", "status")),
            Situation(project).new_for_policy,
        ]

    before = state()
    run = execute(estimate(project))
    assert (run.state, run.results["policy"]) == (Run.State.SUCCEEDED, None), run.error
    assert len(run.results["best_of_n"]) == 2
    rounds.advance(project)
    assert state() == before


def test_the_same_estimate_is_made_once(project: Project) -> None:
    run = estimate(project)
    with pytest.raises(by_hand.CannotStart, match="under way"):
        estimate(project)
    execute(run)
    with pytest.raises(by_hand.CannotStart, match="already"):
        estimate(project)


def test_an_estimate_does_not_count_as_an_improvement(project: Project) -> None:
    execute(estimate(project))
    assert Situation(project).last_improvement is None


def test_the_page_starts_an_estimate_and_shows_its_curve(client: Client, project: Project) -> None:
    client.force_login(make_member(project, Role.ADMIN))
    page = reverse("rounds", args=[project.slug])
    assert "Estimate best of n" in client.get(page).content.decode()
    client.post(reverse("estimate-now", args=[project.slug]))
    execute(Run.objects.get(kind="train_policy"))
    html = client.get(page).content.decode()
    assert "Best of n: mean reward" in html
    assert "[0.1, 0.5]" in html


def test_only_admins_estimate(client: Client, project: Project) -> None:
    client.force_login(make_member(project, Role.CURATOR))
    assert client.post(reverse("estimate-now", args=[project.slug])).status_code == 403
