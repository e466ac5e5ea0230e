"""`manage.py export_preferences`: what it writes, what it refuses, and that no half file stays."""

import gzip
import io
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from labeling.importing import import_file
from labeling.management.commands import export_preferences
from labeling.models import Preference, Project
from tests.factories import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(slug="ours")
    rows = [{"prompt": f"Q{n}?", "chosen": "ä", "rejected": "b"} for n in range(3)]
    import_file(project, None, io.BytesIO("\n".join(map(json.dumps, rows)).encode()), name="made")
    return project


def export(path: Path, *words: str, **more: Any) -> list[dict[str, Any]]:
    call_command("export_preferences", "ours", "--output", str(path), *words, **more)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def refuse(words: str, *arguments: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("export_preferences", *arguments)


def test_an_unknown_project_is_named() -> None:
    refuse("There is no project “nowhere”.", "nowhere")


def test_it_says_how_many_it_wrote_apart_from_them(
    project: Project, tmp_path: Path, capsys: Any
) -> None:
    assert len(export(tmp_path / "all.jsonl")) == 3
    written = capsys.readouterr()
    assert (written.out, written.err) == ("", "3 preferences of ours exported.\n")


def test_without_a_file_the_rows_go_to_the_output(
    project: Project, tmp_path: Path, capfdbinary: Any
) -> None:
    call_command("export_preferences", "ours")
    out = capfdbinary.readouterr().out
    export(tmp_path / "a.jsonl")
    assert out == (tmp_path / "a.jsonl").read_bytes()
    assert "ä".encode() in out


def test_a_project_without_preferences_makes_an_empty_file(tmp_path: Path) -> None:
    make_project(slug="ours")
    assert export(tmp_path / "none.jsonl") == []
    assert (tmp_path / "none.jsonl").exists()


def test_a_packed_file_holds_the_same(project: Project, tmp_path: Path) -> None:
    plain = export(tmp_path / "a.jsonl")
    call_command("export_preferences", "ours", output=tmp_path / "a.jsonl.gz")
    packed = gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes())
    assert [json.loads(line) for line in packed.splitlines()] == plain


@pytest.mark.parametrize(
    ("name", "options", "begins"),
    [
        ("a.jsonl", (), b'{"id":'),
        ("a.csv", (), b"id,prompt,"),
        ("a.parquet", (), b"PAR1"),
        ("a.csv.gz", (), b"\x1f\x8b"),
        ("a.gz", (), b"\x1f\x8b"),
        ("parquet", (), b'{"id":'),
        ("a.txt", (), b'{"id":'),
        ("a.txt", ("--format", "csv"), b"id,prompt,"),
        ("a.csv", ("--format", "jsonl"), b'{"id":'),
    ],
)
def test_the_end_of_the_name_says_the_format_unless_an_option_does(
    project: Project, tmp_path: Path, name: str, options: tuple[str, ...], begins: bytes
) -> None:
    call_command("export_preferences", "ours", "--output", str(tmp_path / name), *options)
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_preferences_are_counted_and_not_rows(
    project: Project, tmp_path: Path, capsys: Any
) -> None:
    assert len(export(tmp_path / "all.jsonl", "--style", "trl-kto")) == 6
    assert "3 preferences of ours exported." in capsys.readouterr().err


def test_what_the_style_cannot_say_is_refused_before_a_file_is_there(
    project: Project, tmp_path: Path
) -> None:
    path = str(tmp_path / "a.jsonl")
    words = "style=nemo-rl has no place for ties"
    refuse(words, "ours", "--output", path, "--style", "nemo-rl", "--include-ties")
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_there_is_replaced_as_a_whole(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("older\n" * 1000)
    assert len(export(path)) == 3


@pytest.mark.parametrize("name", [".", "folder"])
def test_a_folder_is_no_file_to_write(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    refuse(r"is a folder: name a file in it\.", "ours", "--output", name)
    assert os.listdir(tmp_path) == ["folder"]


def test_a_folder_that_is_not_there_is_said_to_be(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.jsonl"
    refuse("cannot be written: No such file or directory", "ours", "--output", str(path))


def test_the_style_that_texts_cannot_carry_writes_nothing(project: Project, tmp_path: Path) -> None:
    row = {
        "prompt": "Q?",
        "chosen": {"role": "assistant", "content": "a", "name": "x"},
        "rejected": "b",
    }
    import_file(project, None, io.BytesIO(json.dumps(row).encode()), name="more")
    path = tmp_path / "a.jsonl"
    with pytest.raises(CommandError):
        export(path, "--style", "text")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "moment",
    ["yesterday", "2026-02-30T00:00:00Z", "2026-13-01", "2026-01-01T25:00:00Z",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)  # fmt: skip
def test_a_moment_that_is_none_is_refused_with_an_example(project: Project, moment: str) -> None:
    words = "is no moment such as 2026-01-31T12:00:00Z"
    with pytest.raises(CommandError, match=words) as refusal:
        call_command("export_preferences", "ours", settled_since=moment)
    assert moment in str(refusal.value)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "2000-01-01", "2000-01-01T00:00:00"])
def test_a_moment_long_ago_means_everything(project: Project, tmp_path: Path, moment: str) -> None:
    assert len(export(tmp_path / "a.jsonl", "--settled-since", moment)) == 3


def test_what_was_settled_just_before_the_moment_comes_once_more(
    project: Project, tmp_path: Path
) -> None:
    newest = Preference.objects.latest("id")
    assert newest.settled_at is not None
    for minutes, rows in ((4, 3), (6, 0)):
        since = (newest.settled_at + timedelta(minutes=minutes)).isoformat()
        assert len(export(tmp_path / "a.jsonl", "--settled-since", since)) == rows


@pytest.mark.parametrize("weight", ["nan", "-0.1", "1.5", "x"])
def test_a_weight_that_is_none_is_refused(project: Project, weight: str) -> None:
    refuse("invalid weight from 0 to 1 value", "ours", f"--min-weight={weight}")


def test_filters_are_those_of_the_api(project: Project, tmp_path: Path) -> None:
    first, second, third = Preference.objects.order_by("id")
    Preference.objects.filter(pk=first.pk).update(split="dev")
    Preference.objects.filter(pk=second.pk).update(split="test", weight=0.5)
    Preference.objects.filter(pk=third.pk).update(split="train", excluded=True, excluded_reason="x")

    def ids(*words: str) -> list[int]:
        return [row["id"] for row in export(tmp_path / "a.jsonl", *words)]

    assert ids("--split", "dev", "--split", "test") == [first.pk, second.pk]
    assert ids("--min-weight", "0.75") == [first.pk]
    assert ids("--include-excluded") == [first.pk, second.pk, third.pk]
    assert ids("--after", str(first.pk)) == [second.pk]
    assert ids("--provenance", "unanimous") == []


@pytest.mark.parametrize("option", ["--split=none", "--provenance=none", "--style=none"])
def test_a_choice_that_is_none_is_refused(project: Project, option: str) -> None:
    refuse("invalid choice: 'none'", "ours", option)


def test_a_disk_that_fills_up_leaves_the_older_file(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("older")

    def full(*_: Any) -> Any:
        yield {"id": 1}
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_preferences, "preference_rows", full)
    refuse("cannot be written: No space left on device", "ours", "--output", str(path))
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["a.jsonl"]
