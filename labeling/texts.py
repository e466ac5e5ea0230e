"""When two texts are the same, and which split a prompt belongs to for ever."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence

WHITESPACE = re.compile(r"\s+")

# Share of prompts up to each bound, in hundredths: 80 % train, 5 % calibration, 5 % dev, 10 % test.
SPLIT_BOUNDS = ((80, "train"), (85, "calibration"), (90, "dev"), (100, "test"))


def normalise(text: str) -> str:
    """The text without differences a reader cannot see: Unicode form and white space."""
    return WHITESPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()


def response_digest(text: str) -> str:
    return hashlib.sha256(normalise(text).encode()).hexdigest()


def prompt_digest(messages: Sequence[dict[str, str]]) -> str:
    """SHA-256 over role and normalised content of each message."""
    parts = [f"{message['role']}\x1f{normalise(message['content'])}" for message in messages]
    return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()


def split_of(digest: str) -> str:
    """The split of a prompt: a function of its text alone, so that it can never move."""
    bucket = int(hashlib.sha256(f"split/{digest}".encode()).hexdigest()[:8], 16) % 100
    return next(name for bound, name in SPLIT_BOUNDS if bucket < bound)
