"""What versions of the policy wrote, over HTTP."""

import json
from typing import Any

import pytest

from labeling.models import Project, Response, Role
from modeling.api.samples import SamplesSerializer
from modeling.models import Policy, Run, Score
from tests.factories import make_project, make_prompt, make_response
from tests.modeling.api.api_clients import Asker, admin_of_another, asker
from tests.modeling.page_helpers import make_reward_model, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def curator(project: Project) -> Asker:
    return asker(project, Role.CURATOR)


def write(project: Project, count: int, *versions: int) -> list[Response]:
    """So many prompts, each answered by these versions."""
    prompts = [make_prompt(project) for _ in range(count)]
    return [
        make_response(
            prompt, f"By v{version}.", origin=Response.Origin.POLICY, policy_version=version
        )
        for prompt in prompts
        for version in versions
    ]


def by_version(row: dict[str, Any]) -> dict[int, list[str]]:
    return {one["version"]: [s["text"] for s in one["samples"]] for one in row["written"]}


def test_the_newest_versions_stand_side_by_side_with_their_rewards(project, curator):
    write(project, 1, 1)
    responses = write(project, 1, 1, 2, 3)
    model = make_reward_model(project)
    Score.objects.create(response=responses[-1], reward_model=model, value=0.5)
    row = curator.get("samples/").json()
    assert row.keys() == SamplesSerializer().fields.keys()
    assert (row["versions"], row["reward_model"]) == ([2, 3], 1)
    (prompt,) = row["results"]
    assert by_version(prompt) == {2: ["By v2."], 3: ["By v3."]}
    assert prompt["written"][1]["samples"][0]["reward"] == 0.5


def test_versions_are_chosen_and_pages_go_on(project, curator):
    write(project, 3, 1, 2, 3)
    page = curator.get("samples/?version=1,3&limit=2").json()
    assert (page["versions"], len(page["results"])) == ([1, 3], 2)
    following = curator.client.get(page["next"]).json()
    assert (following["versions"], len(following["results"]), following["next"]) == (
        [1, 3],
        1,
        None,
    )
    assert curator.get("samples/?q=not+there").json()["results"] == []


def test_more_prompts_take_no_more_statements(project, curator):
    write(project, 1, 1, 2)
    few = curator.statements("samples/")
    write(project, 9, 1, 2)
    assert curator.statements("samples/") == few


@pytest.mark.parametrize(
    "query",
    ["version=1,2,3,4,5", "version=x", "version=-1", "version=", "version=1,,2", "trained=0",
     "version=1&trained=2", "limit=101", "after=-1", "version=" + "9" * 90, "version=²"],
)  # fmt: skip
def test_a_choice_that_is_none_is_refused(curator, query):
    assert curator.get(f"samples/?{query}").status_code == 400


def test_what_a_training_wrote_before_and_after_is_told(project, curator):
    first = Policy.objects.create(project=project, version=1, name="a", location="org/a")
    run = make_run(project, kind=Run.Kind.TRAIN_POLICY)
    Policy.objects.create(
        project=project, version=2, name="b", location="org/b", parent=first, run=run
    )
    assert curator.get("samples/?trained=2").status_code == 404, "its folder is gone"
    run.folder.mkdir(parents=True)
    one = {"text": "Long.", "ended": True, "reward": 0.1}
    row = {"prompt": [{"role": "user", "content": "Why?"}], "before": [one], "after": [one]}
    (run.folder / "samples.jsonl").write_text(json.dumps(row) + "\n")
    told = curator.get("samples/?trained=2").json()
    assert [one["when"] for one in told["results"][0]["written"]] == ["before", "after"]
    assert told["versions"] == [1, 2]
    assert curator.get("samples/?trained=1").status_code == 404, "made elsewhere"


def test_labelers_and_strangers_see_none_of_it(project):
    write(project, 1, 1, 2)
    assert asker(project, Role.LABELER).get("samples/").status_code == 403
    assert admin_of_another(project).get("samples/").status_code == 404
