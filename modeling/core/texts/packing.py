"""Texts as tensors: prompt groups as packed rows, `[prompt][r1]...[rK]`, every token once, no
padding; and, for models that cannot read those, padded batches.

A group is the encoded texts of one prompt. It is split at the longest token prefix that all its
texts share, so that neither a tokenizer that merges across the boundary nor a truncated prompt
can put a token where it does not belong. Positions restart after the prefix for each response:
a token stands where it would stand in its text alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from modeling.core.texts.text import Encoded, common_prefix

T = TypeVar("T")


@dataclass(frozen=True)
class Span:
    """One group's place in a row: a shared prefix, then what is left of each text."""

    start: int
    prefix: int  # tokens; 0 for a group of one text
    rests: tuple[int, ...]  # tokens of each text beyond the prefix, at least one

    def bounds(self) -> list[tuple[int, int]]:
        """Where in the row each rest begins and ends."""
        at, bounds = self.start + self.prefix, []
        for length in self.rests:
            bounds.append((at, at + length))
            at += length
        return bounds


@dataclass(frozen=True)
class PackedRow:
    """Several groups side by side; T tokens, R texts."""

    ids: Tensor  # (1, T)
    positions: Tensor  # (1, T)
    reads: Tensor  # (R,) the last token of each text
    spans: tuple[Span, ...]


def shared_prefix(texts: Sequence[Encoded]) -> int:
    """Tokens that all texts of a group begin with; each keeps at least its last token."""
    if len(texts) == 1:
        return 0  # nothing to share: the whole text is its own rest
    first = texts[0].ids
    # A reward is read at a text's last token. If that lay in the prefix, two texts would share it.
    length = min(len(text.ids) for text in texts) - 1
    for text in texts[1:]:
        length = min(length, common_prefix(first[:length], text.ids))
    return length


def packed_tokens(texts: Sequence[Encoded]) -> int:
    """What a group costs in a packed row."""
    return sum(len(text.ids) for text in texts) - (len(texts) - 1) * shared_prefix(texts)


def pack(groups: Iterable[Sequence[Encoded]], device: torch.device) -> PackedRow:
    """Lay groups side by side in one row: of each the shared prefix once, then every rest."""
    ids: list[int] = []
    positions: list[int] = []
    reads: list[int] = []
    spans: list[Span] = []
    for texts in groups:
        prefix = shared_prefix(texts)
        rests = tuple(len(text.ids) - prefix for text in texts)
        spans.append(Span(len(ids), prefix, rests))
        ids += texts[0].ids[:prefix]
        positions += range(prefix)
        for text in texts:
            ids += text.ids[prefix:]
            # Counted from the prefix for each text anew: a token's position is that of its text
            # alone, so rotary and absolute positions give what the plain forward gives.
            positions += range(prefix, len(text.ids))
            reads.append(len(ids) - 1)
    as_row = torch.tensor([ids, positions], device=device)
    return PackedRow(as_row[:1], as_row[1:], torch.tensor(reads, device=device), tuple(spans))


def pad_batch(
    texts: Sequence[Encoded], pad: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Right-padded ids (B, T), mask (B, T) and the index of each last real token (B,)."""
    lengths = torch.tensor([len(text.ids) for text in texts])  # (B,)
    ids = torch.full((len(texts), int(lengths.max())), pad)  # (B, T)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = torch.tensor(text.ids)
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()  # (B, T)
    return ids.to(device), mask.to(device), (lengths - 1).to(device)


def first_fit(
    items: Iterable[T], size: Callable[[T], int], capacity: int, window: int
) -> list[list[T]]:
    """Fill bins of `capacity` in the given order: each item goes into the first open bin that has
    room for it, else into a new one.

    At most `window` bins stay open. A full bin is closed at once; if too many are open, the fullest
    one is. An item larger than the capacity gets a bin of its own.
    """
    bins: list[list[T]] = []
    room: list[int] = []
    opened: list[int] = []
    for item in items:
        need = size(item)
        at = next((at for at in opened if room[at] >= need), None)
        if at is None:
            at = len(bins)
            bins.append([])
            room.append(capacity)
            opened.append(at)
        bins[at].append(item)
        room[at] -= need
        if room[at] <= 0:
            opened.remove(at)
        elif len(opened) > window:
            opened.remove(min(opened, key=lambda other: room[other]))
    return bins
