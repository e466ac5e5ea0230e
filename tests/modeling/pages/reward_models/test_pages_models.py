"""Pages of policies and reward models: what is in service, and the way back."""

import shutil

import pytest
from django.urls import reverse

from modeling.loop.run_outcomes import outcome_of
from modeling.models import Loop, Policy, RewardModel
from tests.factories import make_project
from tests.modeling.loop_helpers import make_policy, model_folder
from tests.modeling.page_helpers import hold_against, make_history, make_reward_model
from tests.modeling.pages.loop.test_pages_loop import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project(name="Teatime")


def register(client, project, location, **fields):
    data = {"name": "tiny", "location": str(location), "then": "current"} | fields
    return client.post(reverse("policies", args=[project.slug]), data)


@pytest.mark.parametrize("name", ["policies", "reward-models", "runs", "rounds", "samples"])
def test_lists_are_for_curators_and_admins(client, cast, project, name):
    statuses = {}
    for who, user in cast.items():
        client.force_login(user)
        statuses[who] = client.get(reverse(name, args=[project.slug])).status_code
    assert statuses == {"admin": 200, "curator": 200, "labeler": 403, "outsider": 404}


def test_a_registered_policy_becomes_the_current_one(admin, project, tmp_path):
    assert register(admin, project, model_folder(tmp_path / "m")).status_code == 302
    policy = Policy.objects.get()
    assert Loop.objects.get(project=project).policy == policy
    assert "v1 current tiny" in text_of(admin.get(reverse("policies", args=[project.slug])))


def test_a_policy_may_be_registered_without_taking_over(admin, project, tmp_path):
    current = make_policy(project, tmp_path / "first")
    register(admin, project, model_folder(tmp_path / "second"), then="nothing")
    assert Policy.objects.count() == 2
    assert Loop.objects.get(project=project).policy == current


def test_a_folder_without_weights_is_refused_beside_its_field(admin, project, tmp_path):
    folder = model_folder(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    response = register(admin, project, folder)
    assert response.status_code == 422
    assert "has no weights" in response.context["form"].errors["location"][0]
    assert b'id="id_location_error"' in response.content
    assert not Policy.objects.exists()


def test_an_earlier_version_is_the_way_back(admin, project, tmp_path):
    first = make_policy(project, tmp_path / "first")
    make_policy(project, tmp_path / "second")
    url = reverse("policy-make-current", args=[project.slug, 1])
    assert "tiny v1 is the current policy" in text_of(admin.post(url, follow=True))
    assert Loop.objects.get(project=project).policy == first


def test_a_version_whose_folder_is_gone_cannot_take_over(admin, project, tmp_path):
    make_policy(project, tmp_path / "first")
    second = make_policy(project, tmp_path / "second")
    (tmp_path / "first").rename(tmp_path / "elsewhere")
    url = reverse("policy-make-current", args=[project.slug, 1])
    assert "tiny v1 cannot take over. There is no folder" in text_of(admin.post(url, follow=True))
    assert Loop.objects.get(project=project).policy == second


def test_curators_see_policies_and_change_none(client, cast, project, tmp_path):
    make_policy(project, tmp_path / "first")
    client.force_login(cast["curator"])
    page = client.get(reverse("policies", args=[project.slug]))
    assert b"Register" not in page.content.split(b"<tbody>")[1]
    assert register(client, project, model_folder(tmp_path / "m")).status_code == 403
    url = reverse("policy-make-current", args=[project.slug, 1])
    assert client.post(url).status_code == 403


def test_a_policy_of_another_project_cannot_be_reached(admin, project, tmp_path):
    make_policy(make_project(), tmp_path / "other")
    assert admin.post(reverse("policy-make-current", args=[project.slug, 1])).status_code == 404


def test_a_reward_models_page_tells_how_good_it_is_and_how_to_load_it(admin, project):
    model = make_reward_model(project, 0.712)
    page = admin.get(reverse("reward-model", args=[model.pk]))
    shown = text_of(page)
    assert "Accuracy (test) 71.2 % ± 2.0 on 210 comparisons" in shown
    assert "The dev split is small." in shown
    assert f"folder = &quot;{model.folder}&quot;" in page.content.decode().replace('"', "&quot;")
    assert "Its folder is gone" in shown


def test_a_reward_model_is_for_curators_of_its_project(client, cast, project):
    url = reverse("reward-model", args=[make_reward_model(project).pk])
    statuses = {}
    for who, user in cast.items():
        client.force_login(user)
        statuses[who] = client.get(url).status_code
    assert statuses == {"admin": 200, "curator": 200, "labeler": 403, "outsider": 404}


def test_an_earlier_reward_model_is_put_in_service_again(admin, project):
    make_history(project, 2)
    first, second = RewardModel.objects.order_by("version")
    admin.post(reverse("reward-model-in-service", args=[first.pk]))
    assert Loop.objects.get(project=project).reward_model == first
    second.refresh_from_db()
    assert second.status == RewardModel.Status.RETIRED


def test_a_reward_model_whose_folder_is_gone_cannot_take_over(admin, project):
    make_history(project, 2)
    first, second = RewardModel.objects.order_by("version")
    page, button = reverse("reward-model", args=[first.pk]), b"Put in service"
    assert button in admin.get(page).content
    shutil.rmtree(first.path)
    assert button not in admin.get(page).content
    answer = admin.post(reverse("reward-model-in-service", args=[first.pk]), follow=True)
    assert f"Reward model v1 cannot take over. The folder {first.folder} is gone." in text_of(
        answer
    )
    assert Loop.objects.get(project=project).reward_model == second


def test_the_list_of_reward_models_draws_their_accuracy(admin, project):
    make_history(project, 3)
    page = admin.get(reverse("reward-models", args=[project.slug]))
    chart = page.context["chart"]
    assert chart["labels"] == ["v1", "v2", "v3"]
    assert chart["series"][0]["data"] == [61.0, 62.0, 63.0]
    assert chart["series"][0]["band"][0] == [59.0, 63.0]


def test_accuracies_are_held_against_people_and_length_in_list_chart_run_and_loop(admin, project):
    make_history(project, 2)
    first, second = RewardModel.objects.order_by("version")
    hold_against(second, 0.741, 0.554)
    page = admin.get(reverse("reward-models", args=[project.slug]))
    assert "62.0 % ± 2.0 74.1 % 55.4 % 210 test comparisons" in text_of(page)
    assert "61.0 % ± 2.0 – – 210 test comparisons" in text_of(page)
    lines = {line["name"]: line["data"] for line in page.context["chart"]["series"][1:]}
    assert lines == {
        "labelers agree": [None, 74.1], "longer wins": [None, 55.4], "chance": [50.0, 50.0],
    }  # fmt: skip
    assert outcome_of(first.run) == "reward model v1: 61.0 % accurate"
    told = "reward model v2: 62.0 % accurate (people 74 %, longer wins 55 %)"
    assert outcome_of(second.run) == told
    loop = text_of(admin.get(reverse("project", args=[project.slug])))
    assert "accurate on 210 held out people 74 %, longer wins 55 %" in loop
