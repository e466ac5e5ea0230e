"""Sample n responses per prompt from a policy.

    python -m modeling.core.sample RUN_DIR

Reads RUN_DIR/config.json and prompts.jsonl; appends to samples.jsonl as batches finish and ends
with result.json (formats: docs/learning-programs.md). Started again on the same folder it samples
only what is missing.

Each response has a random generator of its own, seeded by (seed, prompt id, sample number), and a
token is the place where its uniform draw falls in the cumulative probabilities. So a response
does not depend on which others share its batch (up to floating-point noise of padding). A prompt
is read once and its key-value cache copied for its n responses; finished rows leave the batch.
Left out: beam search, top-k and penalties, models whose cache cannot be indexed by row.
"""

import hashlib
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.device import choose_device, choose_threads, move_to
from modeling.core.errors import ProgramError
from modeling.core.files import read_jsonl, require_messages, require_unique_id
from modeling.core.loading import load_causal_model, load_tokenizer
from modeling.core.run_dir import RunDir, is_count, is_number, run_program
from modeling.core.text import (
    Encoded,
    Prompt,
    choose_max_length,
    complete_tokenizer,
    encode_prompts,
    render_text,
)

DEFAULTS: dict[str, Any] = {
    "policy": ...,  # a folder or a Hub id
    "n": 2,  # responses per prompt
    "temperature": 1.0,  # 0: the most likely token each time
    "top_p": 1.0,
    "max_new_tokens": 256,
    "seed": 0,
    "batch_tokens": 16384,  # tokens held in the cache at once
    "max_length": None,  # prompt and response together; None: the model's, at most 2,048
    "device": "auto",
    "threads": None,
}
RULES: dict[str, Callable[[Any], bool]] = {
    "n": is_count,
    "max_new_tokens": is_count,
    "batch_tokens": is_count,
    "temperature": lambda v: is_number(v) and v >= 0,
    "top_p": lambda v: is_number(v) and 0 < v <= 1,
    "seed": lambda v: v == 0 or is_count(v),
}
COMPACT_BELOW = 0.75  # share of unfinished rows at which the finished ones leave the batch


@dataclass
class Row:
    """One response in the making."""

    id: str
    sample: int
    seed: int
    prompt: Encoded
    tokens: list[int] = field(default_factory=list)
    finished: bool = False


@dataclass(frozen=True)
class Sampler:
    """A policy and how to draw from it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    temperature: float
    top_p: float
    max_new_tokens: int
    stop_ids: frozenset[int]


def main(run: RunDir) -> dict[str, Any]:
    started = time.monotonic()
    config = run.read_config(DEFAULTS, RULES)
    ids, prompts = read_prompts(run.path / "prompts.jsonl")
    sampler, max_length = load_sampler(config)
    room = max_length - config["max_new_tokens"]
    if room < 8:
        raise ProgramError(
            f"The policy's context of {max_length} tokens has no room for a prompt and "
            f"{config['max_new_tokens']} new tokens.",
            where="config.json: max_new_tokens",
            hint=f"Set max_new_tokens to at most {max_length // 2}.",
        )
    encoded = encode_prompts(sampler.tokenizer, prompts, room)
    run.cancel_at_once = False
    path = run.path / "samples.jsonl"
    done = read_done(path)
    rows = [
        Row(identifier, k, derive_seed(config["seed"], identifier, k), prompt)
        for identifier, prompt in zip(ids, encoded, strict=True)
        for k in range(config["n"])
    ]
    finished = sum((row.id, row.sample) in done for row in rows)
    for batch in batches(rows, config["batch_tokens"], config["max_new_tokens"]):
        missing = [row for row in batch if (row.id, row.sample) not in done]
        if missing:
            sample_batch(run, sampler, missing)
            append(path, [describe(sampler, row) for row in missing])
            finished += len(missing)
            run.progress(finished, len(rows), "responses", "sampling")
    return summarise(path, encoded, config) | {"seconds": round(time.monotonic() - started, 2)}


def read_prompts(path: Path) -> tuple[list[str], list[Prompt]]:
    ids, prompts, seen = [], [], set[str]()
    for number, row in read_jsonl(path):
        ids.append(require_unique_id(row, seen, path, number))
        prompts.append(require_messages(row, path, number))
    return ids, prompts


def load_sampler(config: dict[str, Any]) -> tuple[Sampler, int]:
    """The policy on its device, and the longest sequence it may hold."""
    tokenizer = load_tokenizer(config["policy"])
    complete_tokenizer(tokenizer)
    model = load_causal_model(config["policy"])
    torch.set_num_threads(choose_threads(config["threads"], model.num_parameters()))
    move_to(model, choose_device(config["device"]))
    sampler = Sampler(
        model,
        tokenizer,
        float(config["temperature"]),
        float(config["top_p"]),
        config["max_new_tokens"],
        find_stop_ids(model, tokenizer),
    )
    return sampler, choose_max_length(config["max_length"], tokenizer, model)


def find_stop_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The EOS of tokenizer and generation config, and the token with which the chat template ends
    an assistant's turn (`<|im_end|>` and its like, which some checkpoints do not declare)."""
    stop = {tokenizer.eos_token_id}
    config = model.generation_config
    declared = config.eos_token_id if config is not None else None
    stop |= set(declared) if isinstance(declared, list) else {declared}
    prompt = (("user", "?"),)
    tail = render_text(tokenizer, prompt, "mark").rpartition("mark")[2]
    ending = tokenizer(tail.lstrip(), add_special_tokens=False)["input_ids"]
    if ending and ending[0] in tokenizer.added_tokens_decoder:
        stop.add(ending[0])
    return frozenset(token for token in stop if isinstance(token, int))


def derive_seed(seed: int, identifier: str, sample: int) -> int:
    """A seed for one response: 63 bits that depend on nothing else."""
    digest = hashlib.sha256(f"{seed}:{sample}:{identifier}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def batches(rows: list[Row], batch_tokens: int, max_new_tokens: int) -> Iterator[list[Row]]:
    """Rows sorted by prompt length, longest first, cut by the tokens that the cache will hold."""
    batch: list[Row] = []
    for row in sorted(rows, key=lambda row: -len(row.prompt.ids)):  # stable
        longest = len((batch or [row])[0].prompt.ids) + max_new_tokens
        if batch and longest * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


@torch.inference_mode()
def sample_batch(run: RunDir, sampler: Sampler, rows: list[Row]) -> None:
    """Fill in the rows' tokens. Left-padded, so that all rows write at the same position."""
    model, device = sampler.model, sampler.model.device
    prompts = list({row.id: row.prompt for row in rows}.values())
    owner = {identifier: at for at, identifier in enumerate({row.id: None for row in rows})}
    ids, mask = pad_left(prompts, sampler.tokenizer.pad_token_id, device)  # (P, T)
    positions = (mask.cumsum(1) - 1).clamp(min=0)  # (P, T)
    cache = DynamicCache(config=model.config)
    logits = forward(model, ids, mask, positions, cache)  # (P, V)
    index = torch.tensor([owner[row.id] for row in rows], device=device)  # (R,)
    cache.batch_select_indices(index)
    logits, mask = logits[index], mask[index]
    position = mask.sum(1)  # (R,) of the next token
    draws = torch.stack([uniforms(row.seed, sampler.max_new_tokens) for row in rows])  # (R, N)
    active = list(rows)
    for step in range(sampler.max_new_tokens):
        run.check_cancelled()
        chosen = pick(logits.float().cpu(), draws[:, step], sampler)  # (R,)
        for row, token in zip(active, chosen.tolist(), strict=True):
            if not row.finished:
                row.finished = token in sampler.stop_ids
                row.tokens += [] if row.finished else [token]
        alive = [at for at, row in enumerate(active) if not row.finished]
        if not alive or step + 1 == sampler.max_new_tokens:
            return
        if len(alive) < COMPACT_BELOW * len(active):
            keep = torch.tensor(alive, device=device)
            cache.batch_select_indices(keep)
            mask, position, draws = mask[keep], position[keep], draws[alive]
            chosen, active = chosen[alive], [active[at] for at in alive]
        mask = torch.cat([mask, mask.new_ones(len(active), 1)], dim=1)  # (R, T + step + 1)
        logits = forward(model, chosen[:, None].to(device), mask, position[:, None], cache)
        position = position + 1


def pad_left(prompts: list[Encoded], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and mask, both (P, T)."""
    longest = max(len(prompt.ids) for prompt in prompts)
    ids = torch.full((len(prompts), longest), pad)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt.ids) :] = torch.tensor(prompt.ids)
        mask[row, longest - len(prompt.ids) :] = 1
    return ids.to(device), mask.to(device)


def forward(
    model: PreTrainedModel, ids: Tensor, mask: Tensor, positions: Tensor, cache: DynamicCache
) -> Tensor:
    """Logits (B, V) after the last position; the cache grows by the new tokens."""
    parameters = inspect.signature(model.forward).parameters
    extra: dict[str, Any] = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}
    if "position_ids" in parameters:
        extra["position_ids"] = positions
    output = model(
        input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **extra
    )
    return output.logits[:, -1]


def uniforms(seed: int, count: int) -> Tensor:
    """The row's draws in [0, 1), one per token to come."""
    return torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pick(logits: Tensor, draws: Tensor, sampler: Sampler) -> Tensor:
    """One token per row. Shape: logits (R, V) and draws (R,) -> (R,)

    The cumulative sum runs in vocabulary order, not in order of probability: two tokens that are
    almost equally likely then cannot change places through rounding.
    """
    if sampler.temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits.double() / sampler.temperature, dim=-1)  # (R, V)
    if sampler.top_p < 1:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(dim=-1) - ordered  # probability of all likelier tokens
        dropped = torch.zeros_like(before, dtype=torch.bool)
        dropped.scatter_(1, order, before >= sampler.top_p)  # the likeliest always stays
        probabilities = probabilities.masked_fill(dropped, 0.0)
    cumulative = probabilities.cumsum(dim=-1)  # (R, V)
    at = draws[:, None] * cumulative[:, -1:]  # scaled instead of normalising
    token = torch.searchsorted(cumulative, at, right=True)[:, 0]  # first token beyond the draw
    return token.clamp(max=logits.shape[-1] - 1)


def describe(sampler: Sampler, row: Row) -> dict[str, Any]:
    """One line of samples.jsonl. `tokens` counts the response without its stop token."""
    return {
        "id": row.id,
        "sample": row.sample,
        "text": sampler.tokenizer.decode(row.tokens, skip_special_tokens=True),
        "finished": row.finished,
        "tokens": len(row.tokens),
        "seed": row.seed,
    }


def append(path: Path, lines: list[dict[str, Any]]) -> None:
    """Add whole lines and see them to the disk before the progress says so."""
    with path.open("ab") as file:
        file.write(b"".join(json.dumps(x, ensure_ascii=False).encode() + b"\n" for x in lines))
        file.flush()
        os.fsync(file.fileno())


def read_done(path: Path) -> set[tuple[str, int]]:
    """What an earlier attempt has written; a last line that was cut short is removed."""
    if not path.exists():
        return set()
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    return {(row["id"], row["sample"]) for _, row in read_jsonl(path)}


def summarise(path: Path, encoded: list[Encoded], config: dict[str, Any]) -> dict[str, Any]:
    samples = [row for _, row in read_jsonl(path)] if path.exists() else []
    count = len(samples)
    return {
        "count": count,
        "finished_share": sum(row["finished"] for row in samples) / count if count else None,
        "tokens": sum(row["tokens"] for row in samples),
        "truncated": sum(prompt.truncated for prompt in encoded),
        "config": config,
    }


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
