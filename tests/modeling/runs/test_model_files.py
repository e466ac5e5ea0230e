"""A model's folder is compared with what was noted when it was made, whoever loads it."""

from pathlib import Path

import pytest

from modeling.core.program import seal
from modeling.models import Policy
from modeling.runs import model_files
from tests.factories import make_project
from tests.modeling.page_helpers import make_run

pytestmark = pytest.mark.django_db


def made_policy(*, with_run: bool = True, location: str = "runs/1/model") -> Policy:
    """By a run that has left a model with two files."""
    project = make_project()
    run = make_run(project, kind="train_policy")
    model = run.folder / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    return Policy.objects.create(
        project=project, version=2, name="p", location=location,
        run=run if with_run else None, files=seal.notes_of(run.folder, ["model"]),
    )  # fmt: skip


def folder_of(policy: Policy) -> Path:
    assert policy.run is not None
    return policy.run.folder / "model"


def test_a_folder_as_it_was_made_is_fine() -> None:
    policy = made_policy()
    model_files.check(policy)
    model_files.check(policy, sizes_only=True)


def test_weights_of_the_same_size_are_found_changed_by_whoever_loads_them() -> None:
    """Somebody who waits is spared the reading: the sizes alone say nothing here."""
    policy = made_policy()
    (folder_of(policy) / "model.safetensors").write_bytes(b"WEIGHTS")
    model_files.check(policy, sizes_only=True)
    with pytest.raises(model_files.Changed, match=r"model/model\.safetensors is not what was writ"):
        model_files.check(policy)


@pytest.mark.parametrize("sizes_only", [True, False])
def test_a_file_that_is_shorter_or_gone_is_found_by_all(sizes_only: bool) -> None:
    policy = made_policy()
    weights = folder_of(policy) / "model.safetensors"
    weights.write_bytes(b"w")
    with pytest.raises(model_files.Changed, match=r"has 1 bytes and not 7\. Put it back"):
        model_files.check(policy, sizes_only=sizes_only)
    weights.unlink()
    with pytest.raises(model_files.Changed, match=r"model/model\.safetensors is missing"):
        model_files.check(policy, sizes_only=sizes_only)


@pytest.mark.parametrize(
    ("name", "changes"),
    [("adapter.safetensors", True), ("tokenizer.json", True), ("modeling.py", True),
     ("notes.md", False), ("chart.png", False), (".lock", False)],
)  # fmt: skip
def test_only_a_file_that_a_loader_would_read_is_an_addition(name: str, changes: bool) -> None:
    policy = made_policy()
    (folder_of(policy) / name).write_text("new")
    if changes:
        with pytest.raises(model_files.Changed, match=f"model/{name} was added"):
            model_files.check(policy, sizes_only=True)
    else:
        model_files.check(policy)


def test_a_version_from_before_files_were_noted_is_taken_as_it_is() -> None:
    policy = made_policy()
    policy.files = {}
    (folder_of(policy) / "config.json").write_text("changed")
    model_files.check(policy)


def test_names_of_a_version_whose_run_is_gone_begin_at_the_data_folder(
    data_dir_of_its_own: Path,
) -> None:
    policy = made_policy(with_run=False)
    with pytest.raises(model_files.Changed, match="is missing"):
        model_files.check(policy)
    model = data_dir_of_its_own / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    model_files.check(policy)


def test_a_location_is_checked_for_its_own_project_alone() -> None:
    policy = made_policy(location="runs/1/model")
    (folder_of(policy) / "config.json").write_text("changed")
    model_files.check_location(make_project(), "runs/1/model")
    model_files.check_location(policy.project, "runs/2/model")
    with pytest.raises(model_files.Changed):
        model_files.check_location(policy.project, "runs/1/model")


def test_the_notes_of_a_run_are_those_of_its_models_without_their_cards(tmp_path: Path) -> None:
    for name in ("model", "members/1", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "README.md").write_text("# A card")
    (tmp_path / "samples.jsonl").write_text("{}\n")
    seal.write_result(tmp_path, {"model_dir": "model", "members": ["model", "members/1"]})
    made = model_files.made_by(tmp_path)
    assert sorted(made) == ["members/1/config.json", "model/config.json"]


@pytest.mark.parametrize("figures", [{"model_dir": None}, {"model_dir": "", "members": []}, {}])
def test_a_run_that_made_no_model_has_no_notes(tmp_path: Path, figures: dict[str, object]) -> None:
    (tmp_path / "samples.jsonl").write_text("{}\n")
    seal.write_result(tmp_path, figures)
    assert model_files.made_by(tmp_path) == {}
