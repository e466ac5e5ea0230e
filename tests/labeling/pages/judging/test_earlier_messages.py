"""Tables of conversations say how much came before the last message, and let one read it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.curation.set_aside import set_aside
from labeling.material.excerpts import with_excerpts
from labeling.models import Preference, Project, Prompt, Role
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
)

pytestmark = pytest.mark.django_db
TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "First question"},
    {"role": "assistant", "content": "First answer"},
    {"role": "user", "content": "And then?"},
]


@pytest.fixture
def project() -> Project:
    project = make_project(random_share=0)
    make_comparison(project, prompt=make_prompt(project, messages=TURNS))
    return project


@pytest.fixture
def curator(client: Client, project: Project) -> Client:
    client.force_login(make_member(project, Role.CURATOR))
    return client


def test_a_row_of_preferences_counts_them_and_its_drawer_shows_them(
    curator: Client, project: Project
) -> None:
    claim_and_judge(make_member(project), project)
    assert "3 earlier messages" in curator.get(reverse("preferences", args=[project.slug])).text
    preference = Preference.objects.get()
    drawer = curator.get(reverse("preference", args=[project.slug, preference.pk])).text
    assert "First question" in drawer and "First answer" in drawer


@pytest.mark.parametrize(
    ("messages", "count"), [(TURNS, 3), (TURNS[-1:], 0), ([], 0), ({"role": "user"}, 0), ("x", 0)]
)
def test_earlier_messages_are_counted_by_the_database_whatever_is_stored(
    project: Project, messages: Any, count: int
) -> None:
    claim_and_judge(make_member(project), project)
    Prompt.objects.update(messages=messages)
    assert with_excerpts(Preference.objects.all()).get().earlier_messages == count  # type: ignore[attr-defined]
    assert len(Prompt.objects.get().earlier_messages) == count


def test_a_flagged_and_a_set_aside_conversation_are_read_on_their_page(
    curator: Client, project: Project
) -> None:
    held = claim(make_member(project), project)
    assert held is not None
    judge(held, "skip")
    held.judgments.update(kind="flag", flag="unsafe")
    page = curator.get(reverse("flagged", args=[project.slug])).text
    assert "3 earlier messages" in page and "First answer" in page
    other = claim(make_member(project), project)
    assert other is not None
    set_aside(other, "It cannot be shown.")
    page = curator.get(reverse("flagged", args=[project.slug])).text
    assert page.count("3 earlier messages") == 2
