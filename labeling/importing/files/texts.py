"""Records out of text: lines of JSON, JSON arrays and documents, tables."""

import ast
import csv
import io
import json
import re
from collections.abc import Iterator
from typing import IO, Any

from labeling.importing.files.budget import Budget
from labeling.importing.files.faults import Unreadable, in_megabytes
from labeling.importing.files.kinds import HOLDERS, UTF8_BOM, Format
from labeling.importing.files.places import ITEM, LINE, ROW
from labeling.importing.lines import reading
from labeling.importing.lines.reading import name_of_type, parse_line
from labeling.importing.reports import LONGEST_BEGINNING, Problem
from labeling.texts.limits import MAX_KEYS, MAX_VALUES

# A record's own number, what is counted, and the record or what is wrong with it. Problems have the
# number 0 here: whoever reads on says which place it is.
Numbered = tuple[int, str, dict[str, Any] | Problem]
READ_AT_ONCE = 2**16
# JSON up to an escape that is not whole, or stands for half a surrogate pair without the other.
SOUND_ESCAPES = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+"
)
HALF = re.compile(rb"\\u[dD][89a-fA-F]")
PAIR_BYTES = 12
DEPTHS = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}


def read_lines(file: IO[bytes], budget: Budget) -> Iterator[Numbered]:
    """One JSON object on each line."""
    number = 0
    most = reading.MAX_LINE_BYTES
    while line := file.readline(most + 1):
        if len(line) > most:
            problem = f"This line is longer than {in_megabytes(most)}."
            raise Unreadable(problem, "Each row must be one line of JSON (JSONL).")
        number += 1
        if number == 1:
            line = line.removeprefix(UTF8_BOM)
        is_blank = not line.strip()
        budget.count_line(is_blank=is_blank)
        if not is_blank:
            value = parse_line(line)
            if isinstance(value, Problem):
                value = value.of_row(line[: 4 * LONGEST_BEGINNING].decode(errors="replace").strip())
            yield number, LINE, value


def read_array(file: IO[bytes], budget: Budget) -> Iterator[Numbered]:
    """The entries of one JSON array."""
    for number, value in enumerate(_Items(file).entries(), 1):
        budget.count_line()
        yield number, ITEM, _as_record(value)


def read_document(file: IO[bytes], budget: Budget) -> Iterator[Numbered]:
    """What a JSON object holds under a name such as “data”; or the object itself, and those after
    it, where it holds no such list."""
    for number, value in enumerate(_Items(file).of_documents(), 1):
        budget.count_line()
        yield number, ITEM, _as_record(value)


def _as_record(value: Any) -> dict[str, Any] | Problem:
    if isinstance(value, Problem):
        return value
    if not isinstance(value, dict):
        problem = f"A row must be an object in braces, not {name_of_type(value)}."
        return Problem(0, ITEM, problem, reading.JSON_ADVICE, f"{value}"[:LONGEST_BEGINNING])
    row = value.get("row")
    # As the hub's viewer answers: {"row_idx": 0, "row": {…}}.
    return row if isinstance(row, dict) and "row_idx" in value else value


class _Items:
    """Values out of JSON of any size, one at a time: none of them may be larger than a line."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.was_read = 0
        self.last_ended = 0
        self.recent = b""  # what was read last
        self.unsure = b""  # the beginning of an escape at its end
        start = file.read(len(UTF8_BOM))
        self.start = start.removeprefix(UTF8_BOM)

    def read(self, size: int = READ_AT_ONCE) -> bytes:
        """For ijson: raises where one value takes too much of the file."""
        if not size:  # asked for to see whether bytes or texts come
            return b""
        piece = self.start or self.file.read(size)
        self.start = b""
        self.was_read += len(piece)
        self.recent = piece or self.recent
        if self.unsure or b"\\" in piece:
            self._refuse_half_pairs(self.unsure + piece)
        if self.was_read - self.last_ended > reading.MAX_LINE_BYTES + READ_AT_ONCE:
            problem = f"One row is longer than {in_megabytes(reading.MAX_LINE_BYTES)}."
            raise Unreadable(problem, "Split what it holds into several rows.")
        return piece

    def _refuse_half_pairs(self, piece: bytes) -> None:
        """The parser would make question marks of them."""
        sound = SOUND_ESCAPES.match(piece)
        rest = piece[sound.end() :] if sound else b""
        self.unsure = rest if len(rest) < PAIR_BYTES else b""
        if HALF.match(rest) and not self.unsure:
            problem = "Holds half of a surrogate pair, a character that was cut in half."
            raise Unreadable(problem, "Write the text out again as UTF-8.")

    def entries(self) -> Iterator[Any]:
        events = self._events(several=False)
        if next(events, None) != ("start_array", None):
            raise Unreadable("This is no JSON array.", reading.JSON_ADVICE)
        yield from self._until(events, "end_array")
        for _ in events:
            pass

    def of_documents(self) -> Iterator[Any]:
        events = self._events(several=True)
        for event, value in events:
            if event != "start_map":
                yield self._value(events, event, value)
                continue
            yield from self._of_document(events)

    def _of_document(self, events: Iterator[tuple[str, Any]]) -> Iterator[Any]:
        document: dict[str, Any] = {}
        holds_rows = False
        for event, name in events:
            if event == "end_map":
                break
            kind, value = next(events)
            if kind == "start_array" and name in HOLDERS and "prompt" not in document:
                holds_rows = True
                yield from self._until(events, "end_array")
            else:
                document[name] = self._value(events, kind, value)
            self.last_ended = self.was_read if holds_rows else self.last_ended
        if not holds_rows:
            self.last_ended = self.was_read
            yield document

    def _until(self, events: Iterator[tuple[str, Any]], end: str) -> Iterator[Any]:
        for event, value in events:
            if event == end:
                return
            yield self._value(events, event, value)
            self.last_ended = self.was_read

    def _value(self, events: Iterator[tuple[str, Any]], event: str, value: Any) -> Any:
        """The value that begins with this event; a problem where it holds too many others."""
        if event not in ("start_map", "start_array"):
            return value
        import ijson

        builder = ijson.ObjectBuilder()
        builder.event(event, value)
        depth, values = 1, 0
        for event, value in events:
            values += 1
            if values <= MAX_VALUES:
                builder.event(event, value)
            depth += DEPTHS.get(event, 0)
            if not depth:
                break
        if values > MAX_VALUES:
            problem = f"Holds more than {MAX_VALUES:,} values."
            return Problem(0, ITEM, problem, "Write fewer responses and fields in one row.")
        return builder.value

    def _events(self, *, several: bool) -> Iterator[tuple[str, Any]]:
        # Loaded here: the web process needs it only while such a file is read.
        import ijson

        try:
            # Numbers as C has them: Python's int raises for one with thousands of digits, after
            # which ijson's parser goes on and crashes.
            yield from ijson.basic_parse(
                self, buf_size=READ_AT_ONCE, use_float=True, multiple_values=several
            )
        except ijson.IncompleteJSONError as fault:
            words = str(fault).splitlines()[0].strip().rstrip(".")
            if b"NaN" in self.recent and "lexical" in words:
                advice = "Write null where there is nothing, as pandas' to_json does."
                raise Unreadable("Not valid JSON: NaN is no JSON number.", advice) from None
            if "overflow" in words:
                problem = "Holds a number that is too large."
                raise Unreadable(problem, "Write it as a text, in quotes.") from None
            is_cut = "premature EOF" in words or "ncomplete" in words
            problem = "The JSON is cut short." if is_cut else f"Not valid JSON: {words}."
            advice = "Copy or download it again, or write it out again with a JSON library."
            raise Unreadable(problem, advice) from None
        except ijson.JSONError as fault:
            words = str(fault).splitlines()[0].strip().rstrip(".")
            raise Unreadable(f"Not valid JSON: {words}.", reading.JSON_ADVICE) from None
        except UnicodeDecodeError:
            raise Unreadable("Not valid UTF-8.", "Save the file as UTF-8.") from None


AS_UTF_8 = "Save the file as UTF-8; in Excel its type is “CSV UTF-8”."
INDEX = "__index_level_0__"  # what pandas calls a column of row numbers without a name
# Columns of ours that hold other things than texts, as people write these in a table.
LISTS = frozenset({"responses", "tags", "tools", "chat_template_kwargs"})
# Columns of our own exports that hold objects or lists of them, whatever is in these.
NESTED = frozenset({"comparison", "context", "completions"})
NUMBERS = frozenset(
    {"strength", "weight", "target", "judgments", "vote_share", "agreement", "round"}
    | {"votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad"}
)
FLAGS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
# Keys of which one shows an object to be a message or an answer, and a list of them no plain text.
OF_OBJECTS = frozenset({"role", "from", "content", "value", "answer", "response", "text", "score"})
MAX_LITERAL = 2**20
# Columns that only a table of our own export has together, and its columns of texts.
OF_EXPORTS = frozenset({"provenance", "settled_at", "fingerprint"})
TEXTS = frozenset({"prompt", "chosen", "rejected"})


def read_table(file: IO[bytes], budget: Budget, format: Format) -> Iterator[Numbered]:
    """CSV with a head line; an empty cell is an absent value."""
    # Of the whole process: `words_in`, which reads CSV as well, has a limit of its own.
    csv.field_size_limit(reading.MAX_LINE_BYTES)
    rows = csv.reader(_text_lines(file, format), delimiter=format.delimiter, strict=True)
    headings: list[str] = []
    number = 0
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as fault:
            problem = f"Not valid CSV: {fault}."
            advice = "Put texts with quotes or line breaks in quotes, and double quotes in them."
            raise Unreadable(problem, advice) from None
        except UnicodeDecodeError:
            problem = f"Not valid {format.encoding.upper()}."
            raise Unreadable(problem, AS_UTF_8) from None
        if not any(cells):
            budget.count_line(is_blank=True)
        elif not headings:
            headings = _headings(cells)
        else:
            number += 1
            budget.count_line()
            yield number, ROW, _row(headings, cells)


def _text_lines(file: IO[bytes], format: Format) -> Iterator[str]:
    most = reading.MAX_LINE_BYTES
    is_utf8 = format.encoding == "utf-8"
    encoding = "utf-8-sig" if is_utf8 else format.encoding
    # A byte that is no UTF-8 is a fault of its row, which `_row` tells.
    errors = "surrogateescape" if is_utf8 else "strict"
    text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
    while line := text.readline(most + 1):
        if len(line) > most:
            problem = f"This line is longer than {in_megabytes(most)}."
            raise Unreadable(problem, "Is a quotation mark missing? Each row of a table is short.")
        yield line


def _headings(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not names[0]:
        names[0] = INDEX
    while names and not names[-1]:
        names.pop()
    if len(names) > MAX_KEYS:
        problem = f"{len(names):,} columns; at most {MAX_KEYS} are read."
        raise Unreadable(problem, "Leave out what is not imported.")
    if "" in names or len(set(names)) < len(names):
        twice = next((name for name in names if names.count(name) > 1), "")
        problem = f"Two columns are called “{twice:.60}”." if twice else "A column has no name."
        raise Unreadable(problem, "Give each column a name of its own in the first line.")
    return names


def _row(headings: list[str], cells: list[str]) -> dict[str, Any] | Problem:
    extra = cells[len(headings) :]
    if any(extra) or len(cells) < len(headings):
        problem = f"{len(cells)} cells, and {len(headings)} columns in the first line."
        advice = "Put cells with the separator or a line break in them in quotes."
        return Problem(0, ROW, problem, advice, _beginning(cells))
    for name, cell in zip(headings, cells, strict=False):
        if not cell.isascii() and any("\udc80" <= letter <= "\udcff" for letter in cell):
            beginning = _beginning(cells)
            return Problem(0, name, "Not valid UTF-8.", AS_UTF_8, beginning)
    if set(headings) >= OF_EXPORTS:
        return _row_of_export(headings, cells)
    return {
        name: _value(name, cell)
        for name, cell in zip(headings, cells, strict=False)
        if cell.strip() != ""
    }


def _beginning(cells: list[str]) -> str:
    return ",".join(cell[:LONGEST_BEGINNING] for cell in cells)[:LONGEST_BEGINNING]


def _row_of_export(headings: list[str], cells: list[str]) -> dict[str, Any]:
    """A row that our own export wrote: an apostrophe in front of a cell is taken off again, and a
    text is a text, whatever it looks like. Where messages are JSON, `tools` has a column."""
    are_texts = "tools" not in headings
    row: dict[str, Any] = {}
    for name, cell in zip(headings, cells, strict=False):
        cell = cell.removeprefix("'")
        if are_texts and name in TEXTS:
            row[name] = cell
        elif name in NESTED:
            row[name] = _parsed(cell)
        elif cell.strip() != "":
            row[name] = _value(name, cell)
    return row


def _value(name: str, cell: str) -> Any:
    if name in NUMBERS:
        return _number(cell)
    if name == "excluded":
        return FLAGS.get(cell.strip().lower(), cell)
    start = cell.lstrip()[:2]
    if start[:1] not in ("[", "{"):
        return cell
    value = _parsed(cell)
    if name in LISTS and isinstance(value, list | dict):
        return value
    entries = value if isinstance(value, list) else [value]
    is_of_objects = bool(entries) and all(
        isinstance(entry, dict) and not OF_OBJECTS.isdisjoint(entry) for entry in entries
    )
    return value if is_of_objects else cell


def _parsed(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        pass
    if len(cell) > MAX_LITERAL:
        return None
    try:  # as pandas writes lists and objects
        return ast.literal_eval(cell)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _number(cell: str) -> Any:
    for read in (int, float):
        try:
            return read(cell)
        except ValueError:
            continue
    return cell
