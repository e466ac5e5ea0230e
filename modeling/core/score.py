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
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from modeling.core.loading.aggregation import RewardScale
from modeling.core.loading.head_features import add_features
from modeling.core.loading.saved_rewards import (
    by_prompt,
    combine,
    load_completed,
    load_scorer,
    scale_warning,
)
from modeling.core.messages import PromptResponse
from modeling.core.program.device import choose_device
from modeling.core.program.files import (
    read_jsonl,
    require_messages,
    require_response,
    require_unique_id,
    write_jsonl,
)
from modeling.core.program.run_dir import RunDir, run_program, smaller
from modeling.core.program.whole import Phase
from modeling.core.reading.reader import choose_batch_tokens
from modeling.core.texts.equal_rows import equal_texts_warning
from modeling.core.texts.left_out import find_refusals, sentences
from modeling.core.texts.text import truncation_warning
from modeling.run_data.score import ScoreConfig, ScoreResult


def main(run: RunDir) -> ScoreResult:
    started = time.monotonic()
    config = run.read_config(ScoreConfig)
    sources = config.reward_models
    ids, texts = read_responses(run)
    ids, texts, left_out, on_roles = without_refused_texts(run, config, ids, texts)
    distinct = list(dict.fromkeys(texts))
    run.plan(phases_of(len(sources), len(distinct)))
    rewards, scales, truncated = [], [], 0
    features: Tensor | None = None
    warnings = on_roles
    for number in range(len(sources)):
        folder_rewards, folder_features, scale, cut, remarks = score_folder(
            run, config, distinct, number
        )
        rewards.append(folder_rewards)
        features = folder_features if number == 0 else features
        scales.append(scale)
        truncated = max(truncated, cut)
        warnings += [sentence for sentence in remarks if sentence not in warnings]
    unknown = scale_warning(sources, scales)
    scores = combine(rewards, scales, config.aggregate, config.uwo_weight)
    columns = (scores.rewards, scores.members, scores.spread())
    scored = {
        text: {"reward": reward, "members": members, "std": std}
        for text, reward, members, std in zip(distinct, *(c.tolist() for c in columns), strict=True)
    }
    write_jsonl(
        run.path / "scores.jsonl",
        ({"id": identifier, **scored[text]} for identifier, text in zip(ids, texts, strict=True)),
    )
    if features is not None:
        write_features(run, features, distinct, texts)
    return ScoreResult(
        count=len(ids),
        truncated=truncated,
        left_out=left_out,
        warnings=warnings + ([unknown] if unknown else []),
        seconds=round(time.monotonic() - started, 2),
        config=config.as_json(),
    )


def phases_of(models: int, texts: int) -> list[Phase]:
    """List the phases: each folder is loaded and reads all texts."""
    return [
        phase
        for number in range(models)
        for phase in (
            Phase("loading the reward model", 5.0, str(number)),
            Phase("scoring", 0.05 * texts, str(number)),
        )
    ]


def read_responses(run: RunDir) -> tuple[list[str], list[PromptResponse]]:
    """Read ids and texts of responses.jsonl. Raises ProgramError that names a wrong line."""
    path = run.path / "responses.jsonl"
    ids, texts, seen = [], [], set[str]()
    for number, row in read_jsonl(path):
        ids.append(require_unique_id(row, seen, path, number))
        prompt = require_messages(row, path, number)
        texts.append((prompt, require_response(row, "response", path, number)))
    return ids, texts


def without_refused_texts(
    run: RunDir, config: ScoreConfig, ids: list[str], texts: list[PromptResponse]
) -> tuple[list[str], list[PromptResponse], list[dict[str, Any]], list[str]]:
    """Leave out what a folder's chat template refuses. Returns ids and texts that are left, rows
    for the result on the others, and sentences."""
    day = config.template_date
    tokenizers = [load_completed(source, day)[0] for source in config.reward_models]
    refusals = find_refusals(tokenizers, [prompt for prompt, _ in texts])
    prompts = dict(zip(ids, (prompt for prompt, _ in texts), strict=True))
    rows = refusals.rows(run.path / "responses.jsonl", prompts)
    said = sentences(refusals, rows, len(ids), "responses")
    taken = [at for at, (prompt, _) in enumerate(texts) if prompt not in refusals.reasons]
    return [ids[at] for at in taken], [texts[at] for at in taken], rows, said


def score_folder(
    run: RunDir, config: ScoreConfig, texts: list[PromptResponse], number: int
) -> tuple[Tensor, Tensor | None, list[RewardScale] | None, int, list[str]]:
    """Score all texts with one folder. Returns its members' rewards (R, M), features (R, F), the
    members' scales, how many texts were truncated for it, and warnings."""
    run.part = str(number)
    source = config.reward_models[number]
    run.begin("loading the reward model", f"Loading the reward model {source}.")
    loaded = load_scorer(
        config.reward_models[number],
        choose_device(config.device),
        attention=config.attention,
        max_length=config.max_length,
        threads=config.threads,
        day=config.template_date,
    )
    wanted = config.features and number == 0
    given = add_features(loaded.reader.model) if wanted else None
    members = loaded.members
    if given is not None:
        loaded = replace(loaded, members=given)
    run.begin("scoring", f"Reading {len(texts)} different responses.")
    encoded = loaded.encode(texts)
    total = len(texts) * len(config.reward_models)

    def each_batch(done: int) -> None:
        run.check_cancelled()
        within = done / max(1, len(texts))
        run.progress(number * len(texts) + done, total, "responses", "scoring", within)

    budget = smaller(choose_batch_tokens(config.batch_tokens, loaded.device), config.smaller_passes)
    rewards = loaded.score(texts, encoded, budget, each_batch)
    features = None if given is None else rewards[:, members:]
    cut = sum(text.truncated for text in encoded)
    remarks = [
        *loaded.notes,
        loaded.reader.warning,
        truncation_warning(encoded, loaded.max_length),
        equal_texts_warning(by_prompt(texts, encoded), loaded.max_length),
    ]
    warnings = [sentence for sentence in remarks if sentence]
    return rewards[:, :members], features, loaded.scales, cut, warnings


def write_features(
    run: RunDir,
    features: Tensor,
    distinct: Sequence[PromptResponse],
    texts: Sequence[PromptResponse],
) -> None:
    """Write the distinct texts' features (R, F) as (N, F), a row for each line of scores.jsonl, cut
    to what float16 can hold."""
    place = {text: at for at, text in enumerate(distinct)}
    largest = float(np.finfo(np.float16).max)
    rows = features[[place[text] for text in texts]].clamp(-largest, largest)
    np.save(run.path / "features.npy", rows.numpy().astype(np.float16))


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
