"""The loop's settings over HTTP: what they may hold, who changes them, and what is refused."""

import json
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from labeling.models import AuditEntry, Project, Role, Scope
from modeling.api.loop_settings import TYPES, field_of
from modeling.models import LoopSettings
from modeling.settings import SETTINGS, Setting
from modeling.settings.declaring import Number, OneOf, Who, WholeNumber
from tests.factories import client_with_token, make_member, make_project, make_user, set_loop

pytestmark = pytest.mark.django_db

every_setting = pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda one: one.name)


@pytest.fixture
def project() -> Project:
    return make_project(retrain_after=30)


@pytest.fixture
def admin(project: Project) -> Client:
    return client_with_token(make_member(project, Role.ADMIN, "ada"))


@pytest.fixture
def curator(project: Project) -> Client:
    return client_with_token(make_member(project, Role.CURATOR, "cora"))


def url_of(project: Project) -> str:
    return f"/api/v1/projects/{project.slug}/loop-settings/"


def listed(client: Client, project: Project) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in client.get(url_of(project)).json()}


def change(client: Client, project: Project, body: Any) -> Any:
    return client.patch(url_of(project), body, content_type="application/json")


def refusals(response: HttpResponse) -> dict[str, str]:
    """Each refused setting with its sentence."""
    assert response.status_code == 400, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    return {one["field"]: one["problem"] for one in response.json()["errors"]}  # type: ignore[attr-defined]


def test_the_list_has_every_setting_in_the_order_of_the_page(
    admin: Client, project: Project
) -> None:
    rows = listed(admin, project)
    assert list(rows) == list(SETTINGS)
    assert rows["retrain_after"] == {
        "name": "retrain_after",
        "section": "training",
        "label": "Retrain after this many new preferences",
        "help": "Smaller: the queue follows the labelers more closely. Larger: fewer runs.",
        "type": "integer",
        "minimum": 1.0,
        "maximum": 1_000_000.0,
        "longest": None,
        "choices": [],
        "may_be_null": False,
        "who": "admin",
        "default": 100,
        "value": 30,
        "may_change": True,
    }
    assert rows["reward_ties"]["choices"][1] == {
        "value": "davidson",
        "label": "As an outcome of their own (Davidson)",
    }
    assert rows["base_model"]["longest"] == 300
    assert (rows["reward_epochs"]["may_be_null"], rows["reward_epochs"]["value"]) == (True, None)


def test_all_values_beyond_their_limits_are_refused_at_once(
    admin: Client, project: Project
) -> None:
    beyond = {name: [v for v, is_allowed in one.limits() if not is_allowed]
              for name, one in SETTINGS.items()}  # fmt: skip
    for place in range(max(map(len, beyond.values()))):
        body = {name: values[place] for name, values in beyond.items() if place < len(values)}
        assert refusals(change(admin, project, body)) == {
            name: f"It has to be {SETTINGS[name].allowed_as_stored}." for name in body
        }
    assert not AuditEntry.objects.filter(action="change settings").exists()


def test_all_values_at_their_limits_are_taken(admin: Client, project: Project) -> None:
    allowed = {name: [v for v, is_allowed in one.limits() if is_allowed]
               for name, one in SETTINGS.items()}  # fmt: skip
    for place in range(max(map(len, allowed.values()))):
        body = {name: values[place] for name, values in allowed.items() if place < len(values)}
        # What contradicts another setting at its limit has a test of its own.
        body |= {"reward_members": 1, "reward_method": "finetune"}
        response = change(admin, project, body)
        assert response.status_code == 200, response.json()
        rows = {row["name"]: row["value"] for row in response.json()}
        current = LoopSettings.objects.get(project=project)
        assert {name: rows[name] for name in body} == body
        assert {name: getattr(current, name) for name in body} == body


def test_what_is_listed_can_be_sent_back_and_changes_nothing(
    admin: Client, project: Project
) -> None:
    values = {name: row["value"] for name, row in listed(admin, project).items()}
    assert change(admin, project, values).status_code == 200
    assert not AuditEntry.objects.filter(action="change settings").exists()


def test_a_default_can_be_sent_for_every_setting(admin: Client, project: Project) -> None:
    defaults = {name: row["default"] for name, row in listed(admin, project).items()}
    assert change(admin, project, defaults).status_code == 200
    assert LoopSettings.objects.get(project=project).retrain_after == 100


def test_only_what_is_sent_changes_and_the_audit_log_has_it(
    admin: Client, project: Project
) -> None:
    set_loop(project, top_p=0.9)
    response = change(admin, project, {"retrain_after": 50, "kl_budget": 4})
    rows = {row["name"]: row["value"] for row in response.json()}
    assert (rows["retrain_after"], rows["kl_budget"], rows["top_p"]) == (50, 4.0, 0.9)
    entry = AuditEntry.objects.get(action="change settings")
    assert entry.actor is not None and entry.actor.username == "ada"
    assert entry.details["changes"] == {"retrain_after": [30, 50], "kl_budget": [10.0, 4.0]}


def test_an_empty_object_changes_nothing(admin: Client, project: Project) -> None:
    assert change(admin, project, {}).status_code == 200
    assert not AuditEntry.objects.filter(action="change settings").exists()


def test_an_unknown_name_is_named_and_nothing_is_saved(admin: Client, project: Project) -> None:
    response = change(admin, project, {"retrain_after": 50, "retrain_afer": 50, "project": 1})
    sentence = "There is no such setting: GET this address for all of them."
    assert refusals(response) == {"retrain_afer": sentence, "project": sentence}
    assert LoopSettings.objects.get(project=project).retrain_after == 30


def test_every_fault_is_told_at_once(admin: Client, project: Project) -> None:
    response = change(admin, project, {"best_of": 1, "top_p": 2, "ppo": 1, "temperature": 1})
    assert list(refusals(response)) == ["best_of", "top_p", "ppo"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retrain_after", "50"),
        ("retrain_after", 50.0),
        ("retrain_after", True),
        ("retrain_after", [50]),
        ("retrain_after", 10**400),
        ("top_p", "0.9"),
        ("top_p", False),
        ("top_p", {}),
        ("loop_enabled", 1),
        ("loop_enabled", "true"),
        ("selection", "UNCERTAINTY"),
        ("selection", ["random"]),
        ("base_model", 7),
        ("base_model", "x" * 301),
    ],
)
def test_a_value_of_another_type_is_refused_not_turned_into_one(
    admin: Client, project: Project, name: str, value: Any
) -> None:
    response = change(admin, project, {name: value})
    assert refusals(response) == {name: f"It has to be {SETTINGS[name].allowed_as_stored}."}


def test_a_share_is_refused_in_the_unit_in_which_it_is_sent(
    admin: Client, project: Project
) -> None:
    response = change(admin, project, {"reward_label_smoothing": 5})
    assert refusals(response) == {"reward_label_smoothing": "It has to be a number from 0 to 0.49."}


@pytest.mark.parametrize("body", [[], ["retrain_after"], "retrain_after", 5, None, True])
def test_a_body_that_is_no_object_is_refused(admin: Client, project: Project, body: Any) -> None:
    response = change(admin, project, json.dumps(body))
    assert refusals(response) == {
        "request": "Send an object: the settings to change, with their new values."
    }


def test_settings_that_contradict_each_other_are_refused(admin: Client, project: Project) -> None:
    set_loop(project, reward_heads=8)
    response = change(admin, project, {"reward_members": 4, "retrain_after": 50})
    assert refusals(response) == {"reward_members": "Several heads or several models, not both."}
    assert LoopSettings.objects.get(project=project).retrain_after == 30
    assert change(admin, project, {"reward_members": 4, "reward_heads": 1}).status_code == 200


def test_a_base_model_that_cannot_be_used_is_refused_as_on_the_page(
    admin: Client, project: Project
) -> None:
    sentence = refusals(change(admin, project, {"base_model": "/no/such/folder"}))["base_model"]
    assert "There is no folder …/folder" in sentence
    assert change(admin, project, {"base_model": " org/model "}).status_code == 200
    assert LoopSettings.objects.get(project=project).base_model == "org/model"
    assert change(admin, project, {"base_model": ""}).status_code == 200


def test_a_base_model_that_is_away_does_not_keep_others_from_being_changed(
    admin: Client, project: Project
) -> None:
    set_loop(project, base_model="/was/here")
    body = {"base_model": "/was/here", "retrain_after": 50}
    assert change(admin, project, body).status_code == 200


def test_curators_see_all_and_change_what_is_declared_theirs(
    curator: Client, project: Project
) -> None:
    rows = listed(curator, project)
    theirs = {name for name, row in rows.items() if row["may_change"]}
    assert theirs == {name for name, one in SETTINGS.items() if one.who == Who.CURATOR}
    assert change(curator, project, {"selection": "random"}).status_code == 200
    response = change(curator, project, {"selection": "thompson", "retrain_after": 50})
    assert response.status_code == 403
    assert response.json()["detail"] == (
        "Only admins of the project change “Retrain after this many new preferences”."
    )
    assert LoopSettings.objects.get(project=project).selection == "random"


def test_a_curator_may_send_what_is_so_already(curator: Client, project: Project) -> None:
    response = change(curator, project, {"retrain_after": 30, "selection_patience": 2})
    assert response.status_code == 200


@pytest.mark.parametrize("location", ["/", "/etc", "/no/such/folder", "org/model"])
def test_a_curator_learns_of_no_folder_by_naming_it(
    curator: Client, project: Project, location: str
) -> None:
    response = change(curator, project, {"base_model": location})
    assert response.status_code == 403
    assert response.json()["detail"] == (
        "Only admins of the project change “Reward models start from”."
    )


def test_a_curator_sees_no_path_of_the_machine(
    admin: Client, curator: Client, project: Project
) -> None:
    set_loop(project, base_model="/srv/secret/models/base")
    assert listed(admin, project)["base_model"]["value"] == "/srv/secret/models/base"
    assert listed(curator, project)["base_model"]["value"] == "…/base"


def test_labelers_and_outsiders_see_and_change_nothing(project: Project) -> None:
    labeler = client_with_token(make_member(project, Role.LABELER))
    outsider = client_with_token(make_user())
    for client, status in ((labeler, 403), (outsider, 404), (Client(), 401)):
        assert client.get(url_of(project)).status_code == status
        assert change(client, project, {"selection": "random"}).status_code == status
    assert LoopSettings.objects.get(project=project).selection == "uncertainty"


def test_an_admin_of_another_project_is_an_outsider_here(project: Project) -> None:
    stranger = client_with_token(make_member(make_project(), Role.ADMIN))
    assert stranger.get(url_of(project)).status_code == 404
    assert change(stranger, project, {"retrain_after": 50}).status_code == 404


def test_a_token_changes_with_the_scope_to_write_alone(project: Project) -> None:
    ada = make_member(project, Role.ADMIN, "ada")
    for scope in (Scope.READ, Scope.LABEL):
        client = client_with_token(ada, scope)
        assert change(client, project, {"retrain_after": 50}).status_code == 403
    writer = client_with_token(ada, Scope.WRITE)
    assert change(writer, project, {"retrain_after": 50}).status_code == 200
    assert writer.get(url_of(project)).status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_settings_are_neither_made_nor_deleted(
    admin: Client, project: Project, method: str
) -> None:
    assert getattr(admin, method)(url_of(project)).status_code == 405
    assert LoopSettings.objects.filter(project=project).exists()


def test_a_session_changes_settings_with_its_csrf_token_alone(project: Project) -> None:
    ada = make_member(project, Role.ADMIN, "ada")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    assert change(browser, project, {"retrain_after": 50}).status_code == 403
    assert LoopSettings.objects.get(project=project).retrain_after == 30


@every_setting
def test_the_description_of_a_change_follows_from_the_declaration(setting: Setting) -> None:
    field = field_of(setting)
    assert not field.required
    assert field.allow_null == setting.may_be_empty
    assert setting.label in str(field.help_text)
    if isinstance(setting, WholeNumber | Number):
        assert (field.min_value, field.max_value) == (setting.low, setting.high)  # type: ignore[attr-defined]
    if isinstance(setting, OneOf):
        assert list(field.choices) == [choice.value for choice in setting.choices]  # type: ignore[attr-defined]


def test_openapi_names_every_setting_with_its_limits(tmp_path: Any) -> None:
    path = tmp_path / "schema.yml"
    call_command("spectacular", file=str(path))
    schemas = yaml.safe_load(path.read_text())["components"]["schemas"]
    described = schemas["PatchedLoopSettingsChange"]["properties"]
    assert list(described) == list(SETTINGS)
    assert (described["best_of"]["minimum"], described["best_of"]["maximum"]) == (2, 256)
    assert described["loop_enabled"]["type"] == "boolean"
    assert set(schemas["TypeEnum"]["enum"]) == set(TYPES.values())


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b'{"best_of": ', 400),
        ("application/json", b'{"top_p": 1e999}', 400),
        ("application/json", b'{"top_p": NaN}', 400),
        ("application/json", b'{"base_model": "a\\u0000b"}', 400),
        ("application/json", b'{"best_of": "\xff"}', 400),
        ("application/json", b'{"best_of":' * 5000 + b"1" + b"}" * 5000, 400),
        ("application/x-www-form-urlencoded", b"best_of=5", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
    ],
)
def test_a_body_that_is_no_json_is_refused_in_words(
    admin: Client, project: Project, content_type: str, body: bytes, status: int
) -> None:
    response = admin.patch(url_of(project), body, content_type=content_type)
    assert response.status_code == status
    assert response.json()["detail"]
    assert LoopSettings.objects.get(project=project).best_of == 16


def test_a_name_that_is_given_twice_counts_as_json_has_it(admin: Client, project: Project) -> None:
    """The last one counts, and it is checked like any other."""
    response = change(admin, project, '{"best_of": 8, "best_of": 1}')
    assert list(refusals(response)) == ["best_of"]


def test_a_change_of_many_is_one_entry_and_a_second_one_changes_nothing(
    admin: Client, project: Project
) -> None:
    body = {"best_of": 8, "top_p": 0.9, "selection": "random", "reward_epochs": 3}
    for _ in range(2):
        assert change(admin, project, body).status_code == 200
    entry = AuditEntry.objects.get(action="change settings")
    assert set(entry.details["changes"]) == set(body)


def test_a_setting_is_emptied_by_null(admin: Client, project: Project) -> None:
    set_loop(project, reward_epochs=3)
    assert change(admin, project, {"reward_epochs": None}).status_code == 200
    assert LoopSettings.objects.get(project=project).reward_epochs is None
    assert refusals(change(admin, project, {"reward_epochs": ""})) == {
        "reward_epochs": "It has to be a whole number from 1 to 100, or empty."
    }
