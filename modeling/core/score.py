"""Score responses with one reward model or the mean of several.

    python -m modeling.core.score RUN_DIR

Reads RUN_DIR/config.json and responses.jsonl; writes scores.jsonl and result.json (formats:
docs/learning-programs.md). Responses of one prompt share it in a packed row; each distinct text is
read once per member, longest groups first, members one after the other so that only one is in
memory. A restart begins again: scoring is quick. Left out: other ways than the mean to combine
members.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from modeling.core.device import choose_device, choose_threads, move_to
from modeling.core.files import (
    read_jsonl,
    require_messages,
    require_text,
    require_unique_id,
    write_jsonl,
)
from modeling.core.loading import load_classifier, load_tokenizer, refuse_missing
from modeling.core.reading import WAYS, Reader, choose_batch_tokens, choose_reader
from modeling.core.run_dir import RunDir, is_count, run_program
from modeling.core.text import Encoded, Prompt, choose_max_length, complete_tokenizer, encode_texts

DEFAULTS: dict[str, Any] = {
    "reward_models": ...,  # list of folders or Hub ids
    "batch_tokens": None,  # tokens per forward pass; None: by device
    "attention": "auto",  # how prompts are shared: "shared", "flex", "padded"
    "max_length": None,  # tokens per text; None: the model's, at most 2,048
    "device": "auto",
    "threads": None,
}

RULES: dict[str, Callable[[Any], bool]] = {
    "reward_models": lambda v: isinstance(v, list) and len(v) > 0,
    "batch_tokens": lambda v: v is None or is_count(v),
    "attention": lambda v: v in WAYS,
}


def main(run: RunDir) -> dict[str, Any]:
    started = time.monotonic()
    config = run.read_config(DEFAULTS, RULES)
    members = config["reward_models"]
    ids, texts = read_responses(run)
    distinct = list(dict.fromkeys(texts))
    rewards, truncated = [], 0
    warnings: list[str] = []
    for number, member in enumerate(members):
        found, cut, warning = score_member(run, config, member, distinct, number, len(members))
        rewards.append(dict(zip(distinct, found, strict=True)))
        truncated = max(truncated, cut)
        if warning is not None and warning not in warnings:
            warnings.append(warning)
    write_jsonl(
        run.path / "scores.jsonl",
        (
            summarise(identifier, [member[text] for member in rewards])
            for identifier, text in zip(ids, texts, strict=True)
        ),
    )
    seconds = round(time.monotonic() - started, 2)
    return {
        "count": len(ids),
        "truncated": truncated,
        "warnings": warnings,
        "seconds": seconds,
        "config": config,
    }


def read_responses(run: RunDir) -> tuple[list[str], list[tuple[Prompt, str]]]:
    path = run.path / "responses.jsonl"
    ids, texts, seen = [], [], set[str]()
    for number, row in read_jsonl(path):
        ids.append(require_unique_id(row, seen, path, number))
        prompt = require_messages(row, path, number)
        texts.append((prompt, require_text(row, "response", path, number)))
    return ids, texts


def score_member(
    run: RunDir,
    config: dict[str, Any],
    source: str,
    texts: list[tuple[Prompt, str]],
    number: int,
    members: int,
) -> tuple[list[float], int, str | None]:
    """Rewards of one member, how many texts had to be truncated for it, and a warning."""
    tokenizer = load_tokenizer(source)
    complete_tokenizer(tokenizer)
    model, new = load_classifier(source)
    refuse_missing(source, new)
    if model.config.get_text_config().pad_token_id is None:
        model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    torch.set_num_threads(choose_threads(config["threads"], model.num_parameters()))
    device = choose_device(config["device"])
    move_to(model.eval(), device)
    max_length = choose_max_length(config["max_length"], tokenizer, model)
    reader = choose_reader(model, config["attention"], max_length)
    encoded = encode_texts(tokenizer, texts, max_length)
    total = len(texts) * members

    def each_batch(done: int) -> None:
        run.check_cancelled()
        run.progress(number * len(texts) + done, total, "responses", "scoring")

    budget = choose_batch_tokens(config["batch_tokens"], device)
    rewards = score_texts(reader, encoded, texts, budget, each_batch)
    return rewards, sum(text.truncated for text in encoded), reader.warning


def score_texts(
    reader: Reader,
    encoded: list[Encoded],
    texts: list[tuple[Prompt, str]],
    batch_tokens: int,
    each_batch: Callable[[int], None] = lambda done: None,
) -> list[float]:
    """Rewards in the order of the texts, those of one prompt read together."""
    by_prompt: dict[Prompt, list[int]] = {}
    for at, (prompt, _) in enumerate(texts):
        by_prompt.setdefault(prompt, []).append(at)
    groups = [[encoded[at] for at in which] for which in by_prompt.values()]
    rewards = [0.0] * len(texts)
    found = reader.score(groups, batch_tokens, each_batch)
    for which, group in zip(by_prompt.values(), found, strict=True):
        for at, reward in zip(which, group, strict=True):
            rewards[at] = reward
    return rewards


def summarise(identifier: str, members: list[float]) -> dict[str, Any]:
    """One line of scores.jsonl; `std` is over the members, 0 for a single one."""
    return {
        "id": identifier,
        "reward": statistics.fmean(members),
        "members": members,
        "std": statistics.pstdev(members),
    }


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
