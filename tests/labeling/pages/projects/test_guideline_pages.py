"""Pages of guidelines: texts at their limits, whole histories, and numbers of versions."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Project, Role
from labeling.projects.editing import MAX_GUIDELINES
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(client: Client) -> Project:
    project = make_project()
    client.force_login(make_member(project, Role.CURATOR))
    return project


def save(client: Client, project: Project, text: str, written_on: Any = 1) -> Any:
    url = reverse("guidelines-edit", args=[project.slug])
    return client.post(url, {"text": text, "written_on": written_on})


def newest(project: Project) -> tuple[int, str]:
    version = project.guideline_versions.order_by("-number").first()
    assert version is not None
    return version.number, version.text


def history(client: Client, project: Project, **query: str) -> Any:
    return client.get(reverse("guidelines-history", args=[project.slug]), query)


@pytest.mark.parametrize("length", [1, MAX_GUIDELINES])
def test_a_text_of_any_allowed_length_is_a_version(
    client: Client, project: Project, length: int
) -> None:
    assert save(client, project, "ü" * length).status_code == 302
    assert newest(project) == (2, "ü" * length)


def test_a_text_beyond_the_limit_is_refused_whole_and_stays_in_the_form(
    client: Client, project: Project
) -> None:
    text = "x" * (MAX_GUIDELINES + 1)
    answer = save(client, project, text)
    assert answer.status_code == 422
    assert answer.context["form"]["text"].value() == text
    assert newest(project)[0] == 1


@pytest.mark.parametrize("written_on", ["", "x", "-1", "1.5"])
def test_a_form_that_does_not_say_what_it_changes_changes_nothing(
    client: Client, project: Project, written_on: str
) -> None:
    assert save(client, project, "New.", written_on).status_code == 422
    assert newest(project)[0] == 1


@pytest.mark.parametrize("written_on", [0, 2, 10**30])
def test_a_form_of_a_version_that_is_not_the_newest_is_told_of_it(
    client: Client, project: Project, written_on: int
) -> None:
    answer = save(client, project, "New.", written_on)
    assert answer.status_code == 422
    assert answer.context["form"].errors["text"]
    assert answer.context["form"]["text"].value() == "New."
    assert newest(project)[0] == 1


@pytest.mark.parametrize("number", ["x", "-1", "", "9" * 19, "99", "1.0", "²"])
@pytest.mark.parametrize("name", ["old", "new"])
def test_a_version_that_is_none_is_not_found_in_words(
    client: Client, project: Project, name: str, number: str
) -> None:
    assert history(client, project, **{name: number}).status_code == 404


def test_before_the_first_version_there_was_nothing(client: Client, project: Project) -> None:
    context = history(client, project).context
    assert (context["old"].number, context["new"].number) == (0, 1)
    assert history(client, project, old="0", new="0").context["lines"] is not None


def test_two_versions_are_compared_in_either_direction(client: Client, project: Project) -> None:
    save(client, project, "Prefer the short one.")
    forth, back = (
        history(client, project, old=old, new=new).context for old, new in (("1", "2"), ("2", "1"))
    )
    assert (forth["old"].number, forth["new"].number) == (1, 2)
    assert (back["old"].number, back["new"].number) == (2, 1)


def test_a_project_without_guidelines_has_an_empty_history(client: Client) -> None:
    project = make_project()
    Project.objects.filter(pk=project.pk).update(guidelines=None)
    project.guideline_versions.all().delete()
    client.force_login(make_member(project, Role.CURATOR))
    answer = history(client, project)
    assert (answer.status_code, "new" in answer.context) == (200, False)
    assert save(client, project, "The first.", 0).status_code == 302
    assert newest(project) == (1, "The first.")


def test_scripts_in_guidelines_are_shown_and_not_run(client: Client, project: Project) -> None:
    save(client, project, "<script>alert(1)</script> [x](javascript:alert(2))")
    for name in ("guidelines", "guidelines-history", "guidelines-edit"):
        page = client.get(reverse(name, args=[project.slug])).content.decode()
        assert "<script>alert" not in page
        assert 'href="javascript:' not in page
