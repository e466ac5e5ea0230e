"""Token ids kept from one run to the next, so that a retraining tokenises only what is new.

One SQLite file in a folder of the caller's choice. An entry is named by the tokenizer (everything
that can change its ids, chat template and library version included), the prompt and the response,
and holds the ids before truncation: runs of any `max_length` share it. Several runs may use a
folder at once; a damaged file or entry, a full disk or a busy lock costs time and never a run:
what cannot be read is tokenised anew, and a file that is no database any more is begun again.
"""

import array
import hashlib
import json
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import tokenizers
from transformers import PreTrainedTokenizerBase

from modeling.core.messages import PromptResponse
from modeling.core.texts.text import Encoded, Tokenized, cut_texts, tokenize_texts

FILE = "tokens-2.sqlite3"  # the number is the format's
LIMIT_BYTES = 256 << 20  # about 200,000 texts of 300 tokens
BUSY_SECONDS = 5.0
Row = tuple[bytes, int, int, bytes, int]
AT_ONCE = 500  # keys per question; SQLite takes 32,766


def encode_cached(
    folder: Path | None,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[PromptResponse],
    max_length: int,
) -> tuple[list[Encoded], int]:
    """Encode as `encode_texts` does, with a cache in `folder` (None: without). Returns the texts
    and how many of them came from the cache."""
    name = None if folder is None else fingerprint(tokenizer)
    cache = None if folder is None or name is None else TokenCache(folder, name)
    known = {} if cache is None else cache.read(texts)
    missing = list(dict.fromkeys(text for text in texts if text not in known))
    fresh = dict(zip(missing, tokenize_texts(tokenizer, missing), strict=True))
    if cache is not None:
        cache.write(fresh)
    tokenized = known | fresh
    encoded = cut_texts(tokenizer, [tokenized[text] for text in texts], max_length)
    return encoded, sum(text in known for text in texts)


def fingerprint(tokenizer: PreTrainedTokenizerBase) -> bytes | None:
    """A hash of all that decides a text's ids; None for a tokenizer that cannot be written down
    (one in Python alone, without the library's fast form)."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    # The backend alone does not say it all: template and special tokens lie outside of it.
    rest = [
        type(tokenizer).__name__,
        tokenizer.chat_template,
        {name: str(token) for name, token in tokenizer.special_tokens_map.items()},
        tokenizers.__version__,
    ]
    form = f"{backend.to_str()}\n{json.dumps(rest, sort_keys=True)}"
    return hashlib.sha256(form.encode()).digest()


class TokenCache:
    """The cache as one tokenizer sees it."""

    def __init__(self, folder: Path, tokenizer: bytes, limit_bytes: int = LIMIT_BYTES) -> None:
        """`tokenizer`: its fingerprint."""
        self.file = folder / FILE
        self.limit_bytes = limit_bytes
        self.tokenizer = tokenizer

    def read(self, texts: Sequence[PromptResponse]) -> dict[PromptResponse, Tokenized]:
        """Look these texts up. Returns those that are known; never raises for a bad file."""
        if not self.file.is_file():
            return {}
        by_key = {self._key(text): text for text in texts}
        try:
            with closing(self._open()) as db:
                rows = list(_rows(db, list(by_key)))
                self._touch(db, rows)
        except sqlite3.OperationalError:  # locked, read-only, no room
            return {}
        except sqlite3.DatabaseError:
            self._begin_again()
            return {}
        sound = ((by_key[row[0]], _unpack(row[2], row[3], row[4])) for row in rows)
        return {text: entry for text, entry in sound if entry is not None}

    def write(self, entries: dict[PromptResponse, Tokenized]) -> None:
        """Store these. A full disk or a busy lock means that they are not stored, and no error."""
        if not entries:
            return
        now = int(time.time())
        rows = [(self._key(text), now, *_pack(entry)) for text, entry in entries.items()]
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as db, db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS texts (key BLOB PRIMARY KEY, used INTEGER,"
                    " prompt_length INTEGER, ids BLOB, check_sum INTEGER) WITHOUT ROWID"
                )
                db.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?, ?)", rows)
                self._make_room(db)
        except (sqlite3.OperationalError, OSError):
            return
        except sqlite3.DatabaseError:
            self._begin_again()

    def _touch(self, db: sqlite3.Connection, rows: list[Row]) -> None:
        """Note that entries are in use, so that they stay longest. To the hour: a second run soon
        after need not write."""
        now = int(time.time())
        stale = [
            (now, key) for key, used, *_ in rows if not isinstance(used, int) or used < now - 3600
        ]
        with suppress(sqlite3.OperationalError), db:
            db.executemany("UPDATE texts SET used = ? WHERE key = ?", stale)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.file, timeout=BUSY_SECONDS)
        # What a power cut damages is found by the check sums; waiting for the disk buys nothing.
        db.execute("PRAGMA synchronous = OFF")
        return db

    def _make_room(self, db: sqlite3.Connection) -> None:
        """Drop the least recently used third once the entries are beyond the limit."""
        used = db.execute("SELECT count(*), total(length(ids) + 64) FROM texts").fetchone()
        if used[1] <= self.limit_bytes:
            return
        db.execute(
            "DELETE FROM texts WHERE key IN (SELECT key FROM texts ORDER BY used LIMIT ?)",
            (max(1, used[0] // 3),),
        )

    def _begin_again(self) -> None:
        """Delete the file. Processes that have it open go on with their copy of it."""
        self.file.unlink(missing_ok=True)
        self.file.with_name(f"{FILE}-journal").unlink(missing_ok=True)

    def _key(self, text: PromptResponse) -> bytes:
        content = json.dumps(text).encode()  # ASCII with escapes: lone surrogates are fine
        return hashlib.sha256(self.tokenizer + content).digest()


def _rows(db: sqlite3.Connection, keys: list[bytes]) -> Iterator[Row]:
    for start in range(0, len(keys), AT_ONCE):
        part = keys[start : start + AT_ONCE]
        yield from db.execute(
            "SELECT key, used, prompt_length, ids, check_sum FROM texts WHERE key IN "
            f"({','.join('?' * len(part))})",
            part,
        )


def _pack(entry: Tokenized) -> tuple[int, bytes, int]:
    packed = array.array("i", entry.ids).tobytes()
    return entry.prompt_length, packed, _check_sum(entry.prompt_length, packed)


def _unpack(prompt_length: int, packed: bytes, check_sum: int) -> Tokenized | None:
    """None for an entry that is not as it was written. A damaged page may hold other types too."""
    as_typed = isinstance(packed, bytes) and isinstance(prompt_length, int)
    if not as_typed or _check_sum(prompt_length, packed) != check_sum:
        return None
    ids = array.array("i")
    ids.frombytes(packed)
    return Tokenized(ids.tolist(), prompt_length)


def _check_sum(prompt_length: int, packed: bytes) -> int:
    return zlib.crc32(packed, prompt_length & 0xFFFFFFFF)
