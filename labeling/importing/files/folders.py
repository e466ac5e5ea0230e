"""A folder of data on the server: what `datasets` saved to disk, or a copy of a repository."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from labeling.importing.files.archives import MAX_MEMBERS, is_hidden, is_no_data
from labeling.importing.files.faults import Unreadable
from labeling.importing.files.places import shown_name


class Folder:
    """Stands where a file does, for `read_records`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    @property
    def size(self) -> int:
        """In bytes; what is wrong with the folder is said when it is read."""
        try:
            return sum(path.stat().st_size for path in self._files())
        except Unreadable:
            return 0

    def files(self, tell: Callable[[str], object]) -> Iterator[tuple[str, Path]]:
        """Those that hold rows, by name; raises Unreadable where there are none."""
        is_empty = True
        for path in self._files():
            name = shown_name(path.relative_to(self.path).as_posix())
            if is_no_data(path.name):
                tell(f"{name} of the folder left out, as it holds no rows")
                continue
            is_empty = False
            yield name, path
        if is_empty:
            advice = "Give the folder that holds the .arrow, .parquet or .jsonl files."
            raise Unreadable("The folder holds no files with rows.", advice)

    def _files(self) -> list[Path]:
        saved = [*self._saved_by_datasets()]
        if saved:
            return saved
        paths = []
        for path in sorted(self.path.rglob("*")):
            if path.is_file() and not is_hidden(path.relative_to(self.path).as_posix()):
                paths.append(path)
            if len(paths) > MAX_MEMBERS:
                problem = f"The folder holds more than {MAX_MEMBERS:,} files."
                raise Unreadable(problem, "Give a folder that holds the data alone.")
        return paths

    def _saved_by_datasets(self) -> Iterator[Path]:
        """The files that `save_to_disk` lists, in its order, of one split or of several."""
        folders = [self.path]
        if (splits := _json(self.path / "dataset_dict.json")) is not None:
            folders = [self.path / str(name) for name in splits.get("splits", [])]
        for folder in folders:
            state = _json(folder / "state.json") or {}
            for entry in state.get("_data_files", []):
                path = folder / Path(str(entry.get("filename", ""))).name
                if not path.is_file():
                    problem = f"{path.name} is missing in the folder {folder.name}."
                    raise Unreadable(problem, "Copy the whole folder again.")
                yield path


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
