"""The settings of the loop as a page: recipes, what is not at its default, the way back."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import AuditEntry, Project, Role
from modeling.models import LoopSettings
from modeling.pages.loop import settings
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


def test_a_fold_says_which_of_its_settings_are_not_saved(admin: Client, project: Project) -> None:
    LoopSettings.objects.update(top_p=0.9, reward_members=2)
    sent = filled(project).data | {"recipe": "careful"}
    response = admin.post(url_of(project), sent)
    groups = list(response.context["form"].groups())
    assert [[one.bound.name for one in group.unsaved] for group in groups] == [
        ["reward_members", "reward_bootstrap", "aggregate"], [], [], ["comparison_size"],
    ]  # fmt: skip
    assert [[one.bound.name for one in group.unusual] for group in groups] == [
        [], [], ["top_p"], [],
    ]  # fmt: skip
    page = " ".join(response.content.decode().split())
    assert '<a href="#id_reward_members">Models in the ensemble</a> 4 (saved is 2)' in page
    assert '<a href="#id_top_p">Top-p</a> 0.9 (default is 1.0)' in page
    assert 'more-settings" open' not in page


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


@pytest.fixture
def curator(project: Project) -> Client:
    client = Client()
    client.force_login(make_member(project, Role.CURATOR, "cora"))
    return client


def test_a_curator_sees_every_setting_and_can_type_in_what_is_theirs(
    curator: Client, project: Project
) -> None:
    page = curator.get(url_of(project))
    form = page.context["form"]
    assert set(form.fields) == set(SETTINGS)
    enabled = {name for name, field in form.fields.items() if not field.disabled}
    assert enabled == {"selection", "selection_patience"}
    words = page.content.decode()
    once_more_in_the_notice = 1
    assert words.count("Curators may change this, too.") == len(enabled) + once_more_in_the_notice
    assert 'name="recipe"' not in words
    assert "You are a curator of this project" in words


def test_the_page_says_who_may_change_what(admin: Client, project: Project) -> None:
    page = admin.get(url_of(project)).content.decode()
    assert page.count("Curators may change this, too.") == 2
    assert "Admins of the project change these settings; curators those that say so." in page
    other = admin.get(url_of(project, "project-settings")).content.decode()
    assert "Admins of the project change these settings." in other


def test_a_curator_saves_what_is_theirs(curator: Client, project: Project) -> None:
    sent = {"selection": "random", "initial-selection": "uncertainty"}
    sent |= {"selection_patience": "5", "initial-selection_patience": "5"}
    assert curator.post(url_of(project), sent).status_code == 302
    assert LoopSettings.objects.get(project=project).selection == "random"
    assert AuditEntry.objects.get(action="change settings").details["changes"] == {
        "selection": ["uncertainty", "random"]
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("retrain_after", "16"), ("improvement", "ppo"), ("base_model", "org/model"),
     ("learning_curve", "on"), ("reward_label_smoothing", "5"), ("reward_epochs", "no number")],
)  # fmt: skip
def test_what_a_curator_may_not_change_is_refused_in_words_not_dropped(
    curator: Client, project: Project, name: str, value: str
) -> None:
    sent = filled(project, selection="random").data | {name: value}
    response = curator.post(url_of(project), sent)
    assert response.status_code == 422
    assert response.context["form"].errors == {name: ["Only admins of the project change this."]}
    assert LoopSettings.objects.get(project=project).selection == "uncertainty"


def test_a_box_that_an_admin_of_yesterday_unticks_is_refused(
    curator: Client, project: Project
) -> None:
    sent = {name: value for name, value in filled(project).data.items() if name != "loop_enabled"}
    response = curator.post(url_of(project), sent)
    assert list(response.context["form"].errors) == ["loop_enabled"]


def test_a_page_of_an_admin_of_yesterday_that_changes_a_curators_setting_is_saved(
    curator: Client, project: Project
) -> None:
    sent = filled(project, selection_patience="7").data
    assert curator.post(url_of(project), sent).status_code == 302
    assert LoopSettings.objects.get(project=project).selection_patience == 7


def test_a_recipe_sent_by_a_curator_is_refused_by_its_settings(
    curator: Client, project: Project
) -> None:
    sent = filled(project).data | {"recipe": "careful"}
    response = curator.post(url_of(project), sent)
    assert response.status_code == 422
    assert "improvement" in response.context["form"].errors
    assert not AuditEntry.objects.exists()


def test_a_curator_is_shown_no_path_and_no_way_back_to_a_default(
    curator: Client, project: Project
) -> None:
    LoopSettings.objects.update(base_model="/srv/secret/base", selection="random", kl_budget=5.0)
    page = curator.get(url_of(project)).content.decode()
    assert "/srv/secret" not in page and "…/base" in page
    assert 'name="to_default" value="selection"' in page
    assert 'name="to_default" value="kl_budget"' not in page
    assert "Not at its default, which is 10.0." in page


def test_the_way_to_the_settings_is_the_page_that_the_role_opens(
    admin: Client, curator: Client, project: Project
) -> None:
    rounds = reverse("rounds", args=[project.slug])
    people, loop = url_of(project, "project-settings"), url_of(project)
    assert f'href="{people}"' in admin.get(rounds).content.decode()
    shown = curator.get(rounds).content.decode()
    assert f'href="{loop}"' in shown and f'href="{people}"' not in shown
    assert f'href="{people}"' not in curator.get(loop).content.decode()


def test_settings_that_a_colleague_has_made_contradictory_meanwhile_are_refused(
    admin: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form was checked against what it had read before the other change."""
    sent = filled(project, reward_members="4").data
    real = settings.change_loop_settings

    def overtaken(*given: Any, **options: Any) -> Any:
        LoopSettings.objects.update(reward_heads=8)
        return real(*given, **options)

    monkeypatch.setattr(settings, "change_loop_settings", overtaken)
    response = admin.post(url_of(project), sent)
    assert response.status_code == 422
    sentence = "Several heads or several models, not both."
    assert response.context["form"].errors == {"reward_members": [sentence]}
    assert LoopSettings.objects.get(project=project).reward_members == 1


def test_a_fold_names_five_of_its_marks_and_counts_the_rest(
    admin: Client, project: Project
) -> None:
    """A list as long as the fold would be no shorter than the fold."""
    LoopSettings.objects.update(
        reward_epochs=3, reward_batch_size=8, reward_centering=0.1, reward_ties="davidson",
        reward_rankings="plackett_luce", learning_curve=True, reward_max_length=512,
    )  # fmt: skip
    response = admin.get(url_of(project))
    learning = next(iter(response.context["form"].groups()))
    assert len(learning.unusual) == 7
    page = response.content.decode()
    assert page.count("(default is ") == 5
    assert " · and 2 more</p>" in page
