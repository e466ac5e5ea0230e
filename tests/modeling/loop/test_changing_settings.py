"""What the loop is told: there with every project, changed by several people, in the audit log."""

import re
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from labeling.models import AuditEntry, Project, Role, User
from labeling.projects import owners
from labeling.projects.editing import create_project
from modeling.demo import project as demo_project
from modeling.loop.changing_settings import (
    SettingsRefused,
    change_loop_settings,
    changeable_by,
)
from modeling.models import LoopSettings
from modeling.settings import SETTINGS, Setting
from modeling.settings.declaring import Who
from tests.factories import make_member, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def owner(project: Project) -> User:
    return make_member(project, Role.ADMIN, "owner")


def test_every_way_of_making_a_project_makes_its_loop_settings() -> None:
    create_project(make_user(), {"name": "By a page"})
    owners.create_for(make_user(), "by-a-command")
    demo_project.create()
    Project(slug="by-hand", name="By hand").save()
    assert Project.objects.count() == LoopSettings.objects.count() == 4
    assert Project.objects.get(slug="by-hand").loop_settings.retrain_after == 100
    assert Project.objects.get(slug="demo").loop_settings.retrain_after == 16


def test_they_go_with_their_project(project: Project) -> None:
    project.delete()
    assert not LoopSettings.objects.exists()


def test_two_admins_who_change_different_settings_do_not_undo_each_other(
    project: Project, owner: User
) -> None:
    seen_by_another = Project.objects.select_related("loop_settings").get(pk=project.pk)
    change_loop_settings(project, owner, {"retrain_after": 30})
    change_loop_settings(seen_by_another, owner, {"temperature": 0.7})
    asked = LoopSettings.objects.get(project=project)
    assert (asked.retrain_after, asked.temperature) == (30, 0.7)
    assert project.loop_settings.retrain_after == 30, "the caller's own copy follows"


def test_a_change_is_in_the_audit_log_with_before_and_after(project: Project, owner: User) -> None:
    change_loop_settings(project, owner, {"retrain_after": 30, "improvement": "off"})
    entry = AuditEntry.objects.get(action="change settings")
    assert (entry.actor, entry.target_type) == (owner, "project")
    assert entry.details == {"changes": {"retrain_after": [100, 30]}}


def test_saving_the_same_again_leaves_no_entry(project: Project, owner: User) -> None:
    assert change_loop_settings(project, owner, {"retrain_after": 100}) == {}
    assert not AuditEntry.objects.exists()


def test_the_audit_log_says_it_in_the_words_of_the_page(
    client: Client, project: Project, owner: User
) -> None:
    change_loop_settings(project, owner, {"improvement": "best_of_n", "kl_budget": 4.0})
    client.force_login(owner)
    page = client.get(reverse("audit", args=[project.slug])).content.decode()
    for words in (
        "How it is improved",
        "Off: policies are registered by hand",
        "Learn the best of n responses (gentlest)",
        "Never further from the reference than (nats)",
    ):
        assert words in page


def test_a_role_changes_what_is_declared_its_own_and_no_more(project: Project) -> None:
    curators = {name for name, one in SETTINGS.items() if one.who == Who.CURATOR}
    assert {role: changeable_by(role) for role in Role} == {
        Role.LABELER: set(),
        Role.CURATOR: curators,
        Role.ADMIN: set(SETTINGS),
    }
    assert set() < curators < set(SETTINGS)


def allowed_values(setting: Setting) -> list[Any]:
    return [value for value, is_allowed in setting.limits() if is_allowed]


@pytest.mark.parametrize("role", [*Role, None], ids=str)
def test_every_setting_is_refused_to_those_below_its_role(
    project: Project, role: Role | None
) -> None:
    """An outsider has no role at all."""
    actor = make_member(project, role) if role else make_user()
    for setting in SETTINGS.values():
        values = ["org/model"] if setting.name == "base_model" else allowed_values(setting)
        value = next(value for value in values if value != setting.default)
        if role and setting.name in changeable_by(role):
            changes = change_loop_settings(project, actor, {setting.name: value})
            assert list(changes) == [setting.name]
            change_loop_settings(project, actor, {setting.name: setting.default})
            continue
        with pytest.raises(PermissionDenied, match=re.escape(f"“{setting.label}”")):
            change_loop_settings(project, actor, {setting.name: value})
    current = LoopSettings.objects.get(project=project)
    assert {name: getattr(current, name) for name in SETTINGS} == {
        name: setting.default for name, setting in SETTINGS.items()
    }


def test_a_superuser_changes_all_settings_of_every_project(project: Project) -> None:
    root = make_user(is_superuser=True)
    assert change_loop_settings(project, root, {"retrain_after": 30})


def test_a_command_on_the_machine_is_not_asked_for_a_role(project: Project) -> None:
    labeler = make_member(project)
    assert change_loop_settings(project, labeler, {"retrain_after": 30}, by_operator=True)
    assert AuditEntry.objects.get(action="change settings").actor == labeler


def test_two_changes_that_contradict_each_other_only_together_are_not_both_saved(
    project: Project, owner: User
) -> None:
    """Each was sound on the page that its admin had open."""
    change_loop_settings(project, owner, {"reward_heads": 8})
    with pytest.raises(SettingsRefused) as refusal:
        change_loop_settings(project, owner, {"reward_members": 4})
    assert refusal.value.sentences == {
        "reward_members": "Several heads or several models, not both."
    }
    assert LoopSettings.objects.get(project=project).reward_members == 1
