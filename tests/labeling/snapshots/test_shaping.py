"""Files made of snapshots: every shape, all formats, never silently short, and read back equal."""

import io
import json
from typing import Any

import pyarrow.parquet
import pytest

from labeling.curation.decisions import exclude
from labeling.models import Preference, Project, Response, Role, Snapshot, SnapshotFile, User
from labeling.preferences.beyond_text import CannotBeColumns, CannotBeTexts
from labeling.preferences.exporting import ExportOptions, preference_rows
from labeling.preferences.shapes.styles import STYLES, columns_of
from labeling.preferences.snapshots import SnapshotDamaged, take_snapshot
from labeling.snapshots.filters import SnapshotFilter
from labeling.snapshots.reading import as_messages
from labeling.snapshots.shaping import NoSuchFile, names_of, ready_file, styles_of
from labeling.snapshots.taking import take_by_hand
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project
from tests.labeling.snapshots.test_taking import rows_in, take

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(overlap=1)
    make_comparisons(project, 4)
    labeler = make_member(project)
    for choice in ("left", "right", "tie", "both_bad"):
        claim_and_judge(labeler, project, choice)
    return project


@pytest.fixture
def curator(project: Project) -> User:
    return make_member(project, Role.CURATOR)


@pytest.fixture
def snapshot(project: Project, curator: User) -> Snapshot:
    return take(project, curator)


def content_of(snapshot: Snapshot, name: str) -> bytes:
    return ready_file(snapshot, name).path.read_bytes()


def lines_in(snapshot: Snapshot, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content_of(snapshot, name).splitlines()]


def test_the_rows_are_those_of_the_export(project, snapshot):
    wanted = ExportOptions(include_ties=True, include_both_bad=True)
    assert rows_in(snapshot) == list(preference_rows(project, wanted))


def exportable(style: str) -> ExportOptions:
    return ExportOptions(style=style)


# A snapshot keeps pairs, not all responses of a comparison.
IN_SNAPSHOTS = sorted(name for name in STYLES if not STYLES[name].is_of_comparisons)


@pytest.mark.parametrize("style", IN_SNAPSHOTS)
def test_a_shape_for_trainers_is_the_export_of_pairs_with_a_better_response(
    project, snapshot, style
):
    rows = lines_in(snapshot, f"{style}.jsonl")
    if not (STYLES[style].is_of_votes or STYLES[style].is_of_prompts):
        assert rows == list(preference_rows(project, exportable(style)))
        assert ready_file(snapshot, f"{style}.jsonl").left_out == 2
    for row in rows:
        assert columns_of(STYLES[style]).keys() <= row.keys()


def test_votes_are_those_of_the_export_with_ties(project, snapshot):
    wanted = ExportOptions(style="judgments", include_ties=True, include_both_bad=True)
    assert lines_in(snapshot, "judgments.jsonl") == list(preference_rows(project, wanted))


@pytest.mark.parametrize("style", IN_SNAPSHOTS)
def test_parquet_has_the_same_rows_as_json_lines(snapshot, style):
    table = pyarrow.parquet.read_table(io.BytesIO(content_of(snapshot, f"{style}.parquet")))
    lines = lines_in(snapshot, f"{style}.jsonl")
    assert json.loads(json.dumps(table.to_pylist())) == lines


def test_the_whole_is_there_as_parquet_too(snapshot):
    table = pyarrow.parquet.read_table(io.BytesIO(content_of(snapshot, "snapshot.parquet")))
    assert table.to_pylist() == rows_in(snapshot)


def test_a_file_is_made_once_and_stays_what_it_is(project, snapshot):
    first = ready_file(snapshot, "trl.jsonl.gz")
    Preference.objects.update(weight=0.5)
    Response.objects.update(text="Otherwise.")
    again = ready_file(snapshot, "trl.jsonl.gz")
    assert (again.sha256, again.path) == (first.sha256, first.path)
    first.path.unlink()
    assert ready_file(snapshot, "trl.jsonl.gz").sha256 == first.sha256
    assert SnapshotFile.objects.count() == 1


def test_excluded_rows_are_in_no_shape_for_trainers(project, curator):
    out = Preference.objects.filter(kind="prefer").earliest("id")
    exclude(project, curator, [out.pk], "spam")
    whole = take_by_hand(project, curator, "All", SnapshotFilter.parse({}, include_excluded=True))
    assert isinstance(whole, Snapshot) and whole.count == 4
    assert out.pk not in {row["id"] for row in lines_in(whole, "trl.jsonl")}
    assert out.pk not in {row["id"] for row in lines_in(whole, "judgments.jsonl")}


def test_what_a_shape_would_drop_is_refused(project, curator):
    decided = Preference.objects.filter(kind="prefer").earliest("id")
    Response.objects.filter(pk=decided.chosen_id).update(extra={"reasoning_content": "Hm."})
    snapshot = take(project, curator)
    with pytest.raises(CannotBeTexts, match="more than texts"):
        ready_file(snapshot, "hh.jsonl")
    with pytest.raises(CannotBeColumns, match="JSON lines"):
        ready_file(snapshot, "trl.parquet")
    row = next(row for row in lines_in(snapshot, "trl.jsonl") if row["id"] == decided.pk)
    assert row["chosen"][0]["reasoning_content"] == "Hm."


def test_a_name_that_there_is_not_is_refused_with_those_there_are(snapshot):
    for name in ("../../secret-key", "trl.exe", "trl", "", ".jsonl", "snapshot.jsonl/.."):
        with pytest.raises(NoSuchFile, match=r"trl\.parquet"):
            ready_file(snapshot, name)


def test_every_name_can_be_had(snapshot):
    for name in names_of(snapshot):
        assert ready_file(snapshot, name).path.is_file(), name


def test_a_lost_file_is_told(snapshot):
    ready_file(snapshot, "snapshot.jsonl").path.unlink()
    with pytest.raises(SnapshotDamaged, match="is gone"):
        ready_file(snapshot, "snapshot.jsonl")
    with pytest.raises(SnapshotDamaged, match="is gone"):
        ready_file(snapshot, "trl.csv")


def test_a_trainings_snapshot_has_every_shape_that_its_rows_can_fill(project):
    snapshot = take_snapshot(project)
    assert "judgments" not in styles_of(snapshot) and "trl" in styles_of(snapshot)
    trained = {row["id"]: row for row in map(as_messages, lines_in(snapshot, "snapshot.jsonl"))}
    for row in lines_in(snapshot, "trl.jsonl"):
        assert row["chosen"] == trained[row["id"]]["chosen"]
    for name in names_of(snapshot):
        assert ready_file(snapshot, name).path.is_file(), name
