"""Score responses with one reward model, or several made one.

    python -m modeling.core.score RUN_DIR

Reads RUN_DIR/config.json and responses.jsonl; writes scores.jsonl and result.json (formats:
docs/learning-programs.md). Responses of one prompt share it in a packed row; each distinct text is
read once per folder, longest groups first, folders one after the other so that only one model is
in memory. A restart begins again: scoring is quick. With `features`, what the first folder's head
reads goes to features.npy (float16, a row for each line of scores.jsonl), where it can be told.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from modeling.core.aggregation import UWO_WEIGHT, Scale
from modeling.core.aggregation import WAYS as AGGREGATES
from modeling.core.device import choose_device
from modeling.core.files import (
    read_jsonl,
    require_messages,
    require_text,
    require_unique_id,
    write_jsonl,
)
from modeling.core.head_features import add_features
from modeling.core.loading_rewards import Text, combine, load_scorer, scale_warning
from modeling.core.reading import WAYS
from modeling.core.run_dir import RunDir, is_count, is_number, run_program
from modeling.core.text import truncation_warning

DEFAULTS: dict[str, Any] = {
    "reward_models": ...,  # list of folders or Hub ids
    "aggregate": "mean",  # of the members: "mean", "wco" (the lowest), "uwo" (less their variance)
    "uwo_weight": UWO_WEIGHT,  # times the variance
    "features": False,  # write features.npy as well
    "batch_tokens": None,  # tokens per forward pass; None: by device
    "attention": "auto",  # how prompts are shared: "shared", "flex", "padded"
    "max_length": None,  # tokens per text; None: the model's, at most 2,048
    "device": "auto",
    "threads": None,
}

RULES: dict[str, Callable[[Any], bool]] = {
    "reward_models": lambda v: isinstance(v, list) and len(v) > 0,
    "aggregate": lambda v: v in AGGREGATES,
    "uwo_weight": lambda v: is_number(v) and v >= 0,
    "features": lambda v: isinstance(v, bool),
    "batch_tokens": lambda v: v is None or is_count(v),
    "attention": lambda v: v in WAYS,
}


def main(run: RunDir) -> dict[str, Any]:
    started = time.monotonic()
    config = run.read_config(DEFAULTS, RULES)
    sources = config["reward_models"]
    ids, texts = read_responses(run)
    distinct = list(dict.fromkeys(texts))
    rewards, scales, truncated = [], [], 0
    features: Tensor | None = None
    warnings: list[str] = []
    for number in range(len(sources)):
        found, seen, scale, cut, told_of = score_folder(run, config, distinct, number)
        rewards.append(found)
        features = seen if number == 0 else features
        scales.append(scale)
        truncated = max(truncated, cut)
        warnings += [sentence for sentence in told_of if sentence not in warnings]
    unknown = scale_warning(sources, scales)
    scores = combine(rewards, scales, config["aggregate"], config["uwo_weight"])
    columns = (scores.rewards, scores.members, scores.spread())
    told = dict(zip(distinct, zip(*(c.tolist() for c in columns), strict=True), strict=True))
    write_jsonl(
        run.path / "scores.jsonl",
        (
            {"id": identifier} | dict(zip(("reward", "members", "std"), told[text], strict=True))
            for identifier, text in zip(ids, texts, strict=True)
        ),
    )
    if features is not None:
        write_features(run, features, distinct, texts)
    return {
        "count": len(ids),
        "truncated": truncated,
        "warnings": warnings + ([unknown] if unknown else []),
        "seconds": round(time.monotonic() - started, 2),
        "config": config,
    }


def read_responses(run: RunDir) -> tuple[list[str], list[Text]]:
    path = run.path / "responses.jsonl"
    ids, texts, seen = [], [], set[str]()
    for number, row in read_jsonl(path):
        ids.append(require_unique_id(row, seen, path, number))
        prompt = require_messages(row, path, number)
        texts.append((prompt, require_text(row, "response", path, number)))
    return ids, texts


def score_folder(
    run: RunDir, config: dict[str, Any], texts: list[Text], number: int
) -> tuple[Tensor, Tensor | None, list[Scale] | None, int, list[str]]:
    """Rewards (R, M) by one folder's members, features (R, F) and the members' scales; how many
    texts had to be truncated for it, and warnings."""
    loaded = load_scorer(
        config["reward_models"][number],
        choose_device(config["device"]),
        attention=config["attention"],
        max_length=config["max_length"],
        threads=config["threads"],
    )
    wanted = config["features"] and number == 0
    given = add_features(loaded.reader.model) if wanted else None
    members = loaded.members
    if given is not None:
        loaded = replace(loaded, members=given)
    encoded = loaded.encode(texts)
    total = len(texts) * len(config["reward_models"])

    def each_batch(done: int) -> None:
        run.check_cancelled()
        run.progress(number * len(texts) + done, total, "responses", "scoring")

    rewards = loaded.score(texts, encoded, config["batch_tokens"], each_batch)
    features = None if given is None else rewards[:, members:]
    cut = sum(text.truncated for text in encoded)
    told = [loaded.reader.warning, truncation_warning(encoded, loaded.max_length)]
    warnings = [sentence for sentence in told if sentence]
    return rewards[:, :members], features, loaded.scales, cut, warnings


def write_features(run: RunDir, features: Tensor, distinct: list[Text], texts: list[Text]) -> None:
    """(R, F) of the distinct texts, as (N, F) of all of them, within what float16 can hold."""
    place = {text: at for at, text in enumerate(distinct)}
    largest = float(np.finfo(np.float16).max)
    rows = features[[place[text] for text in texts]].clamp(-largest, largest)
    np.save(run.path / "features.npy", rows.numpy().astype(np.float16))


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
