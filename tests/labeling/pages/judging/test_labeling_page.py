"""The labeling page: what it shows and hides, what an answer costs, what goes wrong in words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from labeling.models import (
    Assignment,
    Comparison,
    Judgment,
    Membership,
    Project,
    Response,
    Scale,
    User,
)
from labeling.queue import leases
from labeling.texts.sameness import response_digest
from tests.factories import (
    claim,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_response,
    make_user,
)

pytestmark = pytest.mark.django_db
SQL_BUDGET = 10
# Not statements on data: they open and close transactions.
TRANSACTION = re.compile(r"^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE SAVEPOINT)\b")
HTMX: dict[str, Any] = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def project() -> Project:
    return make_project(name="Kindness")


@pytest.fixture
def labeler(project: Project) -> User:
    return make_member(project, name="ada")


@pytest.fixture
def page(client: Client, labeler: User) -> Client:
    client.force_login(labeler)
    return client


def held(labeler: User) -> Assignment:
    return Assignment.objects.get(labeler=labeler, state=Assignment.State.LEASED)


def shown(client: Client, project: Project) -> str:
    return client.get(reverse("label", args=[project.slug])).content.decode()


def post_choice(client: Client, uuid: Any, choice: str, **data: Any) -> Any:
    htmx: dict[str, Any] = HTMX if data.pop("htmx", True) else {}
    return client.post(reverse("judge", args=[uuid]), {"choice": choice, **data}, **htmx)


@contextmanager
def counted_sql() -> Iterator[list[str]]:
    """Every statement, session and user included; transaction control is left out."""
    statements: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield statements
    statements += [q["sql"] for q in captured if not TRANSACTION.match(q["sql"])]


def test_page_shows_prompt_and_both_responses(page: Client, project: Project) -> None:
    make_comparison(
        project, ("Take **salt**.", "Take soap."), prompt=make_prompt(project, "Stain?")
    )
    html = shown(page, project)
    assert "Stain?" in html
    assert "Take <strong>salt</strong>." in html
    assert "Take soap." in html


def test_page_hides_who_wrote_a_response(page: Client, project: Project) -> None:
    prompt = make_prompt(project, "Stain?")
    make_response(prompt, "One.", source="secret-model-7b", origin="policy", policy_version=31337)
    make_comparison(project, ("One.", "Two."), prompt=prompt)
    html = shown(page, project)
    assert "One." in html
    assert "secret-model" not in html
    assert "31337" not in html


def test_answer_brings_the_next_comparison(page: Client, project: Project, labeler: User) -> None:
    make_comparisons(project, 2)
    shown(page, project)
    first = held(labeler)
    response = post_choice(page, first.uuid, "left", rationale=" Kinder. ", seconds="3.5")
    html = response.content.decode()
    assert html.startswith('<section id="comparison"')
    assert str(held(labeler).uuid) in html
    assert 'data-today="1"' in html
    assert 'data-announce="Saved. Next comparison."' in html
    judgment = Judgment.objects.get(assignment=first)
    assert judgment.tiers == [[first.order[0]], [first.order[1]]]
    assert (judgment.rationale, judgment.seconds) == ("Kinder.", 3.5)


def test_works_without_javascript(page: Client, project: Project, labeler: User) -> None:
    make_comparisons(project, 2)
    html = shown(page, project)
    first = held(labeler)
    assert f'action="{reverse("judge", args=[first.uuid])}"' in html
    response = post_choice(page, first.uuid, "tie", htmx=False)
    assert response.status_code == 302
    assert response["Location"] == reverse("label", args=[project.slug])
    assert Judgment.objects.get(assignment=first).kind == Judgment.Kind.TIE


def test_submitting_twice_keeps_the_first_answer(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparisons(project, 2)
    shown(page, project)
    first = held(labeler)
    post_choice(page, first.uuid, "left")
    again = post_choice(page, first.uuid, "right", today="1")
    assert Judgment.objects.filter(assignment=first).count() == 1
    assert str(held(labeler).uuid) in again.content.decode()
    assert 'data-today="1"' in again.content.decode()


def test_reload_shows_the_same_comparison(page: Client, project: Project, labeler: User) -> None:
    make_comparisons(project, 3)
    shown(page, project)
    first = held(labeler)
    assert str(first.uuid) in shown(page, project)
    assert Assignment.objects.filter(labeler=labeler).count() == 1


def test_undo_brings_the_last_comparison_back(
    page: Client, project: Project, labeler: User
) -> None:
    make_comparisons(project, 2)
    shown(page, project)
    first = held(labeler)
    post_choice(page, first.uuid, "left")
    response = page.post(reverse("undo", args=[project.slug]), **HTMX)
    assert str(first.uuid) in response.content.decode()
    assert 'data-today="0"' in response.content.decode()
    assert held(labeler) == first


def test_undo_without_an_answer_says_so(page: Client, project: Project) -> None:
    url = reverse("undo", args=[project.slug])
    response = page.post(url, **HTMX)
    assert response.status_code == 204
    assert "There is nothing to undo." in response["HX-Trigger"]
    followed = page.post(url, follow=True)
    assert "There is nothing to undo." in followed.content.decode()


def test_skip_is_announced_and_not_counted(page: Client, project: Project, labeler: User) -> None:
    make_comparison(project)
    shown(page, project)
    html = post_choice(page, held(labeler).uuid, "skip").content.decode()
    assert 'data-announce="Skipped. Nothing more to compare."' in html
    assert 'data-today="0"' in html


def test_strength_scale_has_seven_choices(page: Client, labeler: User, project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(scale=Scale.STRENGTH)
    make_comparison(project)
    html = shown(page, project)
    values = re.findall(r'name="choice" value="([^"]+)" data-keys="(\d)"', html)
    assert [value for value, _ in values] == [
        *("left-3", "left-2", "left-1", "tie", "right-1", "right-2", "right-3", "both_bad"),
    ]
    assert "".join(key for _, key in values) == "12345670"
    post_choice(page, held(labeler).uuid, "right-2")
    assert Judgment.objects.get().strength == 2


def test_choices_the_project_does_not_allow_are_absent_and_refused(
    page: Client, project: Project, labeler: User
) -> None:
    Project.objects.filter(pk=project.pk).update(allow_tie=False, allow_both_bad=False)
    make_comparison(project)
    html = shown(page, project)
    assert 'value="tie"' not in html
    assert 'value="both_bad"' not in html
    response = post_choice(page, held(labeler).uuid, "tie")
    assert response.status_code == 400
    assert "does not allow ties" in response.content.decode()
    assert not Judgment.objects.exists()


@pytest.mark.parametrize("choice", ["", "middle", "left-4"])
def test_nonsense_is_refused_in_words(
    page: Client, project: Project, labeler: User, choice: str
) -> None:
    make_comparison(project)
    shown(page, project)
    response = post_choice(page, held(labeler).uuid, choice)
    assert response.status_code == 400
    assert "choice" in response.content.decode()


def test_overlong_reason_is_refused(page: Client, project: Project, labeler: User) -> None:
    make_comparison(project)
    shown(page, project)
    response = post_choice(page, held(labeler).uuid, "left", rationale="x" * 5001)
    assert response.status_code == 400
    assert "rationale" in response.content.decode()


def test_nobody_answers_for_another(client: Client, project: Project, labeler: User) -> None:
    make_comparison(project)
    assignment = claim(labeler, project)
    assert assignment is not None
    client.force_login(make_member(project, name="teammate"))
    answer = post_choice(client, assignment.uuid, "left")
    assert (answer.status_code, answer["X-Someone-Else"]) == (409, "yes")
    assert client.post(reverse("heartbeat", args=[assignment.uuid])).status_code == 410
    client.force_login(make_user("outsider"))
    assert client.get(reverse("label", args=[project.slug])).status_code == 404
    assert client.get(reverse("guidelines", args=[project.slug])).status_code == 404
    assert not Judgment.objects.exists()


def test_signed_out_answer_is_told_so_and_a_page_is_sent_to_sign_in(
    client: Client, project: Project, labeler: User
) -> None:
    make_comparison(project)
    assignment = claim(labeler, project)
    assert assignment is not None
    response = post_choice(client, assignment.uuid, "left")
    assert response.status_code == 401
    polled = client.get(
        reverse("label", args=[project.slug]), HTTP_HX_CURRENT_URL="http://testserver/x/", **HTMX
    )
    assert polled["HX-Redirect"] == reverse("sign-in") + "?next=/x/"


@pytest.mark.parametrize("change", ["password", "inactive"])
def test_session_that_has_ended_writes_nothing(
    page: Client, project: Project, labeler: User, change: str
) -> None:
    make_comparison(project)
    shown(page, project)
    uuid = held(labeler).uuid
    if change == "password":
        labeler.set_password("another")
    else:
        labeler.is_active = False
    labeler.save()
    assert post_choice(page, uuid, "left").status_code == 401
    assert post_choice(page, uuid, "left", htmx=False)["Location"].startswith("/sign-in/")
    assert not Judgment.objects.exists()


def test_heartbeat_renews_the_lease(page: Client, project: Project, labeler: User) -> None:
    make_comparison(project)
    shown(page, project)
    before = held(labeler)
    assert page.post(reverse("heartbeat", args=[before.uuid])).status_code == 204
    assert held(labeler).expires_at > before.expires_at


def test_waiting_page_says_why_and_polls_quietly(page: Client, project: Project) -> None:
    html = shown(page, project)
    assert "Nothing here yet" in html
    url = reverse("label", args=[project.slug])
    assert page.get(f"{url}?nothing=empty", **HTMX).status_code == 204
    make_comparison(project)
    response = page.get(f"{url}?nothing=empty", **HTMX)
    assert response.status_code == 200
    assert 'id="judgment"' in response.content.decode()


@pytest.mark.parametrize(
    ("change", "title"),
    [("project", "Paused"), ("member", "Your work is paused here")],
)
def test_paused_people_get_nothing_and_keep_what_they_answer(
    page: Client, project: Project, labeler: User, change: str, title: str
) -> None:
    make_comparisons(project, 2)
    shown(page, project)
    if change == "project":
        Project.objects.filter(pk=project.pk).update(is_paused=True)
    else:
        Membership.objects.filter(user=labeler).update(is_paused=True)
    html = post_choice(page, held(labeler).uuid, "left").content.decode()
    assert title in html
    assert Judgment.objects.count() == 1


def test_all_done_offers_undo(page: Client, project: Project, labeler: User) -> None:
    make_comparison(project)
    shown(page, project)
    html = post_choice(page, held(labeler).uuid, "left").content.decode()
    assert "All done" in html
    assert 'form="undo"' in html


def test_empty_and_cut_off_responses_say_so(page: Client, project: Project) -> None:
    prompt = make_prompt(project)
    make_response(prompt, "It goes on and", finished=False)
    make_comparison(project, ("", "It goes on and"), prompt=prompt)
    html = shown(page, project)
    assert "This response is empty." in html
    assert html.count("the length limit was reached") == 1


def test_long_responses_are_never_cut(page: Client, project: Project) -> None:
    long = "\n\n".join(f"Paragraph {number} of the long story." for number in range(6_000))
    assert len(long) > 200_000
    make_comparison(project, (long, "Short."))
    html = shown(page, project)
    assert "Paragraph 0 of" in html
    assert "Paragraph 5999 of" in html


def test_script_in_prompt_and_response_is_shown_not_run(page: Client, project: Project) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    make_comparison(project, (evil, "Fine."), prompt=make_prompt(project, evil + " Hello"))
    html = shown(page, project)
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_lease_taken_anew_keeps_the_sides(project: Project, labeler: User) -> None:
    make_comparison(project)
    for _ in range(8):
        assignment = claim(labeler, project)
        assert assignment is not None
        order = assignment.order
        leases.release_lease(assignment.uuid, labeler.pk)
        again = claim(labeler, project)
        assert again is not None
        assert again.order == order
        leases.release_lease(assignment.uuid, labeler.pk)


def test_guidelines_are_a_page_and_a_drawer(page: Client, project: Project) -> None:
    url = reverse("guidelines", args=[project.slug])
    assert "<strong>helpful</strong>" in page.get(url).content.decode()
    drawer = page.get(url, **HTMX).content.decode()
    assert drawer.startswith('<section id="guidelines">')
    assert "Version 1" in drawer


@pytest.mark.parametrize("choice", ["left", "tie", "both_bad", "skip"])
@pytest.mark.parametrize("overlap", [1, 2])
def test_submit_and_next_within_the_sql_budget(
    page: Client, project: Project, labeler: User, choice: str, overlap: int
) -> None:
    make_comparisons(project, 100, wanted=overlap)
    check_sql_budget(page, project, labeler, choice, overlap)


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [1, 2])
def test_submit_and_next_within_the_sql_budget_in_a_long_queue(
    page: Client, project: Project, labeler: User, overlap: int
) -> None:
    Project.objects.filter(pk=project.pk).update(random_share=0)
    make_long_queue(project, 100_000, overlap)
    check_sql_budget(page, project, labeler, "left", overlap)


def check_sql_budget(
    page: Client, project: Project, labeler: User, choice: str, overlap: int
) -> None:
    """Counts a submit that completes its comparison, the dearest kind there is."""
    shown(page, project)
    assignment = held(labeler)
    teammate = make_member(project)
    if overlap == 2:
        theirs = take(assignment.comparison, teammate)
        judge(theirs, "right")
    with counted_sql() as statements:
        response = post_choice(page, assignment.uuid, choice)
    assert 'id="judgment"' in response.content.decode(), "the next comparison is part of it"
    assert len(statements) <= SQL_BUDGET, "\n".join(statements)
    if choice != "skip":
        assignment.comparison.refresh_from_db()
        assert assignment.comparison.state == Comparison.State.FINISHED


def take(comparison: Comparison, labeler: User) -> Assignment:
    """Hands this comparison to this labeler: it is the one that waits."""
    assignment = claim(labeler, comparison.project)
    assert assignment is not None
    assert assignment.comparison_id == comparison.pk
    return assignment


QUEUE = """
    INSERT INTO labeling_comparison (project_id, prompt_id, responses_key, size, state, wanted,
        slots_left, priority, random_key, arm, created_at)
    SELECT %s, a.prompt_id, CAST(a.id AS varchar(20)) || '-' || CAST(b.id AS varchar(20)), 2,
        'open', %s, %s, 0.001 * (a.id * b.id %% 997), 0.0001 * (a.id * b.id %% 9973), '',
        CURRENT_TIMESTAMP
    FROM labeling_response a JOIN labeling_response b ON a.prompt_id = b.prompt_id AND a.id < b.id
    WHERE a.prompt_id = %s
"""
PLACES = """
    INSERT INTO labeling_comparisonresponse (comparison_id, response_id, position)
    SELECT c.id, r.id, CASE WHEN c.responses_key LIKE CAST(r.id AS varchar(20)) || '-%%'
                            THEN 0 ELSE 1 END
    FROM labeling_comparison c JOIN labeling_response r
        ON c.responses_key LIKE CAST(r.id AS varchar(20)) || '-%%'
        OR c.responses_key LIKE '%%-' || CAST(r.id AS varchar(20))
    WHERE c.id BETWEEN %s AND %s
"""


def make_long_queue(project: Project, count: int, wanted: int) -> None:
    """Every pair of one prompt's responses; written by the database, as rows by the hundred
    thousand take minutes one object at a time. Only those that are handed out get their places.
    """
    prompt = make_prompt(project)
    needed = next(n for n in range(2, 2_000) if n * (n - 1) // 2 >= count)
    Response.objects.bulk_create(
        Response(prompt=prompt, text=text, digest=response_digest(text), origin="imported")
        for text in (f"Response {number}." for number in range(needed))
    )
    with connection.cursor() as cursor:
        cursor.execute(QUEUE, [project.pk, wanted, wanted, prompt.pk])
        first_in_line = Comparison.objects.order_by("-priority", "id").values_list("id", flat=True)
        for pk in first_in_line[:10]:
            cursor.execute(PLACES, [pk, pk])
    assert Comparison.objects.count() >= count
