"""A file on its way in: chunks that nothing else knows, and files that wait for a click."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.importing import staging
from labeling.importing.kept import uploads
from labeling.importing.kept.uploads import drop_upload, keep_upload, kept_upload
from labeling.importing.lines.answer_fields import NewResponse
from labeling.importing.lines.opinions import Opinion
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.reports import ImportInterrupted
from labeling.models import Import, ImportChunk, Project
from tests.factories import make_member, make_project

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
EXTRAS = st.dictionaries(TEXTS, st.none() | st.integers() | TEXTS | st.lists(TEXTS), max_size=2)
OPINIONS = st.builds(
    Opinion,
    kind=st.sampled_from(["prefer", "tie", "both_bad"]),
    strength=st.none() | st.floats(0, 3),
    weight=st.floats(0.0001, 1),
    target=st.floats(0, 1),
    vote_share=st.none() | st.floats(0, 1),
    votes=st.tuples(*[st.integers(0, 9)] * 4),
    split=st.sampled_from(["", "train", "dev"]),
    excluded_reason=TEXTS,
    is_settled=st.booleans(),
    is_counted=st.booleans(),
)
ROWS = st.builds(
    CheckedRow,
    line=st.integers(1, 10**9),
    messages=st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": TEXTS})),
    responses=st.lists(st.builds(NewResponse, TEXTS, TEXTS, EXTRAS), max_size=3),
    opinion=st.none() | OPINIONS,
    tags=st.lists(TEXTS, max_size=2),
    extra=EXTRAS,
)


@given(st.lists(ROWS, max_size=4))
def test_rows_come_out_of_a_chunk_as_they_went_in(rows: list[CheckedRow]) -> None:
    chunk = ImportChunk(rows=staging._written(rows))
    assert staging.rows_of(chunk) == rows


@pytest.fixture
def project(db: Any) -> Project:
    return make_project()


def begin(project: Project, **fields: Any) -> Import:
    job = staging.begin(project, None, "rows.jsonl", {})
    Import.objects.filter(pk=job.pk).update(**fields)
    job.refresh_from_db()
    return job


ROW = CheckedRow(1, [{"role": "user", "content": "Why?"}])


def test_a_file_name_is_cut_to_what_the_column_holds(project: Project) -> None:
    assert staging.begin(project, make_member(project), "x" * 400, {}).name == "x" * 300


def test_a_chunk_of_an_import_that_was_given_up_is_refused_in_words(project: Project) -> None:
    job = begin(project)
    staging.keep(job, 0, [ROW])
    staging.remove(job)
    with pytest.raises(ImportInterrupted, match="nothing was heard of it for ten minutes"):
        staging.keep(job, 1, [ROW])
    assert not ImportChunk.objects.exists()


def test_an_import_in_force_is_not_taken_back(project: Project) -> None:
    job = begin(project)
    staging.keep(job, 0, [ROW])
    Import.objects.filter(pk=job.pk).update(state=Import.State.IN_FORCE)
    staging.remove(job)
    assert (Import.objects.count(), ImportChunk.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("minutes", "is_removed"), [(-9, False), (-11, True), (9, False), (11, True)]
)
def test_what_nobody_touches_for_ten_minutes_is_removed_whichever_way_the_clock_went(
    minutes: int, is_removed: bool, project: Project
) -> None:
    job = begin(project)
    staging.keep(job, 0, [ROW])
    Import.objects.update(touched_at=timezone.now() + timedelta(minutes=minutes))
    assert staging.remove_abandoned() == is_removed
    assert Import.objects.exists() != is_removed
    assert ImportChunk.objects.exists() != is_removed


def test_only_chunks_that_change_are_written_anew(project: Project) -> None:
    job = begin(project)
    staging.keep(job, 0, [ROW])
    staging.keep(job, 1, [CheckedRow(2, [{"role": "user", "content": "How?"}])])
    before = dict(job.chunks.values_list("number", "rows"))
    staging.change_rows(
        job,
        lambda rows: [CheckedRow(9, row.messages) for row in rows if row.line > 1] or list(rows),
    )
    after = dict(job.chunks.values_list("number", "rows"))
    assert bytes(after[0]) == bytes(before[0])
    (row,) = staging.rows_of(job.chunks.get(number=1))
    assert row.line == 9


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path / "uploads"


def test_an_upload_is_found_again_by_its_token_until_it_is_dropped(folder: Path) -> None:
    token = keep_upload([("a", [b"one\n", b"", b"two\n"])], 1)
    upload = kept_upload(token, 1)
    assert upload is not None
    assert upload.paths[0].read_bytes() == b"one\ntwo\n"
    drop_upload(token, 1)
    assert kept_upload(token, 1) is None
    drop_upload(token, 1)


@pytest.mark.parametrize(
    "token", ["", "x", "../secret", "A" * 32, "a" * 31, "a" * 33, "a" * 32 + "\n", "0" * 32]
)
def test_no_other_name_leads_to_a_file(token: str, folder: Path) -> None:
    keep_upload([("a", [b"rows"])], 1)
    (folder.parent / "secret").write_text("secret")
    (folder / ("A" * 32)).write_text("not one of ours")
    assert kept_upload(token, 1) is None
    drop_upload(token, 1)
    assert (folder.parent / "secret").exists()


def test_uploads_of_yesterday_go_with_the_next_one(folder: Path) -> None:
    old, recent = keep_upload([("a", [b"old"])], 1), keep_upload([("a", [b"recent"])], 1)
    day = uploads.KEPT_SECONDS
    os.utime(folder / f"{old}-1", (0, time.time() - day - 60))
    os.utime(folder / f"{recent}-1", (0, time.time() - day + 60))
    keep_upload([("a", [b"new"])], 1)
    assert kept_upload(old, 1) is None
    assert kept_upload(recent, 1) is not None


def test_an_upload_that_somebody_else_removes_at_this_moment_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_upload([("a", [b"old"])], 1)
    real = Path.iterdir

    def with_one_that_is_gone(path: Path) -> Any:
        return [*real(path), path / ("f" * 32)]

    monkeypatch.setattr(Path, "iterdir", with_one_that_is_gone)
    assert kept_upload(keep_upload([("a", [b"new"])], 1), 1) is not None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(chunks=st.lists(st.binary(max_size=50), max_size=5))
def test_an_upload_holds_every_byte(chunks: list[bytes], folder: Path) -> None:
    upload = kept_upload(keep_upload([("a", chunks)], 1), 1)
    assert upload is not None
    path = upload.paths[0]
    assert path.read_bytes() == b"".join(chunks)
