"""Reads samples.jsonl while the program appends to it: whole lines, each once."""

from pathlib import Path
from typing import Any

from modeling.core.generating.samples_file import sound


class SampleTail:
    """A file that was put in the place of the one before, as at the end of a sampling, is read
    from its start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file, self.offset = 0, 0

    def read(self) -> list[dict[str, Any]]:
        """The new responses; without lines that are not as they were written."""
        try:
            with self.path.open("rb") as lines:
                number = self.path.stat().st_ino
                if number != self.file:
                    self.file, self.offset = number, 0
                lines.seek(self.offset)
                data = lines.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return [row for line in whole.splitlines() if (row := sound(line)) is not None]
