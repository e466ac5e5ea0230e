"""The files in a tar or zip archive, one after the other. Nothing is ever written to a path that an
archive names: members are read as streams."""

import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Any

from labeling.importing.files.faults import Unreadable
from labeling.importing.files.places import shown_name

MAX_MEMBERS = 10_000
# What stands about a member in the archive itself is held in memory.
MAX_HEADER_BYTES = 2**20
MAX_DIRECTORY_BYTES = 2**25
FAULTS = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip
AGAIN = "Pack the files again, or give them one by one."
# A zip's directory stands at its end, before a comment of up to 64 KB.
TAIL_BYTES = 2**16 + 200
ZSTANDARD = 93  # the number of the method in a zip archive
LOCAL_HEADER = struct.Struct("<4s22xHH")  # its sign, and the lengths of name and further fields
END, END_64 = b"PK\x05\x06", b"PK\x06\x06"

# What lies beside data in folders and archives and is none.
NO_DATA_SUFFIXES = frozenset(
    {
        ".md", ".rst", ".py", ".ipynb", ".sh", ".yml", ".yaml", ".toml", ".lock", ".png", ".jpg",
        ".jpeg", ".gif", ".svg", ".webp", ".pdf", ".html", ".css", ".js", ".sha256", ".md5",
        ".bib", ".cff", ".log", ".crc",
    }
)  # fmt: skip
NO_DATA_NAMES = frozenset(
    {"license", "licence", "readme", "notice", "copying", "makefile", "_success"}
    | {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
    | {"croissant.json", "thumbs.db", "desktop.ini"}
)


@dataclass(frozen=True)
class Member:
    name: str  # fit to be shown
    open: Callable[[], Callable[[int], bytes]]  # what reads it


def is_hidden(name: str) -> bool:
    """What a Mac or a version control system adds by itself."""
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts if part not in "..")


def is_no_data(name: str) -> bool:
    path = PurePosixPath(name.lower())
    return path.suffix in NO_DATA_SUFFIXES or path.name.split(".txt")[0] in NO_DATA_NAMES


def members_of_tar(file: IO[bytes], tell: Callable[[str], object]) -> Iterator[Member]:
    """In the archive's order; each is to be read before the next is asked for."""
    try:
        with tarfile.open(fileobj=file, mode="r|", tarinfo=_Entry) as archive:
            for number, entry in enumerate(archive):
                _refuse_many(number)
                archive.members = []  # type: ignore[attr-defined]  # or it would remember them all
                if entry.isdir() or is_hidden(entry.name):
                    continue
                name = _safe(entry.name)
                if not entry.isreg() or entry.issparse():
                    tell(f"links and devices of the archive left out ({name})")
                elif is_no_data(name):
                    tell(f"{name} of the archive left out, as it holds no rows")
                else:
                    yield Member(name, partial(_read_of_tar, archive, entry))
    except FAULTS as fault:
        raise _damaged("tar", fault) from None


class _Entry(tarfile.TarInfo):
    """A header whose long names and other remarks are read into memory only if they are short."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        is_remark = self.type not in tarfile.SUPPORTED_TYPES or self.type in (
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
        )
        if is_remark and self.size > MAX_HEADER_BYTES:
            raise tarfile.ReadError("a header is longer than 1 MB")
        return super()._proc_member(archive)  # type: ignore[misc]


def _read_of_tar(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Callable[[int], bytes]:
    part = archive.extractfile(entry)
    assert part is not None  # of a regular file
    return _in_words("tar", part.read)


def _read_of_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[int], bytes]:
    try:
        if entry.compress_type == ZSTANDARD:
            return _in_words("zip", _read_of_zstd(archive, entry))
        return _in_words("zip", archive.open(entry).read)
    except FAULTS as fault:
        raise _damaged("zip", fault) from None


def _read_of_zstd(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[int], bytes]:
    """Reads a member that is packed with Zstandard, as Inspect packs its logs: Python's own module
    knows that only from 3.14 on."""
    # Loaded here: the web process needs it only while such a file is read.
    import pyarrow

    packed = _Stretch(archive, entry)
    stream = pyarrow.CompressedInputStream(pyarrow.PythonFile(packed, mode="r"), "zstd")
    checksum = 0

    def read(size: int) -> bytes:
        nonlocal checksum
        try:
            piece = bytes(stream.read(size))
        except OSError as fault:
            raise zipfile.BadZipFile(str(fault)) from None
        checksum = zlib.crc32(piece, checksum)
        if not piece and checksum != entry.CRC:
            raise zipfile.BadZipFile(f"bad checksum of {shown_name(entry.filename)}")
        return piece

    return read


class _Stretch(io.RawIOBase):
    """The packed bytes of one member, between its own header and the next one."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        assert archive.fp is not None
        self.file = archive.fp
        self.file.seek(entry.header_offset)
        header = self.file.read(LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size:
            raise zipfile.BadZipFile("a member begins after the archive's end")
        sign, name_length, extra_length = LOCAL_HEADER.unpack(header)
        if sign != b"PK\x03\x04":
            raise zipfile.BadZipFile("a member has no header")
        self.at = entry.header_offset + LOCAL_HEADER.size + name_length + extra_length
        self.end = self.at + entry.compress_size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        left = self.end - self.at
        self.file.seek(self.at)
        piece: bytes = self.file.read(left if size < 0 else min(size, left))
        self.at += len(piece)
        return piece


def _in_words(kind: str, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    def read_on(size: int) -> bytes:
        try:
            return read(size)
        except FAULTS as fault:
            raise _damaged(kind, fault) from None

    return read_on


def _damaged(kind: str, fault: Exception) -> Unreadable:
    words = shown_name(" ".join(str(fault).split())) or "it ends too early"
    problem = f"The {kind} archive is damaged, cut short or packed in an unknown way ({words})."
    return Unreadable(problem, AGAIN)


def members_of_zip(file: IO[bytes], tell: Callable[[str], object]) -> Iterator[Member]:
    """In the order of the archive's directory. `file` must be seekable."""
    _refuse_large_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            for number, entry in enumerate(archive.infolist()):
                _refuse_many(number)
                if entry.filename == "[Content_Types].xml":
                    advice = "Save it as CSV, or write it out as JSONL or Parquet."
                    raise Unreadable("This is a workbook or document of Office.", advice)
                if entry.is_dir() or is_hidden(entry.filename):
                    continue
                name = _safe(entry.filename)
                if entry.flag_bits & 1:
                    problem = f"{name} of the zip archive is encrypted."
                    raise Unreadable(problem, "Pack it again without a password.")
                if (entry.external_attr >> 28) == 0o12:
                    tell(f"links and devices of the archive left out ({name})")
                elif is_no_data(name):
                    tell(f"{name} of the archive left out, as it holds no rows")
                else:
                    yield Member(name, partial(_read_of_zip, archive, entry))
    except FAULTS as fault:
        raise _damaged("zip", fault) from None


def _refuse_large_directory(file: IO[bytes]) -> None:
    size = file.seek(0, 2)
    file.seek(max(0, size - TAIL_BYTES))
    tail = file.read(TAIL_BYTES)
    file.seek(0)
    sizes = [int.from_bytes(tail[at + 12 : at + 16], "little") for at in _places(tail, END)]
    sizes = [size for size in sizes if size != 0xFFFFFFFF]
    sizes += [int.from_bytes(tail[at + 40 : at + 48], "little") for at in _places(tail, END_64)]
    if max(sizes, default=0) > MAX_DIRECTORY_BYTES:
        problem = f"The zip archive holds more than {MAX_MEMBERS:,} files."
        raise Unreadable(problem, "Pack fewer files, each with more rows.")


def _places(text: bytes, sign: bytes) -> Iterator[int]:
    at = text.find(sign)
    while at >= 0:
        yield at
        at = text.find(sign, at + 1)


def _refuse_many(number: int) -> None:
    if number >= MAX_MEMBERS:
        problem = f"The archive holds more than {MAX_MEMBERS:,} files."
        raise Unreadable(problem, "Pack fewer files, each with more rows.")


def _safe(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or path.as_posix()[1:3] == ":/":
        problem = f"The archive names a file outside of itself ({shown_name(name)})."
        raise Unreadable(problem, "Pack the files again from the folder that they lie in.")
    return shown_name(path.as_posix())
