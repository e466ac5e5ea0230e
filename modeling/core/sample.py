"""Sample n responses per prompt from one policy, or from several.

    python -m modeling.core.sample RUN_DIR

Reads RUN_DIR/config.json and prompts.jsonl; appends to samples.jsonl as responses are ready and
ends with result.json (formats: docs/learning-programs.md). Started again on the same folder it
samples only what is missing.

A policy is a model that is loaded here (local_policy.py: generation.py does the work) or an
OpenAI-compatible server (remote_policy.py). Each response has a seed of its own, derived from the
run's seed, the prompt's id and the sample's number alone.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modeling.core.chat_server import is_server, parse_server
from modeling.core.errors import ProgramError
from modeling.core.files import read_jsonl, require_messages, require_unique_id
from modeling.core.run_dir import RunDir, is_count, is_number, run_program
from modeling.core.samples_file import Keep, Prompt, SamplesFile, Wanted
from modeling.core.seeds import derive_seed

DEFAULTS: dict[str, Any] = {
    "policy": None,  # a folder, a Hub id or the address of a server
    "policies": None,  # or several: {"name": the same, …}; n responses of each
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
    "policy": lambda v: v is None or (isinstance(v, str) and v != ""),
    "policies": lambda v: v is None or is_named(v),
    "n": is_count,
    "max_new_tokens": is_count,
    "batch_tokens": is_count,
    "temperature": lambda v: is_number(v) and v >= 0,
    "top_p": lambda v: is_number(v) and 0 < v <= 1,
    "seed": lambda v: v == 0 or is_count(v),
}


def is_named(value: Any) -> bool:
    """{"name": "location", …}, two at least."""
    return (
        isinstance(value, dict)
        and len(value) > 1
        and all(isinstance(text, str) and text for pair in value.items() for text in pair)
    )


def main(run: RunDir) -> dict[str, Any]:
    started = time.monotonic()
    config = run.read_config(DEFAULTS, RULES)
    policies = policies_of(config)
    prompts = read_prompts(run.path / "prompts.jsonl")
    file = SamplesFile(run.path / "samples.jsonl")
    wanted = [
        Wanted(name, identifier, k, seed_of(config, name, identifier, k))
        for name in policies
        for identifier in prompts
        for k in range(config["n"])
    ]

    def keep(one: Wanted, text: str, finished: bool, tokens: int | None) -> None:
        if file.add(one, text, finished, tokens):
            run.progress(len(file.done), len(wanted), "responses", "sampling")

    truncated, warnings = 0, list[str]()
    try:
        for name, source in policies.items():
            missing = [one for one in wanted if one.policy == name and one.key not in file.done]
            cut, told = sample_from(run, source, prompts, missing, config, keep)
            truncated, warnings = truncated + cut, warnings + told
    finally:
        file.write()
    rows = file.finish(wanted)
    run.progress(len(rows), len(wanted), "responses", "sampling")
    return summarise(rows, policies) | {
        "missing": len(wanted) - len(rows),
        "truncated": truncated,
        "warnings": warnings,
        "seconds": round(time.monotonic() - started, 2),
        "config": config,
    }


def policies_of(config: dict[str, Any]) -> dict[str, str]:
    """Name -> location. A single policy goes by its location."""
    if (config["policy"] is None) == (config["policies"] is None):
        raise ProgramError(
            "config.json needs either 'policy' or 'policies'.",
            where="config.json",
            hint='Name one model, or several as {"name": model, …}.',
        )
    policies: dict[str, str] = config["policies"] or {config["policy"]: config["policy"]}
    for source in policies.values():
        if is_server(source):
            parse_server(source).api_key()  # refused now and not after hours of another policy
    return policies


def read_prompts(path: Path) -> dict[str, Prompt]:
    prompts, seen = {}, set[str]()
    for number, row in read_jsonl(path):
        identifier = require_unique_id(row, seen, path, number)
        prompts[identifier] = require_messages(row, path, number)
    return prompts


def seed_of(config: dict[str, Any], policy: str, identifier: str, sample: int) -> int:
    """Several policies draw by different numbers: by the same ones, policies that are almost the
    same would write almost the same texts, and there would be nothing to compare."""
    name = identifier if config["policies"] is None else f"{policy}:{identifier}"
    return derive_seed(config["seed"], name, sample)


def sample_from(
    run: RunDir,
    source: str,
    prompts: dict[str, Prompt],
    missing: list[Wanted],
    config: dict[str, Any],
    keep: Keep,
) -> tuple[int, list[str]]:
    """One policy's responses; how many prompts were truncated, and warnings."""
    # Imported when needed: torch and transformers take seconds, and a server does without them.
    if is_server(source):
        from modeling.core.remote_policy import sample_remotely

        return 0, sample_remotely(run, parse_server(source), prompts, missing, config, keep)
    from modeling.core.local_policy import sample_locally

    return sample_locally(run, source, prompts, missing, config, keep)


def summarise(rows: list[dict[str, Any]], policies: dict[str, str]) -> dict[str, Any]:
    """Of all responses, and of each policy's when there are several."""
    whole = figures(rows)
    if len(policies) > 1:
        whole["policies"] = {
            name: figures([row for row in rows if row["policy"] == name]) for name in policies
        }
    return whole


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    count = len(rows)
    return {
        "count": count,
        "finished_share": sum(row["finished"] for row in rows) / count if count else None,
        "tokens": sum(row["tokens"] or 0 for row in rows),
    }


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
