"""Tells from a file's first bytes what it is, where that is not JSONL: one sentence that names the
format and says what to do, instead of an error for each of its lines."""

import io
import re
from collections.abc import Callable
from typing import IO

HEAD_BYTES = 2**16
UNPACK = "Unpack it, or pack the .jsonl file with gzip instead."
AS_JSONL = "Write it out as JSONL, one object on each line"
PANDAS = "pandas.{}(…).to_json('rows.jsonl', orient='records', lines=True)"
DATASETS = f"{AS_JSONL}: datasets.load_dataset(…)['train'].to_json('rows.jsonl')."
NO_JSONL = "The file is no JSONL."
ARRAY = "This looks like one JSON array: write one object on each line instead (JSONL)."
INDENTED = "This looks like indented JSON: write each object on one line (JSONL)."

# First bytes, what they are the first bytes of, and what to do.
SIGNS: tuple[tuple[bytes, str, str], ...] = (
    (b"PAR1", "a Parquet file", f"{AS_JSONL}: {PANDAS.format('read_parquet')}."),
    (b"PK\x03\x04", "a zip archive (or a workbook, .xlsx)", UNPACK),
    (b"PK\x05\x06", "an empty zip archive", UNPACK),
    (b"BZh", "packed with bzip2", "Unpack it with bunzip2, or pack it with gzip instead."),
    (b"\xfd7zXZ\x00", "packed with xz", "Unpack it with unxz, or pack it with gzip instead."),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard", "Unpack it with unzstd, or pack it with gzip."),
    (b"\x04\x22\x4d\x18", "packed with LZ4", "Unpack it with unlz4, or pack it with gzip."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"ARROW1", "an Arrow file", f"{AS_JSONL}: {PANDAS.format('read_feather')}."),
    (b"FEA1", "a Feather file", f"{AS_JSONL}: {PANDAS.format('read_feather')}."),
    (b"\xff\xff\xff\xff", "an Arrow stream", DATASETS),
    (b"Obj\x01", "an Avro file", f"{AS_JSONL}."),
    (b"SQLite format 3\x00", "an SQLite database", f"{AS_JSONL}: {PANDAS.format('read_sql')}."),
    (b"\x89HDF\r\n", "an HDF5 file", f"{AS_JSONL}: {PANDAS.format('read_hdf')}."),
    (b"\x93NUMPY", "a NumPy array", f"{AS_JSONL}."),
    (b"\xd0\xcf\x11\xe0", "a workbook or document of Office", f"{AS_JSONL}."),
    (b"%PDF-", "a PDF document", f"{AS_JSONL}."),
    (b"\x80\x04\x95", "a pickle", f"{AS_JSONL}."),
    (b"\x80\x05\x95", "a pickle", f"{AS_JSONL}."),
    (
        b"version https://git-lfs.github.com/spec/",
        "a pointer of git LFS, not the file itself",
        "Fetch the file with `git lfs pull`, or download it where it is kept.",
    ),
)
UTF8_BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
PAGE = re.compile(rb"\s*<(!doctype html|html|\?xml)", re.IGNORECASE)
BY_COLUMN = re.compile(rb'\s*\{\s*"[^"]{1,60}"\s*:\s*\{\s*"0"\s*:')
UNDER_A_NAME = re.compile(
    rb'\s*\{\s*"(data|rows|train|test|examples|instances|records|items|samples|results|entries'
    rb'|dataset|preferences|comparisons)"\s*:\s*\[\s*[{\]]'
)
# Names of columns by which a first line is known as the head of a table.
COLUMNS = frozenset(
    {
        "prompt", "chosen", "rejected", "response", "responses", "question", "answer", "answers",
        "instruction", "input", "output", "text", "messages", "system", "id", "model", "score",
        "label", "response_a", "response_b", "response_1", "response_2",
    }
)  # fmt: skip
DELIMITERS = {",": "CSV", "\t": "TSV", ";": "CSV with semicolons"}


def what_else(head: bytes) -> tuple[str, str] | None:
    """What is wrong and what to do, where these first bytes of a file are not those of JSONL."""
    for sign, name, advice in SIGNS:
        if head.startswith(sign):
            return f"This is {name}.", advice
    if head[257:262] == b"ustar":
        return "This is a tar archive.", UNPACK
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "The text is UTF-32.", "Save the file as UTF-8."
    if head.startswith(UTF16_BOMS) or _is_wide(head):
        return "The text is UTF-16.", "Save the file as UTF-8."
    if head.startswith(b"\x00"):
        return (
            "Begins with NUL bytes: it is no text, or was not written to its end.",
            AS_JSONL + ".",
        )
    if PAGE.match(head):
        advice = "Download the file itself: this may be a page to sign in, or about the file."
        return "This is a web page, or XML.", advice
    return _other_text(head.removeprefix(UTF8_BOM))


def _is_wide(head: bytes) -> bool:
    """Whether every second byte is NUL: Latin text in UTF-16 without a mark."""
    sample = head[:200]
    return len(sample) > 3 and any(sample) and (not any(sample[1::2]) or not any(sample[::2]))


def _other_text(head: bytes) -> tuple[str, str] | None:
    lines = [line.strip() for line in re.split(rb"[\r\n]+", head) if line.strip()]
    if not lines:
        return None
    first = lines[0].decode(errors="replace")
    if first.startswith("[") and not _is_one_odd_row(lines):
        return NO_JSONL, ARRAY
    if BY_COLUMN.match(head):
        advice = "Write it row by row: to_json('rows.jsonl', orient='records', lines=True)."
        return "This is JSON written column by column, as pandas does.", advice
    if first == "{" or UNDER_A_NAME.match(head):
        return NO_JSONL, INDENTED if first == "{" else ARRAY
    if first.startswith("{"):
        return None
    if name := _table(first):
        return f"This looks like {name}.", f"{AS_JSONL}: {PANDAS.format('read_csv')}."
    return None


def _is_one_odd_row(lines: list[bytes]) -> bool:
    """Whether a list that is complete on the first line stands before lines of JSONL."""
    return len(lines) > 1 and lines[0].endswith(b"]") and lines[1].startswith(b"{")


def _table(first: str) -> str:
    """The format of a table with this head line; empty where it is none."""
    for delimiter, name in DELIMITERS.items():
        columns = {column.strip().strip('"').lower() for column in first.split(delimiter)}
        if columns & COLUMNS and len(columns) > 1:
            return name
    return "CSV" if first.strip('"').lower() in COLUMNS else ""


def ends_with_cr(head: bytes) -> bool:
    """Whether lines end as on an old Mac, with a carriage return alone."""
    return b"\n" not in head and b"\r" in head.strip()


class CarriageReturns(io.RawIOBase):
    """The file with a line feed for each carriage return."""

    def __init__(self, file: IO[bytes]) -> None:
        self.source: Callable[[int], bytes] = file.read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        piece = self.source(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(piece)] = piece
        return len(piece)
