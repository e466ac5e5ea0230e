"""The sample browser shows what a training wrote to its held-out prompts, before and after."""

import json
import shutil
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Project
from modeling.models import Policy
from tests.factories import make_project, make_prompt, make_response
from tests.modeling.page_helpers import make_history
from tests.modeling.pages.loop.test_pages_loop import text_of
from tests.modeling.pages.loop.test_pages_rounds import candidate_of, decided

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(name="Teatime", improvement="best_of_n")
    make_history(project, 1)
    return project


def leave_samples(policy: Policy, count: int = 1) -> None:
    assert policy.run is not None
    policy.run.config = {"reward_model": policy.project.reward_models.get().pk}
    policy.run.save()
    policy.run.folder.mkdir(parents=True)
    lines = [
        {
            "id": str(number),
            "prompt": [{"role": "user", "content": f"What is tea, part {number}?"}],
            "before": [{"text": "A drink.", "reward": 0.25, "ended": True, "tokens": 2}],
            "after": [{"text": "A hot drink.", "reward": 1.5, "ended": False, "tokens": 3}],
        }
        for number in range(1, count + 1)
    ]
    told = "".join(json.dumps(line) + "\n" for line in lines)
    (policy.run.folder / "samples.jsonl").write_text(told)


def page_of(admin: Client, project: Project, **query: Any) -> str:
    return text_of(admin.get(reverse("samples", args=[project.slug]), query))


def test_a_version_that_nobody_compared_is_read_before_and_after(
    admin: Client, project: Project
) -> None:
    leave_samples(candidate_of(project))
    text = page_of(admin, project)
    assert "What is tea, part 1?" in text
    assert "v1 before +0.25 A drink." in text
    assert "v2 after +1.50 A hot drink. cut off at the token limit" in text
    assert "with the reward that reward model v1 gives each" in text


def test_responses_of_the_project_come_first_and_the_training_is_a_link_away(
    admin: Client, project: Project
) -> None:
    leave_samples(candidate_of(project))
    make_response(make_prompt(project, "What is rain?"), "Wet.", origin="policy", policy_version=1)
    assert "What is tea" not in page_of(admin, project)
    assert "Before and after v2" in page_of(admin, project)
    text = page_of(admin, project, trained="2")
    assert "What is tea, part 1?" in text and "What is rain?" not in text


def test_versions_that_were_chosen_are_not_replaced_by_a_training(
    admin: Client, project: Project
) -> None:
    leave_samples(candidate_of(project))
    for version in (1, 2):
        make_response(make_prompt(project), "Wet.", origin="policy", policy_version=version)
    query = {"version": ["1", "2"]}
    assert "all of these versions" in page_of(admin, project, **query)


def test_held_out_prompts_are_searched_and_paged(admin: Client, project: Project) -> None:
    leave_samples(candidate_of(project), 14)
    response = admin.get(reverse("samples", args=[project.slug]), {"trained": "2"})
    assert "?trained=2&amp;after=12" in response.content.decode()
    second = page_of(admin, project, trained="2", after="12")
    assert "part 13?" in second and "part 12?" not in second
    found = page_of(admin, project, trained="2", q="PART 14")
    assert "part 14?" in found and "part 13?" not in found


def test_a_folder_that_is_gone_is_said_to_be_gone(admin: Client, project: Project) -> None:
    policy = candidate_of(project)
    leave_samples(policy)
    assert policy.run is not None
    shutil.rmtree(policy.run.folder)
    text = page_of(admin, project, trained="2")
    assert f"The samples of run #{policy.run_id} are gone" in text


def test_the_round_and_the_run_lead_to_the_samples(admin: Client, project: Project) -> None:
    round_ = decided(project)
    assert round_.candidate is not None and round_.candidate.run is not None
    run = round_.candidate.run
    run.results = {"policy": 2}
    run.save()
    address = reverse("samples", args=[project.slug]) + "?trained=2"
    for page in (reverse("rounds", args=[project.slug]), reverse("run", args=[run.pk])):
        assert address in admin.get(page).content.decode(), page


def test_a_reward_is_not_shown_where_no_reward_model_gave_it(
    admin: Client, project: Project
) -> None:
    policy = candidate_of(project)
    leave_samples(policy)
    assert policy.run is not None
    policy.run.config = {"reward_model": None}
    policy.run.save()
    assert "v2 after not scored A hot drink." in page_of(admin, project, trained="2")
