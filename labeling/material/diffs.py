"""What changed between two texts, line by line, with long unchanged stretches left out."""

import difflib
from dataclasses import dataclass

CONTEXT_LINES = 2


@dataclass(frozen=True)
class DiffLine:
    """`kind` is "same", "added", "removed", or "gap" with the number of lines left out."""

    kind: str
    text: str
    count: int = 0


def diff_lines(old: str, new: str, context: int = CONTEXT_LINES) -> list[DiffLine]:
    before, after = old.splitlines(), new.splitlines()
    lines: list[DiffLine] = []
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    opcodes = matcher.get_opcodes()
    for place, (tag, low, high, low_new, high_new) in enumerate(opcodes):
        if tag == "equal":
            is_first, is_last = place == 0, place == len(opcodes) - 1
            lines += _shorten(before[low:high], is_first, is_last, context)
            continue
        lines += [DiffLine("removed", line) for line in before[low:high]]
        lines += [DiffLine("added", line) for line in after[low_new:high_new]]
    return lines


def _shorten(same: list[str], is_first: bool, is_last: bool, context: int) -> list[DiffLine]:
    """Unchanged lines, only those near a change."""
    head = 0 if is_first else context
    tail = 0 if is_last else context
    left_out = len(same) - head - tail
    if left_out <= 1:
        return [DiffLine("same", line) for line in same]
    kept_after = same[len(same) - tail :]
    return [
        *(DiffLine("same", line) for line in same[:head]),
        DiffLine("gap", "", left_out),
        *(DiffLine("same", line) for line in kept_after),
    ]
