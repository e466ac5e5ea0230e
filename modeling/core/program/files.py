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

from modeling.core.messages import OPTION_NAMES, Prompt, Response, prompt_of, response_of
from modeling.core.program.errors import ProgramError


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object). Blank lines are skipped; anything else is refused."""
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
            except ValueError as error:
                raise bad_line(path, number, f"is not JSON ({error})") from error
            if not isinstance(row, dict):
                raise bad_line(path, number, "is not a JSON object")
            yield number, row


def bad_line(path: Path, number: int, problem: str) -> ProgramError:
    return ProgramError(
        f"Line {number} of {path.name} {problem}.",
        where=f"{path.name}:{number}",
        hint="Correct the line; docs/learning-programs.md has the format.",
    )


def require_unique_id(row: dict[str, Any], seen: set[str], path: Path, number: int) -> str:
    """The row's id, which must be a string no earlier line has used."""
    identifier = row.get("id")
    if not isinstance(identifier, str) or not identifier:
        raise bad_line(path, number, 'needs an "id" that is a non-empty string')
    if identifier in seen:
        raise bad_line(path, number, f"repeats the id {identifier!r}")
    seen.add(identifier)
    return identifier


def require_messages(row: dict[str, Any], path: Path, number: int) -> Prompt:
    """The row's prompt with its tools, hashable (messages.py), so that it can key a group."""
    messages = row.get("prompt")
    if not isinstance(messages, list) or not messages:
        raise bad_line(path, number, 'needs a "prompt" that is a non-empty list of messages')
    for message in messages:
        fine = isinstance(message, dict) and all(
            isinstance(message.get(key), str) for key in ("role", "content")
        )
        if not fine:
            raise bad_line(path, number, 'has a message without the texts "role" and "content"')
    options = {name: row[name] for name in OPTION_NAMES if row.get(name)}
    for name, kind in zip(OPTION_NAMES, (list, dict), strict=True):
        if not isinstance(options.get(name, kind()), kind):
            raise bad_line(path, number, f'has a "{name}" of the wrong type')
    return prompt_of(messages, options)


def require_response(row: dict[str, Any], key: str, path: Path, number: int) -> Response:
    """A text, or an assistant's message where it holds more than a text."""
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
    """Write a temporary file, give its SHA-256, and give it its name when the block ends."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            hashing = Hashing(file)
            write(hashing)
            file.flush()
            os.fsync(file.fileno())
        yield hashing.digest.hexdigest()
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)  # on a full disk the half-written file is in the way
        raise
    sync_folder(path.parent)


def write_atomically(path: Path, write: Callable[[Any], object]) -> str:
    """Write through a temporary file: `path` is either the old file or the whole new one. Gives
    the SHA-256 of what was written."""
    with written_aside(path, write) as sha256:
        pass
    return sha256


def sync_folder(folder: Path) -> None:
    """A new name is on the disk only when its folder is; some file systems cannot promise it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def folder_in_one(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes the name of `folder` at the end of the block, in place of what
    was there, or goes again if the block fails."""
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
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
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
