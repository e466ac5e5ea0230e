"""The receipt of an export says what the whole of it was, and only when the whole of it went."""

import hashlib
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.models import Export
from labeling.preferences.receipts import KEPT, Sealing, begin, seal
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db


def begun() -> Export:
    project = make_project()
    return begin(project, make_member(project), "x.jsonl", {"style": "hh"})


def test_it_is_sealed_before_the_last_piece_goes() -> None:
    sealing = Sealing(begun())
    chunks = sealing.sealed(b"%d" % row["id"] for row in sealing.counted([{"id": 1}, {"id": 2}]))
    assert next(chunks) == b"1"
    sealing.export.refresh_from_db()
    assert sealing.export.finished_at is None
    assert next(chunks) == b"2"
    sealing.export.refresh_from_db()
    assert (sealing.export.rows, sealing.export.bytes) == (2, 2)
    assert sealing.export.sha256 == hashlib.sha256(b"12").hexdigest()
    assert next(chunks, None) is None


def test_one_that_broke_off_is_never_sealed() -> None:
    def broken():
        yield b"1"
        yield b"2"
        raise ConnectionError

    sealing = Sealing(begun())
    with pytest.raises(ConnectionError):
        list(sealing.sealed(broken()))
    sealing.export.refresh_from_db()
    assert (sealing.export.finished_at, sealing.export.sha256) == (None, "")


def test_nothing_is_a_whole_too() -> None:
    sealing = Sealing(begun())
    assert b"".join(sealing.sealed([])) == b""
    sealing.export.refresh_from_db()
    assert (sealing.export.rows, sealing.export.bytes) == (0, 0)


def test_a_seal_is_set_once() -> None:
    export = begun()
    seal(export, rows=1, size=1, sha256="a")
    seal(export, rows=2, size=2, sha256="b")
    export.refresh_from_db()
    assert (export.rows, export.sha256) == (1, "a")


def test_half_a_seal_is_no_seal() -> None:
    export = begun()
    for fields in ({"rows": 1}, {"sha256": "a"}, {"finished_at": timezone.now()}):
        with pytest.raises(IntegrityError, match="export_is_sealed"), transaction.atomic():
            Export.objects.filter(pk=export.pk).update(**fields)


def test_old_ones_are_forgotten() -> None:
    old, other = begun(), begun()
    Export.objects.update(started_at=timezone.now() - KEPT - timedelta(days=1))
    begin(old.project, None, "y.jsonl", {})
    assert {*Export.objects.values_list("file_name", "project_id")} == {
        ("y.jsonl", old.project_id),
        ("x.jsonl", other.project_id),
    }
