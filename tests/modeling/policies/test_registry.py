"""Policies registered by hand, and the pointers to what is in service."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from labeling.models import AuditEntry
from labeling.projects import model_locations
from modeling.models import Policy, RewardModel, versions
from modeling.policies import registry
from modeling.reward_models import service
from tests.factories import make_member, make_project
from tests.modeling.loop_helpers import label, loop_project, model_folder, train_once
from tests.modeling.page_helpers import make_reward_model, make_run, with_folder

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_registered_policy_is_the_current_one(tmp_path: Path) -> None:
    project, folder = make_project(), model_folder(tmp_path / "p")
    admin = make_member(project, "admin")
    policy = registry.register_policy(project, "", str(folder), admin, notes="from a test")
    assert (policy.version, policy.name, policy.notes) == (1, "p", "from a test")
    assert versions.loop_of(project).policy == policy
    actions = AuditEntry.objects.filter(actor=admin).values_list("action", flat=True)
    assert set(actions) == {"policy registered", "policy put in service"}


def test_a_policy_can_be_registered_without_taking_over(tmp_path: Path) -> None:
    project, folder = make_project(), str(model_folder(tmp_path / "p"))
    first = registry.register_policy(project, "one", folder)
    second = registry.register_policy(project, "two", folder, make_current=False)
    assert second.parent == first
    assert versions.loop_of(project).policy == first


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no weights"),
        ("tokenizer.json", "no tokenizer"),
    ],
)
def test_an_incomplete_folder_is_refused_in_words(tmp_path: Path, missing: str, words: str) -> None:
    folder = model_folder(tmp_path / "p")
    (folder / missing).unlink()
    with pytest.raises(registry.NotUsable, match=words):
        registry.register_policy(make_project(), "p", str(folder))
    assert not Policy.objects.exists()


def test_a_reward_model_is_no_policy(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "p")
    config = {"architectures": ["LlamaForSequenceClassification"]}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(registry.NotUsable, match="does not write text"):
        registry.register_policy(make_project(), "p", str(folder))


@pytest.mark.parametrize("length", [120, 121])
def test_a_name_is_refused_where_its_column_ends(tmp_path: Path, length: int) -> None:
    """Of a folder as well, which may have twice as long a name."""
    project, folder = make_project(), str(model_folder(tmp_path / ("f" * length)))
    given, named = str(model_folder(tmp_path / "p")), "n" * length
    if length == 120:
        assert registry.register_policy(project, "", folder).name == "f" * length
        assert registry.register_policy(project, f" {named} ", given).name == named
        return
    for location, name in ((folder, ""), (given, named)):
        with pytest.raises(registry.NotUsable, match="name has 121 characters, and at most 120"):
            registry.register_policy(project, name, location)
    with pytest.raises(registry.NotUsable, match="notes has 401 characters, and at most 400 are"):
        registry.register_policy(project, "p", given, notes="n" * 401)
    assert not Policy.objects.exists()


def test_a_damaged_config_is_refused_in_words(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "p")
    (folder / "config.json").write_text('{"architectures": [')
    with pytest.raises(registry.NotUsable, match="not JSON"):
        registry.check_policy(str(folder))


@pytest.mark.parametrize("location", ["/no/such/folder", "two words", "a/b/c", ""])
def test_what_is_neither_folder_nor_hub_id_is_refused(location: str) -> None:
    with pytest.raises(registry.NotUsable):
        registry.check_policy(location)


def test_hub_ids_are_taken_as_they_are() -> None:
    registry.check_policy("some-org/some-model")
    assert model_locations.resolve("some-org/some-model") == "some-org/some-model"


def test_relative_folders_lie_below_the_program_or_the_data(
    data_dir_of_its_own: Path,
) -> None:
    project = make_project()
    folder = f"runs/{make_run(project).pk}/model"
    model_folder(data_dir_of_its_own / folder)
    assert model_locations.resolve(folder, project) == str(data_dir_of_its_own / folder)
    demo = model_locations.resolve("modeling/demo/policy", project)
    assert Path(demo).is_absolute() and Path(demo).is_dir()


def test_an_earlier_version_can_be_put_back(tmp_path: Path) -> None:
    project, folder = make_project(), str(model_folder(tmp_path / "p"))
    first = registry.register_policy(project, "one", folder)
    registry.register_policy(project, "two", folder)
    assert registry.make_current(first, None)
    assert versions.loop_of(project).policy == first
    assert not registry.make_current(first, None), "it is already"


def test_a_vanished_policy_cannot_be_put_back(tmp_path: Path) -> None:
    project, folder = make_project(), model_folder(tmp_path / "p")
    policy = registry.register_policy(project, "one", str(folder), make_current=False)
    folder.rename(tmp_path / "q")
    with pytest.raises(registry.NotUsable, match="no folder"):
        registry.make_current(policy, None)


def test_an_earlier_reward_model_can_be_put_back(tmp_path: Path) -> None:
    project = loop_project(tmp_path, queue_target=1)
    for _ in range(2):
        train_once(project)
        label(project, 0)
        project.runs.filter(state="queued").update(state="cancelled")
    old, new = RewardModel.objects.filter(project=project).order_by("version")
    service.make_live(old, make_member(project, "admin"), "the new one is odd")
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.status, new.status) == ("live", "retired")
    assert versions.loop_of(project).reward_model == old


def test_a_reward_model_whose_folder_is_gone_cannot_be_put_back(tmp_path: Path) -> None:
    """Also one of several members: all of them are asked."""
    model = with_folder(make_reward_model(make_project(), status="retired"))
    model.results |= {"members": ["model", "members/1"]}
    model.save()
    with pytest.raises(registry.NotUsable, match="members/1 is gone"):
        service.make_live(model, None)
    assert versions.loop_of(model.project).reward_model is None
    model.refresh_from_db()
    assert model.status == "retired"


def test_the_command_registers_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, folder = make_project(slug="here"), str(model_folder(tmp_path / "p"))
    call_command("register_policy", "here", folder, name="Better")
    assert "Better v1" in capsys.readouterr().out
    assert versions.loop_of(project).policy is not None
    with pytest.raises(CommandError, match="no project"):
        call_command("register_policy", "elsewhere", folder)
    with pytest.raises(CommandError, match="no folder"):
        call_command("register_policy", "here", "/no/such/folder")
