"""What changed between two texts, line by line, with long unchanged stretches left out."""

import difflib
from dataclasses import dataclass

CONTEXT_LINES = 2
# Beyond this many lines that differ on either side, the search for the shortest change takes
# minutes: all of them are shown as removed and added.
COMPARED_LINES = 1_000


@dataclass(frozen=True)
class DiffLine:
    """`kind` is "same", "added", "removed", or "gap" with the number of lines left out."""

    kind: str
    text: str
    count: int = 0


def diff_lines(old: str, new: str, context: int = CONTEXT_LINES) -> list[DiffLine]:
    before, after = old.splitlines(), new.splitlines()
    lines: list[DiffLine] = []
    opcodes = _opcodes(before, after)
    for place, (tag, low, high, low_new, high_new) in enumerate(opcodes):
        if tag == "equal":
            is_first, is_last = place == 0, place == len(opcodes) - 1
            lines += _shorten(before[low:high], is_first, is_last, context)
            continue
        lines += [DiffLine("removed", line) for line in before[low:high]]
        lines += [DiffLine("added", line) for line in after[low_new:high_new]]
    return lines


def _opcodes(before: list[str], after: list[str]) -> list[tuple[str, int, int, int, int]]:
    """The opcodes of difflib, which is spared the lines that both texts begin and end with."""
    shorter = min(len(before), len(after))
    head = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    shorter -= head
    tail = next((n for n in range(shorter) if before[-1 - n] != after[-1 - n]), shorter)
    a, b = before[head : len(before) - tail], after[head : len(after) - tail]
    opcodes = [("equal", 0, head, 0, head)] if head else []
    if len(a) > COMPARED_LINES or len(b) > COMPARED_LINES:
        opcodes.append(("replace", head, head + len(a), head, head + len(b)))
    else:
        # With few lines every match is looked at; with many, not those of common lines.
        matcher = difflib.SequenceMatcher(a=a, b=b, autojunk=len(b) > COMPARED_LINES // 5)
        opcodes += [
            (tag, low + head, high + head, low_new + head, high_new + head)
            for tag, low, high, low_new, high_new in matcher.get_opcodes()
        ]
    if tail:
        last = (len(before) - tail, len(before), len(after) - tail, len(after))
        opcodes.append(("equal", *last))
    return opcodes


def _shorten(same: list[str], is_first: bool, is_last: bool, context: int) -> list[DiffLine]:
    """Unchanged lines near a change; a gap for the others."""
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
