"""Attention over packed prompt groups, for any causal model whose attention is exchangeable.

Registered with transformers' AttentionInterface under the name "shared_prefix". Without a packed
row it is transformers' own SDPA. With one, a token sees its group's prefix and what came before it
in its own text, nothing else. transformers takes restarting positions without a mask for packed
sequences and would cut the later responses off their prompt: the mask function registered beside
it makes no mask, who sees whom is decided here alone.

On the CPU one autograd function calls the flash kernels on slices of the row and merges the parts
by their log-sum-exps; slicing with autograd's views cost a quarter more. Elsewhere plain SDPA per
text, or FlexAttention with a block mask. Left out: dropout, sliding windows, position biases.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from modeling.core.texts.packing import PackedRow, Span

NAME = "shared_prefix"
FLASH_TYPES = (torch.float32, torch.bfloat16, torch.float16)
aten: Any = torch.ops.aten

# (queries from, to, keys from, to, causal): one call of a kernel
Slice = tuple[int, int, int, int, bool]


class UnsupportedAttentionError(Exception):
    """This model's attention does something that is not done here."""


class KeysReady(Exception):
    """Not an error: carries the keys and values of the last layer out of its forward."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values


@dataclass
class Pass:
    """One forward pass over a packed row, and how far it is."""

    row: PackedRow
    flex: bool = False
    prune: bool = True
    check_for: int | None = None  # the longest text; given when the model is tried out
    calls: int = 0
    stage: str = "all"  # in the last layer: "keys", then "reads"
    last_keys_and_values: tuple[Tensor, Tensor] | None = field(default=None, repr=False)

    @cached_property
    def all_slices(self) -> tuple[list[Slice], list[Slice]]:
        return slices(self.row.spans)

    @cached_property
    def read_slices(self) -> tuple[list[Slice], list[Slice]]:
        return slices_of_reads(self.row.spans)

    @cached_property
    def block_mask(self) -> Any:
        return make_block_mask(self.row)


_current: ContextVar[Pass | None] = ContextVar("packed row in the making", default=None)
_asked: ContextVar[list[Any] | None] = ContextVar(
    "mask functions that were asked for", default=None
)


@contextmanager
def packed(one: Pass) -> Iterator[Pass]:
    """While this is open, models with this attention read their input as `one.row`."""
    token = _current.set(one)
    try:
        yield one
    finally:
        _current.reset(token)


@contextmanager
def mask_functions() -> Iterator[list[Any]]:
    """Collect, while this is open, the functions by which a model with this attention wants its
    masks made."""
    functions: list[Any] = []
    token = _asked.set(functions)
    try:
        yield functions
    finally:
        _asked.reset(token)


def current() -> Pass | None:
    """The packed row that is being read, None outside of one."""
    return _current.get()


def slices(spans: tuple[Span, ...]) -> tuple[list[Slice], list[Slice]]:
    """Plan the kernel calls of a row. The first list covers every query once, with the keys of its
    own text; the second adds the prefix to those responses that do not lie directly behind it."""
    first: list[Slice] = []
    second: list[Slice] = []
    for span in spans:
        (_, end), *later = span.bounds()
        first.append((span.start, end, span.start, end, True))
        first.extend((low, high, low, high, True) for low, high in later)
        if later and span.prefix:
            second.append((end, later[-1][1], span.start, span.start + span.prefix, False))
    return first, second


def slices_of_reads(spans: tuple[Span, ...]) -> tuple[list[Slice], list[Slice]]:
    """As `slices`, where the only queries are the last tokens of the texts, in their order."""
    first: list[Slice] = []
    second: list[Slice] = []
    read = 0
    for span in spans:
        (_, end), *later = span.bounds()
        first.append((read, read + 1, span.start, end, False))
        for at, (low, high) in enumerate(later, read + 1):
            first.append((at, at + 1, low, high, False))
        count = len(span.rests)
        if later and span.prefix:
            second.append((read + 1, read + count, span.start, span.start + span.prefix, False))
        read += count
    return first, second


class FlashSlices(torch.autograd.Function):
    """Attention of queries (G, N, Q, D) over slices of keys and values (G, 1, T, D).

    G key-value heads with N query heads each; the keys are expanded without a copy. A query that
    is in two slices gets the softmax over both: their outputs, weighted by exp(log-sum-exp). The
    backward kernel needs the merged output and log-sum-exp only, so it runs slice by slice.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scale: float,
        plan: tuple[list[Slice], list[Slice]],
    ) -> Tensor:
        groups, heads, length, width = query.shape
        key = key.expand(-1, heads, -1, -1)
        value = value.expand(-1, heads, -1, -1)
        # In the order in which the caller wants it, so that no copy follows.
        out = query.new_empty(length, groups, heads, width).permute(1, 2, 0, 3)
        sums = query.new_empty(length, groups, heads, dtype=torch.float32).permute(1, 2, 0)
        forward = aten._scaled_dot_product_flash_attention_for_cpu
        for a, b, c, d, causal in plan[0]:
            out[:, :, a:b], sums[:, :, a:b] = forward(
                query[:, :, a:b], key[:, :, c:d], value[:, :, c:d], 0.0, causal, scale=scale
            )
        for a, b, c, d, causal in plan[1]:
            part, part_sums = forward(
                query[:, :, a:b], key[:, :, c:d], value[:, :, c:d], 0.0, causal, scale=scale
            )
            # Softmax over both slices: each part weighs exp(its log-sum-exp). The sigmoid is that
            # share without the exponentials, which would overflow.
            share = torch.sigmoid(part_sums - sums[:, :, a:b]).unsqueeze(-1)  # of the second part
            out[:, :, a:b] = torch.lerp(out[:, :, a:b].float(), part.float(), share).to(out.dtype)
            sums[:, :, a:b] = torch.logaddexp(sums[:, :, a:b], part_sums)
        ctx.save_for_backward(query, key, value, out, sums)
        ctx.scale, ctx.plan = scale, plan
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, out, sums = ctx.saved_tensors
        grad = grads[0]
        # The gradient of a softmax over two slices splits into one term for each, given the merged
        # output and log-sum-exp. A prefix is in several slices: its gradients add up.
        to_query, to_key, to_value = (torch.zeros_like(x) for x in (query, key, value))
        backward = aten._scaled_dot_product_flash_attention_for_cpu_backward
        for a, b, c, d, causal in (*ctx.plan[0], *ctx.plan[1]):
            to_q, to_k, to_v = backward(
                grad[:, :, a:b],
                query[:, :, a:b],
                key[:, :, c:d],
                value[:, :, c:d],
                out[:, :, a:b],
                sums[:, :, a:b],
                0.0,
                causal,
                scale=ctx.scale,
            )
            to_query[:, :, a:b] += to_q
            to_key[:, :, c:d] += to_k
            to_value[:, :, c:d] += to_v
        # Keys and values were expanded to all query heads of their group: back to one.
        return to_query, to_key.sum(1, True), to_value.sum(1, True), None, None


def sdpa_slices(
    query: Tensor, key: Tensor, value: Tensor, scale: float | None, spans: tuple[Span, ...]
) -> Tensor:
    """Attend over whole texts with plain SDPA, for any device and dtype.

    Shape: query (1, H, Q, D) with Q the row's tokens or the texts' last ones; key and value
    (1, H, T, D). A text's queries are the last ones of its keys, which the mask has to say: the
    causal flag of SDPA lines up the first ones.
    """
    reads_only = query.shape[2] == sum(len(span.rests) for span in spans) != key.shape[2]
    parts, at = [], 0
    for span in spans:
        prefix = (span.start, span.start + span.prefix)
        for number, (low, high) in enumerate(span.bounds()):
            count = 1 if reads_only else high - low + (span.prefix if number == 0 else 0)
            keys, values = (
                torch.cat((x[:, :, slice(*prefix)], x[:, :, low:high]), 2) for x in (key, value)
            )
            length = keys.shape[2]
            mask = torch.ones(count, length, dtype=torch.bool, device=query.device)
            part = scaled_dot_product_attention(
                query[:, :, at : at + count],
                keys,
                values,
                attn_mask=mask.tril(length - count),
                scale=scale,
            )
            parts.append(part)
            at += count
    return torch.cat(parts, 2)


def make_block_mask(row: PackedRow) -> Any:
    """Say who sees whom, for FlexAttention: a token sees what is earlier in its group and lies in
    the prefix or in its own text."""
    length, device = row.ids.shape[1], row.ids.device
    group = torch.empty(length, dtype=torch.long)
    text = torch.zeros(length, dtype=torch.long)  # 0 in a prefix
    for number, span in enumerate(row.spans):
        group[span.start : span.bounds()[-1][1]] = number
        for which, (low, high) in enumerate(span.bounds(), 1):
            text[low:high] = which
    group, text = group.to(device), text.to(device)

    def sees(_batch: Tensor, _head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return (group[q] == group[k]) & (q >= k) & ((text[k] == 0) | (text[q] == text[k]))

    return create_block_mask(sees, None, None, length, length, device=str(device))


@cache
def compiled_flex() -> Callable[..., Any]:
    compiled: Callable[..., Any] = torch.compile(flex_attention, dynamic=True)
    return compiled


def shared_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attend; transformers calls this in each layer. Shape: query (B, H, T, D) to (B, T, H, D)."""
    one = _current.get()
    if one is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **others
        )
    one.calls += 1
    if one.check_for is not None:
        check_supported(module, others, one.check_for)
        if attention_mask is not None:  # none is made for packed rows: this one is its own
            raise UnsupportedAttentionError("its layers make masks of their own")
    if one.stage == "keys":
        raise KeysReady(key, value)
    if one.stage == "reads":
        assert one.last_keys_and_values is not None
        key, value = one.last_keys_and_values
    query, key, value = of_one_dtype(query, key, value)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if one.flex and one.stage == "all":
        attend: Any = compiled_flex() if query.is_cuda else flex_attention
        gqa = key.shape[1] != query.shape[1]
        flexed: Any = attend(
            query, key, value, block_mask=one.block_mask, scale=scale, enable_gqa=gqa
        )
        return flexed.transpose(1, 2).contiguous(), None
    if query.device.type == "cpu" and query.dtype in FLASH_TYPES and key.shape == value.shape:
        heads, kv_heads, length, width = query.shape[1], key.shape[1], *query.shape[2:]
        grouped = query[0].reshape(kv_heads, heads // kv_heads, length, width)
        plan = one.read_slices if one.stage == "reads" else one.all_slices
        out: Any = FlashSlices.apply(
            grouped, key[0].unsqueeze(1), value[0].unsqueeze(1), scale, plan
        )  # (G, N, Q, D)
        return out.permute(2, 0, 1, 3).reshape(1, length, heads, width), None
    repeat = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(repeat, 1) if repeat > 1 else x for x in (key, value))
    plain = sdpa_slices(query, key, value, scale, one.row.spans)
    return plain.transpose(1, 2).contiguous(), None


def of_one_dtype(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cast all three as autocast would: rotary positions leave queries and keys in fp32 beside
    values in bf16, and the kernels called here, unlike SDPA, do not cast."""
    device = query.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        return query.to(dtype), key.to(dtype), value.to(dtype)
    return query, key, value


def check_supported(module: nn.Module, others: dict[str, Any], max_length: int) -> None:
    """Refuse arguments that change the scores in a way that is not done here. Raises
    UnsupportedAttentionError."""
    if getattr(module, "is_causal", True) is False or others.get("is_causal") is False:
        raise UnsupportedAttentionError("its attention looks both ways")
    window = others.get("sliding_window")
    if window is not None and window < max_length:
        raise UnsupportedAttentionError(f"its attention has a sliding window of {window} tokens")
    for name in ("softcap", "s_aux", "position_bias", "head_mask"):
        if others.get(name) is not None:
            raise UnsupportedAttentionError(f"its attention uses {name}")


def mask_unless_packed(*arguments: Any, **options: Any) -> Tensor | None:
    """Make transformers' mask, or none for a packed row. Notes the mask's function where a trial
    asks for it."""
    functions = _asked.get()
    if functions is not None:
        functions.append(options["mask_function"])
    return None if _current.get() is not None else sdpa_mask(*arguments, **options)


AttentionInterface.register(NAME, shared_attention)
AttentionMaskInterface.register(NAME, mask_unless_packed)
