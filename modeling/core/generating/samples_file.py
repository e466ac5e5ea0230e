"""samples.jsonl: appended while the work goes on, in order when it is done.

A line is one response: `{"policy", "id", "sample", "text", "finished", "tokens", "seed"}`, and
where a server's message held more, `"extra"` with its further keys. Lines come as responses are
ready, each with a check sum; at the end the file is rewritten without them in the order of
policies, prompts and samples, so that a run that was interrupted leaves the same file as one that
was not. A line that is not as it was written counts as not written.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modeling.core.messages import Prompt as Prompt
from modeling.core.program.checked_lines import append_rows, checked_row, read_rows
from modeling.core.program.files import write_jsonl

SECONDS_BETWEEN_WRITES = 2.0  # at most so much work is lost when the power goes
Key = tuple[str, str, int]  # policy, prompt id, sample


@dataclass(frozen=True)
class Wanted:
    """One response to be sampled: sample number `sample`, from 0, of the prompt `id`."""

    policy: str
    id: str
    sample: int
    seed: int

    @property
    def key(self) -> Key:
        return (self.policy, self.id, self.sample)


class Keep(Protocol):
    """What a way of sampling calls with each response: text, whether it is finished, tokens (or
    null), and the message's further keys where a server gave some."""

    def __call__(
        self,
        one: Wanted,
        text: str,
        finished: bool,
        tokens: int | None,
        extra: dict[str, Any] | None = None,
        /,
    ) -> None: ...


class SamplesFile:
    """The file of a run's responses. `done`: the keys of those in it, an earlier attempt's too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unwritten: list[dict[str, Any]] = []
        self.last_write = time.monotonic()
        self.done = {key_of(row) for row in self._read()}

    def add(
        self,
        one: Wanted,
        text: str,
        finished: bool,
        tokens: int | None,
        extra: dict[str, Any] | None = None,
    ) -> bool:
        """Add a response. Returns whether all responses so far were now written to the disk."""
        line = {"policy": one.policy, "id": one.id, "sample": one.sample}
        line |= {"text": text, "finished": finished, "tokens": tokens, "seed": one.seed}
        self.unwritten.append(line | ({"extra": extra} if extra else {}))
        if time.monotonic() - self.last_write < SECONDS_BETWEEN_WRITES:
            return False
        self.write()
        return True

    def write(self) -> None:
        """Append whole lines, and wait until the disk has them, before any progress counts them."""
        if self.unwritten:
            append_rows(self.path, self.unwritten)
            self.done |= {key_of(line) for line in self.unwritten}
            self.unwritten = []
        self.last_write = time.monotonic()

    def finish(self, order: Iterable[Wanted]) -> list[dict[str, Any]]:
        """Rewrite the file in this order, without check sums. Returns its lines; those of `order`
        that were never sampled are missing."""
        self.write()
        rows = {key_of(row): row for row in self._read()}
        lines = [rows[wanted.key] for wanted in order if wanted.key in rows]
        write_jsonl(self.path, lines)
        return lines

    def _read(self) -> list[dict[str, Any]]:
        """Read the responses that are as they were written."""
        return [row for row in read_rows(self.path) if has_key(row)]


def key_of(row: dict[str, Any]) -> Key:
    return (row["policy"], row["id"], row["sample"])


def sound(line: bytes) -> dict[str, Any] | None:
    """Parse a line; None for one that is not a response as it was written."""
    row = checked_row(line)
    return row if row is not None and has_key(row) else None


def has_key(row: dict[str, Any]) -> bool:
    """Whether a row says which response it is."""
    try:
        hash(key_of(row))
    except (KeyError, TypeError):
        return False
    return True
