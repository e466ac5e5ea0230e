"""The difference of two snapshots: what came, what went, and how what stayed has changed."""

import tracemalloc
from typing import Any

import pytest

from labeling.curation.decisions import exclude
from labeling.models import Preference, Project, Role, Snapshot, User
from labeling.preferences.snapshots import take_snapshot
from labeling.snapshots.comparing import Differences, ways_between
from labeling.snapshots.filters import SnapshotFilter
from labeling.snapshots.taking import take_by_hand
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project
from tests.labeling.snapshots.test_taking import rows_in, take

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_comparisons(project, 5)
    labeler = make_member(project)
    for _ in range(4):
        claim_and_judge(labeler, project)
    return project


@pytest.fixture
def curator(project: Project) -> User:
    return make_member(project, Role.CURATOR)


def whole(project: Project, actor: User, name: str) -> Snapshot:
    snapshot = take_by_hand(project, actor, name, SnapshotFilter.parse({}, include_excluded=True))
    assert isinstance(snapshot, Snapshot)
    return snapshot


def between(old: Snapshot, new: Snapshot) -> tuple[list[tuple[int, str, tuple[str, ...]]], Any]:
    differences = Differences(old, new)
    listed = [(one.id, one.what, one.ways) for one in differences]
    return listed, differences.counts


def test_equal_ones_differ_in_nothing(project, curator):
    assert between(take(project, curator, "A"), take(project, curator, "B")) == ([], {"same": 4})


def test_what_came_and_went_and_changed_is_told(project, curator):
    old = whole(project, curator, "Old")
    flipped, heavier, moved, out = Preference.objects.order_by("id")
    Preference.objects.filter(pk=flipped.pk).update(
        chosen=flipped.rejected_id, rejected=flipped.chosen_id
    )
    Preference.objects.filter(pk=heavier.pk).update(weight=0.25)
    Preference.objects.filter(pk=moved.pk).update(split="dev" if moved.split != "dev" else "test")
    exclude(project, curator, [out.pk], "spam")
    claim_and_judge(make_member(project), project)
    newest = Preference.objects.latest("id")
    new = whole(project, curator, "New")
    listed, counts = between(old, new)
    assert listed == [
        (flipped.pk, "changed", ("verdict",)),
        (heavier.pk, "changed", ("weight",)),
        (moved.pk, "changed", ("split",)),
        (out.pk, "changed", ("excluded",)),
        (newest.pk, "added", ()),
    ]
    assert counts == {"changed": 4, "added": 1}
    backwards, counts = between(new, old)
    assert backwards[-1] == (newest.pk, "removed", ())
    assert counts == {"changed": 4, "removed": 1}


def test_a_tie_that_was_a_choice_is_another_verdict(project, curator):
    old = take(project, curator, "Old")
    Preference.objects.filter(pk=Preference.objects.earliest("id").pk).update(
        kind="tie", target=0.5
    )
    ((_, what, ways),), _ = between(old, take(project, curator, "New"))
    assert what == "changed" and set(ways) == {"verdict", "votes"}


def test_a_new_stamp_alone_is_no_difference(project, curator):
    old = take(project, curator, "Old")
    Preference.objects.update(arm="random")
    assert between(old, take(project, curator, "New")) == ([], {"same": 4})


def test_a_trainings_snapshot_and_one_by_hand_can_be_compared(project, curator):
    trained = take_snapshot(project)
    by_hand = take(project, curator)
    assert between(trained, by_hand) == ([], {"same": 4})
    Preference.objects.filter(pk=Preference.objects.earliest("id").pk).update(weight=0.5)
    listed, _ = between(trained, take(project, curator, "Later"))
    assert [ways for _, _, ways in listed] == [("weight",)]


def test_texts_that_changed_are_told(project, curator):
    row = rows_in(take(project, curator))[0]
    changed = {**row, "prompt": [{"role": "user", "content": "Another one?"}]}
    assert list(ways_between(row, changed)) == ["texts"]


def test_a_page_goes_on_after_an_id_and_counts_all(project, curator):
    old = take(project, curator, "Old")
    Preference.objects.update(weight=0.5)
    ids = list(Preference.objects.order_by("id").values_list("id", flat=True))
    differences = Differences(old, take(project, curator, "New"))
    page = differences.go_through(2, what="weight", after=ids[0])
    assert [one.id for one in page] == ids[1:3]
    assert differences.ways == {"weight": 4}


def test_memory_does_not_grow_with_the_files(project, curator, monkeypatch):
    """Five thousand lines of 2 kB each: both files are 20 MB, and one row of each is held."""
    row = rows_in(take(project, curator))[0]
    long = {**row, "prompt": [{"role": "user", "content": "x" * 2000}]}

    def lines(path: Any) -> Any:
        import json

        for number in range(5000):
            shift = 0.5 if path == "new" else 1.0
            yield json.dumps({**long, "id": number, "weight": shift}).encode()

    monkeypatch.setattr("labeling.snapshots.comparing.lines_of", lines)
    monkeypatch.setattr("labeling.snapshots.comparing.rows_path", lambda which: which)
    tracemalloc.start()
    count = len([None for _ in Differences("old", "new")])  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 5000 and peak < 1_000_000
