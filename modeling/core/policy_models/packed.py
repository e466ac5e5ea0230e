"""Prompts with responses as packed rows, and what a model says about each token.

Rows are packed as in modeling/core/texts/packing.py.
A prompt is read once for all its responses, with what those begin with alike, and nothing is
padded. Log-probabilities and gradients are those of each text alone: what several responses share
is one state, whose gradient is the sum of theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from transformers import PreTrainedModel

from modeling.core.policy_models.batch import TokenText, accepted, token_logps
from modeling.core.reading.reader import apply_head
from modeling.core.reading.shared_attention import Pass, packed
from modeling.core.texts.packing import PackedRow, first_fit, pack
from modeling.core.texts.text import Encoded

OPEN_PASSES = 16  # that a prompt may still go into


@dataclass(frozen=True)
class Packed:
    """A row with the N response tokens of B texts. Shape: states and targets (N,), text after text,
    the places in the row that say what comes next and what did; is_real (B, R)"""

    row: PackedRow
    states: Tensor
    targets: Tensor
    is_real: Tensor
    flex: bool = False

    def logps(self, model: PreTrainedModel, temperature: float) -> tuple[Tensor, Tensor]:
        """See `Batch.logps`."""
        keep = accepted(model, logits_to_keep=self.states)
        with packed(Pass(self.row, self.flex, prune=False)):
            logits = model(
                input_ids=self.row.ids, position_ids=self.row.positions, use_cache=False, **keep
            ).logits[0]
        # A model that computes all logits: only those that are asked for go on, each is wide.
        logits = logits if keep else logits[self.states]
        logps, entropy = token_logps(logits.float(), self.targets, temperature)
        return self.as_rows(logps), self.as_rows(entropy)

    def values(self, model: PreTrainedModel) -> Tensor:
        """See `Batch.values`."""
        with packed(Pass(self.row, self.flex, prune=False)):
            trunk = model.base_model(
                input_ids=self.row.ids, position_ids=self.row.positions, use_cache=False
            )
        return self.as_rows(apply_head(model, trunk.last_hidden_state[0, self.states])[:, 0])

    def as_rows(self, tokens: Tensor) -> Tensor:
        """Put the tokens' values into rows. Shape: (N,) -> (B, R), 0 where there is no token"""
        rows = tokens.new_zeros(self.is_real.shape)
        return rows.masked_scatter(self.is_real, tokens)


def pack_texts(texts: Sequence[TokenText], device: torch.device, *, flex: bool = False) -> Packed:
    """Pack texts into one row. Those of one prompt share it where they lie side by side."""
    groups = [list(group) for _, group in groupby(texts, key=lambda text: text.prompt)]
    row = pack(
        (
            [Encoded([*text.prompt, *text.response], len(text.prompt), False) for text in group]
            for group in groups
        ),
        device,
    )
    states = [
        at
        for span, group in zip(row.spans, groups, strict=True)
        for (low, _), text in zip(span.bounds(), group, strict=True)
        for at in places(range(len(text.prompt) - 1, len(text) - 1), span.start, span.prefix, low)
    ]
    lengths = torch.tensor([len(text.response) for text in texts])
    is_real = torch.arange(max(1, int(lengths.max()))) < lengths[:, None]  # (B, R)
    targets = [token for text in texts for token in text.response]
    return Packed(
        row,
        torch.tensor(states, dtype=torch.long, device=device),
        torch.tensor(targets, dtype=torch.long, device=device),
        is_real.to(device),
        flex,
    )


def places(tokens: range, start: int, prefix: int, rest: int) -> list[int]:
    """The places in a row of a text's tokens: its first `prefix` lie from `start` on, the others
    from `rest` on."""
    shared = range(tokens.start, min(tokens.stop, prefix))
    own = range(max(tokens.start, prefix), tokens.stop)
    return [start + at for at in shared] + [rest + at - prefix for at in own]


def by_prompt(items: Sequence[Sequence[TokenText]], budget: int) -> list[list[int]]:
    """Divide items into passes of `budget` tokens, as lists of their numbers, those of a prompt
    side by side.

    An item is some texts of one prompt. A prompt with more than fits is read several times; an item
    that is larger than the budget goes alone.
    """
    of_prompt: dict[tuple[int, ...], list[int]] = {}
    for at, item in enumerate(items):
        of_prompt.setdefault(item[0].prompt, []).append(at)
    pieces: list[tuple[int, list[int]]] = []  # tokens, numbers of items
    for prompt, numbers in of_prompt.items():
        tokens, piece = len(prompt), list[int]()
        for at in numbers:
            more = sum(len(text.response) for text in items[at])
            if piece and tokens + more > budget:
                pieces.append((tokens, piece))
                tokens, piece = len(prompt), []
            tokens += more
            piece.append(at)
        pieces.append((tokens, piece))
    pieces.sort(key=lambda piece: -piece[0])
    passes = first_fit(pieces, lambda piece: piece[0], budget, OPEN_PASSES)
    return [[at for _, numbers in one for at in numbers] for one in passes]
