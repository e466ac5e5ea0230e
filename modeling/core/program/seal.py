"""What program and worker exchange is what was written: SHA-256 of files, and sealed results.

A file that was cut short or damaged on the disk mostly reads all the same, as something else. So
the worker notes the hashes of a program's inputs in `inputs.json`, the program those of what it
leaves in `result.json`, and either looks before it believes. Files that somebody else has written,
without such notes, are taken as they are as long as they can be read whole.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modeling.core.program.errors import ProgramError
from modeling.core.program.files import sha256_of, write_atomically, write_json

INPUTS = ("config.json", "preferences.jsonl", "prompts.jsonl", "responses.jsonl")
OUTPUTS = (
    "predictions.jsonl",
    "contradictions.jsonl",
    "samples.jsonl",
    "scores.jsonl",
    "features.npy",
)
SEALED = re.compile(rb'(.*),\n  "seal": "([0-9a-f]{64})"\n\}\n', re.DOTALL)

Notes = Mapping[str, Mapping[str, Any]]  # path within a folder -> {"sha256", "bytes"}


class NotWhole(ValueError):
    """A file is not what was written. The message is a sentence for people."""


@dataclass(frozen=True)
class Result:
    """What a program says at its end, as in result.json, and the notes on the files it has left."""

    figures: dict[str, Any]
    files: dict[str, dict[str, Any]] = field(default_factory=dict)


def notes_of(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Note size and SHA-256 of the files of these names, and of all files in folders of these
    names. Names of nothing are passed over."""
    notes: dict[str, dict[str, Any]] = {}
    for name in names:
        path = folder / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                key = file.relative_to(folder).as_posix()
                notes[key] = {"sha256": sha256_of(file), "bytes": file.stat().st_size}
    return notes


def first_change(folder: Path, notes: Notes, *, sizes_only: bool = False) -> str:
    """Say, as half a sentence, which file is not what was noted; "" when all are. `sizes_only`:
    compare sizes without reading the files, for callers that somebody waits for."""
    for name, noted in sorted(notes.items()):
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != noted["bytes"]:
            return f"{name} has {path.stat().st_size:,} bytes and not {noted['bytes']:,}"
        if not sizes_only and sha256_of(path) != noted["sha256"]:
            return f"{name} is not what was written (its SHA-256 is another)"
    return ""


def write_inputs(folder: Path) -> None:
    """Note, for the worker, what it has put into the folder for the program."""
    write_json(folder / "inputs.json", notes_of(folder, INPUTS))


def check_inputs(folder: Path) -> None:
    """Compare a program's inputs with their notes. Raises ProgramError that names the file that
    changed; without notes there is nothing to check."""
    path = folder / "inputs.json"
    if not path.is_file():
        return
    try:
        change = first_change(folder, json.loads(path.read_bytes()))
    except (ValueError, TypeError, KeyError, AttributeError):
        change = "inputs.json cannot be read"
    if change:
        raise ProgramError(
            f"The run's input is not what the worker has written: {change}.",
            where=str(folder),
            hint="Start the run again: its input is written anew. If you have changed it on "
            "purpose, to run the program by hand, delete inputs.json.",
        )


def write_result(folder: Path, figures: Mapping[str, Any]) -> None:
    """Write result.json: the figures, notes of all that the program has left, and a seal, which is
    the SHA-256 of what stands before it."""
    models = [figures.get("model_dir"), *(figures.get("members") or [])]
    names = dict.fromkeys([*OUTPUTS, *(name for name in models if name)])
    value = {**figures, "files": notes_of(folder, names)}
    body = json.dumps(value, indent=2, ensure_ascii=False).removesuffix("\n}").encode()
    seal = hashlib.sha256(body).hexdigest()
    whole = body + f',\n  "seal": "{seal}"\n}}\n'.encode()
    write_atomically(folder / "result.json", lambda file: file.write(whole))


def read_result(folder: Path) -> Result:
    """Read result.json. Raises NotWhole where it is missing, cut short or changed. NaN and
    infinities become null: no database column takes them."""
    try:
        raw = (folder / "result.json").read_bytes()
        value = json.loads(raw, parse_constant=lambda _name: None)
    except OSError as problem:
        raise NotWhole("Its result.json is missing.") from problem
    except ValueError as problem:
        raise NotWhole("Its result.json cannot be read: it was cut short or damaged.") from problem
    if not isinstance(value, dict):
        raise NotWhole("Its result.json is no JSON object.")
    sealed = SEALED.fullmatch(raw)
    if sealed is None and not {"files", "seal"} & value.keys():
        return Result(value)
    if sealed is None or hashlib.sha256(sealed[1]).hexdigest().encode() != sealed[2]:
        raise NotWhole("Its result.json is not what the program has written.")
    files = value.pop("files")
    del value["seal"]
    return Result(value, files)


def check_result(folder: Path) -> Result:
    """Read result.json and compare all files that it names with their notes. Raises NotWhole."""
    result = read_result(folder)
    if change := first_change(folder, result.files):
        raise NotWhole(f"What it has left is damaged: {change}.")
    return result
