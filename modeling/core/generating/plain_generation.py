"""The slow way to generate, which every model can go, and the choice between the ways.

`generate_plain` is transformers' own model.generate, one prompt at a time, with our draws: the
same responses as `generate`, only later. It is for models that remember by other means than keys
and values per token (Mamba and its like). `choose_generator` tries out which way a model can go.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, PreTrainedModel

from modeling.core.generating.drawing import Sampling, pick, uniforms
from modeling.core.generating.generation import (
    Check,
    Drawn,
    OnDone,
    Request,
    by_prompt,
    generate,
    nothing,
)
from modeling.core.generating.row_cache import merged, next_logits, read_prefix

# How far the logits of both ways may be apart, as a share of the largest one.
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
HALF_PRECISION_TOLERANCE = 0.05


class Generator(Protocol):
    """`generate` or `generate_plain`."""

    def __call__(
        self,
        model: PreTrainedModel,
        requests: Sequence[Request],
        sampling: Sampling,
        *,
        on_done: OnDone = nothing,
        check: Check = nothing,
    ) -> list[Drawn]: ...


def choose_generator(model: PreTrainedModel) -> tuple[Generator, str]:
    """Choose the fastest way that gives the right responses; a sentence when it is the slow one."""
    try:
        difference = try_out(model)
        allowed = TOLERANCE.get(model.dtype, HALF_PRECISION_TOLERANCE)
        reason = f"logits differ by {difference:.1%}" if not difference <= allowed else ""
    except Exception as error:  # what a foreign model raises here can be anything
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
    if not reason:
        return generate, ""
    return generate_plain, (
        f"The responses of this {type(model).__name__} are generated one prompt at a time, which "
        f"is slow: its rows cannot share a batch that changes ({reason})."
    )


@torch.no_grad()
def try_out(model: PreTrainedModel) -> float:
    """Measure the largest difference between the logits of rows that come and go and those of the
    plain forward, on made-up texts, as a share of the largest logit."""
    was_training = model.training
    model.eval()
    try:
        return max(_differences(model))
    finally:
        model.train(was_training)


def _differences(model: PreTrainedModel) -> list[float]:
    size = model.get_input_embeddings().num_embeddings
    chance = torch.Generator().manual_seed(0)
    a, b, c = (torch.randint(size, (n,), generator=chance).tolist() for n in (7, 12, 3))
    prefix = read_prefix(model, [a, b])
    differences = [_apart(model, prefix.logits, [a, b])]
    rows = merged([(prefix.rows, torch.tensor([0, 1, 1], device=model.device))], 1)
    texts = [a, b, b]
    for step in range(5):
        if step == 2:  # the second row leaves, a new one comes
            other = read_prefix(model, [c])
            staying = torch.tensor([0, 2], device=model.device)
            rows = merged([(rows, staying), (other.rows, torch.zeros_like(staying[:1]))], 1)
            texts = [texts[0], texts[2], c]
        latest = torch.randint(size, (3,), generator=chance).tolist()
        texts = [[*text, token] for text, token in zip(texts, latest, strict=True)]
        differences.append(_apart(model, next_logits(model, latest, rows), texts))
    return differences


def _apart(model: PreTrainedModel, logits: Tensor, texts: list[list[int]]) -> float:
    """The largest difference of logits (R, V), for what follows each text, from the plain
    forward's, as a share of the largest; infinite for NaN."""
    apart = 0.0
    for row, text in zip(logits.float(), texts, strict=True):
        ids = torch.tensor([text], device=model.device)
        plain = model(input_ids=ids, use_cache=False).logits[0, -1].float()
        difference = float((row - plain).abs().max() / plain.abs().max())
        apart = max(apart, difference if difference == difference else float("inf"))
    return apart


@torch.no_grad()
def generate_plain(
    model: PreTrainedModel,
    requests: Sequence[Request],
    sampling: Sampling,
    *,
    on_done: OnDone = nothing,
    check: Check = nothing,
) -> list[Drawn]:
    """Draw as `generate` does. Rows that share a batch have the same prompt: nothing is padded."""
    drawn = [Drawn() for _ in requests]
    was_training, declared = model.training, model.generation_config
    model.eval()
    # Nothing of what a checkpoint declares (penalties, top-k) may join in.
    model.generation_config = GenerationConfig(
        max_new_tokens=sampling.max_new_tokens,
        do_sample=False,
        eos_token_id=sorted(sampling.stop_ids) or None,
        pad_token_id=0,  # written behind finished rows, and never read
    )
    try:
        for prompt, members in reversed(by_prompt(requests)):
            most = max(1, sampling.batch_tokens // (len(prompt) + sampling.max_new_tokens))
            for start in range(0, len(members), most):
                part = members[start : start + most]
                picker = _Picker([requests[at].seed for at in part], sampling, check)
                ids = torch.tensor([list(prompt)] * len(part), device=model.device)
                model.generate(  # type: ignore[operator]
                    ids,
                    attention_mask=torch.ones_like(ids),
                    logits_processor=LogitsProcessorList([picker]),
                )
                for row, at in enumerate(part):
                    picker.fill(row, drawn[at])
                    on_done(at, drawn[at])
    finally:
        model.generation_config = declared
        model.train(was_training)
    return drawn


class _Picker(LogitsProcessor):
    """Draws in the place of model.generate, which takes the one token that is left possible."""

    def __init__(self, seeds: list[int], sampling: Sampling, check: Check) -> None:
        self.draws = torch.stack([uniforms(seed, sampling.max_new_tokens) for seed in seeds])
        self.sampling, self.check = sampling, check
        self.steps: list[tuple[list[int], list[float]]] = []  # tokens and log-probs of the rows

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # type: ignore[override]
        self.check()
        draws = self.draws[:, len(self.steps)].to(scores.device)
        tokens, log_probs = pick(scores, draws, self.sampling.temperature, self.sampling.top_p)
        self.steps.append((tokens.tolist(), log_probs.tolist()))
        return torch.full_like(scores, -torch.inf).scatter(1, tokens[:, None], 0.0)

    def fill(self, row: int, drawn: Drawn) -> None:
        for tokens, log_probs in self.steps:
            if not drawn.take(tokens[row], log_probs[row], self.sampling):
                return
