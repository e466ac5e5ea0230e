"""Rewards of encoded texts, in one of three ways: `shared`, `flex` or `padded`.

`shared` and `flex` read prompt groups as packed rows, every token once (packing.py). `padded` reads
each text in a row of its own, for models where sharing is not valid. Which one a model takes is
tried out on it before it is used, against its plain forward.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from modeling.core.features import Readout, apply_readout
from modeling.core.last_layer import find_last_layer, prune
from modeling.core.packing import first_fit, pack, packed_tokens, pad_batch
from modeling.core.recompute import is_out_of_memory
from modeling.core.shared_attention import NAME, Pass, UnsupportedAttentionError, packed
from modeling.core.text import Encoded

WAYS = ("auto", "shared", "flex", "padded")
Group = Sequence[Encoded]  # the texts of one prompt
TOLERANCE = 1e-3  # of the largest hidden value in fp32; a token too few or too many is beyond 0.1
# On a CPU what fits its caches is fastest; a GPU wants to be filled.
CPU_TOKENS, GPU_TOKENS = 2048, 16384


@dataclass(frozen=True)
class Reader:
    """A model and the way its rewards are read. `warning` says why it is not the way asked for.

    Rewards are those of the plain classifier, or with a `readout` those of a head that reads
    elsewhere.
    """

    model: PreTrainedModel
    way: str  # "shared", "flex" or "padded"
    prune: bool = False
    warning: str | None = None
    readout: Readout | None = None

    def rewards(self, groups: Sequence[Group]) -> Tensor:
        """(R,) in fp32, group after group; the mean of the heads where there are several."""
        return self.member_rewards(groups).mean(1)

    def member_rewards(self, groups: Sequence[Group]) -> Tensor:
        """(R, M) in fp32 by each of the M heads. Shapes inside as in `pack` and `pad_batch`."""
        if self.readout is not None:
            return apply_readout(self.model, self.way, groups, self.readout)
        if self.way == "padded":
            texts = [text for group in groups for text in group]
            pad = self.model.config.get_text_config().pad_token_id
            return read_rewards(self.model, *pad_batch(texts, pad, self.model.device))
        return apply_head(self.model, self.hidden(groups))

    def hidden(self, groups: Sequence[Group], check_for: int | None = None) -> Tensor:
        """Last hidden states (R, D) of a packed row."""
        row = pack(groups, self.model.device)
        with packed(Pass(row, self.way == "flex", self.prune, check_for)) as one:
            trunk = self.model.base_model(
                input_ids=row.ids, position_ids=row.positions, use_cache=False
            )
        if one.calls < self.model.config.get_text_config().num_hidden_layers:
            raise UnsupportedAttentionError("some of its layers do without this attention")
        found: Tensor = trunk.last_hidden_state[0]  # (T, D), or (R, D) after pruning
        return found if len(found) == len(row.reads) else found[row.reads]

    def tokens(self, group: Group) -> int:
        """Real tokens that are read for a group, padding not counted."""
        if self.way == "padded":
            return sum(len(text.ids) for text in group)
        return packed_tokens(group)

    def batches(self, groups: Sequence[Group], batch_tokens: int) -> Iterator[list[int]]:
        """Numbers of groups that fit into one pass; a group larger than that goes alone."""
        if self.way == "padded":
            yield from batches_by_length(groups, batch_tokens)
        else:
            order = sorted(range(len(groups)), key=lambda at: -self.tokens(groups[at]))
            yield from first_fit(order, lambda at: self.tokens(groups[at]), batch_tokens, 16)

    @torch.no_grad()
    def score(
        self,
        groups: Sequence[Group],
        batch_tokens: int,
        each_batch: Callable[[int], None] = lambda done: None,
    ) -> list[list[float]]:
        """Rewards [group][text]. `each_batch` hears how many texts are done."""
        found = self.score_members(groups, batch_tokens, each_batch)
        return [rewards.mean(1).tolist() for rewards in found]

    @torch.no_grad()
    def score_members(
        self,
        groups: Sequence[Group],
        batch_tokens: int,
        each_batch: Callable[[int], None] = lambda done: None,
    ) -> list[Tensor]:
        """Of each group its rewards (K, M) by every head, on the CPU.

        Where the memory does not suffice for a pass, it is read in smaller ones: the longest come
        first, so it is the first passes that are divided.
        """
        found: list[Tensor] = [torch.empty(0)] * len(groups)
        done = 0
        for batch in self.batches(groups, batch_tokens):
            chosen = [groups[at] for at in batch]
            sizes = [len(group) for group in chosen]
            rewards = self.within_memory(chosen)
            for at, part in zip(batch, rewards.split(sizes), strict=True):
                found[at] = part
            done += sum(sizes)
            each_batch(done)
        return found

    def within_memory(self, groups: Sequence[Group]) -> Tensor:
        """`member_rewards` (R, M) on the CPU, in halves, and halves of these, if need be."""
        try:
            return self.member_rewards(groups).cpu()
        except RuntimeError as error:
            if not is_out_of_memory(error) or sum(map(len, groups)) == 1:
                raise
        # Here the failed pass and its tensors are gone.
        torch.cuda.empty_cache()
        return torch.cat([self.within_memory(half) for half in halves(groups)])


def halves(groups: Sequence[Group]) -> tuple[Sequence[Group], Sequence[Group]]:
    """Of several groups; of a single one, of its texts."""
    if len(groups) > 1:
        return groups[: len(groups) // 2], groups[len(groups) // 2 :]
    (group,) = groups
    return [group[: len(group) // 2]], [group[len(group) // 2 :]]


def choose_batch_tokens(asked: int | None, device: torch.device) -> int:
    return asked or (GPU_TOKENS if device.type == "cuda" else CPU_TOKENS)


def choose_reader(model: PreTrainedModel, asked: str, max_length: int) -> Reader:
    """The way asked for where model and machine can, else the next one and a sentence on why."""
    if asked != "padded" and not isinstance(getattr(model, "score", None), nn.Linear):
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
    if asked == "padded":
        return Reader(model, "padded")
    on_gpu = model.device.type == "cuda"
    ways = ("flex", "shared") if on_gpu and asked != "shared" else ("shared",)
    before = model.config._attn_implementation
    reason = None
    try:
        check_config(model, max_length)
        expected = plain_hidden(model)
        model.set_attn_implementation(NAME)
        layer = find_last_layer(model) if may_prune else None
        if layer is not None:
            prune(layer)
        for way in ways:
            for pruned in (True, False) if layer is not None else (False,):
                reader = Reader(model, way, prune=pruned)
                reason = disagreement(reader, expected, max_length)
                if reason is None:
                    return reader
    except (UnsupportedAttentionError, ValueError) as error:  # transformers refuses by ValueError
        reason = str(error).splitlines()[0]
    model.set_attn_implementation(before)
    return Reader(model, "padded", warning=warn_of_padding(model, reason))


def warn_of_padding(model: PreTrainedModel, reason: str | None) -> str:
    return (
        f"{type(model).__name__} cannot share prompts between responses ({reason}): each text is "
        "read in full, padded to the longest of its batch. This is slower and changes no figure."
    )


def check_config(model: PreTrainedModel, max_length: int) -> None:
    """Refuse what a short try would not show: attention that changes with the distance."""
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


def trial_groups(model: PreTrainedModel) -> list[list[Encoded]]:
    """Two small groups of made-up tokens, the same each time."""
    config = model.config.get_text_config()
    generator = torch.Generator().manual_seed(0)
    low = 1 if config.pad_token_id == 0 else 0
    tokens = torch.randint(low, config.vocab_size, (30,), generator=generator).tolist()
    tokens = [low if token == config.pad_token_id else token for token in tokens]
    prompt, rests = tokens[:6], (tokens[6:9], tokens[9:16], tokens[16:17])
    return [[Encoded(prompt + rest, 6, False) for rest in rests], [Encoded(tokens[17:], 0, False)]]


@torch.no_grad()
def plain_hidden(model: PreTrainedModel) -> Tensor:
    """Hidden states (R, D) of the trial texts, each alone, with the model's own attention."""
    rows = []
    for group in trial_groups(model):
        for text in group:
            ids = torch.tensor([text.ids], device=model.device)
            trunk = model.base_model(input_ids=ids, use_cache=False)
            rows.append(trunk.last_hidden_state[0, -1])
    return torch.stack(rows)


@torch.no_grad()
def disagreement(reader: Reader, expected: Tensor, max_length: int) -> str | None:
    """None when the packed row gives the plain forward's hidden states, else the reason."""
    try:
        found = reader.hidden(trial_groups(reader.model), max_length)
    except Exception as error:  # a foreign model, tried out: the reason goes into the warning
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    if found.shape != expected.shape:
        return "its hidden states have another shape"
    difference = ((found - expected).abs().max() / expected.abs().max()).item()
    return None if difference <= TOLERANCE else f"a try gave other values by {difference:.1g}"


def read_rewards(model: PreTrainedModel, ids: Tensor, mask: Tensor, last: Tensor) -> Tensor:
    """Rewards (B, M) in fp32 of a right-padded batch. Shapes as in `pad_batch`."""
    if not isinstance(getattr(model, "score", None), nn.Linear):
        return model(input_ids=ids, attention_mask=mask).logits.float()
    trunk = model.base_model(input_ids=ids, attention_mask=mask, use_cache=False)
    rows = torch.arange(len(last), device=last.device)
    return apply_head(model, trunk.last_hidden_state[rows, last])


def apply_head(model: PreTrainedModel, hidden: Tensor) -> Tensor:
    """Rewards (..., M) of hidden states (..., D), in fp32 whatever the trunk computes in."""
    head = model.score
    with torch.autocast(hidden.device.type, enabled=False):
        return nn.functional.linear(hidden.float(), head.weight.float(), head.bias)


def batches_by_length(groups: Sequence[Group], batch_tokens: int) -> Iterator[list[int]]:
    """Groups in batches of at most `batch_tokens` padded tokens, one group at least.

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
