"""Snapshots: same preferences, same file; what changed afterwards is noticed."""

import hashlib
import io
import json

import pytest

from labeling.importing import import_file
from labeling.models import Preference, Snapshot
from labeling.preferences import snapshots
from labeling.preferences.snapshots import SnapshotDamaged, snapshot_path, take_snapshot, verify
from tests.factories import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path


def make_preferences(project, *kinds: str) -> list[Preference]:
    lines = [
        json.dumps({"prompt": f"Q{n}?", "chosen": f"a{n}", "rejected": f"b{n}", "kind": kind})
        for n, kind in enumerate(kinds)
    ]
    import_file(project, None, io.BytesIO("\n".join(lines).encode()), name="made")
    return list(Preference.objects.filter(project=project).order_by("id"))


def rows_of(snapshot: Snapshot) -> list[dict]:
    return [json.loads(line) for line in snapshot_path(snapshot).read_text().splitlines()]


def test_a_row_is_what_the_trainer_reads():
    project = make_project()
    (preference,) = make_preferences(project, "prefer")
    (row,) = rows_of(take_snapshot(project))
    assert row == {
        "id": str(preference.pk),
        "prompt": [{"role": "user", "content": "Q0?"}],
        "chosen": "a0",
        "rejected": "b0",
        "target": 1.0,
        "weight": 1.0,
        "strength": None,
        "split": preference.split,
        "arm": "imported",
        "round": None,
    }


def test_ties_teach_half_and_both_bad_and_excluded_nothing():
    project = make_project()
    _, tie, _, excluded = make_preferences(project, "prefer", "tie", "both_bad", "prefer")
    Preference.objects.filter(pk=excluded.pk).update(excluded=True, excluded_reason="spam")
    snapshot = take_snapshot(project)
    assert snapshot.count == 2
    assert [(row["id"], row["target"]) for row in rows_of(snapshot)][1] == (str(tie.pk), 0.5)


def test_the_same_preferences_are_the_same_snapshot():
    project = make_project()
    make_preferences(project, "prefer", "prefer")
    first, second = take_snapshot(project), take_snapshot(project)
    assert first == second
    content = snapshot_path(first).read_bytes()
    assert hashlib.sha256(content).hexdigest() == first.sha256
    assert [path.name for path in snapshot_path(first).parent.iterdir()] == [
        f"{first.sha256}.jsonl"
    ]


def test_a_change_makes_a_new_snapshot_and_keeps_the_old():
    project = make_project()
    preferences = make_preferences(project, "prefer", "prefer")
    first = take_snapshot(project)
    Preference.objects.filter(pk=preferences[0].pk).update(weight=0.5)
    second = take_snapshot(project)
    assert first.sha256 != second.sha256
    assert verify(first) != verify(second)


def test_rows_are_in_id_order_across_pages(monkeypatch):
    monkeypatch.setattr(snapshots, "READ_ROWS", 2)
    project = make_project()
    made = make_preferences(project, *["prefer"] * 5)
    assert [row["id"] for row in rows_of(take_snapshot(project))] == [str(p.pk) for p in made]


def test_without_preferences_the_snapshot_is_empty():
    snapshot = take_snapshot(make_project())
    assert (snapshot.count, snapshot.last_settled_at) == (0, None)
    assert rows_of(snapshot) == []


def test_it_knows_up_to_when_it_goes():
    project = make_project()
    preferences = make_preferences(project, "prefer", "prefer")
    newest = max(preference.settled_at for preference in preferences)
    assert take_snapshot(project).last_settled_at == newest


def test_a_changed_file_is_noticed():
    project = make_project()
    make_preferences(project, "prefer")
    path = snapshot_path(take_snapshot(project))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"a0", b"a1"))
    with pytest.raises(SnapshotDamaged, match="was changed"):
        verify(Snapshot.objects.get())


def test_a_lost_file_is_noticed_and_written_again():
    project = make_project()
    make_preferences(project, "prefer")
    snapshot = take_snapshot(project)
    snapshot_path(snapshot).unlink()
    with pytest.raises(SnapshotDamaged, match="lost its file"):
        verify(snapshot)
    assert take_snapshot(project) == snapshot
    assert verify(snapshot).is_file()


def test_a_full_disk_leaves_neither_file_nor_row(monkeypatch, tmp_path):
    project = make_project()
    make_preferences(project, "prefer")

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshots.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        take_snapshot(project)
    assert list((tmp_path / "snapshots").iterdir()) == []
    assert not Snapshot.objects.exists()
