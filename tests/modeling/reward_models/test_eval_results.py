"""Results beside a model card: in the hub's format, for what was measured on what was pushed."""

import io
import tarfile

import pytest
import yaml
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from huggingface_hub import parse_eval_result_entries

from labeling.models import Role, SnapshotPush
from modeling.models import RewardModel
from modeling.reward_models.eval_results import FILE_NAME, eval_results_of
from modeling.reward_models.model_card import write_card
from tests.factories import make_member, make_project
from tests.modeling.page_helpers import make_history

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40


@pytest.fixture
def model(settings, tmp_path) -> RewardModel:
    settings.DATA_DIR = tmp_path
    project = make_project()
    make_history(project, 1)
    model = RewardModel.objects.get(project=project)
    model.path.mkdir(parents=True, exist_ok=True)
    (model.path / "config.json").write_text("{}")
    return model


def push(model: RewardModel, **fields: object) -> SnapshotPush:
    fields = {"state": "done", "commit": COMMIT, "url": "https://hub/datasets/team/tea"} | fields
    return SnapshotPush.objects.create(
        of=model.snapshot, repo_id="team/tea", touched_at=timezone.now(), **fields
    )


def test_it_names_the_dataset_at_its_revision_and_the_measured_value(model):
    push(model)
    (entry,) = parse_eval_result_entries(yaml.safe_load(eval_results_of(model)))
    measured = model.figures.accuracy["test"]
    assert (entry.dataset_id, entry.dataset_revision) == ("team/tea", COMMIT)
    assert (entry.task_id, entry.value) == ("test_accuracy", pytest.approx(measured["value"]))
    assert entry.date == f"{model.created_at:%Y-%m-%d}"
    assert entry.source_url == f"https://hub/datasets/team/tea/tree/{COMMIT}"
    assert f"{measured['n']} comparisons" in entry.notes


@pytest.mark.parametrize("fields", [{"state": "failed", "commit": ""}, {"state": "running"}])
def test_a_push_that_the_hub_does_not_have_is_no_dataset(model, fields):
    push(model, **fields)
    assert eval_results_of(model) == ""


def test_nothing_is_written_where_nothing_was_measured_or_pushed(model):
    write_card(model)
    assert not (model.path / FILE_NAME).exists()
    push(model)
    model.results = {}
    assert eval_results_of(model) == ""


def test_it_lies_beside_the_card_and_goes_when_it_no_longer_holds(model):
    pushed = push(model)
    write_card(model)
    assert (model.path / FILE_NAME).read_text() == eval_results_of(model)
    pushed.delete()
    write_card(model)
    assert not (model.path / FILE_NAME).exists()


def test_the_download_has_it_as_soon_as_the_snapshot_was_pushed(model, client: Client):
    client.force_login(make_member(model.project, Role.CURATOR))
    address = reverse("reward-model-download", args=[model.pk])
    write_card(model)
    push(model)
    for _ in range(2):
        content = client.get(address).getvalue()
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            names = archive.getnames()
            (name,) = [name for name in names if name.endswith(FILE_NAME)]
            file = archive.extractfile(name)
            assert file is not None and file.read().decode() == eval_results_of(model)
        write_card(model)  # now it lies in the folder too, and comes once all the same
