"""Sample n responses per prompt from one policy, or from several.

    python -m modeling.core.sample RUN_DIR

Reads RUN_DIR/config.json and prompts.jsonl; appends to samples.jsonl as responses are ready and
ends with result.json (formats: docs/learning-programs.md). Started again on the same folder it
samples only what is missing.

A policy is a model that is loaded here (modeling/core/generating/local_policy.py) or an
OpenAI-compatible server (modeling/core/generating/servers/remote_policy.py). Each response has a
seed of its own, derived from the run's seed, the prompt's id and the sample's number alone.
"""

import sys
import time
from pathlib import Path
from typing import Any

from modeling.core.generating.samples_file import Keep, Key, Prompt, SamplesFile, Wanted
from modeling.core.generating.servers.chat_server import is_server, parse_server
from modeling.core.program.files import read_jsonl, require_messages, require_unique_id
from modeling.core.program.run_dir import RunDir, run_program
from modeling.core.program.seeds import derive_seed
from modeling.core.program.whole import Phase
from modeling.run_data.sample import SampleConfig, SampleResult


def main(run: RunDir) -> SampleResult:
    started = time.monotonic()
    config = run.read_config(SampleConfig)
    policies = policies_of(config)
    prompts = read_prompts(run.path / "prompts.jsonl")
    file = SamplesFile(run.path / "samples.jsonl")
    wanted = [
        Wanted(name, identifier, k, seed_of(config, name, identifier, k))
        for name in policies
        for identifier in prompts
        for k in range(config.n)
    ]

    def keep(
        one: Wanted,
        text: str,
        finished: bool,
        tokens: int | None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        if file.add(one, text, finished, tokens, extra):
            tell()

    def tell() -> None:
        of_policy = sum(key[0] == run.part for key in file.done)
        within = of_policy / max(1, len(prompts) * config.n)
        run.progress(len(file.done), len(wanted), "responses", "sampling", within)

    run.plan(phases_of(policies, wanted, file.done))
    truncated, warnings, left_out = 0, list[str](), list[dict[str, Any]]()
    try:
        for name, source in policies.items():
            missing = [one for one in wanted if one.policy == name and one.key not in file.done]
            run.part = name
            run.begin("loading the policy", f"{len(missing)} responses are to be sampled.")
            cut, remarks, refused = sample_from(run, source, prompts, missing, config, keep)
            truncated, warnings = truncated + cut, warnings + remarks
            left_out += [{"policy": name} | row for row in refused]
    finally:
        file.write()
    rows = file.finish(wanted)
    tell()
    by_policy = {name: [row for row in rows if row["policy"] == name] for name in policies}
    return SampleResult(
        **figures(rows),
        missing=len(wanted) - len(rows),
        truncated=truncated,
        left_out=left_out,
        warnings=warnings,
        seconds=round(time.monotonic() - started, 2),
        config=config.as_json(),
        policies={name: figures(some) for name, some in by_policy.items()}
        if len(policies) > 1
        else None,
    )


def phases_of(policies: dict[str, str], wanted: list[Wanted], done: set[Key]) -> list[Phase]:
    """List the phases of each policy; a server has nothing to load."""
    each = len(wanted) / len(policies)
    phases = []
    for name, source in policies.items():
        there = sum(key[0] == name for key in done)
        loading = Phase("loading the policy", 0.1 if is_server(source) else 5.0, name)
        phases += [loading, Phase("sampling", 0.5 * each, name, done=there / max(1.0, each))]
    return phases


def policies_of(config: SampleConfig) -> dict[str, str]:
    """Map each policy's name to its location. Raises ProgramError for a server whose key is
    lacking."""
    for source in config.sources.values():
        if is_server(source):
            parse_server(source).api_key()  # refused now and not after hours of another policy
    return config.sources


def read_prompts(path: Path) -> dict[str, Prompt]:
    """Read the prompts by id. Raises ProgramError that names a line that is wrong."""
    prompts, seen = {}, set[str]()
    for number, row in read_jsonl(path):
        identifier = require_unique_id(row, seen, path, number)
        prompts[identifier] = require_messages(row, path, number)
    return prompts


def seed_of(config: SampleConfig, policy: str, identifier: str, sample: int) -> int:
    """Derive a response's seed. Several policies draw by different numbers: by the same ones,
    policies that are almost alike would write almost the same texts, with nothing to compare."""
    name = identifier if config.policies is None else f"{policy}:{identifier}"
    return derive_seed(config.seed, name, sample)


def sample_from(
    run: RunDir,
    source: str,
    prompts: dict[str, Prompt],
    missing: list[Wanted],
    config: SampleConfig,
    keep: Keep,
) -> tuple[int, list[str], list[dict[str, Any]]]:
    """Sample one policy's missing responses. Returns how many prompts were truncated, warnings, and
    rows on prompts that were left out because its chat template refuses them."""
    # Imported when needed: torch and transformers take seconds, and a server does without them.
    if is_server(source):
        from modeling.core.generating.servers.remote_policy import sample_remotely

        return 0, sample_remotely(run, parse_server(source), prompts, missing, config, keep), []
    from modeling.core.generating.local_policy import sample_locally

    return sample_locally(run, source, prompts, missing, config, keep)


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Take the result's figures of some responses: of all, or of one policy's."""
    count = len(rows)
    return {
        "count": count,
        "finished_share": sum(row["finished"] for row in rows) / count if count else None,
        "tokens": sum(row["tokens"] or 0 for row in rows),
    }


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
