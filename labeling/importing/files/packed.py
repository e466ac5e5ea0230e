"""Streams out of gzip, bzip2, xz, Zstandard and LZ4, with what can be wrong with them in words."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any

from labeling.importing.files.faults import Unreadable
from labeling.importing.files.kinds import Kind

# What an xz file may ask for to be unpacked: the strongest setting takes 65 MB.
XZ_MEMORY = 2**28
READ_AT_ONCE = 2**16


def unpacked(file: IO[bytes], kind: Kind) -> Callable[[int], bytes]:
    """Reads what is packed in the file, from where it stands: at most so many bytes at once."""
    read = _reader(file, kind)

    def unpack(size: int) -> bytes:
        try:
            return read(size)
        except EOFError:
            raise _cut_short(kind) from None
        except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, OSError) as fault:
            if "runcated" in str(fault):
                raise _cut_short(kind) from None
            advice = "Pack it again, or give the file as it is."
            raise Unreadable(f"The {kind.value} file is damaged ({fault}).", advice) from None

    return unpack


def _reader(file: IO[bytes], kind: Kind) -> Callable[[int], bytes]:
    if kind == Kind.GZIP:
        return gzip.GzipFile(fileobj=file, mode="rb").read1
    if kind == Kind.BZIP2:
        return _Streams(file, bz2.BZ2Decompressor).read
    if kind == Kind.XZ:
        return _Streams(file, lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY)).read
    # Loaded here: the web process needs it only while such a file is read.
    import pyarrow

    name = "zstd" if kind == Kind.ZSTD else "lz4"
    stream = pyarrow.CompressedInputStream(pyarrow.PythonFile(file, mode="r"), name)
    return lambda size: bytes(stream.read(size))


def _cut_short(kind: Kind) -> Unreadable:
    advice = "Copy or download it again; nothing after this place could be read."
    return Unreadable(f"The {kind.value} file is cut short.", advice)


class _Streams:
    """One compressed stream after the other, as bz2 and xz files may hold; never more of them
    unpacked than was asked for."""

    def __init__(self, file: IO[bytes], new: Callable[[], Any]) -> None:
        self.file, self.new = file, new
        self.stream = new()
        self.rest = b""

    def read(self, size: int) -> bytes:
        while True:
            if self.stream.eof and not self._next_stream():
                return b""
            piece = self.rest
            if not piece and self.stream.needs_input:
                piece = self.file.read(READ_AT_ONCE)
                if not piece:
                    raise EOFError
            self.rest = b""
            unpacked: bytes = self.stream.decompress(piece, size)
            if unpacked:
                return unpacked

    def _next_stream(self) -> bool:
        rest = self.stream.unused_data or self.file.read(READ_AT_ONCE)
        while rest and not rest.strip(b"\0"):  # xz pads its streams
            rest = self.file.read(READ_AT_ONCE)
        self.rest = rest.lstrip(b"\0")
        if self.rest:
            self.stream = self.new()
        return bool(self.rest)
