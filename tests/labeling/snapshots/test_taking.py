"""Snapshots by hand: what is in them, whole or not there, and what is written down."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling import tasks
from labeling.curation.decisions import exclude
from labeling.curation.finding import FilterError
from labeling.models import AuditEntry, Preference, Project, Role, Snapshot, SnapshotTaking, User
from labeling.preferences.snapshots import take_snapshot
from labeling.snapshots import taking
from labeling.snapshots.filters import SnapshotFilter, in_public_words
from labeling.snapshots.keeping import delete_snapshot, give_name, why_not_delete
from labeling.snapshots.reading import rows_path, votes_path
from labeling.snapshots.taking import SnapshotRefused, take_by_hand
from tests.factories import claim_and_judge, judge_for, make_comparisons, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    """Three settled preferences, each by two people; one is a tie."""
    project = make_project(overlap=2, random_share=0)
    make_comparisons(project, 3)
    for name in ("ada", "grace"):
        labeler = make_member(project, name=f"{name}-{project.slug}")
        for _ in range(2):
            judge_for(labeler, project, "Good.")
        claim_and_judge(labeler, project, "tie")
    return project


@pytest.fixture
def curator(project: Project) -> User:
    return make_member(project, Role.CURATOR)


def take(project: Project, actor: User, name: str = "First", **filters: Any) -> Snapshot:
    snapshot = take_by_hand(project, actor, name, SnapshotFilter.parse(filters))
    assert isinstance(snapshot, Snapshot), snapshot.problem
    return snapshot


def rows_in(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [json.loads(line) for line in rows_path(snapshot).read_text().splitlines()]


def judgments_in(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [json.loads(line) for line in votes_path(snapshot).read_text().splitlines()]


def test_it_holds_the_rows_and_is_named_by_its_hash(project, curator):
    snapshot = take(project, curator)
    assert [row["id"] for row in rows_in(snapshot)] == list(
        Preference.objects.order_by("id").values_list("id", flat=True)
    )
    for path, sha256 in (
        (rows_path(snapshot), snapshot.sha256),
        (votes_path(snapshot), snapshot.votes_sha256),
    ):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    assert (snapshot.count, snapshot.created_by, snapshot.guidelines) == (3, curator, [1])


def test_it_is_counted_with_the_agreement(project, curator):
    counts = take(project, curator).counts
    assert sum(counts["split"].values()) == 3
    assert (counts["judgments"], counts["annotators"]) == (6, 2)
    assert sum(counts["kind"].values()) == 3
    assert counts["agreement"]["count"] == 6


def test_the_judgments_that_settled_each_row_lie_beside_it_without_names(project, curator):
    snapshot = take(project, curator)
    beside = judgments_in(snapshot)
    ids = {vote["id"] for row in beside for vote in row["judgments"]}
    assert ids == set(project.judgments.values_list("pk", flat=True))
    text = votes_path(snapshot).read_text() + rows_path(snapshot).read_text()
    assert "ada-" not in text and "grace-" not in text
    assert "annotator-" in text


def test_a_filter_chooses_the_rows_and_is_written_down(project, curator):
    snapshot = take(project, curator, kind="prefer")
    assert {row["kind"] for row in rows_in(snapshot)} <= {"prefer"}
    assert snapshot.filters == {"kind": "prefer"}


def test_excluded_ones_are_in_it_only_when_asked_for(project, curator):
    excluded = Preference.objects.earliest("id")
    exclude(project, curator, [excluded.pk], "spam")
    assert take(project, curator).count == 2
    whole = take_by_hand(project, curator, "Whole", SnapshotFilter.parse({}, include_excluded=True))
    assert isinstance(whole, Snapshot)
    assert whole.count == 3 and whole.filters == {"include_excluded": True}
    assert take(project, curator, "Bad ones", state="excluded").count == 1


def test_what_is_being_judged_again_is_in_none(project, curator):
    Preference.objects.update(settled_at=None)
    with pytest.raises(SnapshotRefused, match="No settled preference"):
        take(project, curator)
    with pytest.raises(FilterError, match="no verdict"):
        take(project, curator, state="redoing")


def test_a_name_is_there_once_in_whatever_letters(project, curator):
    take(project, curator, "Spring")
    with pytest.raises(SnapshotRefused, match="already") as refused:
        take(project, curator, "SPRING")
    assert refused.value.field == "name"
    other = make_project()
    make_comparisons(other, 1)
    claim_and_judge(make_member(other), other)
    assert take(other, curator, "Spring").name == "Spring"


def test_the_same_rows_under_two_names_share_their_file(project, curator):
    first, second = take(project, curator, "One"), take(project, curator, "Two")
    assert first.sha256 == second.sha256
    assert rows_path(first) == rows_path(second)


def test_a_large_one_is_left_to_the_worker(project, curator, monkeypatch):
    monkeypatch.setattr(taking, "AT_ONCE", 2)
    wish = take_by_hand(project, curator, "Large", SnapshotFilter.parse({}))
    assert isinstance(wish, SnapshotTaking) and (wish.state, wish.total) == ("waiting", 3)
    assert not Snapshot.objects.exists()
    tasks.take_snapshots()
    assert Snapshot.objects.get().name == "Large"
    assert not SnapshotTaking.objects.exists()


def test_one_that_a_worker_is_at_is_left_alone_until_nothing_is_heard_of_it(
    project, curator, monkeypatch
):
    monkeypatch.setattr(taking, "AT_ONCE", 0)
    take_by_hand(project, curator, "Large", SnapshotFilter.parse({}))
    SnapshotTaking.objects.update(state="running", tries=1)
    tasks.finish_changes()
    assert not Snapshot.objects.exists()
    SnapshotTaking.objects.update(touched_at=timezone.now() - timedelta(minutes=5))
    tasks.finish_changes()
    assert Snapshot.objects.get().count == 3


def test_one_that_fails_leaves_nothing_and_says_why(
    project, curator, monkeypatch, tmp_path, settings
):
    settings.DATA_DIR = tmp_path

    def full_disk(*args: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(taking.files, "move_into_place", full_disk)
    wish = take_by_hand(project, curator, "First", SnapshotFilter.parse({}))
    assert isinstance(wish, SnapshotTaking)
    assert wish.state == "failed" and "No space left" in wish.problem
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == [".lock"]
    monkeypatch.undo()
    settings.DATA_DIR = tmp_path
    taking.try_again(wish)
    tasks.take_snapshots()
    assert Snapshot.objects.get().name == "First"


def test_one_whose_writers_always_die_is_given_up(project, curator, monkeypatch):
    monkeypatch.setattr(taking, "AT_ONCE", 0)
    take_by_hand(project, curator, "Large", SnapshotFilter.parse({}))
    SnapshotTaking.objects.update(tries=taking.MOST_TRIES)
    tasks.take_snapshots()
    wish = SnapshotTaking.objects.get()
    assert wish.state == "failed" and "ended 3 times" in wish.problem


def test_one_that_is_called_off_while_it_is_written_is_not_there(project, curator, monkeypatch):
    monkeypatch.setattr(taking, "AT_ONCE", 0)
    wish = take_by_hand(project, curator, "Large", SnapshotFilter.parse({}))
    pages = taking._pages

    def called_off(asked: SnapshotTaking) -> Any:
        taking.call_off(asked, curator)
        yield from pages(asked)

    monkeypatch.setattr(taking, "_pages", called_off)
    taking.go_on()
    assert not Snapshot.objects.exists()
    assert not SnapshotTaking.objects.filter(pk=wish.pk).exists()


def test_what_was_done_is_in_the_audit_log(project, curator):
    snapshot = take(project, curator, kind="prefer")
    entry = AuditEntry.objects.get(action="take_snapshot")
    assert (entry.actor, entry.target_id) == (curator, str(snapshot.pk))
    assert entry.details["filters"] == {"kind": "prefer"}


def test_a_trainings_snapshot_can_be_given_a_name_once(project, curator):
    snapshot = take_snapshot(project)
    give_name(snapshot, curator, "Learnt from")
    assert Snapshot.objects.get().name == "Learnt from"
    with pytest.raises(SnapshotRefused, match="has a name already"):
        give_name(snapshot, curator, "Another")
    assert take_snapshot(project) == snapshot


def test_deleting_removes_the_files_that_no_other_needs(project, curator, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    first, second = take(project, curator, "One"), take(project, curator, "Two", kind="prefer")
    third = take(project, curator, "Three")
    for snapshot, stays in ((first, True), (second, False), (third, False)):
        path = rows_path(snapshot)
        delete_and_commit(snapshot, curator)
        assert path.exists() is stays
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == [".lock"]


def delete_and_commit(snapshot: Snapshot, actor: User) -> None:
    from django.test import TestCase

    with TestCase.captureOnCommitCallbacks(execute=True):
        delete_snapshot(snapshot, actor)


def test_what_a_training_took_stays(project, curator):
    snapshot = take_snapshot(project)
    assert "training" in why_not_delete(snapshot)
    with pytest.raises(SnapshotRefused, match="cannot be deleted"):
        delete_snapshot(snapshot, curator)


def test_strangers_read_neither_a_name_nor_a_searched_text_in_the_filter(project):
    ada = f"ada-{project.slug}"
    words = dict(in_public_words(project, {"labeler": ada, "q": ada, "kind": "tie"}))
    assert ada not in str(words)
    assert words["kind"] == "tie"
