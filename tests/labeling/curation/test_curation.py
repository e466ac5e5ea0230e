"""Excluding, restoring and undoing: whole, recorded, and safe against colleagues."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from labeling.curation import decisions
from labeling.curation.decisions import (
    BULK_LIMIT,
    CannotChange,
    change_matching,
    exclude,
    restore,
    undo,
)
from labeling.curation.finding import PreferenceFilter, window_for
from labeling.models import AuditEntry, Preference, Project, Role, User
from labeling.preferences.settling import settled
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project


@pytest.fixture
def project(db: Any) -> Project:
    """Six settled preferences by one labeler."""
    project = make_project(random_share=0)
    make_comparisons(project, 6)
    labeler = make_member(project, name="labeler")
    for _ in range(6):
        claim_and_judge(labeler, project, "left")
    return project


@pytest.fixture
def owner(project: Project) -> User:
    return make_member(project, Role.ADMIN, "owner")


@pytest.fixture
def teammate(project: Project) -> User:
    return make_member(project, Role.CURATOR, "teammate")


def ids_of(project: Project) -> list[int]:
    return list(
        Preference.objects.filter(project=project).order_by("id").values_list("id", flat=True)
    )


def excluded_ids(project: Project) -> list[int]:
    rows = Preference.objects.filter(project=project, excluded=True).order_by("id")
    return list(rows.values_list("id", flat=True))


def test_an_excluded_preference_is_out_of_use_and_names_who_and_why(
    project: Project, teammate: User
) -> None:
    first = ids_of(project)[0]
    done = exclude(project, teammate, [first], "  Both are\nbroken ")
    row = Preference.objects.get(pk=first)
    assert done.changed == [first]
    assert (row.excluded, row.excluded_reason, row.excluded_by) == (
        True,
        "Both are broken",
        teammate,
    )
    assert settled(project).count() == 5


def test_every_changed_row_has_its_own_audit_entry(project: Project, teammate: User) -> None:
    ids = ids_of(project)[:3]
    exclude(project, teammate, ids, "Duplicate")
    entries = AuditEntry.objects.filter(project=project, action="exclude")
    assert sorted(int(entry.target_id) for entry in entries) == ids
    assert {(entry.actor, entry.reason) for entry in entries} == {(teammate, "Duplicate")}
    assert {entry.details["of"] for entry in entries} == {3}


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 301])
def test_a_reason_is_required_and_short(project: Project, teammate: User, reason: str) -> None:
    with pytest.raises(CannotChange):
        exclude(project, teammate, ids_of(project), reason)
    assert excluded_ids(project) == []


def test_a_row_of_another_project_stops_the_whole_change(project: Project, teammate: User) -> None:
    other = make_project()
    make_comparisons(other, 1)
    claim_and_judge(make_member(other), other)
    foreign = ids_of(other)[0]
    with pytest.raises(CannotChange, match=f"Preference {foreign} is not in this project"):
        exclude(project, teammate, [*ids_of(project), foreign], "Duplicate")
    assert excluded_ids(project) == []
    assert not AuditEntry.objects.exists()


def test_a_failure_half_way_leaves_nothing_changed(
    project: Project, teammate: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(decisions, "_update", fail)
    with pytest.raises(OSError, match="disk full"):
        exclude(project, teammate, ids_of(project), "Duplicate")
    assert not AuditEntry.objects.exists()


def test_who_excluded_first_stays_on_record(project: Project, owner: User, teammate: User) -> None:
    ids = ids_of(project)[:2]
    exclude(project, teammate, ids[:1], "Duplicate")
    done = exclude(project, owner, ids, "Broken")
    assert done.changed == ids[1:]
    assert done.untouched == 1
    assert Preference.objects.get(pk=ids[0]).excluded_reason == "Duplicate"


def test_restore_puts_it_back_in_use_and_the_log_keeps_the_old_reason(
    project: Project, teammate: User
) -> None:
    first = ids_of(project)[0]
    exclude(project, teammate, [first], "Duplicate")
    restore(project, teammate, [first], "It was not")
    row = Preference.objects.get(pk=first)
    assert (row.excluded, row.excluded_reason, row.excluded_by) == (False, "", None)
    entry = AuditEntry.objects.get(action="restore")
    assert entry.reason == "It was not"
    assert entry.details["was_reason"] == "Duplicate"


def test_undo_of_an_exclusion_restores_exactly_its_rows(
    project: Project, owner: User, teammate: User
) -> None:
    ids = ids_of(project)
    exclude(project, owner, ids[:1], "Broken")
    done = exclude(project, teammate, ids[:3], "Duplicate")
    undone = undo(project, teammate, done.undo_token)
    assert undone.changed == ids[1:3]
    assert excluded_ids(project) == ids[:1]


def test_undo_of_a_restore_brings_back_reason_and_name(
    project: Project, owner: User, teammate: User
) -> None:
    first = ids_of(project)[0]
    exclude(project, owner, [first], "Broken")
    done = restore(project, teammate, [first])
    undo(project, teammate, done.undo_token)
    row = Preference.objects.get(pk=first)
    assert (row.excluded, row.excluded_reason, row.excluded_by) == (True, "Broken", owner)


def test_undo_leaves_what_a_colleague_changed_since(
    project: Project, owner: User, teammate: User
) -> None:
    ids = ids_of(project)[:2]
    done = exclude(project, teammate, ids, "Duplicate")
    restore(project, owner, ids[:1])
    exclude(project, owner, ids[:1], "Personal data")
    undone = undo(project, teammate, done.undo_token)
    assert undone.changed == ids[1:]
    assert undone.untouched == 1
    assert Preference.objects.get(pk=ids[0]).excluded_reason == "Personal data"


def test_undoing_twice_changes_nothing_more(project: Project, teammate: User) -> None:
    done = exclude(project, teammate, ids_of(project)[:2], "Duplicate")
    undo(project, teammate, done.undo_token)
    assert undo(project, teammate, done.undo_token).changed == []


@pytest.mark.parametrize("token", ["", "-", "12", "x-y", "1-" + "0" * 32, "9" * 40 + "-a"])
def test_a_made_up_undo_is_refused(project: Project, teammate: User, token: str) -> None:
    with pytest.raises(CannotChange, match="nothing to undo"):
        undo(project, teammate, token)


def test_nobody_undoes_a_colleagues_change_by_its_token(
    project: Project, owner: User, teammate: User
) -> None:
    done = exclude(project, owner, ids_of(project)[:1], "Broken")
    with pytest.raises(CannotChange):
        undo(project, teammate, done.undo_token)
    assert excluded_ids(project) == done.changed


def test_all_that_match_are_changed_and_no_others(project: Project, teammate: User) -> None:
    ids = ids_of(project)
    Preference.objects.filter(pk__in=ids[:4]).update(split="train")
    Preference.objects.filter(pk__in=ids[4:]).update(split="test")
    wanted = PreferenceFilter(split="train")
    window = window_for(project, wanted)
    done = change_matching(
        project, teammate, "exclude", wanted, window, expected=4, reason="Duplicate"
    )
    assert done.changed == ids[:4]
    assert excluded_ids(project) == ids[:4]


def test_all_that_match_is_refused_when_a_colleague_changed_how_many_do(
    project: Project, owner: User, teammate: User
) -> None:
    wanted = PreferenceFilter(state="in_use")
    window = window_for(project, wanted)
    exclude(project, owner, ids_of(project)[:1], "Broken")
    with pytest.raises(CannotChange, match="you confirmed 6, now 5 match"):
        change_matching(
            project, teammate, "exclude", wanted, window, expected=6, reason="Duplicate"
        )
    assert len(excluded_ids(project)) == 1


def test_what_is_settled_after_the_page_was_made_is_not_swept_in(
    project: Project, teammate: User
) -> None:
    window = window_for(project, PreferenceFilter())
    make_comparisons(project, 1)
    claim_and_judge(make_member(project), project)
    done = change_matching(
        project, teammate, "exclude", PreferenceFilter(), window, expected=6, reason="Duplicate"
    )
    assert len(done.changed) == 6
    assert ids_of(project)[-1] not in excluded_ids(project)


def test_more_than_the_limit_is_refused_in_words(project: Project, teammate: User) -> None:
    with pytest.raises(CannotChange, match="Narrow the filter"):
        change_matching(
            project,
            teammate,
            "exclude",
            PreferenceFilter(),
            window_for(project, PreferenceFilter()),
            expected=BULK_LIMIT + 1,
            reason="Duplicate",
        )


def test_nothing_ticked_is_said_so(project: Project, teammate: User) -> None:
    with pytest.raises(CannotChange, match="Tick at least one"):
        exclude(project, teammate, [], "Duplicate")


@pytest.mark.django_db(transaction=True)
def test_two_curators_at_the_same_moment_leave_one_entry_for_each_row() -> None:
    project = make_project(random_share=0)
    make_comparisons(project, 20)
    labeler = make_member(project)
    for _ in range(20):
        claim_and_judge(labeler, project)
    curators = [make_member(project, Role.CURATOR) for _ in range(4)]
    ids = ids_of(project)

    def act(curator: User) -> int:
        try:
            return len(exclude(project, curator, ids, f"by {curator.username}").changed)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(act, curators))
    assert sum(changed) == 20
    assert AuditEntry.objects.filter(action="exclude").count() == 20
    for row in Preference.objects.filter(project=project).select_related("excluded_by"):
        assert row.excluded_by is not None
        assert row.excluded_reason == f"by {row.excluded_by.username}"
