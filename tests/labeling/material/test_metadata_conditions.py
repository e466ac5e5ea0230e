"""`metadata.KEY=VALUE` finds preferences by what is known of the prompt or of one response."""

from typing import Any

import pytest
from django.test import Client

from labeling.material.metadata_conditions import (
    ConditionRefused,
    MetadataCondition,
    conditions_in,
    with_metadata,
)
from labeling.models import Preference, Project, Role, Scope
from tests.factories import client_with_token, make_member, make_project
from tests.labeling.importing.test_importing_metadata import take

pytestmark = pytest.mark.django_db

ROW = {
    "prompt": "Why?",
    "chosen": "a",
    "rejected": "b",
    "metadata": {
        "n": 5, "text": "5", "half": 0.5, "yes": True, "list": ["x", 7, False],
        "in": {"lang": "de", "deep": {"er": "z"}}, "a.b": "dotted", 'q"uo\\te': "%'s", "Ü": "ß",
        "big": 2**70, "word": "true", "empty": {},
    },
    "chosen_metadata": {"score": 8.0},
    "rejected_metadata": {"judge": "nobody"},
}  # fmt: skip


def found(project: Project, **conditions: str) -> bool:
    wanted = [MetadataCondition(key, value) for key, value in conditions.items()]
    return with_metadata(Preference.objects.filter(project=project), wanted).exists()


@pytest.mark.parametrize(
    ("key", "value", "is_found"),
    [
        ("n", "5", True),
        ("n", "5.0", True),
        ("n", '"5"', False),
        ("n", "6", False),
        ("text", "5", True),
        ("text", '"5"', True),
        ("text", "5.0", False),
        ("half", "0.5", True),
        ("yes", "true", True),
        ("yes", "1", False),
        ("yes", '"true"', False),
        ("word", "true", True),
        ("list", "x", True),
        ("list", "7", True),
        ("list", "false", True),
        ("list", "8", False),
        ("in.lang", "de", True),
        ("in.deep.er", "z", True),
        ("in.deep", "z", False),
        ("in.lang.de", "de", False),
        ("a.b", "dotted", True),
        ('q"uo\\te', "%'s", True),
        ("Ü", "ß", True),
        ("big", str(2**70), True),
        ("score", "8", True),
        ("judge", "nobody", True),
        ("none", "null", False),
        ("n", "NaN", False),
        ("n", "9" * 400, False),
        ("n", "[5]", False),
        ("n' OR 1=1 --", "5", False),
    ],
)
def test_a_value_is_found_by_its_key_and_type(key: str, value: str, is_found: bool) -> None:
    take(project := make_project(), ROW, {"prompt": "x", "chosen": "c", "rejected": "d"})
    assert found(project, **{key: value}) is is_found


def test_all_conditions_hold_whoever_they_are_of() -> None:
    take(project := make_project(), ROW)
    assert found(project, n="5", score="8")
    assert not found(project, n="5", score="7")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"metadata.": "x"}, "Name a key"),
        ({"metadata." + "k" * 201: "x"}, "Name a key of at most 200"),
        ({"metadata.k": "v" * 501}, "at most 500 characters"),
        ({"metadata.k": "a\x00"}, "NUL"),
        ({f"metadata.k{n}": "v" for n in range(11)}, "At most 10 keys"),
    ],
)
def test_what_no_metadata_can_meet_is_refused(data: dict[str, str], words: str) -> None:
    with pytest.raises(ConditionRefused, match=words):
        conditions_in(data)


@pytest.fixture
def curator() -> tuple[Client, Project]:
    take(project := make_project(), ROW, {"prompt": "x", "chosen": "c", "rejected": "d"})
    return client_with_token(make_member(project, Role.CURATOR), Scope.READ), project


def rows(curator: tuple[Client, Project], **query: Any) -> Any:
    client, project = curator
    return client.get(f"/api/v1/projects/{project.slug}/preferences/", query)


def test_the_api_takes_the_same_conditions(curator: tuple[Client, Project]) -> None:
    answer = rows(curator, **{"metadata.in.lang": "de"}).json()
    assert [row["metadata"].count('"lang":"de"') for row in answer["results"]] == [1]
    assert len(rows(curator).json()["results"]) == 2
    assert rows(curator, **{"metadata.in.lang": "fr", "style": "verl"}).json()["results"] == []
    assert len(rows(curator, **{"metadata.n": "5", "style": "verl"}).json()["results"]) == 1


def test_a_cursor_belongs_to_its_conditions(curator: tuple[Client, Project]) -> None:
    first = rows(curator, **{"metadata.n": "5", "cursor": ""}).json()
    assert len(first["results"]) == 1
    assert rows(curator, **{"metadata.n": "5", "cursor": first["cursor"]}).status_code == 200
    assert rows(curator, cursor=first["cursor"]).status_code == 400
    assert rows(curator, **{"metadata.n": "6", "cursor": first["cursor"]}).status_code == 400


@pytest.mark.parametrize(
    "query", [{"metadata.n": ["5", "6"]}, {"metadata.": "x"}, {"metadata": "x"}, {"metadatan": "5"}]
)
def test_a_condition_that_is_none_is_refused(
    curator: tuple[Client, Project], query: dict[str, Any]
) -> None:
    answer = rows(curator, **query)
    assert answer.status_code == 400 and next(iter(query)) in str(answer.json())
