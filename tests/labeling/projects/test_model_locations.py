"""Which folders a project may use as models, and that nothing is learned from being refused."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from labeling.models import Project
from labeling.projects import model_locations
from labeling.projects.model_locations import NotUsable, check_model, locate, written
from labeling.texts.shown_paths import details_without_paths, without_paths
from tests.factories import make_project
from tests.modeling.page_helpers import make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def places(settings: Any, tmp_path: Path) -> Path:
    """DATA_DIR, one root of models, and things that belong to neither."""
    settings.DATA_DIR = tmp_path / "data"
    settings.MODEL_ROOTS = [tmp_path / "models"]
    model_folder(tmp_path / "models" / "llama")
    model_folder(tmp_path / "models-of-others" / "llama")
    model_folder(tmp_path / "data" / "else")
    return tmp_path


def model_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "tokenizer.json").write_text("{}")
    return path


def model_of_run(project: Project, places: Path) -> str:
    location = f"runs/{make_run(project).pk}/model"
    model_folder(places / "data" / location)
    return location


def refusal(location: str, project: Project) -> str:
    with pytest.raises(NotUsable) as caught:
        check_model(location, project)
    return str(caught.value)


def test_a_project_uses_the_models_of_its_own_runs_alone(places: Path) -> None:
    mine, other = make_project(), make_project()
    location = model_of_run(mine, places)
    folder = places / "data" / location
    for way in (location, str(folder), f"./{location}", f"runs/../{location}"):
        assert locate(way, mine) == folder
        assert "There is no folder" in refusal(way, other)
    with pytest.raises(NotUsable):
        locate(location)


def test_folders_below_the_roots_are_everybodys(places: Path) -> None:
    folder = places / "models" / "llama"
    for way in (str(folder), "llama", "models/llama", "./models/llama"):
        assert check_model(way, make_project()) == folder


def test_what_is_stored_has_no_absolute_path_and_means_the_same(places: Path) -> None:
    project = make_project()
    run = model_of_run(project, places)
    for given, stored in [
        (str(places / "models" / "llama"), "./models/llama"),
        (str(places / "data" / run), run),
        ("org/name", "org/name"),
    ]:
        assert written(given, project) == stored
        assert locate(stored, project) == locate(given, project)
    assert not model_locations.HUB_ID.fullmatch("./models/llama"), "gone, it is no hub id"


@pytest.mark.parametrize(
    "location",
    [
        "{}/models-of-others/llama", "{}/models/../models-of-others/llama",
        "../models-of-others/llama",
        "{}/models/../data/else", "{}/data/else", "./else", "{}/data/runs/1/../../else", "{}/data",
        "{}", "/", "/etc", "//etc", "..", "./x", "~/x", "~root/x", "~nobody-of-this-name/x",
        "{}/models/llama\0", "llama\n", "{}/models/" + "x" * 300, "runs/99999999999999999999/model",
        "runs/٣/model", "runs/0/model", "runs/-1/model", "runs/1e0/model", "file:///etc",
    ],
)  # fmt: skip
def test_nothing_else_is_a_folder_that_can_be_used(places: Path, location: str) -> None:
    assert "that this project can use" in refusal(location.format(places), make_project())


@pytest.mark.parametrize(
    "there",
    ["models-of-others/llama", "data/else", "data/runs/{run}/model", "data/runs/{run}"],
)
def test_a_folder_that_is_anothers_is_refused_like_one_that_is_not_there(
    places: Path, there: str
) -> None:
    mine, other = make_project(), make_project()
    model_of_run(other, places)
    path = str(places / there.format(run=other.runs.get().pk))
    absent = path + "-absent"
    words = refusal(path, mine)
    assert words.replace(without_paths(path), "X", 1) == refusal(absent, mine).replace(
        without_paths(absent), "X", 1
    )
    assert str(places) not in words


def test_links_do_not_lead_out(places: Path) -> None:
    others = places / "models-of-others" / "llama"
    inside = places / "models"
    (inside / "link").symlink_to(others)
    (inside / "up").symlink_to(places)
    half = model_folder(inside / "half")
    (half / "model.safetensors").unlink()
    (half / "model.safetensors").symlink_to(others / "model.safetensors")
    for name in ("link", "up/models-of-others/llama", "up/data/else", "half"):
        assert "There is no folder" in refusal(str(inside / name), make_project())


def test_links_within_a_root_are_followed(places: Path) -> None:
    """As the cache of the Hub has them."""
    blobs = places / "models" / "blobs"
    blobs.mkdir()
    folder = model_folder(places / "models" / "snapshots" / "abc")
    (folder / "model.safetensors").rename(blobs / "123")
    (folder / "model.safetensors").symlink_to(os.path.relpath(blobs / "123", folder))
    assert check_model(str(folder), make_project()) == folder


@pytest.mark.parametrize("root", ["", "data", "data/runs"])
def test_a_root_above_the_runs_does_not_give_them_away(
    places: Path, settings: Any, root: str
) -> None:
    settings.MODEL_ROOTS = [places / root]
    mine, other = make_project(), make_project()
    location = model_of_run(other, places)
    assert "There is no folder" in refusal(str(places / "data" / location), mine)
    assert "There is no folder" in refusal(location, mine)


def test_a_root_may_lie_in_the_data_folder(places: Path, settings: Any) -> None:
    settings.MODEL_ROOTS = [places / "data" / "models"]
    folder = model_folder(places / "data" / "models" / "llama")
    assert check_model(str(folder), make_project()) == folder


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no {0}/data/runs/3/model: gone", "no runs/3/model: gone"),
        ("{0}/models/llama", "./models/llama"),
        ("{0}/models-of-others/llama", "…/llama"),
        ('File "/usr/lib/python3.11/json.py", line 3', 'File "…/json.py", line 3'),
        ("open('/home/ann/.netrc'), ~/keys/id_rsa", "open('…/.netrc'), …/id_rsa"),
        ("file:///etc/passwd", "…/passwd"),
        ("http://host:8000/v1/chat and either/or a/b/c 1/2/3", None),
        ("https://[::1]:8000/v1/x?model=org/name", None),
        ("no path at all", None),
    ],
)
def test_a_text_is_shown_without_the_paths_in_it(places: Path, text: str, shown: str) -> None:
    text = text.format(places)
    assert without_paths(text) == (text if shown is None else shown)
    assert details_without_paths({"a": [text]}) == {"a": [without_paths(text)]}
