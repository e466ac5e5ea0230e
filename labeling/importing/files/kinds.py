"""Tells from a file's first bytes, and from its name where they are only text, what it is.

What cannot be read is named in one sentence that says what to do, instead of an error for each of
its lines.
"""

import re
from dataclasses import dataclass
from enum import Enum

from labeling.importing.files.faults import Unreadable

HEAD_BYTES = 2**16


class Kind(Enum):
    LINES = "JSON lines"
    ARRAY = "a JSON array"
    DOCUMENT = "a JSON document"
    TABLE = "CSV"
    PARQUET = "Parquet"
    ARROW_FILE = "an Arrow file"
    ARROW_STREAM = "an Arrow stream"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "Zstandard"
    LZ4 = "LZ4"
    TAR = "a tar archive"
    ZIP = "a zip archive"


@dataclass(frozen=True)
class Format:
    kind: Kind
    delimiter: str = ","  # of a table
    encoding: str = "utf-8"  # of a table


COMPRESSIONS = frozenset({Kind.GZIP, Kind.BZIP2, Kind.XZ, Kind.ZSTD, Kind.LZ4})
ARCHIVES = frozenset({Kind.TAR, Kind.ZIP})
SIGNS: tuple[tuple[bytes, Kind], ...] = (
    (b"\x1f\x8b", Kind.GZIP),
    (b"BZh", Kind.BZIP2),
    (b"\xfd7zXZ\x00", Kind.XZ),
    (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (b"\x04\x22\x4d\x18", Kind.LZ4),
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"PAR1", Kind.PARQUET),
    (b"ARROW1", Kind.ARROW_FILE),
    (b"\xff\xff\xff\xff", Kind.ARROW_STREAM),
)
UNPACK = "Unpack it, or pack the files as .tar.gz or .zip instead."
WRITE = "Write it out as JSONL, Parquet or CSV"
PANDAS = f"{WRITE}: pandas.{{}}(…).to_parquet('rows.parquet')."
# First bytes of what is not read, what they are the first bytes of, and what to do.
NOT_READ: tuple[tuple[bytes, str, str], ...] = (
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"FEA1", "a Feather file of the first version", PANDAS.format("read_feather")),
    (b"Obj\x01", "an Avro file", f"{WRITE}."),
    (b"SQLite format 3\x00", "an SQLite database", PANDAS.format("read_sql")),
    (b"\x89HDF\r\n", "an HDF5 file", PANDAS.format("read_hdf")),
    (b"\x93NUMPY", "a NumPy array", f"{WRITE}."),
    (b"\xd0\xcf\x11\xe0", "a workbook or document of Office", f"{WRITE}."),
    (b"%PDF-", "a PDF document", f"{WRITE}."),
    (b"\x80\x04\x95", "a pickle", f"{WRITE}."),
    (b"\x80\x05\x95", "a pickle", f"{WRITE}."),
    (
        b"version https://git-lfs.github.com/spec/",
        "a pointer of git LFS, not the file itself",
        "Fetch the file with `git lfs pull`, or download it where it is kept.",
    ),
)
UTF8_BOM = b"\xef\xbb\xbf"
WIDE_BOMS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
PAGE = re.compile(rb"\s*<(!doctype html|html|\?xml)", re.IGNORECASE)
BY_COLUMN = re.compile(rb'\s*\{\s*"[^"]{1,60}"\s*:\s*\{\s*"0"\s*:')
# Names under which documents keep their rows.
HOLDERS = frozenset(
    {
        "data", "rows", "train", "test", "validation", "dev", "examples", "instances", "records",
        "items", "samples", "results", "entries", "dataset", "preferences", "comparisons",
    }
)  # fmt: skip
BEFORE_ROWS = ("features",)  # as the hub's viewer answers
# Under such a name, after values of other names that are no rows.
UNDER_A_NAME = re.compile(
    rb'\s*\{(?:\s*"(?!prompt|chosen)[^"]{1,60}"\s*:\s*(?:"[^"]*"|[\w.+-]{1,30})\s*,){0,20}'
    rb'\s*"(?:%s)"\s*:\s*\[\s*[{\]]' % "|".join(sorted(HOLDERS.union(BEFORE_ROWS))).encode()
)
# Names of columns by which a first line is known as the head of a table.
COLUMNS = frozenset(
    {
        "prompt", "chosen", "rejected", "response", "responses", "question", "answer", "answers",
        "instruction", "input", "output", "text", "messages", "system", "id", "model", "score",
        "label", "response_a", "response_b", "response_1", "response_2",
    }
)  # fmt: skip
DELIMITERS = (",", "\t", ";", "|")
HEADING = re.compile(r"[^\W\d][\w .:/()\-]{0,59}")
TABLES = (".csv", ".tsv", ".tab")
# Of a table's head that nothing else shows to be one.
FEWEST_HEADINGS = 3


def format_of(head: bytes, name: str) -> Format:
    """What a file with these first bytes is; raises Unreadable where it is nothing to read."""
    for sign, kind in SIGNS:
        if head.startswith(sign):
            return Format(kind)
    for sign, words, advice in NOT_READ:
        if head.startswith(sign):
            raise Unreadable(f"This is {words}.", advice)
    if head[257:262] == b"ustar":
        return Format(Kind.TAR)
    if encoding := _wide_encoding(head):
        return _wide_table(head, encoding, name)
    if head.startswith(b"\x00"):
        problem = "Begins with NUL bytes: it is no text, or was not written to its end."
        raise Unreadable(problem, f"{WRITE}.")
    if PAGE.match(head):
        advice = "Download the file itself: this may be a page to sign in, or about the file."
        raise Unreadable("This is a web page, or XML.", advice)
    return _format_of_text(head.removeprefix(UTF8_BOM), name)


def _wide_encoding(head: bytes) -> str:
    for mark, encoding in WIDE_BOMS:
        if head.startswith(mark):
            return encoding
    sample = head[:200]
    # Every second byte is NUL: Latin text in UTF-16 without a mark.
    is_wide = len(sample) > 3 and any(sample) and (not any(sample[1::2]) or not any(sample[::2]))
    return "UTF-16 without a mark" if is_wide else ""


def _wide_table(head: bytes, encoding: str, name: str) -> Format:
    """A table, which Excel saves so; other text has one encoding only."""
    if "mark" not in encoding:
        text = head[: len(head) // 4 * 4].decode(encoding, errors="replace")
        first = next((line for line in text.splitlines() if line.strip()), "")
        if not first.lstrip().startswith(("{", "[")) and (delimiter := _delimiter(first, name)):
            return Format(Kind.TABLE, delimiter, encoding.lower())
    raise Unreadable(f"The text is {encoding}.", "Save the file as UTF-8.")


def _format_of_text(head: bytes, name: str) -> Format:
    lines = [line.strip() for line in re.split(rb"[\r\n]+", head) if line.strip()]
    if not lines:
        return Format(Kind.LINES)
    first = lines[0].decode(errors="replace")
    if first.startswith("[") and not _is_one_odd_row(lines):
        return Format(Kind.ARRAY)
    if BY_COLUMN.match(head):
        advice = "Write it row by row: to_json('rows.jsonl', orient='records', lines=True)."
        raise Unreadable("This is JSON written column by column, as pandas does.", advice)
    if first == "{" or UNDER_A_NAME.match(head):
        return Format(Kind.DOCUMENT)
    if first.startswith("{"):
        return Format(_lines_or_document(lines))
    if delimiter := _delimiter(first, name):
        return Format(Kind.TABLE, delimiter)
    return Format(Kind.LINES)


def _is_one_odd_row(lines: list[bytes]) -> bool:
    """Whether a list that is complete on the first line stands before lines of JSONL."""
    return len(lines) > 1 and lines[0].endswith(b"]") and lines[1].startswith(b"{")


def _lines_or_document(lines: list[bytes]) -> Kind:
    """Lines of JSONL each end with a brace and begin with one; an indented object goes on."""
    if len(lines) == 1 or lines[0].endswith(b"}") or lines[1].startswith(b"{"):
        return Kind.LINES
    return Kind.DOCUMENT if lines[0].endswith((b",", b"{", b"[", b":")) else Kind.LINES


def _delimiter(first: str, name: str) -> str:
    """What separates the columns of a table with this head line; empty where it is none."""
    is_named = name.lower().endswith(TABLES)
    best, most = "", 0
    for delimiter in DELIMITERS:
        if first.startswith(delimiter) and delimiter == "|":
            continue  # a table in Markdown, with lines that are no rows
        headings = [heading.strip().strip('"') for heading in first.split(delimiter)]
        known = len({heading.lower() for heading in headings} & COLUMNS)
        are_names = all(not heading or HEADING.fullmatch(heading) for heading in headings)
        if is_named and len(headings) > 1:
            known += 1
        if are_names and len(headings) >= FEWEST_HEADINGS:
            known += 1
        if (len(headings) > 1 or is_named) and known > most:
            best, most = delimiter, known
    if not best and (is_named or first.strip('"').lower() in COLUMNS):
        return ","
    return best


def ends_with_cr(head: bytes) -> bool:
    """Whether lines end as on an old Mac, with a carriage return alone."""
    return b"\n" not in head and b"\r" in head.strip()
