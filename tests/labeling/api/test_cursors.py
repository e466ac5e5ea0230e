"""Cursors of the API: everything once, then what changed, whatever the order of the commits."""

import json

import pytest
from django.test import Client

from labeling.curation import decisions
from labeling.judging.recording import undo_last
from labeling.models import ChangeCounter, Preference, Role
from tests.factories import (
    claim_and_judge,
    client_with_token,
    make_comparisons,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project(random_share=0.0, gold_share=0.0)


@pytest.fixture
def labeler(project):
    make_comparisons(project, 6)
    labeler = make_member(project)
    for _ in range(5):
        claim_and_judge(labeler, project, "left")
    return labeler


@pytest.fixture
def curator(project) -> Client:
    return client_with_token(make_member(project, Role.CURATOR))


def get(client, project, what="preferences", **parameters):
    address = f"/api/v1/projects/{project.slug}/{what}/"
    return client.get(address, {"format": "jsonl", **parameters})


def read(client, project, cursor, what="preferences", **parameters) -> tuple[list[int], str]:
    """The ids of what changed, and the cursor to go on with."""
    answer = get(client, project, what, cursor=cursor, **parameters)
    assert answer.status_code == 200
    ids = [json.loads(line)["id"] for line in answer.getvalue().splitlines()]
    return ids, answer.headers["Next-Cursor"]


def problem_of(answer) -> str:
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == "cursor"
    return error["problem"]


def test_everything_comes_once_and_then_only_what_changed(project, labeler, curator):
    ids, cursor = read(curator, project, "")
    assert len(ids) == 5
    assert read(curator, project, cursor) == ([], cursor)
    claim_and_judge(labeler, project, "left")
    later, cursor = read(curator, project, cursor)
    assert later == [Preference.objects.latest("id").pk]
    assert read(curator, project, cursor)[0] == []


def test_what_is_settled_anew_restored_or_weighed_otherwise_comes_again(project, labeler, curator):
    ids, cursor = read(curator, project, "")
    owner = make_member(project, Role.ADMIN)
    decisions.exclude(project, owner, ids[:1], "odd")
    assert read(curator, project, cursor)[0] == []
    decisions.restore(project, owner, ids[:1])
    Preference.objects.filter(pk=ids[1]).update(weight=0.5)
    Preference.objects.get(pk=ids[2]).save(update_fields=["kind"])
    assert sorted(read(curator, project, cursor)[0]) == ids[:3]


def test_an_exclusion_comes_where_excluded_rows_are_asked_for(project, labeler, curator):
    ids, cursor = read(curator, project, "", include_excluded="true")
    decisions.exclude(project, make_member(project, Role.ADMIN), ids[3:4], "odd")
    assert read(curator, project, cursor, include_excluded="true")[0] == ids[3:4]


def test_an_answer_taken_back_and_given_anew_comes_again(project, labeler, curator):
    _, cursor = read(curator, project, "", "judgments", include_superseded="true")
    claim_and_judge(labeler, project, "left")
    first, cursor = read(curator, project, cursor, "judgments", include_superseded="true")
    undo_last(labeler, project)
    assert read(curator, project, cursor, "judgments", include_superseded="true")[0] == first


def test_pages_lead_on_by_cursor_and_the_last_one_tells_where_to_go_on(project, labeler, curator):
    address = f"/api/v1/projects/{project.slug}/preferences/?cursor=&limit=2"
    found, page = [], {"next": address}
    while page["next"]:
        answer = curator.get(page["next"])
        page = answer.json()
        assert answer.headers["Next-Cursor"] == page["cursor"]
        found += [row["id"] for row in page["results"]]
    assert found == read(curator, project, "")[0]
    assert read(curator, project, page["cursor"])[0] == []


def test_a_stream_with_a_limit_tells_where_it_was_cut(project, labeler, curator):
    whole, _ = read(curator, project, "")
    first, cursor = read(curator, project, "", limit=3)
    rest, _ = read(curator, project, cursor)
    assert (len(first), first + rest) == (3, whole)


def test_what_changes_while_a_stream_is_read_is_not_lost(project, labeler, curator, monkeypatch):
    monkeypatch.setattr("labeling.preferences.raw_values.PAGE_ROWS", 2)
    monkeypatch.setattr("labeling.api.conventions.streams.CHUNK_BYTES", 1)
    answer = get(curator, project, cursor="")
    stream = iter(answer.streaming_content)
    next(stream)
    last = Preference.objects.latest("id")
    Preference.objects.filter(pk=last.pk).update(weight=0.5)
    list(stream)
    assert read(curator, project, answer.headers["Next-Cursor"])[0] == [last.pk]


@pytest.mark.parametrize("cursor", ["7", "x" * 40, "ü", "W10", "bnVsbA"])
def test_what_is_no_cursor_is_refused_in_words(project, labeler, curator, cursor):
    assert "This is no cursor" in problem_of(get(curator, project, cursor=cursor))


def test_a_cursor_goes_on_only_where_it_was_made(project, labeler, curator):
    _, cursor = read(curator, project, "")
    assert "other filters" in problem_of(get(curator, project, cursor=cursor, split="train"))
    assert "goes through preferences" in problem_of(
        get(curator, project, "judgments", cursor=cursor)
    )
    other = make_project()
    make_member(other, Role.CURATOR, "elsewhere")
    elsewhere = client_with_token(other.memberships.get().user)
    assert "another project" in problem_of(get(elsewhere, other, cursor=cursor))


def test_a_cursor_from_before_a_backup_was_put_back_is_refused(project, labeler, curator):
    _, cursor = read(curator, project, "")
    ChangeCounter.objects.update(last=1)
    assert "earlier state" in problem_of(get(curator, project, cursor=cursor))


def test_a_cursor_and_a_moment_exclude_each_other(project, labeler, curator):
    answer = get(curator, project, cursor="", settled_since="2026-01-01")
    assert "leave `settled_since` out" in problem_of(answer)


def test_another_style_reads_on_with_the_same_cursor(project, labeler, curator):
    _, cursor = read(curator, project, "")
    assert read(curator, project, cursor, style="text")[0] == []


def test_reading_on_costs_a_few_statements(
    project, labeler, curator, django_assert_max_num_queries
):
    _, cursor = read(curator, project, "")
    # Token, project, membership, unnumbered, counter, rows; the receipt begun and sealed.
    with django_assert_max_num_queries(13):
        read(curator, project, cursor)
