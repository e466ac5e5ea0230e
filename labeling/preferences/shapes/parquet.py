"""Rows as a Parquet file that is sent while it is written: memory holds one row group.

pyarrow is loaded here and not at the top: the web process needs it only for such a file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

from labeling.preferences.shapes.pairs import ColumnType, Row

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
            arrays = _fields(group, columns, "row")
            writer.write_batch(pyarrow.RecordBatch.from_arrays(arrays, schema=schema))
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
    characters_of = _counter(columns) or (lambda row: 0)
    group: list[Row] = []
    size = 0
    for row in rows:
        try:
            characters = characters_of(row)
        except KeyError as missing:
            raise DoesNotFit(f"A row has no {missing}.") from None
        if group and (len(group) == GROUP_ROWS or size + characters > GROUP_CHARACTERS):
            yield group
            group, size = [], 0
        group.append(row)
        size += characters
    if group:
        yield group


def _counter(kind: ColumnType) -> Callable[[Any], int] | None:
    """Counts the characters of all texts in a value of this type; None where it has no text. Made
    once for a file: to look at the type of each value of each row takes as long as to read it."""
    if kind is str:
        return len
    if isinstance(kind, list):
        each = _counter(kind[0])
        return (lambda items: sum(map(each, items))) if each else None
    if isinstance(kind, Mapping):
        fields = [(key, count) for key, inner in kind.items() if (count := _counter(inner))]
        return (lambda value: sum([count(value[key]) for key, count in fields])) if fields else None
    return None


def _fields(values: Sequence[Any], kind: Mapping[str, ColumnType], name: str) -> list[Any]:
    """An array for each field of these objects. Raises DoesNotFit where one has other keys: pyarrow
    would leave out a key that the schema lacks, and say nothing."""
    keys = [*kind]
    if all([*value] == keys for value in values):
        # All in one order, as nearly always: taken apart by zip, in a third of the time.
        by_field: Iterable[Sequence[Any]] = zip(*map(dict.values, values), strict=True)
        if not values:
            by_field = [()] * len(keys)
    else:
        for value in values:
            if value.keys() != kind.keys():
                here, there = ", ".join(value), ", ".join(kind)
                raise DoesNotFit(f"{name} has {here}, where {there} is written.")
        by_field = [[value[key] for value in values] for key in keys]
    return [_array(some, kind[key], key) for key, some in zip(keys, by_field, strict=True)]


def _array(values: Sequence[Any], kind: ColumnType, name: str) -> Any:
    """The values of one column as an array, column by column all the way down: five times as fast
    as to let pyarrow take each row apart."""
    import pyarrow

    if isinstance(kind, list):
        ends = accumulate(map(len, values), initial=0)
        items = _array([*chain.from_iterable(values)], kind[0], name)
        offsets = pyarrow.array(ends, pyarrow.int32())
        return pyarrow.ListArray.from_arrays(offsets, items, type=_arrow(kind))
    if isinstance(kind, Mapping):
        fields = _fields(values, kind, name)
        return pyarrow.StructArray.from_arrays(fields, fields=[*_arrow(kind)])
    return pyarrow.array(values, _arrow(kind))


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
