"""All sources, and which of them a record is of."""

import importlib
import pkgutil
from functools import cache

from labeling.importing.lines.checking import ALWAYS, TRIPLE
from labeling.importing.lines.columns import looks_like_content
from labeling.importing.lines.named_votes import FIELDS as OF_NAMED_VOTE
from labeling.importing.sources.source import Data, Source

# Records of which nothing needs to be recognised: every column is one of ours.
OWN = ALWAYS | TRIPLE | {"responses"} | OF_NAMED_VOTE


@cache
def every_source() -> tuple[Source, ...]:
    """Of every module beside and below this one, those that ask for more columns first."""
    package = __name__.rpartition(".")[0]
    path = importlib.import_module(package).__path__
    sources: list[Source] = []
    for module in pkgutil.walk_packages(path, f"{package}."):
        reader = importlib.import_module(module.name)
        sources += getattr(reader, "SOURCES", ())
    return tuple(sorted(sources, key=lambda source: (-len(source.needs), source.name)))


def recognise(data: Data) -> Source | None:
    """The source that this record is of, or None. `data` holds no nulls."""
    for source in _candidates(frozenset(data)):
        if source.fits(data) and not (source.is_strict and _holds_more(source, data)):
            return source
    return None


def _holds_more(source: Source, data: Data) -> bool:
    known = source.needs | source.uses
    return any(
        value not in ("", [], {}) and looks_like_content(name, value)
        for name, value in data.items()
        if name not in known
    )


@cache
def _of_columns(names: frozenset[str]) -> tuple[Source, ...]:
    return tuple(source for source in every_source() if source.needs <= names)


def _candidates(names: frozenset[str]) -> tuple[Source, ...]:
    if _of_columns.cache_info().currsize > 1_000:  # a file may name other columns on each line
        _of_columns.cache_clear()
    return _of_columns(names)
