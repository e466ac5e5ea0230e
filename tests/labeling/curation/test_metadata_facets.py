"""The filter offers the metadata that preferences have, and the page finds and shows it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.curation.finding import PreferenceFilter, Window
from labeling.curation.metadata_facets import metadata_facets
from labeling.models import Project, Role
from tests.factories import make_member, make_project
from tests.labeling.importing.test_importing_metadata import take

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    made = make_project()
    rows: list[dict[str, Any]] = [
        {
            "prompt": f"{n}?",
            "chosen": "a",
            "rejected": "b",
            "id": n,
            "lang": "de" if n % 3 else "en",
        }
        for n in range(6)
    ]
    rows[0]["chosen_metadata"] = {"writer": {"size": "7B"}}
    rows[1]["chosen_metadata"] = {"writer": {"size": "7B"}}
    take(made, *rows)
    return made


def facets(project: Project, **data: str) -> dict[str, list[tuple[str, int, bool]]]:
    wanted = PreferenceFilter.parse({f"metadata.{key}": value for key, value in data.items()})
    return {
        facet.key: [(one.label, one.count, one.selected) for one in facet.choices]
        for facet in metadata_facets(project, wanted, Window())
    }


def test_keys_whose_values_repeat_are_offered_and_ids_are_not(project: Project) -> None:
    assert facets(project) == {
        "lang": [("de", 4, False), ("en", 2, False)],
        "writer.size": [("7B", 2, False)],
    }


def test_a_choice_that_is_made_is_shown_also_where_nothing_has_it(project: Project) -> None:
    assert facets(project, lang="en")["lang"] == [("en", 2, True)]
    assert facets(project, lang="fr") == {"lang": [("fr", 0, True)]}


def test_a_click_brings_what_it_says_and_a_second_one_takes_it_back(project: Project) -> None:
    client = Client()
    client.force_login(make_member(project, Role.CURATOR))
    table = reverse("preferences", args=[project.slug])
    page = client.get(table)
    (facet, _) = page.context["metadata_facets"]
    narrowed = client.get(f"{table}?{facet.choices[0].query}")
    assert narrowed.context["total"] == 4
    assert narrowed.context["chips"][0][0] == "lang is de"
    (chosen,) = [one for one in narrowed.context["metadata_facets"][0].choices if one.selected]
    assert client.get(f"{table}?{chosen.query}").context["total"] == 6
    assert b"<bdi>lang</bdi>" in page.content


def test_a_curator_sees_what_is_known_of_prompt_and_responses(project: Project) -> None:
    client = Client()
    client.force_login(make_member(project, Role.CURATOR))
    preference = project.preferences.order_by("pk").first()
    page = client.get(reverse("preference", args=[project.slug, preference.pk])).content.decode()
    assert '<dt><bdi>lang</bdi></dt><dd dir="auto">en</dd>' in page
    assert "{&quot;size&quot;:&quot;7B&quot;}" in page


@pytest.mark.parametrize("query", ["metadata.=x", "metadata.k=%00", f"metadata.k={'v' * 501}"])
def test_a_condition_that_is_none_is_said_on_the_page(project: Project, query: str) -> None:
    client = Client()
    client.force_login(make_member(project, Role.CURATOR))
    page = client.get(f"{reverse('preferences', args=[project.slug])}?{query}")
    assert page.status_code == 422 and b'role="alert"' in page.content
