"""A key-value cache whose rows come and go while a batch is decoded.

All rows write at the same column, so their texts end together and begin apart: a shorter row has
unused columns on its left, which the mask hides. A new row is copied in with its prompt's end at
the current column. Buffers have room to the right, so that a step writes one column instead of
copying the whole cache, as transformers' DynamicCache does.

Layers with a sliding window are kept whole here; the model's own mask hides what lies behind the
window. Left out: caches that are no keys and values per token (recurrent states).
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

ROOM = 64  # columns that buffers are made longer by when they are full


class RoomyLayer(DynamicLayer):
    """Keys (R, H, C, D) and values (R, H, C, E) in buffers, of which `length` columns are used."""

    def __init__(self, keys: Tensor, values: Tensor, length: int) -> None:
        super().__init__()
        self.buffers = [keys, values]
        self.length = length
        self.is_initialized = True
        self._show()

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write the new columns, (R, H, T, D) and (R, H, T, E), and give all that are used."""
        end = self.length + key_states.shape[-2]
        if end > self.buffers[0].shape[-2]:
            self.buffers = [widened(buffer, end + ROOM) for buffer in self.buffers]
        self.buffers[0][:, :, self.length : end] = key_states
        self.buffers[1][:, :, self.length : end] = value_states
        self.length = end
        self._show()
        return self.keys, self.values

    def _show(self) -> None:
        self.keys, self.values = (buffer[:, :, : self.length] for buffer in self.buffers)


def widened(buffer: Tensor, columns: int) -> Tensor:
    """Shape: (R, H, C, D) -> (R, H, columns, D)"""
    wider = buffer.new_zeros(*buffer.shape[:2], columns, buffer.shape[3])
    wider[:, :, : buffer.shape[2]] = buffer
    return wider


@dataclass
class Rows:
    """The cached rows, and which of their columns are their own.
    Shape: mask (R, C) int64, of which `width` columns are used; lengths (R,) int64, tokens per row
    """

    cache: DynamicCache
    mask: Tensor
    lengths: Tensor
    width: int

    @property
    def layers(self) -> list[DynamicLayer]:
        return cast(list[DynamicLayer], self.cache.layers)

    def open_column(self) -> Tensor:
        """Open a column for one more token per row. Returns the mask (R, width + 1) for it."""
        if self.width == self.mask.shape[1]:
            more = self.mask.new_zeros(self.mask.shape[0], ROOM)
            self.mask = torch.cat([self.mask, more], dim=1)
        self.mask[:, self.width] = 1
        self.width += 1
        self.lengths = self.lengths + 1
        return self.mask[:, : self.width]


@dataclass(frozen=True)
class Prefix:
    """Prompts that were read. Shape: logits (P, V), what follows each of them"""

    rows: Rows
    logits: Tensor


def read_prefix(model: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> Prefix:
    """Read prompts side by side, each of one token at least."""
    device = model.device
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)  # (P,)
    longest = int(lengths.max())
    # On the left: all prompts end at one column, where the next token of each is written.
    padded = [[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    ids = torch.tensor(padded, device=device)  # (P, T); the mask hides the zeros
    mask = (torch.arange(longest, device=device) >= longest - lengths[:, None]).long()
    positions = (mask.cumsum(1) - 1).clamp(min=0)  # (P, T)
    cache = DynamicCache()
    logits = _forward(model, ids, mask, positions, cache)
    return Prefix(Rows(cache, mask, lengths, longest), logits)


def next_logits(model: PreTrainedModel, latest: Sequence[int], rows: Rows) -> Tensor:
    """Read one more token per row. Shape: latest (R,) -> (R, V), what follows it"""
    ids = torch.tensor(latest, device=model.device)[:, None]  # (R, 1)
    positions = rows.lengths[:, None]  # (R, 1)
    return _forward(model, ids, rows.open_column(), positions, rows.cache)


def _forward(
    model: PreTrainedModel, ids: Tensor, mask: Tensor, positions: Tensor, cache: DynamicCache
) -> Tensor:
    """Logits (R, V) after the last position; the cache grows by the new tokens."""
    inner = getattr(model, "get_base_model", lambda: model)()  # under LoRA's wrapper
    takes = _parameters(type(inner))  # type: ignore[arg-type]
    extra: dict[str, Any] = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
    if "position_ids" in takes:
        extra["position_ids"] = positions
    output = model(
        input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **extra
    )
    return output.logits[:, -1]


@lru_cache
def _parameters(kind: type[PreTrainedModel]) -> frozenset[str]:
    return frozenset(inspect.signature(kind.forward).parameters)


def merged(parts: list[tuple[Rows, Tensor]], room: int) -> Rows:
    """Make new rows: of each part those at the given indices, one part after the other, with `room`
    free columns. Columns that no row needs any more are gone. A row may be taken several times."""
    lengths = torch.cat([rows.lengths[at] for rows, at in parts])
    width = int(lengths.max())
    layers = [
        RoomyLayer(
            _side_by_side([(rows.layers[number].keys, at) for rows, at in parts], width, room),
            _side_by_side([(rows.layers[number].values, at) for rows, at in parts], width, room),
            width,
        )
        for number in range(len(parts[0][0].layers))
    ]
    cache = DynamicCache()
    cache.layers, cache.layer_class_to_replicate = layers, None  # type: ignore[assignment]
    columns = torch.arange(width + room, device=lengths.device)
    mask = (columns >= width - lengths[:, None]) & (columns < width)
    return Rows(cache, mask.long(), lengths, width)


def _side_by_side(states: list[tuple[Tensor, Tensor]], width: int, room: int) -> Tensor:
    """Copy the chosen rows below each other, their ends at column `width`."""
    first = states[0][0]
    count = sum(len(at) for _, at in states)
    buffer = first.new_zeros(count, first.shape[1], width + room, first.shape[3])
    start = 0
    for source, at in states:
        columns = min(width, source.shape[2])
        target = buffer[start : start + len(at), :, width - columns : width]
        target.copy_(source[:, :, source.shape[2] - columns :][at])
        start += len(at)
    return buffer
