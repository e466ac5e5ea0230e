"""Token ids kept between runs are those that would be made anew, or are made anew."""

import multiprocessing
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from modeling.core.texts import token_cache
from modeling.core.texts.text import encode_texts
from modeling.core.texts.token_cache import FILE, TokenCache, encode_cached, fingerprint

PROMPT = (("user", "What is the capital of France?"),)
TEXTS = [(PROMPT, "Paris."), (PROMPT, ""), ((("user", "Hello?"),), "You are welcome! " * 30)]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each call had to tokenise."""
    calls: list[int] = []
    tokenize = token_cache.tokenize_texts

    def count(tokenizer: PreTrainedTokenizerBase, texts: list) -> list:
        calls.append(len(texts))
        return tokenize(tokenizer, texts)

    monkeypatch.setattr(token_cache, "tokenize_texts", count)
    return calls


def test_a_second_run_tokenises_only_what_is_new(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, counted: list[int]
) -> None:
    assert encode_cached(tmp_path, tokenizer, TEXTS[:2], 64)[1] == 0
    encoded, known = encode_cached(tmp_path, tokenizer, TEXTS, 64)
    assert (known, counted) == (2, [2, 1])
    assert encoded == encode_texts(tokenizer, TEXTS, 64)


def test_another_length_takes_the_same_entries(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    encode_cached(tmp_path, tokenizer, TEXTS, 16)
    encoded, known = encode_cached(tmp_path, tokenizer, TEXTS, 500)
    assert known == 3
    assert encoded == encode_texts(tokenizer, TEXTS, 500)
    assert not any(text.truncated for text in encoded)


def test_without_a_folder_nothing_is_kept(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert encode_cached(None, tokenizer, TEXTS, 64) == (encode_texts(tokenizer, TEXTS, 64), 0)
    assert list(tmp_path.iterdir()) == []


def change_template(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.chat_template = "{{ messages[-1]['content'] }}"


def change_end(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.eos_token = "<|user|>"


def add_token(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.add_tokens(["Paris"])


@pytest.mark.parametrize("change", [change_template, change_end, add_token])
def test_a_changed_tokenizer_finds_nothing_of_the_old_one(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, change: object
) -> None:
    encode_cached(tmp_path, tokenizer, TEXTS, 64)
    change(tokenizer)  # type: ignore[operator]
    encoded, known = encode_cached(tmp_path, tokenizer, TEXTS, 64)
    assert known == 0
    assert encoded == encode_texts(tokenizer, TEXTS, 64)


@pytest.mark.parametrize("length", [0, 100, 3000, 9000])
def test_a_truncated_file_costs_time_and_no_run(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, length: int
) -> None:
    many = [(PROMPT, f"It is {number}.") for number in range(300)]
    encode_cached(tmp_path, tokenizer, many, 64)
    file = tmp_path / FILE
    assert file.stat().st_size > 9000
    file.write_bytes(file.read_bytes()[:length])
    for _ in range(2):
        encoded, known = encode_cached(tmp_path, tokenizer, many, 64)
        assert encoded == encode_texts(tokenizer, many, 64)
    assert known == 300, "and the cache is whole again"


def test_an_entry_that_was_altered_is_not_believed(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    encode_cached(tmp_path, tokenizer, TEXTS, 64)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE texts SET prompt_length = prompt_length + 1")
    db.close()
    encoded, known = encode_cached(tmp_path, tokenizer, TEXTS, 64)
    assert known == 0
    assert encoded == encode_texts(tokenizer, TEXTS, 64)


def test_a_folder_that_cannot_be_written_is_no_failure(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    (tmp_path / "file").write_text("in the way")
    encoded, known = encode_cached(tmp_path / "file" / "cache", tokenizer, TEXTS, 64)
    assert (encoded, known) == (encode_texts(tokenizer, TEXTS, 64), 0)


def test_a_locked_file_is_not_waited_for_long(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_cached(tmp_path, tokenizer, TEXTS, 64)
    monkeypatch.setattr(token_cache, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert encode_cached(tmp_path, tokenizer, TEXTS, 64)[0] == encode_texts(tokenizer, TEXTS, 64)
    other.close()
    assert encode_cached(tmp_path, tokenizer, TEXTS, 64)[1] == 3, "the other's file is left alone"


def test_the_least_recently_used_go_when_there_are_too_many(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = fingerprint(tokenizer)
    assert name is not None
    clock = iter(range(1_000_000, 9_000_000, 100_000))
    monkeypatch.setattr(token_cache.time, "time", lambda: next(clock))
    encoded = token_cache.tokenize_texts(tokenizer, TEXTS)
    cache = TokenCache(tmp_path, name, limit_bytes=10_000)
    cache.write(dict(zip(TEXTS, encoded, strict=True)))
    assert cache.read(TEXTS[:1]), "this one is used again"
    TokenCache(tmp_path, name, limit_bytes=1).write({(PROMPT, "new"): encoded[0]})
    left = cache.read([*TEXTS, (PROMPT, "new")])
    assert TEXTS[0] in left
    assert (PROMPT, "new") in left
    assert len(left) == 3


def fill(folder: Path, first: int) -> None:
    """In a process of its own; entries with made-up ids."""
    from modeling.core.texts.text import Tokenized

    for number in range(first, first + 40):
        entry: dict[Any, Tokenized] = {
            (PROMPT, f"text {number % 50}"): Tokenized([number % 50, 2], 1)
        }
        TokenCache(folder, b"tokenizer").write(entry)


def test_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=fill, args=(tmp_path, 10 * at)) for at in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    texts = [(PROMPT, f"text {number}") for number in range(50)]
    stored = TokenCache(tmp_path, b"tokenizer").read(texts)
    assert [stored[text].ids for text in texts] == [[number, 2] for number in range(50)]


@pytest.mark.parametrize(
    "change",
    [
        *("used = NULL", "used = 'x'", "prompt_length = 'x'", "prompt_length = NULL"),
        *("ids = 'abc'", "ids = X''", "check_sum = NULL", "check_sum = 'x'"),
    ],
)
def test_an_entry_of_other_types_costs_time_and_no_run(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, change: str
) -> None:
    """SQLite keeps types by the value: a damaged header of a row can say any."""
    encode_cached(tmp_path, tokenizer, TEXTS, 64)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute(f"UPDATE texts SET {change}")
    db.close()
    for known in (3, 3) if change.startswith("used") else (0, 3):
        assert encode_cached(tmp_path, tokenizer, TEXTS, 64) == (
            encode_texts(tokenizer, TEXTS, 64),
            known,
        )
