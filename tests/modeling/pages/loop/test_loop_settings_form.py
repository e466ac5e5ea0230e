"""The form of what the loop is told: what is refused, beside its field, and why."""

import json

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from labeling.models import Role
from modeling.models import LoopSettings
from modeling.pages.loop.settings_forms import LoopSettingsForm
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "data"
    return make_project()


def filled(project, **changes):
    """The form as the page sends it when nothing but `changes` was typed."""
    current = LoopSettings.objects.get(project=project)
    shown = LoopSettingsForm(None, project=project, current=current, role=Role.ADMIN)
    data = {}
    for bound in shown:
        value = bound.value()
        if value is True:
            data[bound.html_name] = data[f"initial-{bound.html_name}"] = "on"
        elif value is not None and value is not False:
            data[bound.html_name] = data[f"initial-{bound.html_name}"] = value
    data |= changes
    return LoopSettingsForm(data, project=project, current=current, role=Role.ADMIN)


def model_folder(path, *, without=""):
    path.mkdir(parents=True)
    for name, content in {
        "config.json": json.dumps({"architectures": ["BertModel"]}),
        "model.safetensors": "weights",
        "tokenizer.json": "{}",
    }.items():
        if name != without:
            (path / name).write_text(content)
    return path


def test_an_untouched_form_changes_nothing(project):
    form = filled(project)
    assert form.is_valid(), form.errors
    assert form.changed_fields() == {}


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("config.json", "is not a model folder"),
        ("model.safetensors", "has no weights"),
        ("tokenizer.json", "has no tokenizer"),
    ],
)
def test_a_base_model_that_lacks_a_part_is_refused(project, tmp_path, missing, words):
    folder = model_folder(tmp_path / "base", without=missing)
    form = filled(project, base_model=str(folder))
    assert words in form.errors["base_model"][0]


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/no/such/folder", "There is no folder …/folder"),
        ("not a hub id", "no hub id such as"),
        ("../up", "no hub id such as"),
    ],
)
def test_a_base_model_that_cannot_be_is_refused(project, location, words):
    assert words in filled(project, base_model=location).errors["base_model"][0]


@pytest.mark.parametrize("location", ["", "org/model", "bert-base-uncased"])
def test_nothing_and_hub_ids_are_taken(project, location):
    assert filled(project, base_model=location).errors == {}


def test_a_folder_is_kept_without_what_lies_above_it(project, tmp_path, settings):
    settings.MODEL_ROOTS = [tmp_path / "models"]
    model_folder(tmp_path / "models" / "base")
    for location in (str(tmp_path / "models" / "base"), "base", "models/base"):
        form = filled(project, base_model=location)
        assert form.errors == {}
        assert form.cleaned_data["base_model"] == "./models/base"


def test_other_settings_can_be_saved_while_the_base_model_is_away(project):
    LoopSettings.objects.update(base_model="/was/here")
    form = filled(project, retrain_after="30")
    assert form.is_valid(), form.errors
    assert form.changed_fields() == {"retrain_after": 30}


def test_a_frozen_model_has_nothing_to_adapt(project):
    form = filled(project, reward_method="frozen", reward_adapter="lora")
    assert "trains no weights" in form.errors["reward_adapter"][0]


def test_heads_and_members_are_one_or_the_other(project):
    form = filled(project, reward_heads="8", reward_members="4")
    assert "not both" in form.errors["reward_members"][0]
    assert filled(project, reward_heads="8").errors == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reward_learning_rate", "0"),
        ("reward_learning_rate", "1.5"),
        ("reward_epochs", "0"),
        ("reward_batch_size", "0"),
        ("reward_max_length", "7"),
        ("reward_strength_margin", "-1"),
        ("reward_label_smoothing", "50"),
        ("reward_ties", "never"),
        ("reward_rankings", "triples"),
        ("reward_centering", "2"),
    ],
)
def test_what_no_training_can_take_is_refused_beside_its_field(project, field, value):
    assert list(filled(project, **{field: value}).errors) == [field]


@pytest.mark.parametrize(
    "values",
    [
        {"reward_learning_rate": 0.0},
        {"reward_epochs": 0},
        {"reward_batch_size": 0},
        {"reward_max_length": 7},
        {"reward_strength_margin": -0.1},
        {"reward_label_smoothing": 0.5},
        {"reward_ties": "never"},
        {"reward_rankings": "triples"},
        {"reward_centering": 1.1},
    ],
)
def test_the_database_refuses_it_too(project, values):
    with pytest.raises(IntegrityError, match="loop_settings_reward_"), transaction.atomic():
        LoopSettings.objects.filter(project=project).update(**values)


def test_an_emptied_setting_is_left_to_the_program_again(project):
    LoopSettings.objects.update(reward_learning_rate=1e-4, reward_max_length=512)
    form = filled(project, reward_learning_rate="", reward_max_length="")
    assert form.is_valid(), form.errors
    assert form.changed_fields() == {"reward_learning_rate": None, "reward_max_length": None}


def test_a_folded_setting_that_is_refused_stands_above_the_fold(client, project):
    client.force_login(make_member(project, Role.ADMIN, "owner"))
    url = reverse("project-loop-settings", args=[project.slug])
    refused = client.post(url, filled(project, reward_epochs="0").data)
    learning = next(iter(refused.context["form"].groups()))
    assert learning.fields[-1].bound.name == "reward_epochs"
    assert "reward_epochs" not in [field.bound.name for field in learning.more]
    page = refused.content.decode()
    assert page.index('id="id_reward_epochs_error"') < page.index('class="more-settings"')
    assert 'class="more-settings" open' not in page


def test_the_page_explains_each_and_keeps_what_was_typed(client, project):
    client.force_login(make_member(project, Role.ADMIN, "owner"))
    url = reverse("project-loop-settings", args=[project.slug])
    page = client.get(url).content.decode()
    assert "The lowest of them (worst case)" in page
    form = filled(project, base_model="/no/such/folder", reward_members="4")
    answer = client.post(url, form.data)
    assert answer.status_code == 422
    assert "There is no folder …/folder that" in answer.content.decode()
    assert answer.context["form"]["reward_members"].value() == "4"
    assert LoopSettings.objects.get(project=project).reward_members == 1
