"""An undo brings back what was answered, in every field, with a script or without."""

from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse

from labeling.judging.recording import undo_answer_to
from labeling.models import Judgment, Project, User
from labeling.queue import handout, leases
from tests.factories import (
    claim,
    claim_and_judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    run_out,
)

pytestmark = pytest.mark.django_db
CHIPS = ["clearer", "safer"]


class Form(HTMLParser):
    """What the form on the page holds: fields with their values, and the button pressed before."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.pressed: list[str] = []
        self._text: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and "checked" in given:
            self.fields.append((given["name"], given["value"]))
        if tag == "button" and "was-given" in given.get("class", ""):
            self.pressed.append(given["value"])
        if tag == "textarea":
            self._text = given["name"]

    def handle_data(self, data: str) -> None:
        if self._text:
            # A browser drops the first newline of a text area.
            self.fields.append((self._text, data.removeprefix("\n")))
            self._text = None


@pytest.fixture
def labeler() -> User:
    project = make_project(
        random_share=0,
        scale="strength",
        aspects=["helpful", "honest"],
        reason_chips=CHIPS,
        allow_rewrite=True,
    )
    return make_member(project, name="ada")


@pytest.fixture
def project(labeler: User) -> Project:
    return Project.objects.get()


@pytest.fixture
def page(client: Client, labeler: User) -> Client:
    client.force_login(labeler)
    return client


def answer(page: Client, project: Project, **fields: object) -> Judgment:
    page.get(reverse("label", args=[project.slug]))
    held = handout.current_or_next(User.objects.get(username="ada"), project)
    assert held is not None
    assert page.post(reverse("judge", args=[held.uuid]), fields).status_code == 302
    return Judgment.objects.order_by("-id")[0]


def undone(page: Client, project: Project) -> Form:
    page.post(reverse("undo", args=[project.slug]))
    return Form(page.get(reverse("label", args=[project.slug])).content.decode())


FULL = {
    "choice": "right-3",
    "rationale": "\n Two lines,\n  indented",
    "reasons": ["safer"],
    "aspect-0": "left",
    "aspect-1": "same",
    "rewrite": "Better\n    still",
}


def test_everything_that_was_answered_comes_back_without_a_script(
    page: Client, project: Project
) -> None:
    make_comparison(project)
    judgment = answer(page, project, **FULL)
    form = undone(page, project)
    assert form.pressed == ["right-3"]
    assert set(form.fields) == {
        ("reasons", "safer"),
        ("aspect-0", "left"),
        ("aspect-1", "same"),
        ("rationale", judgment.rationale),
        ("rewrite", judgment.rewrite.text if judgment.rewrite else ""),
    }


def test_a_script_gets_the_same_and_hears_what_was_said(page: Client, project: Project) -> None:
    make_comparison(project)
    answer(page, project, **FULL)
    reply = page.post(reverse("undo", args=[project.slug]), headers={"HX-Request": "true"})
    html = reply.content.decode()
    assert Form(html).pressed == ["right-3"]
    assert "You had said: B much better." in html


def test_a_ranking_comes_back_with_its_places(page: Client, project: Project) -> None:
    Project.objects.update(scale="ranking", aspects=[])
    make_comparison(project, ("One.", "Two.", "Three."))
    places = {"place-A": "2", "place-B": "1", "place-C": "2"}
    answer(page, project, choice="rank", **places)
    form = undone(page, project)
    assert set(places.items()) <= set(form.fields)


def test_a_flag_and_a_skip_come_back_marked(page: Client, project: Project) -> None:
    Project.objects.update(aspects=[])
    make_comparison(project)
    answer(page, project, choice="flag-unsafe", rationale="Look at this")
    form = undone(page, project)
    assert form.pressed == ["flag-unsafe"]
    assert ("rationale", "Look at this") in form.fields
    answer(page, project, choice="skip")
    assert undone(page, project).pressed == ["skip"]


def test_a_reason_that_the_project_has_taken_away_comes_back_ticked(
    page: Client, project: Project
) -> None:
    make_comparison(project)
    answer(page, project, **FULL)
    Project.objects.update(reason_chips=["clearer"])
    assert ("reasons", "safer") in undone(page, project).fields


def test_what_was_taken_back_comes_back_after_its_lease_has_run_out_too(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparison(project)
    answer(page, project, **FULL)
    undone(page, project)
    held = handout.current_or_next(labeler, project)
    assert held is not None
    run_out(held)
    leases.expire_leases()
    html = page.get(reverse("label", args=[project.slug])).content.decode()
    assert Form(html).pressed == ["right-3"]


def test_a_fresh_comparison_comes_empty(page: Client, project: Project) -> None:
    make_comparisons(project, 2)
    answer(page, project, **FULL)
    form = Form(page.get(reverse("label", args=[project.slug])).content.decode())
    assert (form.pressed, [value for _, value in form.fields if value]) == ([], [])


def test_an_answer_that_never_arrived_takes_no_other_back(project: Project, labeler: User) -> None:
    make_comparisons(project, 2)
    done = claim_and_judge(labeler, project).judgment
    held = claim(labeler, project)
    assert held is not None
    assert not undo_answer_to(held.uuid, labeler, project)
    done.refresh_from_db()
    assert done.superseded_at is None
    assert undo_answer_to(done.assignment.uuid, labeler, project)
    done.refresh_from_db()
    held.refresh_from_db()
    assert done.superseded_at is not None
    assert held.state == held.State.LEASED


def test_a_page_of_somebody_else_undoes_nothing(page: Client, project: Project) -> None:
    make_comparisons(project, 3)
    answer(page, project, **FULL)
    held = claim(make_member(project), project)
    assert held is not None
    reply = page.post(reverse("undo", args=[project.slug]), {"on_screen": held.uuid})
    assert reply.status_code == 409
    assert Judgment.objects.filter(superseded_at=None).count() == 1
