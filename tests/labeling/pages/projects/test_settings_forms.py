"""Forms of settings: shares as per cent, lists of words, defaults, and what was changed."""

from typing import Any

import pytest
from django import forms
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Project, Role
from labeling.pages.projects.forms import SHARES, SettingsForm
from labeling.pages.projects.mode_forms import WordsField, preview_context
from labeling.pages.projects.sectioned_forms import PercentField, as_percent, refilled, set_back
from tests.factories import make_member, make_project

SHARE = PercentField(min_value=0.01, max_value=0.999, required=False)
WORDS = WordsField(most=3, longest=5)


@given(st.integers(1, 99_900))
def test_a_share_comes_back_from_its_field_as_it_went_in(thousandths: int) -> None:
    share = thousandths / 100_000
    assert PercentField().clean(as_percent(share)) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "share"), [("1", 0.01), ("99.9", 0.999), ("", None), (" 20 ", 0.2)]
)
def test_per_cent_become_a_share_up_to_its_limits(text: str, share: float | None) -> None:
    assert SHARE.clean(text) == share


@pytest.mark.parametrize("text", ["0.9", "99.91", "100", "-5", "nan", "inf", "1e999", "20 %", "x"])
def test_per_cent_beyond_the_limits_are_refused(text: str) -> None:
    with pytest.raises(forms.ValidationError):
        SHARE.clean(text)


def test_the_limits_stand_in_the_field_as_per_cent() -> None:
    attributes = SHARE.widget_attrs(forms.NumberInput())
    assert (attributes["min"], attributes["max"]) == ("1", "99.9")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" , ,", []),
        ("a,b", ["a", "b"]),
        (" a  b ,c", ["a b", "c"]),
        ("a,a, a", ["a"]),
        ("ä,ß", ["ä", "ß"]),
    ],
)
def test_words_stand_between_commas_each_once(text: str, words: list[str]) -> None:
    assert WORDS.clean(text) == words
    assert WORDS.clean(WORDS.prepare_value(words)) == words


def test_as_many_and_as_long_words_as_are_allowed() -> None:
    assert WORDS.clean("a,b,fünf5") == ["a", "b", "fünf5"]
    with pytest.raises(forms.ValidationError, match=r"At most 3\."):
        WORDS.clean("a,b,c,d")
    with pytest.raises(forms.ValidationError, match="Each has at most 5 characters"):
        WORDS.clean("sechs6")


def test_the_same_words_otherwise_written_are_no_change() -> None:
    assert not WORDS.has_changed(["a", "b"], " a ,b,")
    assert WORDS.has_changed(["a", "b"], "b,a")


# Set back and typed over


def test_what_is_typed_over_replaces_one_field_and_keeps_the_others() -> None:
    sent = QueryDict("name=a&is_on=on&also=on&count=3&list=x")
    data = refilled(sent, {"count": 7, "is_on": False, "new": True, "empty": None})
    assert data.dict() == {
        "name": "a", "also": "on", "count": 7, "list": "x", "new": "on", "empty": "",
    }  # fmt: skip
    assert sent.dict()["count"] == "3"  # what was sent stays as it is


@pytest.mark.django_db
def test_every_setting_with_a_default_can_be_set_back_to_it() -> None:
    project = make_project(overlap=3)
    form = SettingsForm(instance=project)
    usual = form.usual_values()
    assert {"name", "description"}.isdisjoint(usual)
    for name in form.fields:
        expected = {name: usual[name]} if name in usual else {}
        assert set_back(form, name) == expected
    assert set_back(form, "no_such_setting") == {}
    assert set_back(form, "overlap") == {"overlap": Project().overlap}


@pytest.mark.django_db
def test_shares_are_shown_as_per_cent_and_their_defaults_too() -> None:
    form = SettingsForm(instance=make_project(gold_share=0.125))
    assert form.initial["gold_share"] == "12.5"
    usual = form.usual_values()
    assert all(usual[name] == as_percent(getattr(Project(), name)) for name in SHARES)


@pytest.mark.django_db
def test_the_page_sets_a_field_back_without_saving(client: Any) -> None:
    project = make_project(overlap=3, name="Ours")
    client.force_login(make_member(project, Role.ADMIN))
    url = f"/projects/{project.slug}/settings/"
    data = {"name": "Typed, not saved", "overlap": "3", "initial-overlap": "3"}
    page = client.post(url, data | {"to_default": "overlap"})
    form = page.context["form"]
    assert (form["overlap"].value(), form["name"].value()) == (
        Project().overlap,
        "Typed, not saved",
    )
    project.refresh_from_db()
    assert (project.overlap, project.name) == (3, "Ours")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["slug", "no_such_setting", "", "__class__"])
def test_setting_back_what_is_no_setting_does_no_harm(client: Any, name: str) -> None:
    project = make_project(slug="ours")
    client.force_login(make_member(project, Role.ADMIN))
    answer = client.post("/projects/ours/settings/", {"to_default": name, "name": ""})
    assert answer.status_code == 422
    project.refresh_from_db()
    assert project.slug == "ours"


# The preview


@pytest.mark.parametrize(
    ("settings", "letters"),
    [
        ({}, "AB"),
        ({"scale": "ranking", "ranked_responses": 3}, "ABC"),
        ({"scale": "ranking", "ranked_responses": 9}, "ABCDEFGHI"),
        ({"scale": "ranking", "ranked_responses": 10**6}, "ABCDEFGHI"),
        ({"scale": "ranking", "ranked_responses": 0}, "AB"),
    ],
)
def test_a_preview_has_as_many_responses_as_can_be_shown(
    settings: dict[str, Any], letters: str
) -> None:
    sides = preview_context(Project(**settings))["sides"]
    assert "".join(side["letter"] for side in sides) == letters


@pytest.mark.django_db
@pytest.mark.parametrize(
    "data",
    [
        {},
        {"scale": "none"},
        {"scale": "ranking", "ranked_responses": "x"},
        {"scale": "ranking", "ranked_responses": "9" * 400},
        {"aspects": "a" * 5000, "shows-all": "1"},
        {"question": "<script>alert(1)</script>"},
    ],
)
def test_a_preview_takes_whatever_is_still_being_typed(client: Any, data: dict[str, str]) -> None:
    client.force_login(make_member(make_project()))
    answer = client.post("/projects/preview/", data)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()
    assert Project.objects.count() == 1
