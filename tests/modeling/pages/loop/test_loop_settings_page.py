"""The settings of the loop as a page: recipes, what is not at its default, the way back."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import AuditEntry, Project, Role
from modeling.models import LoopSettings
from modeling.settings import SETTINGS
from modeling.settings.recipes import RECIPES, Recipe
from tests.factories import make_member, make_project
from tests.modeling.pages.loop.test_loop_settings_form import filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(retrain_after=30)


@pytest.fixture
def admin(client: Client, project: Project) -> Client:
    client.force_login(make_member(project, Role.ADMIN, "owner"))
    return client


def url_of(project: Project, name: str = "project-loop-settings") -> str:
    return reverse(name, args=[project.slug])


def shown_of(form: Any) -> dict[str, Any]:
    return {one.bound.name: one for group in form.groups() for one in (*group.fields, *group.more)}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.name)
def test_a_recipe_is_allowed_and_goes_together(project: Project, recipe: Recipe) -> None:
    assert all(SETTINGS[name].is_allowed(value) for name, value in recipe.values.items())
    typed = {name: value for name, value in recipe.values.items() if not isinstance(value, bool)}
    typed |= {"reward_label_smoothing": "5"} if "reward_label_smoothing" in typed else {}
    form = filled(project, **typed)
    assert form.is_valid(), form.errors


def test_a_recipe_fills_in_the_form_and_saves_nothing(admin: Client, project: Project) -> None:
    sent = filled(project, top_p="0.9").data | {"recipe": "careful"}
    response = admin.post(url_of(project), sent)
    assert (response.status_code, AuditEntry.objects.count()) == (200, 0)
    assert LoopSettings.objects.get(project=project).improvement == "off"
    shown = shown_of(response.context["form"])
    assert shown["improvement"].bound.value() == "best_of_n"
    assert shown["improvement"].was == "“Off: policies are registered by hand”"
    assert shown["top_p"].was == "1.0", "what was typed before stays"
    assert shown["reward_bootstrap"].was == "on"
    assert shown["retrain_after"].was == ""
    assert "Not saved yet; saved is" in response.content.decode()


def test_what_a_recipe_filled_in_is_saved_by_save(admin: Client, project: Project) -> None:
    sent = filled(project).data | {"recipe": "laptop"}
    form = admin.post(url_of(project), sent).context["form"]
    admin.post(url_of(project), _again(form))
    asked = LoopSettings.objects.get(project=project)
    assert (asked.reward_method, asked.reward_heads, asked.retrain_after) == ("frozen", 8, 16)
    changes = AuditEntry.objects.get(action="change settings").details["changes"]
    assert changes["retrain_after"] == [30, 16]
    assert "top_p" not in changes


def _again(form: Any) -> dict[str, Any]:
    """The form as a browser sends it back with Save."""
    return {name: value for name, value in form.data.dict().items() if name != "recipe"}


def test_what_is_not_at_its_default_says_so_and_can_go_back(
    admin: Client, project: Project
) -> None:
    page = admin.get(url_of(project))
    shown = shown_of(page.context["form"])
    assert {name for name, one in shown.items() if one.usual} == {"retrain_after"}
    assert shown["retrain_after"].usual == "100"
    assert 'name="to_default" value="retrain_after"' in page.content.decode()
    sent = filled(project, max_new_tokens="99").data | {"to_default": "retrain_after"}
    form = admin.post(url_of(project), sent).context["form"]
    shown = shown_of(form)
    assert (shown["retrain_after"].bound.value(), shown["retrain_after"].was) == (100, "30")
    assert shown["max_new_tokens"].bound.value() == "99"
    assert LoopSettings.objects.get(project=project).retrain_after == 30


def test_a_folded_setting_that_is_not_saved_is_unfolded(admin: Client, project: Project) -> None:
    sent = filled(project).data | {"recipe": "careful"}
    groups = list(admin.post(url_of(project), sent).context["form"].groups())
    assert [group.is_open for group in groups] == [True, False, False, True]


def test_how_people_are_asked_goes_back_to_its_default_too(admin: Client, project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(overlap=3, gold_share=0.2, aspects=["kind"])
    url = url_of(project, "project-settings")
    form = admin.get(url).context["form"]
    shown = shown_of(form)
    unusual = {name: one.usual for name, one in shown.items() if one.usual}
    assert unusual == {"overlap": "1", "gold_share": "5", "aspects": "empty"}
    sent = {bound.html_name: bound.value() for bound in form if bound.value() not in (False, None)}
    sent |= {f"initial-{name}": value for name, value in sent.items()}
    sent |= {"to_default": "gold_share"}
    form = admin.post(url, sent).context["form"]
    assert shown_of(form)["gold_share"].bound.value() == "5"
    assert Project.objects.get(pk=project.pk).gold_share == 0.2


def test_both_pages_of_the_settings_lead_to_each_other(admin: Client, project: Project) -> None:
    for name, other in [
        ("project-settings", "project-loop-settings"),
        ("project-loop-settings", "project-settings"),
    ]:
        page = admin.get(url_of(project, name)).content.decode()
        assert f'href="{url_of(project, other)}"' in page
