"""Reading and writing the files of a run folder: JSON lines with line numbers, atomic writes."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from modeling.core.messages import (
    OPTION_NAMES,
    OPTIONS,
    Prompt,
    Response,
    prompt_of,
    response_of,
)
from modeling.core.program.errors import ProgramError


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object). Blank lines are skipped. Raises ProgramError for a
    missing file, and for a line that is anything but a JSON object."""
    if not path.is_file():
        raise ProgramError(
            f"The input file {path.name} is missing.",
            where=str(path),
            hint=f"Put {path.name} into the run folder; docs/learning-programs.md has its format.",
        )
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:  # the second: thousands of brackets
                raise bad_line(path, number, f"is not JSON ({error})") from error
            if not isinstance(row, dict):
                raise bad_line(path, number, "is not a JSON object")
            if (b"\\u" in line or b"\xed" in line) and not is_storable(row):
                problem = "holds half of a surrogate pair, which no text file can keep"
                raise bad_line(path, number, problem)
            yield number, row


def is_storable(row: dict[str, Any]) -> bool:
    """Whether all texts of a row can be written as UTF-8. JSON can carry lone surrogates, and a
    program would come upon them when it writes what it has made, after hours of work."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def bad_line(path: Path, number: int, problem: str) -> ProgramError:
    """The error of a line; `problem` ends the sentence "Line 3 of prompts.jsonl …"."""
    return ProgramError(
        f"Line {number} of {path.name} {problem}.",
        where=f"{path.name}:{number}",
        hint="Correct the line; docs/learning-programs.md has the format.",
    )


def require_unique_id(row: dict[str, Any], seen: set[str], path: Path, number: int) -> str:
    """Return the row's id, a string that no earlier line has used, and add it to `seen`. Raises
    ProgramError for any other."""
    identifier = row.get("id")
    if not isinstance(identifier, str) or not identifier:
        raise bad_line(path, number, 'needs an "id" that is a non-empty string')
    if identifier in seen:
        raise bad_line(path, number, f"repeats the id {identifier!r}")
    seen.add(identifier)
    return identifier


def require_messages(row: dict[str, Any], path: Path, number: int) -> Prompt:
    """Return the row's prompt with its tools as a hashable value (modeling/core/messages.py), which
    can key a group. Raises ProgramError for what is no conversation."""
    messages = row.get("prompt")
    if not isinstance(messages, list) or not messages:
        raise bad_line(path, number, 'needs a "prompt" that is a non-empty list of messages')
    for message in messages:
        fine = isinstance(message, dict) and all(
            isinstance(message.get(key), str) for key in ("role", "content")
        )
        if not fine:
            raise bad_line(path, number, 'has a message without the texts "role" and "content"')
        if message["role"] == OPTIONS:
            raise bad_line(path, number, f"has a message of the role {OPTIONS!r}, which is none")
    options = {name: row[name] for name in OPTION_NAMES if row.get(name)}
    for name, kind in zip(OPTION_NAMES, (list, dict), strict=True):
        if not isinstance(options.get(name, kind()), kind):
            raise bad_line(path, number, f'has a "{name}" of the wrong type')
    return prompt_of(messages, options)


def require_response(row: dict[str, Any], key: str, path: Path, number: int) -> Response:
    """Return a response: a text, or an assistant's message where it holds more than a text. Raises
    ProgramError for anything else."""
    value = row.get(key)
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        return response_of({"role": "assistant", **value})
    raise bad_line(path, number, f'needs a "{key}" that is a text (it may be empty) or a message')


class Hashing:
    """A file that is written, and the SHA-256 of what went into it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


@contextmanager
def written_aside(path: Path, write: Callable[[Any], object]) -> Iterator[str]:
    """Write a temporary file and yield its SHA-256. When the block ends, the file gets its name;
    when the block fails, it is deleted."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            hashing = Hashing(file)
            write(hashing)
            file.flush()
            # Before the rename: or a power cut could leave the new name on an empty file.
            os.fsync(file.fileno())
        yield hashing.digest.hexdigest()
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)  # on a full disk the half-written file is in the way
        raise
    sync_folder(path.parent)


def write_atomically(path: Path, write: Callable[[Any], object]) -> str:
    """Write through a temporary file: `path` is either the old file or the whole new one. Returns
    the SHA-256 of what was written."""
    with written_aside(path, write) as sha256:
        pass
    return sha256


def sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on the disk. File systems that cannot do so are let be."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def folder_in_one(folder: Path) -> Iterator[Path]:
    """Yield a new folder to fill. At the end of the block it takes the name of `folder`, in place
    of what was there; if the block fails, it is deleted."""
    temporary = folder.with_name(folder.name + ".tmp")
    for old in (folder, temporary):
        shutil.rmtree(old, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    try:
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    temporary.rename(folder)


def write_json(path: Path, value: object) -> None:
    """Write a value as indented JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write one line of JSON per row, atomically."""

    def write(file: Hashing) -> None:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    write_atomically(path, write)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_disk_full(error: BaseException | None, folder: Path) -> bool:
    """Whether a failed write means that there is no room left.

    torch and safetensors wrap the operating system's error in their own, so the chain of causes
    and, last of all, the room left on the disk are looked at too.
    """
    start = error
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "No space left on device" in str(error) or "os error 28" in str(error):
            return True
        error = error.__cause__ or error.__context__
    wrote = isinstance(start, RuntimeError) and "PytorchStreamWriter" in str(start)
    return wrote and shutil.disk_usage(folder).free < 1_000_000
