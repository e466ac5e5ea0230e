"""Each format gives its records with their places, plain, packed and in archives."""

import bz2
import csv
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.importing import check_file
from labeling.importing.files import Folder, Place, read_records
from labeling.importing.lines import reading
from labeling.importing.reports import Problem
from labeling.texts.limits import FileLimits

ROWS = [{"prompt": "One?", "chosen": "a", "rejected": "b"}, {"prompt": "Zwei ä?", "chosen": "c"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def read(content: bytes, name: str = "", **options) -> list:
    return [*read_records(io.BytesIO(content), name, **options)]


def values(content: bytes, name: str = "", **options) -> list:
    return [value for _, value in read(content, name, **options)]


def fault(content: bytes, name: str = "", **options) -> str:
    """What the last thing read says, which must be a problem of the file."""
    place, problem = read(content, name, **options)[-1]
    assert isinstance(problem, Problem) and problem.is_of_file and problem.line == place
    return f"{problem.place}: {problem.words}"


def parquet(rows=ROWS, **options) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer, **options)
    return buffer.getvalue()


def arrow(make, rows=ROWS) -> bytes:
    buffer = io.BytesIO()
    table = pyarrow.Table.from_pylist(rows)
    with make(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def zstd(content: bytes, name: str = "zstd") -> bytes:
    buffer = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(buffer, name) as stream:
        stream.write(content)
    return buffer.getvalue().to_pybytes()


def tar(*members: tuple[str, bytes], mode: Any = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def zipped_by_zstandard(name: str, content: bytes) -> bytes:
    """A zip archive with one member whose method is 93, which Python 3.11 cannot write itself."""
    packed = zstd(content)
    archive = bytearray(zipped_as_it_is((name, packed)))
    sizes = struct.pack("<3L", zlib.crc32(content), len(packed), len(content))
    for sign, method, checksum in ((b"PK\x03\x04", 8, 14), (b"PK\x01\x02", 10, 16)):
        start = archive.index(sign)
        archive[start + method : start + method + 2] = struct.pack("<H", 93)
        archive[start + checksum : start + checksum + 12] = sizes
    return bytes(archive)


def zipped_as_it_is(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


PLAIN = {
    "lines": LINES,
    "array": json.dumps(ROWS).encode(),
    "array over lines": b"\xef\xbb\xbf" + json.dumps(ROWS, indent=2).encode(),
    "document": json.dumps({"version": 1, "data": ROWS}, indent=1).encode(),
    "document on a line": json.dumps({"rows": ROWS}).encode(),
    "document on a line, after its version": json.dumps({"version": "1", "train": ROWS}).encode(),
    "viewer": json.dumps(
        {"features": [{"name": "prompt"}], "rows": [{"row_idx": 0, "row": row} for row in ROWS]}
    ).encode(),
    "indented objects": "\n".join(json.dumps(row, indent=2) for row in ROWS).encode(),
    "comma": b'\xef\xbb\xbfprompt,chosen,rejected\r\nOne?,a,b\r\n"Zwei \xc3\xa4?",c,\r\n',
    "tab": "prompt\tchosen\trejected\nOne?\ta\tb\nZwei ä?\tc\t\n".encode(),
    "semicolon": "prompt;chosen;rejected\nOne?;a;b\nZwei ä?;c;\n".encode(),
    "from Excel": "prompt\tchosen\trejected\r\nOne?\ta\tb\r\nZwei ä?\tc\t\r\n".encode("utf-16"),
    "old Mac": "prompt,chosen,rejected\rOne?,a,b\rZwei ä?,c,\r".encode(),
    "parquet": parquet(),
    "parquet, row groups": parquet(row_group_size=1, compression="zstd"),
    "arrow file": arrow(pyarrow.ipc.new_file),
    "arrow stream": arrow(pyarrow.ipc.new_stream),
}
PACKED = {
    "gzip": gzip.compress,
    "bzip2": lambda content: bz2.compress(content[:9]) + bz2.compress(content[9:]),
    "xz": lambda content: lzma.compress(content[:9]) + lzma.compress(content[9:]) + bytes(8),
    "zstd": lambda content: zstd(content[:9]) + zstd(content[9:]),
    "lz4": lambda content: zstd(content, "lz4"),
}


def without_nulls(rows: list) -> list:
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_each_format_gives_the_same_rows(content):
    assert without_nulls(values(content)) == ROWS


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_each_format_may_be_packed_and_lie_in_an_archive(pack, content):
    assert without_nulls(values(pack(content))) == ROWS
    assert without_nulls(values(pack(tar(("part", pack(content)))))) == ROWS
    assert without_nulls(values(pack(zipped(("part", pack(content)))))) == ROWS


def test_a_member_of_a_zip_archive_may_be_packed_with_zstandard():
    archive = zipped_by_zstandard("samples/1.jsonl", LINES)
    assert values(archive) == ROWS
    wrong_sum = archive.replace(struct.pack("<L", zlib.crc32(LINES)), b"\0\0\0\0")
    assert "The zip archive is damaged" in fault(wrong_sum)
    cut = archive.replace(zstd(LINES)[20:30], bytes(10))
    assert "The zip archive is damaged" in fault(cut)


def test_places_say_where_a_record_stands():
    assert [str(place) for place, _ in read(LINES)] == ["1", "2"]
    assert [str(place) for place, _ in read(PLAIN["array"])] == ["item 1", "item 2"]
    assert [str(place) for place, _ in read(PLAIN["comma"])] == ["row 1", "row 2"]
    archive = tar(("a/one.jsonl", b"\n" + LINES), ("two.csv", PLAIN["comma"]))
    places = [place for place, _ in read(archive)]
    assert [str(place) for place in places] == [
        "line 2 of a/one.jsonl",
        "line 3 of a/one.jsonl",
        "row 1 of two.csv",
        "row 2 of two.csv",
    ]
    assert [int(place) for place in places] == [2, 3, 4, 5]
    assert json.dumps(places) == "[2, 3, 4, 5]"


# tables


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=3, max_size=3
        ),
        min_size=1,
    )
)
def test_whatever_is_written_as_csv_comes_back(rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["prompt", "chosen", "rejected"], *rows])
    expected = [
        {
            key: cell
            for key, cell in zip(("prompt", "chosen", "rejected"), row, strict=True)
            if cell.strip()
        }
        for row in rows
        if any(row)
    ]
    assert values(text.getvalue().encode(), "rows.csv") == expected


def test_cells_that_hold_numbers_lists_and_messages_are_read_as_such():
    talk = [{"role": "user", "content": "Hi?"}]
    written = {
        "prompt": json.dumps(talk),
        "chosen": str([{"role": "assistant", "content": "It's"}]),  # as pandas writes it
        "rejected": "[1, 2] is a list",
        "strength": "2",
        "tags": '["x", "y"]',
        "excluded": "False",
    }
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, written)
    writer.writeheader()
    writer.writerow(written)
    (row,) = values(text.getvalue().encode())
    assert row == {
        "prompt": talk,
        "chosen": [{"role": "assistant", "content": "It's"}],
        "rejected": "[1, 2] is a list",
        "strength": 2,
        "tags": ["x", "y"],
        "excluded": False,
    }


def test_an_answer_in_json_stays_the_text_that_it_is():
    text = 'prompt,chosen,rejected\nJSON?,"{""a"": 1}","[{""a"": 1}]"\n'
    assert values(text.encode())[0]["chosen"] == '{"a": 1}'
    assert values(text.encode())[0]["rejected"] == '[{"a": 1}]'


def test_a_ragged_row_is_a_fault_of_its_own():
    rows = read(b"prompt,chosen,rejected\nOne?,a,b\nTwo?,a\nThree?,a,b,c\nFour?,a,b,\n")
    problems = [value for _, value in rows if isinstance(value, Problem)]
    assert [(str(one.line), one.problem) for one in problems] == [
        ("row 2", "2 cells, and 3 columns in the first line."),
        ("row 3", "4 cells, and 3 columns in the first line."),
    ]
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"prompt,chosen,chosen\nOne?,a,b\n", "Two columns are called “chosen”."),
        (b"prompt,,chosen\nOne?,a,b\n", "A column has no name."),
        (b'prompt,chosen\n"One?"x,a\n', "Not valid CSV"),
        (b'prompt,chosen\n"One?,a\n', "Not valid CSV"),
        (("c," * 300 + "prompt\n").encode() + b"a\n", "301 columns; at most 200"),
        ("prompt\tchosen\nOne?\ta\n".encode("utf-16")[:-1], "Not valid UTF-16"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(content, words):
    assert words in fault(content, "rows.csv")


def test_another_encoding_is_a_fault_of_the_row_and_its_column():
    rows = values("prompt,chosen\nEins?,ä\nZwei?,b\n".encode("latin-1"))
    assert (rows[0].field, rows[0].problem) == ("chosen", "Not valid UTF-8.")
    assert "CSV UTF-8" in rows[0].advice
    assert rows[1] == {"prompt": "Zwei?", "chosen": "b"}


def test_a_column_of_row_numbers_as_pandas_writes_it_does_no_harm():
    assert check_file(io.BytesIO(b",prompt,chosen,rejected\n0,One?,a,b\n")).rows == 1


def test_text_that_only_has_commas_is_no_table():
    assert "Not valid JSON" in values(b"Hello, you\nthere, too\n")[0].problem


# Parquet and Arrow


def test_nested_columns_and_nulls_come_as_json_has_them():
    import datetime

    rows = [
        {
            "chosen": [{"role": "assistant", "content": "a", "name": None}],
            "when": datetime.datetime(2026, 1, 31, 12),
            "score": float("nan"),
            "raw": b"\x00",
            "count": 3,
        }
    ]
    assert values(parquet(rows)) == [
        {
            "chosen": [{"role": "assistant", "content": "a", "name": None}],
            "when": "2026-01-31T12:00:00",
            "score": None,
            "raw": "AA==",
            "count": 3,
        }
    ]


def test_a_parquet_row_beyond_the_limits_of_a_row_is_a_fault_of_its_own(monkeypatch):
    monkeypatch.setattr(reading, "MAX_LINE_BYTES", 1000)
    long, short = values(parquet([{"prompt": "x" * 1001}, {"prompt": "y"}]))
    assert "longer than 1,000 bytes" in long.problem
    assert short == {"prompt": "y"}
    (many,) = values(parquet([{"prompt": "x", "n": [*range(100_001)]}]))
    assert many.problem == "Holds more than 100,000 values."


def test_text_that_is_no_utf8_is_a_fault_of_its_row():
    texts = pyarrow.array([b"a", b"\xff", b"b"], pyarrow.binary()).cast(
        pyarrow.string(), safe=False
    )
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"prompt": texts}), buffer)
    found = values(buffer.getvalue())
    assert [type(value) for value in found] == [dict, Problem, dict]


@pytest.mark.parametrize("name", ["parquet", "arrow file", "arrow stream"])
def test_a_file_of_columns_that_is_cut_short_says_so(name):
    whole = PLAIN[name]
    assert "damaged or cut short" in fault(whole[: len(whole) // 2])


# what is packed


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_what_is_packed_and_cut_short_or_damaged_says_so(pack):
    content = b"".join(b'{"prompt": "%d?"}\n' % (n * n * 7919) for n in range(50_000))
    packed = bytearray(pack(content))
    assert "cut short" in fault(bytes(packed[:-30]))
    packed[len(packed) // 2] ^= 0xFF
    if pack not in (PACKED["zstd"], PACKED["lz4"]):  # which need not carry a checksum
        assert "damaged" in fault(bytes(packed))


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_a_bomb_is_given_up_before_it_is_unpacked(pack):
    bomb = pack(b'{"prompt": "One?"}\n' * 1_000_000)
    assert "unpacks to more than 100 times its size" in fault(bomb)
    assert "unpacks to more than 100 times its size" in fault(tar(("part", bomb)))
    limits = FileLimits(max_bytes=100_000, max_ratio=None)
    assert "more than 100,000 bytes when unpacked" in fault(bomb, limits=limits)


def test_members_of_an_archive_count_together():
    rows = b'{"prompt": "One?"}\n' * 4_000
    archive = zipped(*((f"{number}.jsonl", rows) for number in range(40)))
    assert "unpacks to more than 100 times" in fault(archive)
    assert "more than 5,000 lines" in fault(archive, limits=FileLimits(max_lines=5_000))


def test_a_parquet_file_that_says_one_long_text_for_all_of_its_rows_is_given_up():
    bomb = parquet([{"prompt": "x" * 100_000}] * 20_000)
    assert len(bomb) < 100_000
    assert "unpacks to more than 100 times" in fault(bomb)


def test_what_is_packed_in_what_is_packed_is_refused():
    twice = gzip.compress(gzip.compress(LINES))
    assert "in what was packed already" in fault(twice)
    assert "in what was packed already" in fault(zipped(("a.gz", twice)))
    assert "in another one" in fault(zipped(("a.zip", zipped(("b.jsonl", LINES)))))
    assert "in another one" in fault(tar(("a.tar.gz", tar(("b.jsonl", LINES), mode="w:gz"))))


# archives


def test_what_is_no_data_in_an_archive_is_left_out_and_said():
    said = []
    archive = tar(
        ("__MACOSX/._a.jsonl", b"\0\5\26\7"),
        (".DS_Store", b"\0\0\0\1Bud1"),
        ("data/.gitattributes", b"*.jsonl filter=lfs"),
        ("README.md", b"# Data"),
        ("LICENSE", b"All rights"),
        ("data/a.jsonl", LINES),
    )
    found = read(archive, tell=lambda what, place: said.append((what, place)))
    assert [value for _, value in found] == ROWS
    assert said == [
        ("README.md of the archive left out, as it holds no rows", 0),
        ("LICENSE of the archive left out, as it holds no rows", 0),
    ]


@pytest.mark.parametrize("name", ["../a.jsonl", "/etc/a.jsonl", "x/../../a.jsonl", "C:\\a.jsonl"])
@pytest.mark.parametrize("pack", [tar, zipped])
def test_names_that_lead_out_of_the_archive_are_refused(pack, name):
    assert "names a file outside of itself" in fault(pack(("ok.jsonl", LINES), (name, LINES)))


def test_links_and_devices_are_left_out_and_said():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            entry = tarfile.TarInfo(f"entry{kind.decode()}.jsonl")
            entry.type = kind
            entry.linkname = "/etc/passwd"
            archive.addfile(entry)
        entry = tarfile.TarInfo("a.jsonl")
        entry.size = len(LINES)
        archive.addfile(entry, io.BytesIO(LINES))
    said = []
    assert len(read(buffer.getvalue(), tell=lambda what, _: said.append(what))) == 2
    assert len(said) == 3 and all("links and devices" in what for what in said)


def test_an_archive_without_rows_or_with_too_many_files_is_refused(monkeypatch):
    assert "holds no files with rows" in fault(zipped(("README.md", b"# Data")))
    assert "holds no files with rows" in fault(zipped())
    monkeypatch.setattr("labeling.importing.files.archives.MAX_MEMBERS", 3)
    many = [(f"{number}.jsonl", b"") for number in range(5)]
    assert "more than 3 files" in fault(tar(*many))
    assert "more than 3 files" in fault(zipped(*many))


def test_a_fault_in_a_member_names_it():
    whole = zipped(("a.jsonl", LINES), ("b.pdf.bin", b"%PDF-1.7"))
    assert fault(whole).startswith("line 1 of b.pdf.bin: This is a PDF document.")
    assert fault(zipped(("b.bin", b"%PDF-1.7"))).startswith(": b.bin: This is a PDF document.")


@pytest.mark.parametrize("pack", [tar, zipped])
def test_an_archive_that_is_cut_short_says_so(pack):
    rows = b"".join(b'{"prompt": "%d?"}\n' % (n * n * 7919) for n in range(50_000))
    whole = pack(("a.jsonl", rows))
    assert "damaged, cut short" in fault(whole[: len(whole) // 2])


def test_a_workbook_is_no_archive_of_rows():
    whole = zipped(("[Content_Types].xml", b"<?xml"), ("xl/workbook.xml", b"<?xml"))
    assert "This is a workbook or document of Office." in fault(whole)


def test_an_encrypted_zip_archive_says_so():
    whole = bytearray(zipped(("a.jsonl", LINES)))
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(sign) + offset] |= 1
    assert "a.jsonl of the zip archive is encrypted" in fault(bytes(whole))


def test_a_tar_header_that_claims_a_long_remark_is_refused_unread():
    entry = tarfile.TarInfo("././@LongLink")
    entry.type = tarfile.GNUTYPE_LONGNAME
    entry.size = 2**30
    assert "a header is longer than 1 MB" in fault(entry.tobuf() + bytes(2**16))


def test_a_zip_directory_that_claims_to_be_large_is_refused_unread():
    whole = bytearray(zipped(("a.jsonl", LINES)))
    end = whole.index(b"PK\x05\x06")
    whole[end + 12 : end + 16] = (2**26).to_bytes(4, "little")
    assert "more than 10,000 files" in fault(bytes(whole))


def test_a_name_out_of_an_archive_cannot_write_to_a_terminal():
    ((place, _),) = read(tar(("a\x1b[31m.jsonl", b'{"prompt": "One?"}\n')))
    assert place.name == "a?[31m.jsonl"


# JSON


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'[{"prompt": "One?"}, {"prompt"', "item 2: The JSON is cut short."),
        (b'[{"prompt": "One?"} {"prompt": 1}]', "item 2: Not valid JSON"),
        (b'[{"prompt": NaN}]', "NaN is no JSON number"),
        (b'[{"n": ' + b"9" * 5000 + b"}]", "Holds a number that is too large."),
        (b'[{"n": 1e999}]', "Holds a number that is too large."),
        (b'[{"prompt": "\\ud83d cut"}, {"prompt": "Two?"}]', "half of a surrogate pair"),
        (b'[{"prompt": "cut \\ude00"}, {"prompt": "Two?"}]', "half of a surrogate pair"),
        (b'[{"prompt": "\xff"}]', "Not valid JSON"),
        (b'{"data": [\n{"prompt": "One?"}', "The JSON is cut short."),
        (b"[" * 5000 + b"\n", "JSON"),
    ],
)
def test_json_that_is_wrong_somewhere_says_where(content, words):
    assert words in fault(content)


def test_a_scalar_in_an_array_is_a_fault_of_its_own():
    kinds = [type(value) for value in values(b'[{"prompt": "One?"},\n7, [{}], {"prompt": "Two?"}]')]
    assert kinds == [dict, Problem, Problem, dict]


def test_one_entry_of_an_array_is_limited_like_a_line(monkeypatch):
    monkeypatch.setattr(reading, "MAX_LINE_BYTES", 100_000)
    monkeypatch.setattr("labeling.importing.files.texts.READ_AT_ONCE", 1_000)
    fine = json.dumps([{"prompt": "x" * 50_000}] * 20).encode()
    assert len(values(fine)) == 20
    endless = b'[{"prompt": "One?"},\n{"prompt": "' + b"x" * 5_000_000
    assert "item 2: One row is longer than" in fault(endless)


@given(st.text(), st.integers(1, 20))
def test_whatever_an_array_says_comes_back_however_it_is_cut(text, size):
    rows = [{"prompt": text, "nested": json.dumps(text)}] * 3
    content = json.dumps(rows).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labeling.importing.files.texts.READ_AT_ONCE", size)
        assert values(content) == rows


def test_numbers_stay_the_numbers_that_they_are():
    row = {"id": 2**63 - 1, "x": 0.5, "y": 2, "z": -3e-7}
    assert values(json.dumps([row]).encode()) == [row]


def test_a_table_in_markdown_is_no_table_of_rows():
    table = b"| prompt | chosen | rejected |\n|---|---|---|\n| One? | a | b |\n"
    assert all(isinstance(value, Problem) for value in values(table))


def test_a_row_over_lines_may_hold_a_list_under_a_name_of_documents():
    row = {"prompt": "One?", "samples": [{"text": "a"}]}
    assert values(json.dumps(row, indent=1).encode()) == [row]


def test_countless_values_in_an_array_are_not_kept():
    entries = b'[{"prompt": "One?", "x": [' + b"0," * 150_000 + b"0]},\n{}]"
    assert values(entries)[0].problem == "Holds more than 100,000 values."
    assert values(entries)[1] == {}


def test_a_line_without_end_in_a_table_stops_at_the_limit(monkeypatch):
    monkeypatch.setattr(reading, "MAX_LINE_BYTES", 1000)
    assert "longer than" in fault(b"prompt,chosen\n" + b"x" * 200_000)


# folders


def test_a_folder_of_files_is_read_in_the_order_of_names(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "b.parquet").write_bytes(PLAIN["parquet"])
    (tmp_path / "data" / "a.jsonl.gz").write_bytes(gzip.compress(LINES))
    (tmp_path / "README.md").write_text("# Data")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.jsonl").write_text("nonsense")
    found = [str(place) for place, _ in read_records(Folder(tmp_path))]
    assert found == [
        "line 1 of data/a.jsonl.gz",
        "line 2 of data/a.jsonl.gz",
        "row 1 of data/b.parquet",
        "row 2 of data/b.parquet",
    ]


def test_what_datasets_saved_to_disk_is_read(tmp_path):
    datasets = pytest.importorskip("datasets")
    one = datasets.Dataset.from_list(ROWS)
    one.save_to_disk(tmp_path / "one", num_shards=2)
    assert without_nulls([value for _, value in read_records(Folder(tmp_path / "one"))]) == ROWS
    both = datasets.DatasetDict({"train": one, "test": one})
    both.save_to_disk(tmp_path / "both")
    assert without_nulls([v for _, v in read_records(Folder(tmp_path / "both"))]) == ROWS * 2


def test_a_folder_without_rows_or_with_a_missing_file_says_so(tmp_path):
    ((place, problem),) = read_records(Folder(tmp_path))
    assert isinstance(problem, Problem)
    assert (place, problem.problem) == (0, "The folder holds no files with rows.")
    (tmp_path / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    ((_, problem),) = read_records(Folder(tmp_path))
    assert isinstance(problem, Problem)
    assert problem.problem.startswith("data.arrow is missing")


def test_a_place_is_a_number_that_has_words():
    place = Place(7, 2, "row", "part.csv")
    assert (place + 1, str(place), f"{place.at(9)}") == (
        8,
        "row 2 of part.csv",
        "row 2 of part.csv",
    )


@pytest.mark.parametrize("name", ["parquet", "arrow file", "arrow stream"])
@given(st.data())
def test_a_file_of_columns_with_other_bytes_is_read_or_refused(name, data):
    """Arrow's own reader believes what a file says of where its texts lie."""
    content = bytearray(PLAIN[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert all(isinstance(value, dict | Problem) for value in values(bytes(content)))
