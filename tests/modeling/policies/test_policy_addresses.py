"""Registering and using policies: which addresses and folders, seen from the pages and the loop."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from config import environment
from labeling.models import Project, Role
from modeling.loop import rounds
from modeling.loop.overview import loop_summary
from modeling.models import Policy, Run, versions
from modeling.policies import registry
from modeling.runs import programs
from tests.factories import make_member, make_project, make_prompt
from tests.modeling.core.chat_server_double import Reply, completion, serve
from tests.modeling.loop_helpers import execute, model_folder
from tests.modeling.page_helpers import make_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names that are known here, with their addresses."""
    known: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def answer(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        addresses = known.get(host, [host])
        return [one for address in addresses for one in ask(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


def sampling_project() -> Project:
    project = make_project(sample_prompts=3, samples_per_prompt=2)
    for number in range(3):
        make_prompt(project, f"question {number}")
    return project


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[::ffff:169.254.169.254]", "10.0.0.1", "two.example", "2130706433"],
)
def test_a_private_address_is_refused_on_the_page_which_names_the_setting(
    client: Client, names: dict[str, list[str]], host: str
) -> None:
    names["two.example"] = ["1.1.1.1", "192.168.0.1"]
    project = make_project()
    client.force_login(make_member(project, Role.ADMIN))
    form = {"name": "p", "location": f"http://{host}/v1?model=m", "then": "current"}
    answer = client.post(reverse("policies", args=[project.slug]), form)
    assert answer.status_code == 422
    told = answer.content.decode()
    assert "POLICY_PRIVATE_HOSTS" in told or "neither a name nor an address" in told
    assert "192.168" not in told
    assert not Policy.objects.exists()


def test_what_is_allowed_is_asked_of_the_setting_each_time(settings: Any) -> None:
    """A policy of yesterday is no exception: the loop says so, and its worker refuses."""
    project = sampling_project()
    with serve(lambda body, _: completion(body)) as server:
        registry.register_policy(project, "", f"{server.url}?model=m&attempts=1")
        settings.POLICY_PRIVATE_HOSTS = ["none"]
        (alarm,) = loop_summary(project).alarms
        assert "POLICY_PRIVATE_HOSTS" in alarm.text
        (run,) = rounds.advance(project)
        run = execute(run, package="modeling.core")
        assert run.state == Run.State.FAILED
        assert "POLICY_PRIVATE_HOSTS=127.0.0.1" in run.error
        assert server.asked == []


def test_a_key_is_refused_at_once_for_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICY_API_KEY", "sk-secret")
    monkeypatch.setenv("POLICY_API_KEY_HOSTS", "https://api.example.org")
    location = "https://{}/v1?model=m&api_key_env=POLICY_API_KEY"
    with pytest.raises(registry.NotUsable, match=r"may not be sent to https://evil\.example"):
        registry.register_policy(make_project(), "p", location.format("evil.example"))
    registry.register_policy(make_project(), "p", location.format("api.example.org"))


@pytest.mark.parametrize(
    "location", ["http://[::1", "http://h:x/v1?model=m", "http://h\x00?model=m"]
)
def test_an_address_that_cannot_be_read_is_refused_in_words(location: str) -> None:
    with pytest.raises(registry.NotUsable, match="address of the policy's server"):
        registry.register_policy(make_project(), "p", location)


def test_what_is_left_out_of_a_sampling_stands_on_its_page(client: Client) -> None:
    project = sampling_project()

    def answer(body: dict[str, Any], _: int) -> Reply:
        odd = b'{"choices": [{"message": {"content": "\\ud83d"}}]}'
        is_odd = body["messages"][0]["content"] == "question 1"
        return Reply(200, odd) if is_odd else completion(body)

    with serve(answer) as server:
        registry.register_policy(project, "", f"{server.url}?model=m&attempts=1")
        (run,) = rounds.advance(project)
        run = execute(run, package="modeling.core")
    assert (run.state, run.error) == (Run.State.SUCCEEDED, "")
    client.force_login(make_member(project, Role.ADMIN))
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    assert "2 responses left out because the text holds half a character" in page


def test_another_projects_model_cannot_be_a_policy(data_dir_of_its_own: Path) -> None:
    other, project = make_project(), make_project()
    location = f"runs/{make_run(other).pk}/model"
    folder = model_folder(data_dir_of_its_own / location)
    for way in (location, str(folder)):
        with pytest.raises(registry.NotUsable, match="There is no folder"):
            registry.register_policy(project, "p", way)
        with pytest.raises(CommandError, match="There is no folder"):
            call_command("register_policy", project.slug, way)
    policy = registry.register_policy(other, "p", str(folder))
    assert policy.location == location


def test_a_policy_whose_folder_is_no_longer_its_projects_is_not_sampled(
    data_dir_of_its_own: Path,
) -> None:
    """However its row came to be."""
    project, other = sampling_project(), make_project()
    location = f"runs/{make_run(other).pk}/model"
    model_folder(data_dir_of_its_own / location)
    policy = Policy.objects.create(project=project, version=1, name="p", location=location)
    loop = versions.loop_of(project)
    loop.policy = policy
    loop.save()
    (run,) = rounds.advance(project)
    run = execute(run)
    assert run.state == Run.State.FAILED
    assert "is gone, or this project may not use it" in run.error


def test_a_hub_id_names_no_folder_of_the_programs(tmp_path: Path) -> None:
    """transformers takes a folder of that name for the model, if there is one where it runs."""
    folder = tmp_path / "runs" / "7"
    folder.mkdir(parents=True)
    with (
        programs.sole_use(folder) as lock,
        pytest.MonkeyPatch.context() as patch,
    ):
        started: list[dict[str, Any]] = []
        patch.setattr(programs.subprocess, "Popen", lambda *_, **given: started.append(given))
        programs.RunningProgram(
            "sample", folder, log=folder / "log", lock=lock, package="modeling.core"
        )
    assert started[0]["cwd"] == folder
    assert started[0]["env"]["PYTHONSAFEPATH"] == "1"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, True),
        ({"HOST": "::1"}, True),
        ({"HTTPS": "0"}, True),
        ({"HOST": "0.0.0.0"}, False),
        ({"ALLOWED_HOSTS": "label.example.org"}, False),
        ({"CSRF_TRUSTED_ORIGINS": "https://label.example.org"}, False),
        ({"HTTPS": "1"}, False),
        ({"REDIS_URL": "redis://redis"}, False),
    ],
)
def test_loopback_is_allowed_by_itself_on_a_single_machine_only(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: bool
) -> None:
    for name in ("HOST", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "HTTPS", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert environment.is_one_machine() is expected


def test_roots_of_models_are_absolute_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_ROOTS", os.pathsep.join(["/srv/models/", "", "~/models"]))
    assert environment.folders("MODEL_ROOTS") == [Path("/srv/models"), Path.home() / "models"]
    monkeypatch.setenv("MODEL_ROOTS", "models")
    with pytest.raises(ImproperlyConfigured, match="MODEL_ROOTS"):
        environment.folders("MODEL_ROOTS")
