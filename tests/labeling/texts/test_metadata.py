"""Metadata is kept as given within its limits, without what names people, and merged by the key."""

import pytest

from labeling.texts.limits import (
    MAX_METADATA,
    MAX_METADATA_DEPTH,
    MAX_METADATA_KEYS,
    MAX_METADATA_TEXT,
)
from labeling.texts.metadata import MetadataRefused, checked, further, merged


def nested(levels: int) -> object:
    return {"a": nested(levels - 1)} if levels else 1


def test_what_is_within_the_limits_is_kept_as_it_is() -> None:
    value = {"lang": "fr", "score": 4.5, "ok": False, "tags": ["a", 1], "of": {"x": {"y": []}}}
    assert checked(value | {"nothing": None}) == value
    assert checked({f"{n}": n for n in range(MAX_METADATA_KEYS)})
    assert checked({"a": nested(MAX_METADATA_DEPTH - 2)})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({f"{n}": n for n in range(MAX_METADATA_KEYS + 1)}, "101 keys; at most 100"),
        ({"a": "x" * (MAX_METADATA_TEXT + 1)}, "10,001 characters"),
        ({f"{n}": "x" * MAX_METADATA_TEXT for n in range(6)}, f"at most {MAX_METADATA:,} are kept"),
        ({"a": nested(MAX_METADATA_DEPTH)}, "Nested deeper than 5 levels."),
        ({"a": [[[[[["deep"]]]]]]}, "Nested deeper than 5 levels."),
        ({"a": "x\x00y"}, "Holds a NUL character"),
        ({"a": {"b\x00": 1}}, "Holds a NUL character"),
        ({"a": "\ud800"}, "half of a surrogate pair"),
        ({" ": 1}, "A key has from 1 to 200 characters"),
        ({"k" * 201: 1}, "A key has from 1 to 200 characters, not 201."),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(value: dict, words: str) -> None:
    with pytest.raises(MetadataRefused, match=words):
        checked(value)


def test_the_words_for_a_nul_are_no_nul() -> None:
    assert checked({"a": "\\u0000"}) == {"a": "\\u0000"}


def test_what_names_people_is_told_and_not_kept_at_any_depth() -> None:
    told: list[str] = []
    value = {
        "worker_id": "w1", "userName": "ada", "lang": "en",
        "meta": {"annotator": "ada", "topic": "tea"}, "list": [{"email": "a@b"}, {"n": 1}],
    }  # fmt: skip
    kept = further(value, told.append)
    assert kept == {"lang": "en", "meta": {"topic": "tea"}, "list": [{}, {"n": 1}]}
    assert told == [
        "column “worker_id” not kept: it is about people",
        "column “userName” not kept: it is about people",
        "“meta.annotator” not kept: it is about people",
        "“list.email” not kept: it is about people",
    ]


def test_a_further_column_that_is_too_large_is_told_and_the_others_are_kept() -> None:
    told: list[str] = []
    kept = further({"vector": [0.5] * 30_000, "text": "x" * 10_001, "n": 1}, told.append)
    assert kept == {"n": 1}
    assert [words.partition(":")[0] for words in told] == [
        "column “vector” not kept as metadata",
        "column “text” not kept as metadata",
    ]


def test_of_many_further_columns_the_first_are_kept() -> None:
    told: list[str] = []
    assert len(further({f"c{n}": n for n in range(150)}, told.append)) == MAX_METADATA_KEYS
    assert told[0] == "column “c100” not kept as metadata: there is too much of it already"


def test_two_are_one_and_the_first_counts() -> None:
    assert merged({"a": 1, "b": 2}, {"b": 3, "c": 4}) == ({"a": 1, "b": 2, "c": 4}, 1)
    assert merged({}, {"a": 1}) == ({"a": 1}, 0)
    assert merged({"a": 1}, {"a": 1}) == ({"a": 1}, 0)


def test_two_that_are_too_much_together_stay_the_first() -> None:
    first = {f"a{n}": n for n in range(60)}
    assert merged(first, {f"b{n}": n for n in range(60)}) == (first, 60)
