"""`.env.example` names every setting there is, and docker-compose.yml uses no other."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import environment, secrets_check

ROOT = Path(__file__).resolve().parents[2]
# Told to a part by its command line or by Django itself, not chosen by an operator.
# The next four are set by the launcher of several processes, and by whoever shares out GPUs; the
# last one is what a worker adds to for its programs.
NOT_SETTINGS = {
    "DJANGO_SETTINGS_MODULE",
    "CUDA_VISIBLE_DEVICES",
    "LOCAL_RANK",
    "RANK",
    "WORLD_SIZE",
    "PYTHONPATH",
    "PREFERABLE_TOKEN",  # by whoever starts the MCP server, for themselves
}


def names_in_example() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def names_read_in_code() -> set[str]:
    reads = re.compile(
        r"(?:environ(?:\.get\(|\[)|environment\.(?:flag|number|words|networks|folders)\()"
        r'\s*["\'](\w+)["\']'
    )
    folders = ("config", "labeling", "modeling")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found = {name for path in sources for name in reads.findall(path.read_text())}
    # The hub's own library reads what the hub is, and whether it is asked.
    of_hub = {"HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"}
    ours = {name for name in found if not name.startswith(("OMP_", "HF_"))}
    return (ours | of_hub) - NOT_SETTINGS


@pytest.fixture
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def names_given_by_compose(compose: dict[str, Any]) -> set[str]:
    ours = [service for service in compose["services"].values() if service["image"] == "preferable"]
    return {name for service in ours for name in service["environment"]}


def test_every_setting_read_is_in_the_example() -> None:
    assert names_read_in_code() - names_in_example() == set()


def test_every_setting_in_the_example_is_read(compose: dict[str, Any]) -> None:
    interpolated = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert names_in_example() - names_read_in_code() - interpolated == set()


def test_compose_gives_only_settings_of_the_example(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert names_given_by_compose(compose) - names_in_example() == set()
    assert set(re.findall(r"\$\{(\w+)", text)) - names_in_example() == set()


def test_compose_passes_on_what_operators_may_change(compose: dict[str, Any]) -> None:
    fixed = {"ENV_FILE", "DEBUG", "POSTGRES_PASSWORD", "CODE_VERSION", "TORCH_INDEX"}
    assert names_in_example() - fixed - names_given_by_compose(compose) == set()


def test_defaults_in_compose_are_those_of_the_example() -> None:
    example = dict(
        re.findall(r"^#?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    )
    compose_text = (ROOT / "docker-compose.yml").read_text()
    defaults = re.findall(r"\$\{(\w+):-([^}]+)\}", compose_text)
    assert len(defaults) > 5
    assert {name: value for name, value in defaults if example[name] != value} == {}


def test_copying_the_example_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    untouched: dict[str, str] = {}
    monkeypatch.setattr("os.environ", untouched)
    environment.load_env_file(ROOT / ".env.example")
    assert untouched == {}


def test_every_queue_has_a_worker(compose: dict[str, Any]) -> None:
    commands = [service.get("command", []) for service in compose["services"].values()]
    queues = {command[command.index("-Q") + 1] for command in commands if "-Q" in command}
    assert queues == {"default", "gpu"}


def test_the_gpu_file_only_adds_to_services_that_exist(compose: dict[str, Any]) -> None:
    extra = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())
    assert set(extra["services"]) <= set(compose["services"])


def test_no_service_fills_the_disk_with_its_log(compose: dict[str, Any]) -> None:
    unlimited = [
        name
        for name, service in compose["services"].items()
        if "max-size" not in service.get("logging", {}).get("options", {})
    ]
    assert unlimited == []


def test_redis_keeps_no_file_that_could_be_damaged(compose: dict[str, Any]) -> None:
    redis = compose["services"]["redis"]
    assert redis["command"] == ["redis-server", "--save", "", "--appendonly", "no"]
    assert "volumes" not in redis
    assert "redis" not in compose["volumes"]


def test_keys_whose_names_are_the_operators_reach_every_part(compose: dict[str, Any]) -> None:
    ours = [service for service in compose["services"].values() if service["image"] == "preferable"]
    for service in ours:
        assert service["env_file"] == [{"path": ".env", "required": False}]
        assert {"HF_TOKEN", "POLICY_API_KEY"} <= service["environment"].keys()


def test_every_secret_of_the_example_is_refused() -> None:
    text = (ROOT / ".env.example").read_text()
    shown = re.findall(r"^#(?:SECRET_KEY|\w*PASSWORD)=(.+)$", text, re.MULTILINE)
    shown += re.findall(r"^#DATABASE_URL=\w+://\w+:(\w+)@", text, re.MULTILINE)
    assert len(shown) == 4
    assert set(shown) <= secrets_check.SAMPLES
