"""Several files that are read as one: each under its name, one after the other."""

from collections.abc import Iterator, Sequence
from typing import IO

from labeling.importing.files.places import shown_name


class Several:
    """Stands where a file does, for `read_records`. The files must be seekable."""

    def __init__(self, files: Sequence[tuple[str, IO[bytes]]]) -> None:
        self._files = files

    @property
    def size(self) -> int:
        """In bytes; every file stands at its start afterwards."""
        size = 0
        for _, file in self._files:
            size += file.seek(0, 2)
            file.seek(0)
        return size

    def files(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Each with a name that no other has."""
        names: dict[str, int] = {}
        for name, file in self._files:
            name = shown_name(name)
            names[name] = names.get(name, 0) + 1
            yield f"{name} ({names[name]})" if names[name] > 1 else name, file
