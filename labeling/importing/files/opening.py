"""Opens whatever is given: looks at its first bytes, unpacks, goes through archives and folders,
and hands out records with their places.

A container bomb is a container in a container in a container: read are one compression around one
archive around one compression, and nothing deeper.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from enum import IntEnum
from functools import partial
from typing import IO, Any, TypeAlias

from labeling.importing.files.archives import members_of_tar, members_of_zip
from labeling.importing.files.budget import Budget, counted
from labeling.importing.files.columnar import read_columns
from labeling.importing.files.faults import Unreadable
from labeling.importing.files.folders import Folder
from labeling.importing.files.kinds import (
    ARCHIVES,
    COMPRESSIONS,
    HEAD_BYTES,
    Format,
    Kind,
    ends_with_cr,
    format_of,
)
from labeling.importing.files.packed import unpacked
from labeling.importing.files.places import LINE, Place, shown_name
from labeling.importing.files.several import Several
from labeling.importing.files.texts import (
    Numbered,
    read_array,
    read_document,
    read_lines,
    read_table,
)
from labeling.importing.reports import FILE, Problem
from labeling.texts.limits import UPLOADED, FileLimits

Records: TypeAlias = Iterator[tuple[Place, dict[str, Any] | Problem]]
# A file, a folder of them, or several.
Source: TypeAlias = IO[bytes] | Folder | Several
# Hears what is worth saying that is no fault, and where.
Tell: TypeAlias = Callable[[str, int], object]

SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zstd", ".lz4", ".gzip")
# What needs its end before its beginning is kept in memory up to this size, then on disk.
IN_MEMORY = 2**22
SEEKABLE = frozenset({Kind.PARQUET, Kind.ARROW_FILE, Kind.ZIP})


def read_records(
    source: Source,
    name: str = "",
    *,
    limits: FileLimits = UPLOADED,
    tell: Tell = lambda *_: None,
) -> Records:
    """Each record's place with the record, or with what is wrong with it. A file is read from its
    start; reading ends at a fault that leaves nothing to read on from. Everything that is read
    counts for the limits: packed, unpacked, and lines that hold nothing."""
    size = source.size if isinstance(source, Folder | Several) else _size_of(source)
    return _Opening(Budget(limits, size), tell).records(source, name)


class _Stage(IntEnum):
    """How far into containers a file lies."""

    GIVEN = 0
    UNPACKED = 1
    MEMBER = 2
    MEMBER_UNPACKED = 3


MAY_UNPACK = frozenset({_Stage.GIVEN, _Stage.MEMBER})
MAY_HOLD = frozenset({_Stage.GIVEN, _Stage.UNPACKED})


class _Opening:
    """Reads one input, which may hold many files."""

    def __init__(self, budget: Budget, tell: Tell) -> None:
        self.budget, self.tell = budget, tell
        self.place = Place(0)  # of the last record
        self.base = 0  # number of the last record before this file
        self.name = ""  # of the file, where there are several
        self.outer = ""  # of the given file that holds it, where several were given

    def records(self, source: Source, name: str) -> Records:
        if isinstance(source, Several):
            yield from self._several(source)
            return
        try:
            if isinstance(source, Folder):
                yield from self._folder(source)
            else:
                yield from self._file(source, name, _Stage.GIVEN)
        except Unreadable as fault:
            yield self._fault(fault)

    def _several(self, several: Several) -> Records:
        """A fault ends the reading of its file only, so that those of the others are told, too."""
        for name, file in several.files():
            self.outer = ""
            self._begin(name)
            self.outer = name
            is_empty = True
            try:
                for place, value in self._file(file, name, _Stage.GIVEN):
                    is_empty = False
                    yield place, value
                if is_empty:
                    raise Unreadable("Holds no rows.", "Leave this file out.")
            except Unreadable as fault:
                yield self._fault(fault)

    def _fault(self, fault: Unreadable) -> tuple[Place, Problem]:
        place = self._place_of_fault()
        problem = fault.problem
        if self.name and not place:
            problem = f"{self.name}: {problem}"
        # No other record has its number: what follows is of the next file.
        self.place = place
        return place, Problem(place, FILE, problem, fault.advice)

    def _place_of_fault(self) -> Place:
        """After the last record; 0, the file as a whole, where nothing was read."""
        if not self.place and not self.budget.lines:
            return Place(0)
        is_same_file = self.place and self.place.name == self.name
        unit = self.place.unit if is_same_file else LINE
        own = self.place.own + 1 if is_same_file else 1
        if unit == LINE:
            own = self.budget.lines_of_file + 1
        return Place(max(int(self.place) + 1, self.base + own), own, unit, self.name)

    def _folder(self, folder: Folder) -> Records:
        for name, path in folder.files(lambda what: self.tell(what, 0)):
            self._begin(name)
            with path.open("rb") as file:
                yield from self._file(file, name, _Stage.MEMBER)

    def _begin(self, name: str) -> None:
        """The next of several files."""
        self.name = shown_name(f"{self.outer}/{name}") if self.outer else name
        self.base = int(self.place)
        self.budget.lines_of_file = 0

    def _file(self, file: IO[bytes], name: str, stage: _Stage) -> Records:
        head = file.read(HEAD_BYTES)
        format = format_of(head, name)
        if format.kind in COMPRESSIONS:
            yield from self._compressed(_again(file, head), format.kind, name, stage)
        elif format.kind in ARCHIVES:
            yield from self._archive(_again(file, head), format.kind, stage)
        else:
            yield from self._read(_again(file, head), head, format, stage)

    def _compressed(self, file: IO[bytes], kind: Kind, name: str, stage: _Stage) -> Records:
        if stage not in MAY_UNPACK:
            problem = f"Holds {kind.value} in what was packed already."
            raise Unreadable(problem, "Pack it once.")
        inner = _Stage(stage + 1)
        read = unpacked(file, kind)
        stream = counted(read, lambda size: self.budget.spend(inner.name, size, packed=True))
        yield from self._file(stream, _without_suffix(name), inner)

    def _archive(self, file: IO[bytes], kind: Kind, stage: _Stage) -> Records:
        if stage not in MAY_HOLD:
            raise Unreadable(f"Is {kind.value} in another one.", "Pack all files in one archive.")
        with _seekable(file) if kind in SEEKABLE else nullcontext(file) as archive:
            members = members_of_tar if kind == Kind.TAR else members_of_zip
            is_empty = True
            for member in members(archive, lambda what: self.tell(what, 0)):
                is_empty = False
                self._begin(member.name)
                stream = counted(
                    member.open(),
                    lambda size: self.budget.spend(_Stage.MEMBER.name, size, packed=True),
                )
                yield from self._file(stream, member.name, _Stage.MEMBER)
        if is_empty:
            raise Unreadable("The archive holds no files with rows.", "Pack .jsonl files in it.")

    def _read(self, file: IO[bytes], head: bytes, format: Format, stage: _Stage) -> Records:
        with _seekable(file) if format.kind in SEEKABLE else nullcontext(file) as source:
            if stage in (_Stage.GIVEN, _Stage.MEMBER) and format.kind not in SEEKABLE:
                layer = f"read {stage.name}"
                spend = partial(self.budget.spend, layer, packed=False)
                source = counted(source.read, spend)
            if format.kind in (Kind.LINES, Kind.TABLE) and ends_with_cr(head):
                source = counted(_with_line_feeds(source.read), lambda _: None)
            for own, unit, value in self._records_of(source, format):
                self.place = Place(self.base + own, own, unit, self.name)
                if isinstance(value, Problem):
                    value = replace(value, line=self.place)
                yield self.place, value

    def _records_of(self, file: IO[bytes], format: Format) -> Iterator[Numbered]:
        if format.kind == Kind.TABLE:
            return read_table(file, self.budget, format)
        if format.kind in (Kind.PARQUET, Kind.ARROW_FILE, Kind.ARROW_STREAM):
            return read_columns(file, self.budget, format.kind)
        readers = {Kind.LINES: read_lines, Kind.ARRAY: read_array, Kind.DOCUMENT: read_document}
        return readers[format.kind](file, self.budget)


def _again(file: IO[bytes], head: bytes) -> IO[bytes]:
    """The file from its start, of which the first bytes were read."""
    if file.seekable():
        file.seek(0)
        return file
    rest = [head]

    def read(size: int) -> bytes:
        if rest[0]:
            piece, rest[0] = rest[0][:size], rest[0][size:]
            return piece
        return file.read1(size)  # type: ignore[attr-defined, no-any-return]

    return counted(read, lambda _: None)


@contextmanager
def _seekable(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The file itself, or what is left of a stream, written down."""
    if file.seekable():
        yield file
        return
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as copy:
        while piece := file.read(HEAD_BYTES):
            copy.write(piece)
        copy.seek(0)
        yield copy


def _with_line_feeds(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    return lambda size: read(size).replace(b"\r", b"\n")


def _without_suffix(name: str) -> str:
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def _size_of(file: IO[bytes]) -> int:
    """In bytes; the file stands at its start afterwards."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
