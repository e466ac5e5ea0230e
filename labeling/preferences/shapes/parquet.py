"""Rows as a Parquet file that is sent while it is written: memory holds one row group.

pyarrow is loaded here and not at the top: the web process needs it only for such a file.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from labeling.preferences.shapes.styles import ColumnType, Row

if TYPE_CHECKING:
    import pyarrow

GROUP_ROWS = 1000
GROUP_CHARACTERS = 2**24


class DoesNotFit(ValueError):
    """A value has another shape than its column: written, some of it would be lost."""


def parquet_file(rows: Iterable[Row], columns: Mapping[str, ColumnType]) -> Iterator[bytes]:
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([(name, _arrow(kind)) for name, kind in columns.items()])
    sink = _Sink()
    with pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in _groups(rows, columns):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _arrow(kind: ColumnType) -> "pyarrow.DataType":
    import pyarrow

    if isinstance(kind, list):
        return pyarrow.list_(_arrow(kind[0]))
    if isinstance(kind, dict):
        return pyarrow.struct([(name, _arrow(inner)) for name, inner in kind.items()])
    plain = {str: pyarrow.string, int: pyarrow.int64, float: pyarrow.float64, bool: pyarrow.bool_}
    return plain[kind]()


def _groups(rows: Iterable[Row], columns: Mapping[str, ColumnType]) -> Iterator[list[Row]]:
    """The rows in groups, each within both limits or of one row."""
    group: list[Row] = []
    size = 0
    for row in rows:
        characters = _characters(row, columns, "row")
        if group and (len(group) == GROUP_ROWS or size + characters > GROUP_CHARACTERS):
            yield group
            group, size = [], 0
        group.append(row)
        size += characters
    if group:
        yield group


def _characters(value: Any, kind: ColumnType, name: str) -> int:
    """The characters of all texts in the value. Raises DoesNotFit where it has another shape:
    pyarrow would leave out a key that the schema lacks, and say nothing."""
    if isinstance(kind, list):
        return sum(_characters(item, kind[0], name) for item in value)
    if isinstance(kind, Mapping):
        if value.keys() != kind.keys():
            raise DoesNotFit(f"{name} has {', '.join(value)}, where {', '.join(kind)} is written.")
        return sum(_characters(value[key], inner, key) for key, inner in kind.items())
    return len(value) if kind is str else 0


class _Sink:
    """A file that is only written to, and hands out what has come since it was last asked."""

    closed = False

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.written = 0

    def write(self, some: bytes) -> int:
        self.waiting.append(bytes(some))
        self.written += len(some)
        return len(some)

    def tell(self) -> int:
        return self.written

    def taken(self) -> bytes:
        waiting, self.waiting = self.waiting, []
        return b"".join(waiting)

    def flush(self) -> None:
        """Does nothing: what is written is there to be taken."""

    def close(self) -> None:
        self.closed = True
