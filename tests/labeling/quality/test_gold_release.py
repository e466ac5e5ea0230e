"""Gold waits until a curator has looked at it; and a file of one's own, whole or not at all."""

import gzip
import importlib
import json
from io import BytesIO, StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from labeling.importing.reports import ImportRefused
from labeling.models import Comparison, Gold, Project, Prompt, Response, User
from labeling.quality import gold, gold_files, gold_release
from labeling.quality.weights import _known_answers
from labeling.queue.handout import current_or_next
from tests.factories import (
    claim,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_response,
)
from tests.labeling.quality.test_gold import LONG, answer, claim_gold, undo_hand_out

pytestmark = pytest.mark.django_db

ROW = {"prompt": "Two and two?", "responses": ["Five.", "Four."], "expected": 2, "reason": "Maths."}


@pytest.fixture
def project() -> Project:
    project = make_project(gold_share=0.5)
    project.gold_share = 1.0  # of what this test hands out
    return project


@pytest.fixture
def curator(project: Project, client: Client) -> User:
    curator = make_member(project, role="curator")
    client.force_login(curator)
    return curator


@pytest.fixture
def made(project: Project, curator: User) -> list[Gold]:
    for number in range(3):
        make_response(make_prompt(project), f"{LONG} And this is number {number}.")
    return gold.construct(project, curator, 3)


def purposes(project: Project, count: int = 12) -> set[str]:
    labeler = make_member(project)
    purposes_seen = set()
    for _ in range(count):
        assignment = claim(labeler, project)
        assert assignment is not None
        purposes_seen.add(str(assignment.purpose))
        undo_hand_out(assignment)
    return purposes_seen


def file_of(*rows: object) -> BytesIO:
    return BytesIO("\n".join(json.dumps(row) for row in rows).encode())


def bring(project: Project, *rows: object, actor: User | None = None) -> gold_files.GoldReport:
    return gold_files.add_gold_file(project, actor, file_of(*rows), name="own.jsonl")


def refused(project: Project, *rows: object) -> list[tuple[int, str, str]]:
    with pytest.raises(ImportRefused) as caught:
        bring(project, *rows)
    return [(one.line, one.field, f"{one.problem} {one.advice}") for one in caught.value.problems]


# looking through


def test_constructed_gold_reaches_nobody_before_it_is_released(project, curator, made):
    make_comparisons(project, 3)
    assert purposes(project) == {"work"}
    assert gold_release.release(project, curator, [made[0].pk]) == 1
    assert purposes(project) == {"gold"}
    held = claim_gold(make_member(project), project)
    assert held.comparison_id == made[0].comparison_id


def test_the_first_round_does_not_hand_out_what_nobody_has_looked_at(curator, made):
    project = made[0].project
    Project.objects.update(qualification_items=3)
    project.refresh_from_db()
    assert current_or_next(make_member(project), project) is None
    gold_release.release(project, curator, [one.pk for one in made])
    assert current_or_next(make_member(project), project) is not None


def test_what_two_curators_decide_at_once_is_decided_by_the_first(project, curator, made):
    other = make_member(project, role="curator")
    assert gold_release.release(project, curator, [made[0].pk, made[1].pk]) == 2
    assert gold_release.drop(project, other, [made[0].pk, made[2].pk]) == 1
    made[0].refresh_from_db()
    assert (made[0].released_by, made[0].retired_at) == (curator, None)
    entries = project.audit_entries.exclude(action="make gold").order_by("pk")
    assert [(entry.action, entry.actor) for entry in entries] == [
        ("release gold", curator), ("release gold", curator), ("drop gold", other),
    ]  # fmt: skip


def test_dropped_gold_is_not_made_again_and_never_handed_out(project, curator, made):
    make_comparisons(project, 3)
    prompts = {one.comparison.prompt_id for one in made}
    gold_release.drop(project, curator, [one.pk for one in made])
    assert purposes(project) == {"work"}
    assert gold_release.release(project, curator, [one.pk for one in made]) == 0
    make_response(make_prompt(project), LONG)
    again = gold.construct(project, curator, 10)
    assert prompts.isdisjoint(one.comparison.prompt_id for one in again)


def test_gold_of_another_project_is_not_released_from_here(project, curator, made):
    other = make_project()
    assert gold_release.release(other, make_member(other, "curator"), [made[0].pk]) == 0


def test_unreleased_gold_does_not_say_who_is_reliable(project, curator):
    comparison = make_comparison(project, ("Good.", "Bad."), wanted=1)
    one, other = comparison.responses.order_by("pk")
    Gold.objects.create(
        project=project, comparison=comparison, expected=[[one.pk], [other.pk]], origin="own"
    )
    votes: Any = SimpleNamespace(pair=np.array([0]), comparison=np.array([comparison.pk]))
    assert _known_answers(project, votes) == {}
    Gold.objects.update(released_at="2026-01-01T00:00Z")
    assert _known_answers(project, votes) == {0: True}


def test_the_migration_leaves_gold_in_use_where_it_is(made):
    migration = importlib.import_module("labeling.migrations.0027_gold_release")
    migration.release_gold_in_use(apps, type("Editor", (), {"connection": connection}))
    assert all(one.released_at == one.created_at for one in Gold.objects.all())


# the pages


def test_the_page_lists_what_waits_with_its_answer_and_reason(client, project, made):
    page = client.get(reverse("quality-control", args=[project.slug])).content.decode()
    assert "To look through (3)" in page
    assert "broken off in the middle" in page
    assert page.count('name="gold"') == 3
    one = client.get(reverse("gold", args=[project.slug, made[0].pk])).content.decode()
    assert "Expected" in one and "Pour it into the cup." in one


def test_all_that_is_ticked_is_released_at_once(client, project, made):
    ticked = {"gold": [made[0].pk, made[2].pk], "decision": "release"}
    page = client.post(reverse("gold-decide", args=[project.slug]), ticked, follow=True)
    assert b"2 gold comparisons released." in page.content
    assert set(gold_release.waiting(project)) == {made[1]}


def test_one_after_the_other_is_looked_at_until_none_is_left(client, project, made):
    seen = []
    page = client.get(reverse("gold-look", args=[project.slug]), follow=True)
    while "looked" in page.context:
        pk = page.context["gold"].pk
        seen.append(pk)
        posted = {"gold": pk, "after": pk, "decision": "release" if len(seen) > 1 else "drop"}
        page = client.post(reverse("gold-decide", args=[project.slug]), posted, follow=True)
    assert seen == [one.pk for one in made]
    assert [one.was_dropped for one in Gold.objects.order_by("pk")] == [True, False, False]


@pytest.mark.parametrize("posted", [{"decision": "sell"}, {"decision": "release"}, {}])
def test_a_form_without_ticks_or_decision_changes_nothing(client, project, made, posted):
    client.post(reverse("gold-decide", args=[project.slug]), posted)
    assert gold_release.waiting(project).count() == 3


def test_gold_pages_are_for_curators(client, project, made):
    client.force_login(make_member(project))
    for name, more in (("gold-look", []), ("gold", [made[0].pk])):
        assert client.get(reverse(name, args=[project.slug, *more])).status_code == 403
    for name in ("gold-decide", "gold-bring"):
        assert client.post(reverse(name, args=[project.slug])).status_code == 403
    outsiders = make_project()
    client.force_login(make_member(outsiders, "curator"))
    assert client.get(reverse("gold", args=[outsiders.slug, made[0].pk])).status_code == 404


# a file of one's own


def test_a_file_brings_gold_that_waits_with_its_reason(project, curator):
    report = bring(project, ROW, actor=curator)
    (one,) = gold_release.looked_at(gold_release.waiting(project))
    assert (report.made, one.why) == (1, "Maths.")
    assert [[response.text for response in tier] for tier in one.tiers] == [["Four."], ["Five."]]
    assert one.gold.comparison.state == Comparison.State.CHECK
    assert project.audit_entries.get(action="make gold").details["file"] == "own.jsonl"


def test_released_gold_of_a_file_is_answered_rightly_or_not(project, curator):
    make_comparisons(project, 1)
    bring(project, ROW)
    gold_release.release(project, curator, list(Gold.objects.values_list("pk", flat=True)))
    assert answer(claim_gold(make_member(project), project), right=True).is_right
    assert answer(claim_gold(make_member(project), project), right=False).is_right is False


@pytest.mark.parametrize(
    ("changes", "best"),
    [
        ({"expected": 1}, "Five."),
        ({"expected": "Four."}, "Four."),
        ({"expected": [2, 1]}, "Four."),
        ({"responses": ["a", "b", "c"], "expected": [3, 1, 2]}, "c"),
    ],
)
def test_the_expected_answer_is_a_number_a_text_or_an_order(project, changes, best):
    bring(project, ROW | changes)
    (one,) = gold_release.looked_at(Gold.objects.all())
    assert one.tiers[0][0].text == best


def test_chosen_and_rejected_say_what_is_expected(project):
    bring(project, {"prompt": "?", "chosen": "Yes.", "rejected": "No.", "reason": "It is so."})
    (one,) = gold_release.looked_at(Gold.objects.all())
    assert one.tiers[0][0].text == "Yes."


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"reason": None}, "reason", "Is missing"),
        ({"reason": "  "}, "reason", "Is empty"),
        ({"reason": 3}, "reason", "Must be a text"),
        ({"reason": "x" * 2001}, "reason", "at most 2,000"),
        ({"expected": None}, "expected", "counted from 1"),
        ({"expected": 0}, "expected", "no response 0 of 2"),
        ({"expected": 3}, "expected", "no response 3 of 2"),
        ({"expected": True}, "expected", "not true or false"),
        ({"expected": "Six."}, "expected", "none of the responses"),
        ({"expected": [1, 1]}, "expected", "every response in its place once"),
        ({"responses": ["a", "b", "c"]}, "expected", "numbers of all responses"),
        ({"responses": ["Four."]}, "responses", "cannot be compared"),
        ({"responses": ["Four.", "Four. "], "expected": 1}, "responses", "are the same"),
        ({"prompt": None}, "prompt", ""),
        ({"responses": [str(at) for at in range(10)]}, "responses", "10 responses"),
    ],
)
def test_a_faulty_line_is_named_with_its_field_and_nothing_is_stored(
    project, changes, field, words
):
    bad = {key: value for key, value in (ROW | changes).items() if value is not None}
    (problem,) = refused(project, ROW, bad)
    assert problem[:2] == (2, field)
    assert words in problem[2]
    assert not Gold.objects.exists() and not Prompt.objects.exists()


def test_all_faults_of_a_line_are_told_at_once(project):
    fields = [field for _, field, _ in refused(project, {"responses": ["a", "b"]})]
    assert fields == ["prompt", "reason"]


def test_a_line_that_contradicts_an_earlier_one_or_gold_in_the_project_is_refused(project):
    assert refused(project, ROW, ROW | {"expected": 1})[0][:2] == (2, "expected")
    bring(project, ROW)
    assert refused(project, {**ROW, "expected": 1})[0][:2] == (1, "expected")


def test_the_same_file_twice_brings_nothing_new_and_what_was_dropped_stays_dropped(
    project, curator
):
    other = ROW | {"prompt": "Two and three?"}
    bring(project, ROW, other)
    gold_release.drop(project, curator, [Gold.objects.earliest("pk").pk])
    report = bring(project, ROW, other)
    assert (report.made, report.known, report.dropped) == (0, 1, 1)
    assert Gold.objects.count() == 2


def test_a_pair_that_is_work_is_no_gold_and_nothing_of_the_file_is_stored(project):
    comparison = make_comparison(project, ("Good.", "Bad."))
    work = {
        "prompt": comparison.prompt.messages, "responses": ["Good.", "Bad."], "expected": 1,
        "reason": "It is.",
    }  # fmt: skip
    assert "people judge them as work" in refused(project, ROW, work)[0][2]
    assert not Gold.objects.exists()
    assert not Response.objects.filter(text="Four.").exists()


def test_more_than_a_curator_can_look_through_is_refused(project, monkeypatch):
    monkeypatch.setattr(gold_files, "MOST_ROWS", 1)
    assert "more than 1 rows" in refused(project, ROW, ROW | {"prompt": "More?"})[0][2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Holds no rows"),
        (b"[1]", "must be an object in braces, not a number"),
        (b"PK\x03\x04", "zip archive"),
    ],
)
def test_an_unreadable_upload_is_refused_in_words_on_the_page(
    client, project, curator, content, words
):
    upload = SimpleUploadedFile("own.jsonl", content)
    page = client.post(reverse("gold-bring", args=[project.slug]), {"file": upload})
    assert page.status_code == 422
    assert words in page.content.decode()


def test_an_upload_packed_with_gzip_is_taken_and_looked_through(client, project, curator):
    upload = SimpleUploadedFile("own.jsonl.gz", gzip.compress(file_of(ROW).read()))
    page = client.post(reverse("gold-bring", args=[project.slug]), {"file": upload}, follow=True)
    assert b"1 gold comparison brought. Nobody gets them before they are released." in page.content


def test_a_form_without_a_file_says_so(client, project, curator):
    page = client.post(reverse("gold-bring", args=[project.slug]))
    assert page.status_code == 422
    assert "gold-file-problem" in page.content.decode()


def test_the_command_brings_a_file_and_says_where_to_look(project, tmp_path: Path):
    path = tmp_path / "own.jsonl"
    path.write_bytes(file_of(ROW).read())
    output = StringIO()
    call_command("import_gold", project.slug, path, stdout=output)
    assert f"/projects/{project.slug}/gold/look/" in output.getvalue()
    assert gold_release.waiting(project).count() == 1


def test_the_command_names_line_and_field_of_what_is_wrong(project, tmp_path: Path):
    path = tmp_path / "own.jsonl"
    path.write_bytes(file_of(ROW | {"expected": 7}).read())
    output = StringIO()
    with pytest.raises(CommandError, match="nothing was stored"):
        call_command("import_gold", project.slug, path, stderr=output)
    assert "line 1, expected: There is no response 7 of 2." in output.getvalue()
    with pytest.raises(CommandError, match="There is no project"):
        call_command("import_gold", "nowhere", path)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_gold", project.slug, tmp_path / "none.jsonl")
