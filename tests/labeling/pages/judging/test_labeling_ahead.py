"""The comparison after the one on screen: handed out early, never more than two, given back; and
what the labeler reads when an answer is not simply counted."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from labeling.models import Assignment, Comparison, Judgment, Membership, Project, User
from labeling.queue import leases
from tests.factories import judge, make_comparison, make_comparisons, make_member, make_project

pytestmark = pytest.mark.django_db
HTMX: dict[str, Any] = {"HTTP_HX_REQUEST": "true"}
SQL_BUDGET = 10


@pytest.fixture
def project() -> Project:
    return make_project(name="Kindness")


@pytest.fixture
def labeler(project: Project) -> User:
    return make_member(project, name="ada")


@pytest.fixture
def page(client: Client, labeler: User, project: Project) -> Client:
    client.force_login(labeler)
    return client


def held(labeler: User) -> list[Assignment]:
    leased = Assignment.objects.filter(labeler=labeler, state=Assignment.State.LEASED)
    return list(leased.order_by("leased_at"))


def open_page(page: Client, project: Project, labeler: User) -> Assignment:
    page.get(reverse("label", args=[project.slug]))
    return held(labeler)[0]


def ask_ahead(page: Client, project: Project, on_screen: UUID) -> str:
    url = reverse("ahead", args=[project.slug])
    response = page.post(url, {"on_screen": str(on_screen)}, **HTMX)
    assert response.status_code in (200, 204)
    return str(response.content.decode())


def answer(page: Client, assignment: Assignment, choice: str = "left", on_screen: str = "") -> str:
    url = reverse("judge", args=[assignment.uuid])
    response = page.post(url, {"choice": choice, "on_screen": on_screen}, **HTMX)
    assert response.status_code == 200, response.content
    return str(response.content.decode())


def test_next_one_is_handed_out_while_the_first_is_read(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparisons(project, 3)
    first = open_page(page, project, labeler)
    for _ in range(2):  # asking again hands out no third
        html = ask_ahead(page, project, first.uuid)
        assert [str(one.uuid) in html for one in held(labeler)] == [False, True]


def test_answer_brings_the_one_after_the_one_on_screen(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparisons(project, 3)
    first = open_page(page, project, labeler)
    ask_ahead(page, project, first.uuid)
    second = held(labeler)[1]
    html = answer(page, first, on_screen=str(second.uuid))
    now = held(labeler)
    assert now[0] == second
    assert len(now) == 2
    assert str(now[1].uuid) in html


def test_answer_of_a_page_that_shows_nothing_else_brings_what_is_held(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparisons(project, 3)
    first = open_page(page, project, labeler)
    ask_ahead(page, project, first.uuid)
    second = held(labeler)[1]
    assert str(second.uuid) in answer(page, first)
    assert held(labeler) == [second]


def test_reload_shows_the_one_that_was_on_screen(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparisons(project, 3)
    first = open_page(page, project, labeler)
    ask_ahead(page, project, first.uuid)
    page.post(reverse("heartbeat", args=[first.uuid]))
    html = page.get(reverse("label", args=[project.slug])).content.decode()
    assert f'data-assignment="{first.uuid}"' in html


def test_two_windows_see_the_same_and_the_first_answer_stands(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparisons(project, 3)
    first = open_page(page, project, labeler)
    answer(page, first, "left")
    repeated = answer(page, first, "left")
    assert "data-note" not in repeated, "a repeated request is no second answer"
    contradicting = answer(page, first, "right")
    assert "You had answered this in another window: that answer stands." in contradicting
    assert Judgment.objects.get().tiers == [[first.order[0]], [first.order[1]]]


def test_nothing_ahead_when_the_queue_ends(page: Client, project: Project, labeler: User) -> None:
    make_comparison(project)
    first = open_page(page, project, labeler)
    assert ask_ahead(page, project, first.uuid) == ""


@pytest.mark.parametrize("choice", ["left", "skip"])
def test_answering_ahead_stays_within_the_sql_budget(
    page: Client, project: Project, labeler: User, choice: str
) -> None:
    make_comparisons(project, 20)
    first = open_page(page, project, labeler)
    ask_ahead(page, project, first.uuid)
    second = held(labeler)[1]
    with CaptureQueriesContext(connection) as captured:
        html = answer(page, first, choice, on_screen=str(second.uuid))
    control = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    statements = [q["sql"] for q in captured if not q["sql"].startswith(control)]
    assert 'id="judgment"' in html
    assert len(statements) <= SQL_BUDGET, "\n".join(statements)


def test_closed_page_gives_both_back_after_a_moment(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparisons(project, 2)
    first = open_page(page, project, labeler)
    ask_ahead(page, project, first.uuid)
    both = held(labeler)
    page.post(reverse("let-go"), {"held": [str(one.uuid) for one in both]})
    assert (
        f'data-assignment="{first.uuid}"'
        in page.get(reverse("label", args=[project.slug])).content.decode()
    ), "a reload finds its comparison"
    assert leases.expire_leases(timezone.now() + timedelta(seconds=31)) == 2
    assert Comparison.objects.filter(slots_left=1).count() == 2


def test_nobody_lets_go_of_anothers_comparison(
    client: Client, project: Project, labeler: User
) -> None:
    make_comparison(project)
    client.force_login(labeler)
    first = open_page(client, project, labeler)
    client.force_login(make_member(project, name="teammate"))
    client.post(reverse("let-go"), {"held": [str(first.uuid), "nonsense"]})
    assert held(labeler)[0].expires_at == first.expires_at


def test_heartbeat_keeps_both(page: Client, project: Project, labeler: User) -> None:
    make_comparisons(project, 2)
    first = open_page(page, project, labeler)
    ask_ahead(page, project, first.uuid)
    before = held(labeler)
    page.post(reverse("heartbeat", args=[first.uuid]), {"ahead": str(before[1].uuid)})
    after = held(labeler)
    assert [one.pk for one in after] == [one.pk for one in before]
    assert all(b.expires_at > a.expires_at for a, b in zip(before, after, strict=True))


def test_removed_labeler_is_told_and_writes_nothing(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparison(project)
    first = open_page(page, project, labeler)
    Membership.objects.filter(user=labeler).delete()
    url = reverse("judge", args=[first.uuid])
    response = page.post(url, {"choice": "left"}, **HTMX)
    assert response.status_code == 403
    assert response.content.decode() == "Not saved: you are no longer a member of this project."
    assert not Judgment.objects.exists()


def test_comparison_withdrawn_on_screen_says_so(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparisons(project, 2)
    first = open_page(page, project, labeler)
    Comparison.objects.filter(pk=first.comparison_id).update(state=Comparison.State.WITHDRAWN)
    html = answer(page, first)
    assert "kept but not counted: the comparison was withdrawn meanwhile" in html


def test_answer_after_the_lease_ended_and_another_judged_says_so(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparison(project)
    first = open_page(page, project, labeler)
    leases.expire_leases(timezone.now() + timedelta(days=1))
    teammate = make_member(project, name="teammate")
    page_of_teammate = Client()
    page_of_teammate.force_login(teammate)
    judge(open_page(page_of_teammate, project, teammate), "left")
    html = answer(page, first)
    assert "kept but not counted: it came late" in html
    assert Judgment.objects.get(labeler=labeler).is_surplus


def test_new_guidelines_are_named_by_the_next_comparison(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparisons(project, 3)
    first = open_page(page, project, labeler)
    before = project.guidelines_id
    version = project.guideline_versions.create(number=2, text="Be kinder.")
    Project.objects.filter(pk=project.pk).update(guidelines=version)
    assert f'data-guidelines="{version.pk}"' in answer(page, first)
    assert version.pk != before
