"""samples.jsonl: appended while the work goes on, in order when it is done.

A line is one response: `{"policy", "id", "sample", "text", "finished", "tokens", "seed"}`. Lines
come as responses are ready; at the end the file is rewritten in the order of policies, prompts and
samples, so that a run that was interrupted leaves the same file as one that was not.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modeling.core.files import read_jsonl, write_jsonl

SECONDS_BETWEEN_WRITES = 2.0  # at most so much work is lost when the power goes
Key = tuple[str, str, int]  # policy, prompt id, sample
Prompt = tuple[tuple[str, str], ...]  # ((role, content), ...), as in text.py, which needs torch


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


# What a way of sampling calls with each response: text, whether it is finished, tokens (or null).
Keep = Callable[[Wanted, str, bool, int | None], None]


class SamplesFile:
    """`done` holds what was written, by an earlier attempt too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unwritten: list[dict[str, Any]] = []
        self.last_write = time.monotonic()
        self.done = {key_of(row) for row in self._read()}

    def add(self, one: Wanted, text: str, finished: bool, tokens: int | None) -> bool:
        """Keeps a response; whether this was a moment to write to the disk."""
        told = {"policy": one.policy, "id": one.id, "sample": one.sample}
        told |= {"text": text, "finished": finished, "tokens": tokens, "seed": one.seed}
        self.unwritten.append(told)
        if time.monotonic() - self.last_write < SECONDS_BETWEEN_WRITES:
            return False
        self.write()
        return True

    def write(self) -> None:
        """Whole lines, and on the disk before any progress says so."""
        if self.unwritten:
            with self.path.open("ab") as file:
                file.write(b"".join(_encoded(line) for line in self.unwritten))
                file.flush()
                os.fsync(file.fileno())
            self.done |= {key_of(line) for line in self.unwritten}
            self.unwritten = []
        self.last_write = time.monotonic()

    def finish(self, order: Iterable[Wanted]) -> list[dict[str, Any]]:
        """The lines of `order` that there are, which is what the file holds from now on."""
        self.write()
        rows = {key_of(row): row for row in self._read()}
        lines = [rows[wanted.key] for wanted in order if wanted.key in rows]
        write_jsonl(self.path, lines)
        return lines

    def _read(self) -> list[dict[str, Any]]:
        """What is there; a last line that was cut short is removed."""
        if not self.path.exists():
            return []
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self.path, whole)
        return [row for _, row in read_jsonl(self.path)]


def key_of(row: dict[str, Any]) -> Key:
    return (row["policy"], row["id"], row["sample"])


def _encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"
