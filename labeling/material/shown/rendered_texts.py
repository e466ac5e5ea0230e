"""Texts that were formatted lately, in one process: what is heavy is not done again each time it
is shown. Bounded by what it holds, not by how many."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

# Of a result that holds no text: a digest and a few numbers.
OVERHEAD = 500


@dataclass(frozen=True)
class Rendered:
    """A formatted text. `html` is None where the text is shown plain; with `gave_up`, because
    `steps` were too few for it."""

    html: str | None
    steps: int
    gave_up: bool = False

    @property
    def size(self) -> int:
        return OVERHEAD + len(self.html or "")


class RenderedTexts:
    """Keeps the results used last, at most `characters` of them together. Threads share it."""

    def __init__(self, characters: int) -> None:
        self.characters = characters
        self.size = 0
        self._lock = Lock()
        self._results: OrderedDict[bytes, Rendered] = OrderedDict()

    def get(self, key: bytes) -> Rendered | None:
        with self._lock:
            result = self._results.get(key)
            if result is not None:
                self._results.move_to_end(key)
            return result

    def put(self, key: bytes, result: Rendered) -> None:
        with self._lock:
            self._take_out(key)
            self._results[key] = result
            self.size += result.size
            while self.size > self.characters:
                self._take_out(next(iter(self._results)))

    def clear(self) -> None:
        with self._lock:
            self._results.clear()
            self.size = 0

    def _take_out(self, key: bytes) -> None:
        old = self._results.pop(key, None)
        if old is not None:
            self.size -= old.size
