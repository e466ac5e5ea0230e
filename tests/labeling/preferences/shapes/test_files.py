"""Files of rows: what was written is read again, by our reader and by those of others."""

import csv
import gzip
import io
import json
import math
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.importing import import_file
from labeling.models import Preference, Project, Role
from labeling.preferences.beyond_text import CannotBeColumns
from labeling.preferences.exporting import ExportOptions, preference_changes, preference_rows
from labeling.preferences.shapes import parquet
from labeling.preferences.shapes.files import FORMATS, csv_lines, json_lines, packed
from labeling.preferences.shapes.parquet import DoesNotFit, parquet_file
from labeling.preferences.shapes.styles import STYLES, columns_of
from tests.factories import (
    claim_and_judge,
    client_with_token,
    make_comparison,
    make_member,
    make_project,
)

COLUMNS = {"id": int, "text": str, "turns": [{"role": str}]}
ROW = {"id": 1, "text": "=1+1", "turns": [{"role": "user"}]}
CALL = {"type": "function", "function": {"name": "look", "arguments": {}}}


def made(*rows: dict[str, Any], slug: str = "ours") -> Project:
    project = make_project(slug=slug)
    content = "\n".join(map(json.dumps, rows)).encode()
    import_file(project, None, io.BytesIO(content), name="made")
    return project


def rows_of(project: Project, style: str, **more: Any) -> list[dict[str, Any]]:
    return [*preference_rows(project, ExportOptions(style=style, **more))]


def cells(rows: list[dict[str, Any]], columns: dict[str, Any]) -> list[dict[str, str]]:
    text = b"".join(csv_lines(rows, columns)).decode()
    return [*csv.DictReader(io.StringIO(text, newline=""))]


def table(rows: list[dict[str, Any]], columns: dict[str, Any]) -> list[dict[str, Any]]:
    content = b"".join(parquet_file(rows, columns))
    read: list[dict[str, Any]] = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    return read


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(text=TEXTS | st.builds("{}{}".format, st.sampled_from([*"=+-@\t\r\n'＝"]), TEXTS))
def test_a_text_of_any_kind_comes_back_from_csv_without_the_apostrophe(text: str) -> None:
    (row,) = cells([{"id": 1, "text": text}], {"id": int, "text": str})
    assert row["text"].removeprefix("'") == text
    assert not row["text"].lstrip("\n").startswith(tuple("=+-@\t\r＝＋－＠"))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (-1.5, "-1.5"),
        (True, "true"),
        (0, "0"),
        ("", ""),
        ([{"a": "ä"}], '[{"a":"ä"}]'),
        ("=", "'="),
    ],
)
def test_only_texts_are_defused_and_lists_are_json(value: Any, cell: str) -> None:
    assert cells([{"id": 1, "x": value}], {"id": int, "x": str})[0]["x"] == cell


def test_a_csv_of_nothing_names_its_columns() -> None:
    assert b"".join(csv_lines([], COLUMNS)) == b"id,text,turns\r\n"


@pytest.mark.django_db
def test_tools_have_a_column_in_csv_that_is_empty_where_there_are_none() -> None:
    project = made(
        {"prompt": "A?", "chosen": "a", "rejected": "b"},
        {"prompt": "B?", "chosen": "a", "rejected": "b", "tools": [CALL]},
    )
    read = cells(rows_of(project, "trl"), columns_of(STYLES["trl"]))
    assert [row["tools"] for row in read] == ["", json.dumps([CALL], separators=(",", ":"))]
    assert "tools" not in cells([], columns_of(STYLES["text"]))


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_imported_again(name: str) -> None:
    turns = [{"role": "user", "content": f"{n}?\r\n=x"} for n in range(3)]
    project = made(*[{"prompt": [turn], "chosen": "-a", "rejected": '"b",'} for turn in turns])
    rows = rows_of(project, "messages")
    content = b"".join(FORMATS[name].write(rows, columns_of(STYLES["messages"])))
    again = make_project(slug="again")
    import_file(again, None, io.BytesIO(content), name=f"x.{name}")
    read = rows_of(again, "messages")
    for key in ("prompt", "chosen", "rejected", "split", "weight", "fingerprint"):
        assert [row[key] for row in read] == [row[key] for row in rows]


@pytest.mark.django_db
@pytest.mark.parametrize("style", STYLES)
def test_parquet_holds_what_the_rows_do_in_every_style(style: str) -> None:
    project = made({"prompt": "Ä?\n", "chosen": "a", "rejected": "", "tags": ["x"]})
    make_comparison(project)
    claim_and_judge(make_member(project), project)
    assert (rows := rows_of(project, style))
    assert table(rows, columns_of(STYLES[style])) == rows


@pytest.mark.django_db
@pytest.mark.parametrize("style", STYLES)
def test_parquet_without_rows_has_the_columns(style: str) -> None:
    columns = columns_of(STYLES[style])
    content = b"".join(parquet_file([], columns))
    assert pyarrow.parquet.read_table(io.BytesIO(content)).column_names == [*columns]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_row_groups_are_sent_before_the_rest_is_read(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 3)
    taken: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(count):
            taken.append(number)
            yield ROW | {"id": number}

    chunks = parquet_file(rows(), COLUMNS)
    first = next(chunks)
    assert len(taken) == min(count, 4)
    content = io.BytesIO(first + b"".join(chunks))
    file = pyarrow.parquet.ParquetFile(content)
    assert file.num_row_groups == math.ceil(count / 3)
    assert [row["id"] for row in file.read().to_pylist()] == [*range(count)]


def test_a_row_group_of_long_texts_has_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_CHARACTERS", 10)
    lengths = (6, 4, 1, 50, 2)
    rows = [{"id": n, "text": "x" * length} for n, length in enumerate(lengths)]
    content = b"".join(parquet_file(rows, {"id": int, "text": str}))
    groups = pyarrow.parquet.ParquetFile(io.BytesIO(content)).metadata
    sizes = [groups.row_group(n).num_rows for n in range(groups.num_row_groups)]
    assert sizes == [2, 1, 1, 1]


@pytest.mark.parametrize(
    "row", [ROW | {"more": 1}, ROW | {"turns": [{"role": "user", "name": "Ada"}]}, {"id": 1}]
)
def test_parquet_never_leaves_out_a_key(row: dict[str, Any]) -> None:
    with pytest.raises(DoesNotFit):
        b"".join(parquet_file([row], COLUMNS))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "more",
    [
        {"chosen": {"role": "assistant", "content": "", "tool_calls": [CALL]}},
        {"tools": [CALL]},
        {"prompt": [{"role": "user", "content": "Q?", "name": "Ada"}]},
    ],
)
def test_what_has_no_one_type_is_refused_as_parquet_with_its_number(more: dict[str, Any]) -> None:
    plain = {"prompt": "Q?", "chosen": "a", "rejected": "b"}
    project = made(plain, plain | {"prompt": "P?"} | more)
    client = client_with_token(make_member(project, Role.CURATOR))
    address = f"/api/v1/projects/{project.slug}/preferences/?format="
    for query in ("parquet", "parquet&cursor="):
        answer = client.get(address + query)
        assert [error["field"] for error in answer.json()["errors"]] == ["format"]
        assert "1 of these preferences hold more than a role" in answer.json()["detail"]
    assert client.get(address + "csv").status_code == 200


@pytest.mark.django_db
def test_prompt_rows_are_refused_as_parquet_for_their_prompts_alone() -> None:
    answer = {"role": "assistant", "content": "a", "name": "x"}
    project = made({"prompt": "Q?", "chosen": answer, "rejected": "b"})
    assert len(rows_of(project, "verl", is_plain=True)) == 1
    with pytest.raises(CannotBeColumns):
        rows_of(project, "trl", is_plain=True)


@pytest.mark.django_db
def test_tools_and_developers_speak_in_parquet_too() -> None:
    prompt = [{"role": "developer", "content": "Be exact."}, {"role": "user", "content": "Q?"}]
    project = made({"prompt": prompt, "chosen": "a", "rejected": "b"})
    (row,) = rows_of(project, "trl", is_plain=True)
    assert table([row], columns_of(STYLES["trl"])) == [row]


@given(chunks=st.lists(st.binary(max_size=50)))
def test_a_packed_file_is_one_that_gzip_reads_and_always_the_same(chunks: list[bytes]) -> None:
    content = b"".join(packed(chunks))
    assert gzip.decompress(content) == b"".join(chunks)
    assert content == b"".join(packed(chunks))


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("more", ["", "&cursor="])
def test_the_api_streams_every_format_under_its_name(name: str, more: str) -> None:
    project = made({"prompt": "Q?", "chosen": "a", "rejected": "b"})
    client = client_with_token(make_member(project, Role.CURATOR))
    answer = client.get(
        f"/api/v1/projects/{project.slug}/preferences/?format={name}&style=hh{more}"
    )
    assert answer.streaming
    assert answer["Content-Type"] == FORMATS[name].content_type
    assert f'filename="ours-preferences-hh.{name}"' in answer["Content-Disposition"]
    wanted = ExportOptions(style="hh")
    rows = preference_rows(project, wanted)
    if more:
        rows = preference_changes(project, wanted, "", None).rows
    expected = b"".join(FORMATS[name].write(rows, columns_of(STYLES["hh"])))
    assert answer.getvalue() == expected


@pytest.mark.django_db
def test_a_limit_counts_preferences_in_a_file_of_two_rows_each() -> None:
    project = made(*[{"prompt": f"Q{n}?", "chosen": "a", "rejected": "b"} for n in range(3)])
    client = client_with_token(make_member(project, Role.CURATOR))
    answer = client.get(
        f"/api/v1/projects/{project.slug}/preferences/?format=jsonl&style=trl-kto&limit=2"
    )
    rows = [json.loads(line) for line in answer.getvalue().splitlines()]
    ids = [*Preference.objects.order_by("id").values_list("id", flat=True)]
    assert [row["id"] for row in rows] == [ids[0], ids[0], ids[1], ids[1]]


def test_json_lines_keep_the_letters_of_every_language() -> None:
    assert [*json_lines([{"id": 1, "x": "ä\u2028"}])] == ['{"id":1,"x":"ä\u2028"}\n'.encode()]
