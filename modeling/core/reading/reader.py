"""Rewards of encoded texts, in one of four ways: `shared`, `flex`, `padded` or `alone`.

`shared` and `flex` read prompt groups as packed rows, every token once
(modeling/core/texts/packing.py). `padded` reads each text in a row of its own, for models where
sharing is not valid, and `alone` in a forward pass of its own, for those whose rewards padding
changes. Which one a model takes is tried out on it before it is used, against its plain forward
(trying.py).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from modeling.core.program.errors import is_out_of_memory
from modeling.core.reading.features import Readout, apply_readout, no_cache, padding_id
from modeling.core.reading.last_layer import find_last_layer, prune
from modeling.core.reading.shared_attention import NAME, Pass, UnsupportedAttentionError, packed
from modeling.core.reading.trying import (
    WELL_KNOWN,
    apart,
    check_masks,
    long_groups,
    reason_of,
    trial_groups,
)
from modeling.core.texts.equal_rows import once
from modeling.core.texts.packing import first_fit, pack, packed_tokens, pad_batch
from modeling.core.texts.text import Encoded

Group = Sequence[Encoded]  # the texts of one prompt
TOLERANCE = 1e-3  # of the largest hidden value in fp32; a token too few or too many is beyond 0.1
# On a CPU what fits its caches is fastest; a GPU wants to be filled.
CPU_TOKENS, GPU_TOKENS = 2048, 16384


@dataclass(frozen=True)
class Reader:
    """A model and the way its rewards are read. `warning` says why it is not the way asked for.

    Rewards are those of the plain classifier, or with a `readout` those of a head that reads
    elsewhere. `own_forward`: they are what the classifier's forward says, whose head is more than
    a linear layer on its last token.
    """

    model: PreTrainedModel
    way: str  # "shared", "flex", "padded" or "alone"
    prune: bool = False
    warning: str | None = None
    readout: Readout | None = None
    own_forward: bool = False

    @property
    def packs(self) -> bool:
        return self.way in ("shared", "flex")

    def rewards(self, groups: Sequence[Group]) -> Tensor:
        """(R,) in fp32, group after group; the mean of the heads where there are several."""
        return self.member_rewards(groups).mean(1)

    def member_rewards(self, groups: Sequence[Group]) -> Tensor:
        """(R, M) in fp32 by each of the M heads; texts that are equal have one reward.
        Shapes inside as in `pack` and `pad_batch`."""
        left, places = once(groups)
        rewards = self._read(left)
        return rewards if len(rewards) == len(places) else rewards[places]

    def _read(self, groups: Sequence[Group]) -> Tensor:
        if self.readout is not None:
            return apply_readout(self.model, self.way, groups, self.readout)
        if not self.packs:
            texts = [text for group in groups for text in group]
            rows = [texts] if self.way == "padded" else [[text] for text in texts]
            pad, device = padding_id(self.model), self.model.device
            read = read_by_forward if self.own_forward else read_rewards
            return torch.cat([read(self.model, *pad_batch(r, pad, device)) for r in rows])
        return apply_head(self.model, self.hidden(groups))

    def hidden(self, groups: Sequence[Group], check_for: int | None = None) -> Tensor:
        """Read the last hidden states (R, D) where rewards are read, of groups as one packed row.
        `check_for`: the longest text; given when the model is tried out. Raises
        UnsupportedAttentionError for a model that does more than is done here."""
        row = pack(groups, self.model.device)
        with packed(Pass(row, self.way == "flex", self.prune, check_for)) as one:
            trunk = self.model.base_model(
                input_ids=row.ids, position_ids=row.positions, use_cache=False
            )
        # A layer that attends by other means has seen the row as one text, prompts of others too.
        if one.calls < self.model.config.get_text_config().num_hidden_layers:
            raise UnsupportedAttentionError("some of its layers do without this attention")
        states: Tensor = trunk.last_hidden_state[0]  # (T, D), or (R, D) after pruning
        return states if len(states) == len(row.reads) else states[row.reads]

    def tokens(self, group: Group) -> int:
        """Count the tokens that are read for a group, without padding."""
        if not self.packs:
            return sum(len(text.ids) for text in group)
        return packed_tokens(group)

    def batches(self, groups: Sequence[Group], batch_tokens: int) -> Iterator[list[int]]:
        """Divide groups into passes of `batch_tokens`, as lists of their numbers. A larger group
        goes alone."""
        if not self.packs:
            yield from batches_by_length(groups, batch_tokens)
        else:
            # Largest first: small groups fill what the large ones leave, and what is too much for
            # the memory fails at once.
            order = sorted(range(len(groups)), key=lambda at: -self.tokens(groups[at]))
            yield from first_fit(order, lambda at: self.tokens(groups[at]), batch_tokens, 16)

    @torch.no_grad()
    def score(
        self,
        groups: Sequence[Group],
        batch_tokens: int,
        each_batch: Callable[[int], None] = lambda done: None,
    ) -> list[list[float]]:
        """Score all groups: rewards [group][text]. `each_batch` is called with the number of texts
        that are done."""
        by_group = self.score_members(groups, batch_tokens, each_batch)
        return [rewards.mean(1).tolist() for rewards in by_group]

    @torch.no_grad()
    def score_members(
        self,
        groups: Sequence[Group],
        batch_tokens: int,
        each_batch: Callable[[int], None] = lambda done: None,
    ) -> list[Tensor]:
        """Score all groups: of each the rewards (K, M) by every head, on the CPU. A text is read
        once, in however many groups it is.

        Where the memory does not suffice for a pass, it is read in smaller ones: the longest come
        first, so it is the first passes that are divided.
        """
        left, places = once(groups)
        if not left:
            return []
        rewards = torch.cat(self._score_each(left, batch_tokens, each_batch))[places]
        if len(places) > sum(map(len, left)):
            each_batch(len(places))  # those that were read already are done too
        return list(rewards.split([len(group) for group in groups]))

    def _score_each(
        self, groups: Sequence[Group], batch_tokens: int, each_batch: Callable[[int], None]
    ) -> list[Tensor]:
        by_group: list[Tensor] = [torch.empty(0)] * len(groups)
        done = 0
        for batch in self.batches(groups, batch_tokens):
            chosen = [groups[at] for at in batch]
            sizes = [len(group) for group in chosen]
            rewards = self.within_memory(chosen)
            for at, part in zip(batch, rewards.split(sizes), strict=True):
                by_group[at] = part
            done += sum(sizes)
            each_batch(done)
        return by_group

    def within_memory(self, groups: Sequence[Group]) -> Tensor:
        """`member_rewards` (R, M) on the CPU. Where memory does not suffice, the groups are read in
        two halves, and these again; the error is raised where a single text is too much."""
        try:
            return self.member_rewards(groups).cpu()
        except RuntimeError as error:
            if not is_out_of_memory(error) or sum(map(len, groups)) == 1:
                raise
        # Here the failed pass and its tensors are gone.
        torch.cuda.empty_cache()
        return torch.cat([self.within_memory(half) for half in halves(groups)])


def halves(groups: Sequence[Group]) -> tuple[Sequence[Group], Sequence[Group]]:
    """Halve several groups, or the texts of a single one."""
    if len(groups) > 1:
        return groups[: len(groups) // 2], groups[len(groups) // 2 :]
    (group,) = groups
    return [group[: len(group) // 2]], [group[len(group) // 2 :]]


def choose_batch_tokens(asked: int | None, device: torch.device) -> int:
    """The tokens of one pass: what is asked for, else what suits the device."""
    return asked or (GPU_TOKENS if device.type == "cuda" else CPU_TOKENS)


def choose_reader(model: PreTrainedModel, asked: str, max_length: int) -> Reader:
    """Choose the way to read: the one asked for where model and machine can, else the next one,
    with a sentence on why in the reader's `warning`."""
    plainly = asked in ("padded", "alone")
    if not plainly and not isinstance(getattr(model, "score", None), nn.Linear):
        return Reader(
            model, "padded", warning=warn_of_padding(model, "it pools its texts in its own way")
        )
    return choose_way(model, asked, max_length)


def choose_way(
    model: PreTrainedModel, asked: str, max_length: int, *, may_prune: bool = True
) -> Reader:
    """As `choose_reader`, for any model with a trunk.

    "auto" is FlexAttention on a GPU, for which alone its backward exists, and per-group SDPA
    elsewhere.
    """
    if asked in ("padded", "alone"):
        return Reader(model, asked)
    on_gpu = model.device.type == "cuda"
    ways = ("flex", "shared") if on_gpu and asked != "shared" else ("shared",)
    before = model.config._attn_implementation
    reason = None
    try:
        check_config(model, max_length)
        expected = plain_hidden(model, trial_groups(model))
        model.set_attn_implementation(NAME)
        check_masks(model, max_length)
        layer = find_last_layer(model) if may_prune else None
        if layer is not None:
            prune(layer)
        for way in ways:
            for pruned in (True, False) if layer is not None else (False,):
                reader = Reader(model, way, prune=pruned)
                reason = why_hidden_differs(reader, trial_groups(model), expected, max_length)
                reason = reason or why_long_hidden_differs(reader, before, max_length)
                if reason is None:
                    return reader
    except Exception as error:  # a foreign model, tried out: the reason goes into the warning
        reason = reason_of(error)
    model.set_attn_implementation(before)
    return Reader(model, "padded", warning=warn_of_padding(model, reason))


def warn_of_padding(model: PreTrainedModel, reason: str | None) -> str:
    """Say that a model reads padded texts, for this reason."""
    return (
        f"{type(model).__name__} cannot share prompts between responses ({reason}): each text is "
        "read in full, padded to the longest of its batch. This is slower and changes no figure."
    )


def check_config(model: PreTrainedModel, max_length: int) -> None:
    """Refuse what a short try would not show: attention that changes with the distance. Raises
    UnsupportedAttentionError."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    kinds = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if kinds and not (kinds == {"sliding_attention"} and (window or 0) >= max_length):
        raise UnsupportedAttentionError(f"it has layers of {', '.join(sorted(kinds))}")
    if getattr(config, "attention_chunk_size", None) or getattr(config, "alibi", False):
        raise UnsupportedAttentionError("its attention is chunked or biased by distance")
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") in ("dynamic", "longrope"):
        raise UnsupportedAttentionError("its rotary positions depend on the batch")


@torch.no_grad()
def plain_hidden(model: PreTrainedModel, groups: Sequence[Group]) -> Tensor:
    """Read the hidden states (R, D) at the end of each text, read alone, with the model's present
    attention."""
    rows = []
    for group in groups:
        for text in group:
            ids = torch.tensor([text.ids], device=model.device)
            trunk = model.base_model(input_ids=ids, use_cache=False)
            rows.append(trunk.last_hidden_state[0, -1])
    return torch.stack(rows)


@torch.no_grad()
def why_hidden_differs(
    reader: Reader, groups: Sequence[Group], expected: Tensor, max_length: int
) -> str | None:
    """Say why a packed row does not give the plain forward's hidden states; None when it does."""
    try:
        states = reader.hidden(groups, max_length)
    except Exception as error:  # a foreign model, tried out: the reason goes into the warning
        return reason_of(error)
    if states.shape != expected.shape:
        return "its hidden states have another shape"
    difference = apart(states, expected)
    return None if difference <= TOLERANCE else f"a try gave other values by {difference:.1g}"


def why_long_hidden_differs(reader: Reader, plain: str, max_length: int) -> str | None:
    """As `why_hidden_differs`, on texts of the full length, for models that are not WELL_KNOWN.
    `plain`: the attention that the model came with."""
    model = reader.model
    if model.config.get_text_config().model_type in WELL_KNOWN:
        return None
    groups = long_groups(model, max_length)
    model.set_attn_implementation(plain)
    expected = plain_hidden(model, groups)
    model.set_attn_implementation(NAME)
    return why_hidden_differs(reader, groups, expected, max_length)


def read_rewards(model: PreTrainedModel, ids: Tensor, mask: Tensor, last: Tensor) -> Tensor:
    """Read rewards (B, M) in fp32 of a right-padded batch. Shapes as in `pad_batch`."""
    if not isinstance(getattr(model, "score", None), nn.Linear):
        return read_by_forward(model, ids, mask, last)
    trunk = model.base_model(input_ids=ids, attention_mask=mask, use_cache=False)
    rows = torch.arange(len(last), device=last.device)
    return apply_head(model, trunk.last_hidden_state[rows, last])


def read_by_forward(model: PreTrainedModel, ids: Tensor, mask: Tensor, last: Tensor) -> Tensor:
    """As `read_rewards`, by the classifier's own forward. A single text gets no mask: some models
    compute otherwise with one, and nothing is padded."""
    alone = {} if len(ids) == 1 else {"attention_mask": mask}
    return model(input_ids=ids, **alone, **no_cache(model)).logits.float()


def apply_head(model: PreTrainedModel, hidden: Tensor) -> Tensor:
    """Apply the head: rewards (..., M) of hidden states (..., D), in fp32 whatever the trunk
    computes in. The loss is on small differences of rewards, which bf16 would round away."""
    head = model.score
    with torch.autocast(hidden.device.type, enabled=False):
        return nn.functional.linear(hidden.float(), head.weight.float(), head.bias)


def batches_by_length(groups: Sequence[Group], batch_tokens: int) -> Iterator[list[int]]:
    """Divide groups into batches of at most `batch_tokens` padded tokens, one group at least.

    Longest first, so that a batch too large for the memory fails at once and not at the end.
    """
    longest = [max(len(text.ids) for text in group) for group in groups]
    order = sorted(range(len(groups)), key=lambda at: (-longest[at], at))
    batch: list[int] = []
    rows = 0
    for at in order:
        if batch and longest[batch[0]] * (rows + len(groups[at])) > batch_tokens:
            yield batch
            batch, rows = [], 0
        batch.append(at)
        rows += len(groups[at])
    if batch:
        yield batch
