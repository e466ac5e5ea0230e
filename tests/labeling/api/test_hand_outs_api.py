"""Another front end labels by the API: it gets what the page gets, and is told no more."""

from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from config.settings import THROTTLE_RATES
from labeling.api.hand_outs.views import (
    AskedSerializer,
    HandOutSerializer,
    PlacedSerializer,
    RecordedSerializer,
)
from labeling.models import (
    Assignment,
    Comparison,
    Gold,
    Judgment,
    Project,
    Prompt,
    Response,
    Role,
    Scope,
    User,
)
from labeling.models.work import Purpose
from tests.factories import (
    claim,
    claim_and_judge,
    client_with_token,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_response,
    make_user,
    queue,
    run_out,
)

pytestmark = pytest.mark.django_db


def labeler_of(project: Project) -> tuple[User, Client]:
    user = make_member(project)
    return user, client_with_token(user, Scope.LABEL)


def next_of(client: Client, project: Project) -> dict[str, Any]:
    answer = client.get(f"/api/v1/projects/{project.slug}/next/")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def send(client: Client, uuid: Any, what: str = "answer", **body: Any) -> Any:
    address = f"/api/v1/hand-outs/{uuid}/{what}/"
    return client.post(address, body, content_type="application/json")


def handed_out(size: int = 2, **settings: Any) -> tuple[Client, str]:
    """A program that holds a comparison of this many responses."""
    project = make_project(gold_share=0, **settings)
    make_comparison(project, tuple(f"Text {number}." for number in range(size)))
    _, client = labeler_of(project)
    return client, next_of(client, project)["comparison"]["id"]


def fault(answer: Any) -> tuple[int, str, str]:
    error = answer.json()["errors"][0]
    return answer.status_code, error["field"], error["problem"]


def test_the_next_comparison_comes_with_all_that_a_front_end_needs() -> None:
    project = make_project(
        aspects=["Honest"], reason_chips=["Clear"], gold_share=0, allow_rewrite=True
    )
    make_comparison(project, ("Good.", "Bad."), prompt=make_prompt(project, "Which?"))
    user, client = labeler_of(project)
    row = next_of(client, project)["comparison"]
    held = Assignment.objects.get(labeler=user)
    assert row["id"] == str(held.uuid)
    assert row["expires_at"] == held.expires_at.isoformat().replace("+00:00", "Z")
    assert row["prompt"] == [{"role": "user", "content": "Which?"}]
    texts = {response.pk: response.text for response in held.comparison.responses.all()}
    assert [(placed["id"], placed["message"]["content"]) for placed in row["responses"]] == [
        ("A", texts[held.order[0]]),
        ("B", texts[held.order[1]]),
    ]
    assert row["guidelines"] == 1
    asked = row["asked"]
    assert [choice["value"] for choice in asked["choices"]] == ["left", "tie", "right", "both_bad"]
    assert asked["choices"][0]["label"] == "A is better"
    assert (asked["mode"], asked["aspects"], asked["reasons"]) == ("pair", ["Honest"], ["Clear"])
    assert (asked["rationale"], asked["rewrite"], asked["places"]) == ("optional", True, [])


def test_asking_again_returns_what_is_held() -> None:
    project = make_project()
    make_comparisons(project, 3)
    _, client = labeler_of(project)
    assert next_of(client, project) == next_of(client, project)


def test_why_there_is_nothing_is_said() -> None:
    project = make_project()
    _, client = labeler_of(project)
    assert next_of(client, project) == {
        "comparison": None,
        "nothing": {"reason": "empty", "text": "There is nothing to compare yet."},
    }


def test_no_program_keeps_what_is_handed_out_in_a_store() -> None:
    project = make_project()
    _, client = labeler_of(project)
    answer = client.get(f"/api/v1/projects/{project.slug}/next/")
    assert "no-store" in answer["Cache-Control"]


def test_what_is_about_a_response_stays_hidden_and_what_the_model_said_is_there() -> None:
    project = make_project(gold_share=0)
    asked = [{"role": "user", "content": "Why?", "name": "Ann"}]
    prompt = make_prompt(project, messages=asked, extra={"tools": [{"name": "look"}]})
    extra = {"reasoning_content": "I think.", "model": "Secretive", "score": 0.5}
    queue(
        make_response(prompt, "One.", extra=extra, model_name="Secretive"),
        make_response(prompt, "Two.", model_name="Secretive too"),
    )
    _, client = labeler_of(project)
    row = next_of(client, project)["comparison"]
    message = next(
        placed["message"] for placed in row["responses"] if placed["message"]["content"] == "One."
    )
    assert message["reasoning_content"] == "I think."
    assert (row["prompt"], row["beside_prompt"]) == (asked, {"tools": [{"name": "look"}]})
    assert "Secretive" not in str(row) and "score" not in str(row)


@pytest.mark.parametrize("what", ["next", "answer"])
def test_work_gold_and_repeats_look_alike(what: str) -> None:
    seen = [looks(purpose, what) for purpose in (Purpose.WORK, Purpose.GOLD, Purpose.REPEAT)]
    assert seen[0] == seen[1] == seen[2]


def looks(purpose: Purpose, what: str) -> tuple[Any, list[str]]:
    """What comes of a comparison asked for this purpose, without its drawn id and its times."""
    project = make_project(slug=f"p-{purpose}", overlap=1, gold_share=0, repeat_share=0.5)
    user, client = labeler_of(project)
    made = make_comparison(project, ("Two.", "Two!"), prompt=make_prompt(project, "1 + 1?"))
    if purpose == Purpose.GOLD:
        best, worst = (response.pk for response in made.responses.all())
        Gold.objects.create(
            project=project, comparison=made, expected=[[best], [worst]], origin="truncated",
            released_at=timezone.now(),
        )  # fmt: skip
        Comparison.objects.filter(pk=made.pk).update(state="check", slots_left=0, wanted=0)
        Project.objects.filter(pk=project.pk).update(gold_share=0.5)
    if purpose == Purpose.REPEAT:
        claim_and_judge(user, project)
        Assignment.objects.update(repeat_at="2026-01-01T00:00Z")
        Judgment.objects.update(created_at="2026-01-01T00:00Z")
    project.refresh_from_db()
    # A check that is due comes by chance.
    held = next(held for _ in range(200) if (held := claim(user, project)))
    assert held.purpose == purpose
    if what == "next":
        answer = client.get(f"/api/v1/projects/{project.slug}/next/")
        row = answer.json()["comparison"]
        # Which of the two stands left is chance.
        row["responses"].sort(key=lambda placed: placed["message"]["content"])
        assert {placed.pop("id") for placed in row["responses"]} == {"A", "B"}
    else:
        answer = send(client, held.uuid, choice="left", seconds=20)
        row = answer.json()
    assert row.pop("id") == str(held.uuid)
    assert row.pop("expires_at" if what == "next" else "created_at")
    timed = ("Expires", "Content-Length")
    return row, [f"{name}: {value}" for name, value in answer.items() if name not in timed]


def test_no_number_of_a_row_is_in_any_answer() -> None:
    project = make_project(gold_share=0)
    prompt = make_prompt(project)
    numbers = [8_765_432, 7_654_321]
    for number in numbers:
        Response.objects.create(
            pk=number, prompt=prompt, text=f"Text of {number % 2}", digest=str(number),
            origin="human",
        )  # fmt: skip
    queue(*Response.objects.filter(pk__in=numbers).select_related("prompt__project"))
    _, client = labeler_of(project)
    row = next_of(client, project)["comparison"]
    recorded = send(client, row["id"], choice="left").json()
    assert recorded["tiers"] == [["A"], ["B"]]
    assert not any(str(number) in f"{row} {recorded}" for number in numbers)


def test_the_rows_are_as_the_schema_describes_them() -> None:
    client, uuid = handed_out()
    row = next_of(client, Project.objects.get())["comparison"]
    assert row.keys() == HandOutSerializer().fields.keys()
    assert row["asked"].keys() == AskedSerializer().fields.keys()
    assert all(placed.keys() == PlacedSerializer().fields.keys() for placed in row["responses"])
    assert send(client, uuid, choice="left").json().keys() == RecordedSerializer().fields.keys()


def test_an_answer_is_kept_as_given_and_named_by_the_places_on_screen() -> None:
    client, uuid = handed_out(
        aspects=["Honest", "Short"], reason_chips=["Clear"], scale="strength", allow_rewrite=True
    )
    answer = send(
        client, uuid, choice="right-2", aspects={"Honest": "left", "Short": "same"},
        reasons=["Clear"], rationale=" Because. ", rewrite="  Better.", seconds=12.5,
    )  # fmt: skip
    assert answer.status_code == 200, answer.json()
    assert answer.json()["tiers"] == [["B"], ["A"]]
    judgment = Judgment.objects.get()
    left, right = judgment.order
    assert (judgment.tiers, judgment.strength) == ([[right], [left]], 2)
    assert judgment.aspects == {"Honest": left, "Short": None}
    assert (judgment.reasons, judgment.rationale) == (["Clear"], "Because.")
    assert judgment.rewrite.text == "  Better."
    assert judgment.seconds == 12.5


def test_a_ranking_is_answered_by_places() -> None:
    client, uuid = handed_out(3, scale="ranking")
    answer = send(client, uuid, choice="rank", places={"A": 2, "B": 1, "C": 2})
    assert answer.json()["tiers"] == [["B"], ["A", "C"]]


@pytest.mark.parametrize(("seconds", "kept"), [(-1, None), (86_400, None), (86_399, 86_399.0)])
def test_reading_time_is_bounded_as_on_the_page(seconds: float, kept: float | None) -> None:
    client, uuid = handed_out()
    assert send(client, uuid, choice="left", seconds=seconds).status_code == 200
    assert Judgment.objects.get().seconds == kept


def test_an_answer_sent_again_changes_nothing_and_returns_the_same() -> None:
    client, uuid = handed_out()
    first = send(client, uuid, choice="left")
    assert send(client, uuid, choice="left").json() == first.json()
    assert send(client, uuid, choice="right").json() == first.json()
    assert Judgment.objects.count() == 1


def test_a_late_answer_is_kept() -> None:
    client, uuid = handed_out()
    run_out(Assignment.objects.get())
    answer = send(client, uuid, choice="left")
    assert (answer.status_code, answer.json()["is_late"]) == (200, True)
    assert Judgment.objects.get().is_late


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({}, "choice", "This field is required."),
        ({"choice": "up"}, "choice", "'up' is not something one can answer here"),
        (
            {"choice": "tie", "aspects": {"Honest": "same"}},
            "choice",
            "this project does not allow ties",
        ),
        ({"choice": "flag-none"}, "choice", "'flag-none' is not something one can flag here"),
        ({"choice": "left", "places": {"A": 1}}, "places", "goes with the choice 'rank' only"),
        ({"choice": "rank", "places": {"D": 1}}, "places", "there is no response 'D' here"),
        ({"choice": "rank", "places": {"A": 1}}, "places", "response B has no place yet"),
        ({"choice": "left", "aspects": {"Odd": "left"}}, "aspects", "'Odd' is not asked here"),
        ({"choice": "left", "aspects": {}}, "aspects", "still to choose: Honest"),
        ({"choice": "left", "reasons": ["Clear"]}, "reasons", "this project does not ask for it"),
        ({"choice": "left", "rewrite": "x"}, "rewrite", "this project does not ask for it"),
        ({"choice": "skip", "aspects": {"Honest": "left"}}, "aspects", "goes with an answer only"),
    ],
)
def test_a_wrong_answer_is_refused_by_its_field(
    body: dict[str, Any], field: str, problem: str
) -> None:
    client, uuid = handed_out(aspects=["Honest"], allow_tie=False, ask_reason="off")
    assert fault(send(client, uuid, **body)) == (400, field, problem)
    assert not Judgment.objects.exists()


def test_a_misspelt_field_is_refused() -> None:
    client, uuid = handed_out()
    status, field, problem = fault(send(client, uuid, choice="left", raitonale="Why."))
    assert (status, field) == (400, "raitonale")
    assert problem.startswith("There is no such field. Known are: aspects, choice, ")


def test_a_skip_gives_the_comparison_to_others() -> None:
    client, uuid = handed_out(ask_reason="off")
    answer = send(client, uuid, "skip", rationale="Not my field.")
    assert (answer.status_code, answer.json()["kind"]) == (200, "skip")
    assert send(client, uuid, "skip").json() == answer.json()
    assert Judgment.objects.get().rationale == "Not my field."
    assert Comparison.objects.get().slots_left == 1


def test_the_last_answer_can_be_taken_back_and_given_anew() -> None:
    client, uuid = handed_out()
    send(client, uuid, choice="left")
    back = send(client, uuid, "undo")
    assert (back.status_code, back.json()["id"]) == (200, uuid)
    assert send(client, uuid, choice="right").json()["tiers"] == [["B"], ["A"]]
    assert Judgment.objects.filter(superseded_at=None).count() == 1


def test_an_answer_that_is_not_the_last_stands() -> None:
    project = make_project(gold_share=0)
    make_comparisons(project, 2)
    _, client = labeler_of(project)
    first, second = (
        send(client, next_of(client, project)["comparison"]["id"], choice="left").json()["id"]
        for _ in range(2)
    )
    answer = send(client, first, "undo")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "Your last answer in this project is not the one to this."
    assert send(client, second, "undo").status_code == 200


@pytest.mark.parametrize("what", ["answer", "skip", "undo"])
def test_what_was_handed_to_somebody_else_looks_like_what_is_not_there(what: str) -> None:
    _, uuid = handed_out()
    other = client_with_token(make_member(Project.objects.get()), Scope.LABEL)
    body = {"choice": "left"} if what == "answer" else {}
    hidden, absent = send(other, uuid, what, **body), send(other, uuid4(), what, **body)
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json() == absent.json()
    assert hidden.json()["detail"] == "This comparison was not handed out to you."


def test_who_was_removed_cannot_answer_any_more() -> None:
    client, uuid = handed_out()
    Project.objects.get().memberships.all().delete()
    answer = send(client, uuid, choice="left")
    assert answer.status_code == 403
    assert answer.json()["detail"] == "Not saved: you are no longer a member of this project."


def test_a_comparison_that_cannot_be_shown_is_set_aside_for_the_next_one() -> None:
    project = make_project(gold_share=0, random_share=0)
    broken = make_comparison(project, priority=2)
    sound = make_comparison(project, ("Sound.", "Also sound."), priority=1)
    Prompt.objects.filter(pk=broken.prompt_id).update(messages=[])
    user, client = labeler_of(project)
    assert next_of(client, project)["comparison"] is not None
    assert Assignment.objects.get(labeler=user, state="leased").comparison == sound
    broken.refresh_from_db()
    assert broken.set_aside_reason == "Its prompt has no messages."


def test_where_nothing_can_be_shown_there_is_trouble_and_no_endless_search() -> None:
    project = make_project(gold_share=0)
    made = make_comparisons(project, 11)
    Prompt.objects.update(messages=[])
    _, client = labeler_of(project)
    nothing = next_of(client, project)["nothing"]
    assert nothing == {"reason": "trouble", "text": "Your next comparison cannot be shown"}
    assert Comparison.objects.filter(set_aside_at=None).count() == len(made) - 10


def test_who_is_paused_takes_nothing_back() -> None:
    client, uuid = handed_out()
    send(client, uuid, choice="left")
    Project.objects.get().memberships.update(is_paused=True)
    answer = send(client, uuid, "undo")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "A curator has paused your work in this project."


def test_outsiders_find_nothing() -> None:
    project = make_project()
    client = client_with_token(make_user(), Scope.LABEL)
    assert client.get(f"/api/v1/projects/{project.slug}/next/").status_code == 404


@pytest.mark.parametrize("role", Role)
def test_every_member_may_label(role: Role) -> None:
    project = make_project()
    make_comparison(project)
    client = client_with_token(make_member(project, role), Scope.LABEL)
    assert next_of(client, project)["comparison"]


def test_a_program_that_asks_without_end_is_slowed(settings: Settings) -> None:
    client, uuid = handed_out()
    settings.THROTTLE_RATES = dict.fromkeys(THROTTLE_RATES, "2/min")
    cache.clear()
    statuses = [send(client, uuid, choice="left").status_code for _ in range(3)]
    cache.clear()
    assert statuses == [200, 200, 429]


def test_the_schema_names_every_status(tmp_path: Any) -> None:
    call_command("spectacular", file=str(tmp_path / "schema.yml"))
    paths = yaml.safe_load((tmp_path / "schema.yml").read_text())["paths"]
    responses = {
        path.rsplit("/", 2)[1]: set(operation["responses"])
        for path, operations in paths.items()
        for operation in operations.values()
        if "/hand-outs/" in path or path.endswith("/next/")
    }
    everywhere = {"200", "401", "403", "404", "409", "429", "503"}
    assert responses["next"] == everywhere
    of_bodies = everywhere | {"400", "413", "415"}
    assert responses["answer"] == responses["skip"] == of_bodies
    assert responses["undo"] == of_bodies - {"415"}
