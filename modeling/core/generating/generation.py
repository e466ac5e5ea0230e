"""Responses from a causal language model, many at a time and each independent of the others.

`generate` serves the sampling program and the rollouts of policy training. What makes it faster
than `model.generate(num_return_sequences=n)`:

- a prompt is read once and its keys and values copied for its n responses;
- a finished response leaves the batch and another takes its place (row_cache.py), so that the
  batch stays full instead of waiting for its longest response;
- prompts of similar length work together, and a step adds to the cache without copying it.

Chance belongs to the response, not to the batch (drawing.py). Models whose cache is not made of
keys and values per token go through model.generate instead, with the same draws
(plain_generation.py; `choose_way` there finds out which).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from modeling.core.generating.drawing import Sampling, pick, uniforms
from modeling.core.generating.row_cache import ROOM, Prefix, Rows, merged, next_logits, read_prefix
from modeling.core.program.errors import ProgramError

FREE_SHARE = 0.125  # of the batch: places that must be free before rows are moved
PROMPT_TOKENS = 4096  # read in one forward pass


@dataclass(frozen=True)
class Request:
    """One response to draw: the prompt's token ids, and the seed that all its chance comes from."""

    prompt: Sequence[int]
    seed: int

    def __post_init__(self) -> None:
        if not self.prompt:
            raise ValueError("a prompt needs at least one token")


@dataclass
class Drawn:
    """One response. `tokens` include the stop token of a finished one; `log_probs` has one number
    per token, under softmax(logits / temperature) (see drawing.pick)."""

    tokens: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    finished: bool = False  # by a stop token; False: cut off at max_new_tokens

    @property
    def text_tokens(self) -> list[int]:
        """Without the stop token."""
        return self.tokens[:-1] if self.finished else self.tokens

    def take(self, token: int, log_prob: float, sampling: Sampling) -> bool:
        """Add a token. Returns whether the response goes on. Raises ProgramError for NaN."""
        if log_prob != log_prob:  # NaN: from such numbers nothing can be drawn
            raise ProgramError(
                "The policy's output is not a number (NaN).",
                where=f"token {len(self.tokens)} of a response",
                hint="Its weights are damaged or its training diverged: take an earlier version.",
            )
        self.tokens.append(token)
        self.log_probs.append(log_prob)
        self.finished = token in sampling.stop_ids
        return not self.finished and len(self.tokens) < sampling.max_new_tokens


OnDone = Callable[[int, Drawn], object]
Check = Callable[[], object]


def nothing(*_: Any) -> None:
    """Do nothing: the default when a response is ready, and before each step."""


@torch.no_grad()
def generate(
    model: PreTrainedModel,
    requests: Sequence[Request],
    sampling: Sampling,
    *,
    on_done: OnDone = nothing,
    check: Check = nothing,
) -> list[Drawn]:
    """Draw the responses, in the order of the requests. Dropout is off meanwhile.

    `on_done(index, drawn)` is called as each response is ready, in no particular order, and
    `check()` before each step; what they raise ends the work. Raises ProgramError when the model
    gives no numbers.
    """
    was_training = model.training
    model.eval()
    try:
        return _Generation(model, requests, sampling, on_done, check).run()
    finally:
        model.train(was_training)


def by_prompt(requests: Sequence[Request]) -> list[tuple[Sequence[int], list[int]]]:
    """Group the requests' indices by prompt; the longest prompts last, for they are taken from
    there."""
    members: dict[tuple[int, ...], list[int]] = {}
    for at, request in enumerate(requests):
        members.setdefault(tuple(request.prompt), []).append(at)
    return sorted(members.items(), key=lambda item: len(item[0]))


class _Generation:
    """One call of `generate`. A response is named by the index of its request."""

    def __init__(
        self,
        model: PreTrainedModel,
        requests: Sequence[Request],
        sampling: Sampling,
        on_done: OnDone,
        check: Check,
    ) -> None:
        self.model, self.requests, self.sampling = model, requests, sampling
        self.on_done, self.check = on_done, check
        self.drawn = [Drawn() for _ in requests]
        self.draws: dict[int, list[float]] = {}  # of the responses that go on
        self.unread = by_prompt(requests)
        self.prefix: Prefix | None = None
        self.waiting: list[tuple[int, int]] = []  # response, and its prompt's row in the prefix
        self.active: list[int] = []  # the batch, in the order of its rows in the cache
        self.rows: Rows | None = None

    def run(self) -> list[Drawn]:
        while True:
            self.make_room()
            if self.rows is None:
                return self.drawn
            self.check()
            latest = [self.drawn[at].tokens[-1] for at in self.active]
            self.take(self.active, next_logits(self.model, latest, self.rows))

    def make_room(self) -> None:
        """Let finished rows go and waiting ones in. Moving rows copies the cache, so it is done
        once FREE_SHARE of the places are free."""
        while self.unread or self.waiting:
            if not self.waiting:
                self.read_prompts()
            most = self.most_rows()
            free = most - len(self.draws)
            if self.draws and free < max(1, round(FREE_SHARE * most)):
                return
            self.move(max(1, free))
        if len(self.draws) <= (1 - FREE_SHARE) * len(self.active):
            self.move(0)

    def most_rows(self) -> int:
        """How many rows fit into `batch_tokens` if each response came to its full length."""
        lengths = (len(self.requests[at].prompt) for at in (*self.draws, self.waiting[0][0]))
        longest = max(lengths) + self.sampling.max_new_tokens
        return max(1, self.sampling.batch_tokens // longest)

    def read_prompts(self) -> None:
        """Read the next prompts, similar in length, in one forward pass."""
        most = min(PROMPT_TOKENS, self.sampling.batch_tokens)
        chosen = [self.unread.pop()]
        longest = len(chosen[0][0])
        while self.unread and longest * (len(chosen) + 1) <= most:
            chosen.append(self.unread.pop())
        self.prefix = read_prefix(self.model, [prompt for prompt, _ in chosen])
        self.waiting = [(at, row) for row, (_, members) in enumerate(chosen) for at in members]

    def move(self, count: int) -> None:
        """Make the rows that go on, and `count` of those that wait, the batch."""
        device = self.model.device
        stay = [row for row, at in enumerate(self.active) if at in self.draws]
        parts = []
        if self.rows is not None and stay:
            parts.append((self.rows, torch.tensor(stay, device=device)))
        self.active = [self.active[row] for row in stay]
        fresh, self.waiting = self.waiting[:count], self.waiting[count:]
        if fresh:
            assert self.prefix is not None
            copies = torch.tensor([row for _, row in fresh], device=device)
            parts.append((self.prefix.rows, copies))
            self.welcome([at for at, _ in fresh], self.prefix.logits[copies])
        self.rows = merged(parts, min(ROOM, self.sampling.max_new_tokens)) if parts else None

    def welcome(self, fresh: list[int], logits: Tensor) -> None:
        """Start new rows with their first tokens. Shape: logits (F, V), what follows their
        prompts"""
        for at in fresh:
            self.draws[at] = uniforms(self.requests[at].seed, self.sampling.max_new_tokens).tolist()
        self.active += fresh
        self.take(fresh, logits)

    def take(self, responses: list[int], logits: Tensor) -> None:
        """Take one token for each response that goes on. Shape: logits (R, V)

        Rows of finished responses are still in the batch; what is drawn for them is dropped.
        """
        numbers = [
            self.draws[at][len(self.drawn[at].tokens)] if at in self.draws else 0.0
            for at in responses
        ]
        draws = torch.tensor(numbers, dtype=torch.float64, device=logits.device)  # (R,)
        tokens, log_probs = pick(logits, draws, self.sampling.temperature, self.sampling.top_p)
        for at, token, log_prob in zip(responses, tokens.tolist(), log_probs.tolist(), strict=True):
            if at in self.draws and not self.drawn[at].take(token, log_prob, self.sampling):
                del self.draws[at]
                self.on_done(at, self.drawn[at])
