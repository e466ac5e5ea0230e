"""Whatever stands in the place of what a source expects, the file is read or refused in words."""

import io
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from labeling.importing import ImportRefused, check_file
from tests.labeling.importing.sources.inputs import INPUTS

ODD: tuple[Any, ...] = (
    *(None, "", "x", 7, -1.5, 1e300, True, [], {}, [7], [None], [[]], {"a": 1}, [{"role": 5}]),
)


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths_in(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from paths_in(value[index], (*path, index))


def changed(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    return copy


@pytest.mark.parametrize("name", INPUTS)
def test_no_value_in_the_place_of_another_is_more_than_an_error_in_words(name):
    for record in INPUTS[name].records[:2]:
        for path in paths_in(record):
            for odd in ODD:
                row = json.dumps(changed(record, path, odd)).encode()
                with suppress(ImportRefused):
                    check_file(io.BytesIO(row))


@pytest.mark.parametrize("name", INPUTS)
def test_no_missing_value_is_more_than_an_error_in_words(name):
    for record in INPUTS[name].records[:2]:
        for path in paths_in(record):
            copy = json.loads(json.dumps(record))
            inner = copy
            for key in path[:-1]:
                inner = inner[key]
            del inner[path[-1]]
            with suppress(ImportRefused):
                check_file(io.BytesIO(json.dumps(copy).encode()))
