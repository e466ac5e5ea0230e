"""When two texts are the same, when they are near copies, and the split of a prompt.

The same are texts that differ in Unicode form (NFC) and in white space at their very end, and in
nothing else: indentation and line breaks are part of what was said. Near copies differ in white
space and in capital letters; they are no less two texts, but they stand in one split.
"""

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from labeling.texts.messages import answer_suffix, message_suffix, prompt_suffix

LONG_RUN = re.compile(rb"[^\x00]{32,}")  # marks on one letter, by their combining classes
_class_of = unicodedata.combining
# The characters that are no marks themselves and stand for several, with what they stand for.
SPLIT_MARKS = {
    0x0F73: "\u0f71\u0f72",
    0x0F75: "\u0f71\u0f74",
    0x0F81: "\u0f71\u0f80",
}

# What stands between the parts of a digest; where a text holds one, it is written with a mark.
SEPARATORS = {0x1B: "\x1b\x1b", 0x1D: "\x1bd", 0x1E: "\x1be", 0x1F: "\x1bf"}
ANY_SEPARATOR = re.compile("[\x1b\x1d-\x1f]")

# Share of prompts up to each bound, in hundredths: 80 % train, 5 % calibration, 5 % dev, 10 % test.
SPLIT_BOUNDS = ((80, "train"), (85, "calibration"), (90, "dev"), (100, "test"))


def normalise(text: str) -> str:
    """The form in which equal texts are equal: two texts are the same when their forms are. Not to
    be shown."""
    exact = nfc(text).rstrip()
    if ANY_SEPARATOR.search(exact):
        exact = exact.translate(SEPARATORS)
    return exact


def collapsed(text: str) -> str:
    """The text on one line, with single spaces."""
    return " ".join(nfc(text).split())


def loosened(text: str) -> str:
    """The form in which near copies are equal: white space collapsed, case folded."""
    return collapsed(nfc(text).casefold())


def nfc(text: str) -> str:
    """Unicode's composed form, in time that grows with the text and not with its square.

    Python puts the marks on a letter in order by inserting one after the other: 100,000 of them on
    one letter take eight seconds. Long runs are put in that order here, by a sort that keeps equal
    ones as they are, which is what the standard asks for.
    """
    if text.isascii():
        return text
    text = text.translate(SPLIT_MARKS)
    classes = bytes(map(unicodedata.combining, text))
    pieces, end = [], 0
    for run in LONG_RUN.finditer(classes):
        pieces += [text[end : run.start()], *sorted(text[slice(*run.span())], key=_class_of)]
        end = run.end()
    return unicodedata.normalize("NFC", "".join([*pieces, text[end:]]))


def response_digest(text: str, extra: Mapping[str, Any] | None = None) -> str:
    return hashlib.sha256((normalise(text) + answer_suffix(extra)).encode()).hexdigest()


def prompt_digest(
    messages: Sequence[Mapping[str, Any]], extra: Mapping[str, Any] | None = None
) -> str:
    """SHA-256 over role and normalised content of each message, and over what else it holds."""
    parts = [
        f"{message['role']}\x1f{normalise(message['content'])}{message_suffix(message)}"
        for message in messages
    ]
    return hashlib.sha256(("\x1e".join(parts) + prompt_suffix(extra)).encode()).hexdigest()


LONGEST_WORD = 131_072


def words_in(text: str) -> list[str]:
    """Words with commas between them; quotation marks hold one that has commas itself. Raises
    ValueError for a word of more than 131,072 characters."""
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        words = [word for row in rows for word in row]
    except csv.Error as fault:
        raise ValueError(str(fault)) from None
    # The csv module has one limit for the whole process, which an import of a table raises.
    if any(len(word) > LONGEST_WORD for word in words):
        raise ValueError(f"a word of more than {LONGEST_WORD:,} characters")
    return words


def as_words(words: Iterable[str]) -> str:
    """Writes words so that `words_in` reads them again. It is a text because an empty list has no
    type."""
    words = list(words)
    if not words:
        return ""  # most prompts have none
    written = io.StringIO(newline="")
    csv.writer(written).writerow(words)
    return written.getvalue().removesuffix("\r\n")


def near_digest(messages: Sequence[Mapping[str, Any]]) -> str:
    """A digest that is equal for prompts that are near copies of each other."""
    return _digest_of(messages, loosened)


def pairing_seed(messages: Sequence[Mapping[str, Any]]) -> str:
    """The seed from which follows which of a prompt's responses are compared. It must never change:
    what was imported once brings the same pairs again."""
    return _digest_of(messages, collapsed)


def _digest_of(messages: Sequence[Mapping[str, Any]], form: Callable[[str], str]) -> str:
    parts = [f"{message['role']}\x1f{form(message['content'])}" for message in messages]
    return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()


def split_of(digest: str) -> str:
    """The split of a prompt with this `near_digest` that has no near copy yet."""
    bucket = int(hashlib.sha256(f"split/{digest}".encode()).hexdigest()[:8], 16) % 100
    return next(name for bound, name in SPLIT_BOUNDS if bucket < bound)


def fingerprint(prompt: str, responses: Iterable[str]) -> str:
    """The mark of a line of an export, made of the digests of its texts. An import sees by it
    whether the line is read as what was exported."""
    return hashlib.sha256(" ".join([prompt, *responses]).encode()).hexdigest()[:16]
