"""Uploads that were checked and wait for a click on "Import": kept for a day.

Each is a folder in DATA_DIR/uploads under a random name, which the uploader's page remembers. The
number of the uploader's account is part of the name, so that nobody else finds the files by their
token.
"""

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from django.conf import settings

from labeling.importing.files import Several

MAX_UPLOAD_BYTES = 2**30
MAX_FILES = 100
KEPT_SECONDS = 24 * 3600
NAMES = "names.json"
Opener: TypeAlias = Callable[[Path], IO[bytes]]


@dataclass(frozen=True)
class KeptFiles:
    """One or several files in a folder, under the names that they had."""

    folder: Path
    names: list[str]

    @property
    def name(self) -> str:
        """All of them in words."""
        return name_of_all(self.names)

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.paths)

    @property
    def paths(self) -> list[Path]:
        return [self.folder / str(number) for number in range(len(self.names))]

    @contextmanager
    def open(self, opener: Opener = lambda path: path.open("rb")) -> Iterator[IO[bytes] | Several]:
        """What `import_file` takes: the file, or all of them."""
        with ExitStack() as until_read:
            files = [until_read.enter_context(opener(path)) for path in self.paths]
            if len(files) == 1:
                yield files[0]
            else:
                yield Several(list(zip(self.names, files, strict=True)))


def name_of_all(names: Sequence[str]) -> str:
    """The names in words; of many, the first and how many more there are."""
    if len(names) > 3:
        return f"{names[0]:.100} and {len(names) - 1} more files"
    return ", ".join(f"{name:.90}" for name in names)


def write_files(folder: Path, files: Iterable[tuple[str, Iterable[bytes]]]) -> KeptFiles:
    """Writes the files into a new folder. A folder without its list of names is not whole."""
    folder.mkdir(parents=True)
    names = []
    for number, (name, chunks) in enumerate(files):
        names.append(name)
        with (folder / str(number)).open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
    (folder / NAMES).write_text(json.dumps(names))
    return KeptFiles(folder, names)


def read_folder(folder: Path) -> KeptFiles | None:
    try:
        return KeptFiles(folder, json.loads((folder / NAMES).read_text()))
    except (OSError, ValueError):
        return None


def keep_upload(files: Iterable[tuple[str, Iterable[bytes]]], owner: int) -> str:
    """Writes the files down and returns the token under which they are found again."""
    _folder().mkdir(parents=True, exist_ok=True)
    _remove_old(_folder())
    token = uuid.uuid4().hex
    write_files(_folder() / f"{token}-{owner}", files)
    return token


def kept_upload(token: str, owner: int) -> KeptFiles | None:
    """The upload's files, or None when they were imported, are another one's, or were removed
    because they were old."""
    if len(token) != 32 or not set(token) <= set("0123456789abcdef"):
        return None
    return read_folder(_folder() / f"{token}-{owner}")


def drop_upload(token: str, owner: int) -> None:
    if upload := kept_upload(token, owner):
        shutil.rmtree(upload.folder, ignore_errors=True)


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "uploads"


def _remove_old(folder: Path) -> None:
    oldest = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another upload, or an import, has just removed it
            if path.stat().st_mtime < oldest:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:  # of an earlier version
                    path.unlink()
