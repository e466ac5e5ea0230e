"""Each person's vote on a settled pair, and who can tell whose it is."""

import io
import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from labeling.importing import import_file
from labeling.judging.recording import Answer, undo_last
from labeling.models import Judgment, Preference, Project, Role
from labeling.models.work import Purpose
from labeling.preferences import raw_values
from labeling.preferences.exporting import ExportOptions, StyleRefused, preference_rows
from labeling.preferences.shapes.annotators import pseudonym
from tests.factories import (
    claim,
    claim_and_judge,
    client_with_token,
    judge,
    judge_for,
    make_comparison,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db


def export(project: Project, **wanted: Any) -> list[dict[str, Any]]:
    return [*preference_rows(project, ExportOptions(style="judgments", **wanted))]


def judged(**fields: Any) -> Project:
    """Three people saw one pair: two say a, Zoë says b, and much better."""
    project = make_project(slug="ours", overlap=3, scale="strength", random_share=0, **fields)
    make_comparison(project, ("a", "b"))
    for name, text, strength in (("ada", "a", 1), ("zoë", "b", 3), ("bo", "a", 2)):
        judge_for(make_member(project, name=name), project, text, strength)
    return project


def test_each_vote_is_a_row_beside_what_was_settled() -> None:
    rows = export(judged())
    assert [(row["vote"], row["vote_strength"]) for row in rows] == [
        ("chosen", 1), ("rejected", 3), ("chosen", 2)
    ]  # fmt: skip
    assert {row["id"] for row in rows} == {Preference.objects.get().pk}
    assert {row["chosen"][0]["content"] for row in rows} == {"a"}
    assert [row["judgment"] for row in rows] == [
        *Judgment.objects.order_by("id").values_list("id", flat=True)
    ]


@pytest.mark.parametrize(("choice", "vote"), [("tie", "tie"), ("both_bad", "both_bad")])
def test_a_vote_without_direction_says_so_and_has_no_strength(choice: str, vote: str) -> None:
    project = make_project(allow_both_bad=True)
    make_comparison(project)
    claim_and_judge(make_member(project), project, choice)
    (row,) = export(project, include_ties=True, include_both_bad=True)
    assert (row["vote"], row["vote_strength"]) == (vote, -1)


def test_nobody_is_named_unless_it_is_asked_for() -> None:
    project = judged()
    text = json.dumps(export(project), ensure_ascii=False)
    assert not re.search(r"\b(ada|zoë|bo)\b", text)
    assert [row["annotator"] for row in export(project, with_names=True)] == ["ada", "zoë", "bo"]


def test_a_pseudonym_stays_in_its_project_and_is_another_elsewhere() -> None:
    project = judged()
    names = [row["annotator"] for row in export(project)]
    assert len(set(names)) == 3
    assert all(re.fullmatch("annotator-[0-9a-f]{12}", name) for name in names)
    assert names == [row["annotator"] for row in export(project)]
    user = Judgment.objects.earliest("id").labeler_id
    assert pseudonym(project.pk, user) == names[0] != pseudonym(project.pk + 1, user)


def test_without_the_secret_key_nobody_finds_the_person(settings: Any) -> None:
    before = pseudonym(1, 1)
    settings.SECRET_KEY = "another"
    assert pseudonym(1, 1) != before


def test_only_what_counts_is_a_vote() -> None:
    project = judged()
    surplus, set_aside, kept = Judgment.objects.order_by("id")
    Judgment.objects.filter(pk=surplus.pk).update(purpose=Purpose.GOLD, is_surplus=True)
    Judgment.objects.filter(pk=set_aside.pk).update(excluded_at=set_aside.created_at)
    assert [row["judgment"] for row in export(project)] == [kept.pk]


def test_what_was_undone_is_no_vote() -> None:
    project = make_project()
    make_comparison(project)
    labeler = make_member(project)
    claim_and_judge(labeler, project)
    undo_last(labeler, project)
    assert export(project) == []


def test_an_imported_preference_has_nobody_and_no_row() -> None:
    project = judged()
    row = {"prompt": "Q?", "chosen": "a", "rejected": "b"}
    import_file(project, None, io.BytesIO(json.dumps(row).encode()), name="made")
    assert len(export(project)) == 3


def test_a_rewrite_that_is_preferred_was_nobodys_choice() -> None:
    project = make_project(allow_rewrite=True)
    make_comparison(project, ("a", "b"))
    assignment = claim(make_member(project), project)
    assert assignment is not None
    left, right = assignment.order
    answer = Answer(Judgment.Kind.PREFER, tiers=((left,), (right,)), rewrite="Better")
    judge(assignment, answer)
    assert Preference.objects.count() > 1
    assert len(export(project)) == 1


def test_a_ranking_is_a_vote_on_each_of_its_pairs() -> None:
    project = make_project(scale="ranking", ranked_responses=3)
    make_comparison(project, ("a", "b", "c"))
    assignment = claim(make_member(project), project)
    assert assignment is not None
    first, second, third = assignment.order
    judge(assignment, Answer(Judgment.Kind.PREFER, tiers=((first,), (second, third))))
    rows = export(project, include_ties=True)
    assert sorted(row["vote"] for row in rows) == ["chosen", "chosen", "tie"]


def test_one_more_statement_for_each_page(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    project = judged()
    with django_assert_num_queries(2):
        export(project)
    monkeypatch.setattr(raw_values, "PAGE_ROWS", 1)
    with django_assert_num_queries(3):  # and one that finds no further page
        export(project)


def test_names_where_there_are_no_people_are_refused() -> None:
    with pytest.raises(StyleRefused, match=r"style=trl has no people in it: leave with_names out"):
        ExportOptions(style="trl", with_names=True)


def get(client: Client, query: str) -> Any:
    return client.get(f"/api/v1/projects/ours/preferences/?style=judgments&{query}")


def test_curators_may_ask_for_names_and_labelers_for_nothing() -> None:
    project = judged()
    curator = client_with_token(make_member(project, Role.CURATOR))
    labeler = client_with_token(make_member(project))
    (first, *_) = get(curator, "").json()["results"]
    (named, *_) = get(curator, "with_names=true").json()["results"]
    assert (first["annotator"][:10], named["annotator"]) == ("annotator-", "ada")
    for query in ("", "with_names=true"):
        assert get(labeler, query).status_code == 403


def test_the_command_has_names_only_when_told(tmp_path: Any) -> None:
    judged()
    path = tmp_path / "a.csv"
    options = ["export_preferences", "ours", "--output", str(path), "--style", "judgments"]
    call_command(*options)
    assert not re.search(r"\bada\b", path.read_text(encoding="utf-8"))
    call_command(*options, "--with-names")
    assert ",ada,chosen,1," in path.read_text(encoding="utf-8")
