"""Rows → files: what a learning program finds in its folder.

Written before each stage, also when a run is started again: the rows and seeds are the same, so
the files are, and the program goes on from its checkpoint.
"""

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings

from labeling.models import Response
from labeling.preferences import counts
from labeling.texts.messages import text_or_message
from labeling.texts.sameness import response_digest
from modeling.core.messages import OPTION_NAMES
from modeling.core.program.files import write_jsonl
from modeling.core.program.seal import NotWhole, check_result, write_inputs
from modeling.models import Run, Score
from modeling.pipeline.improvement_inputs import prepare_comparison, prepare_improvement
from modeling.pipeline.prompt_choice import prompts_to_sample
from modeling.reward_models.evaluating import unscored_by
from modeling.runs import programs
from modeling.runs.files import (
    clean,
    clean_extra,
    copy_snapshot,
    read_jsonl,
    template_date,
    usable,
    usable_reward_model,
    write_config,
    write_prompts,
)
from modeling.selection.queue_arrays import MOST_RANKED

log = logging.getLogger(__name__)


def stages_of(run: Run) -> tuple[str, ...]:
    """Lists the stages of a run, in order. Responses are scored only by a model in service."""
    match run.kind:
        case Run.Kind.TRAIN_REWARD:
            return ("train_reward", "score") if run.asked.incumbent else ("train_reward",)
        case Run.Kind.SAMPLE:
            return ("sample", *_scoring(run)) if run.asked.reward_model else ("sample",)
        case Run.Kind.SCORE:
            return _scoring(run)
        case Run.Kind.TRAIN_POLICY:
            return ("train_policy",)
        case Run.Kind.COMPARE:
            return ("sample", "score") if run.asked.reward_model else ("sample",)
    raise ValueError(f"No stages are known of a run of the kind {run.kind!r}.")


def _scoring(run: Run) -> tuple[str, ...]:
    """The predecessor of the model in service, in its shadow, reads the same responses."""
    return ("score", "shadow") if run.asked.shadow else ("score",)


def program_of(stage: str) -> str:
    return "score" if stage == "shadow" else stage


def may_fail(run: Run, stage: str) -> bool:
    """Whether the run goes on without this stage. A model in service that cannot be read any more
    must not keep its successor from coming, nor must a predecessor keep new responses away."""
    return stage == "shadow" or (run.kind == Run.Kind.TRAIN_REWARD and stage == "score")


def lost_with(stage: str, problem: str) -> str:
    """What a run lacks that went on without this stage: a sentence for its page."""
    reason = problem.partition("\n")[0]
    if stage == "shadow":
        return f"The predecessor of the model in service could not score the responses: {reason}"
    return (
        "The model in service could not score the comparisons that it had not seen, so the new "
        f"model was checked against it on fewer of them, or on none: {reason}"
    )


def folder_of(run: Run, stage: str) -> Path:
    return run.folder if stage in ("train_reward", "train_policy") else run.folder / stage


def prepare(run: Run, stage: str, *, smaller_passes: bool = False) -> Path | None:
    """Writes config.json and the inputs of one stage; gives its folder, or None when the stage
    is done or there is nothing in it to do. `smaller_passes`: memory ran out before."""
    folder = folder_of(run, stage)
    folder.mkdir(parents=True, exist_ok=True)
    if is_done(folder):
        return None
    prepare_stage = {
        "train_reward": _prepare_training,
        "sample": _prepare_sampling,
        "score": _prepare_scoring,
        "shadow": _prepare_shadow,
        "train_policy": prepare_improvement,
    }[stage]
    if not prepare_stage(run, folder):
        return None
    if smaller_passes:
        config = json.loads((folder / "config.json").read_bytes())
        write_config(folder, program_of(stage), config | {"smaller_passes": True})
    write_inputs(folder)
    return folder


def is_done(folder: Path) -> bool:
    """Whether an earlier attempt has left a result, whole and with all its files. What cannot be
    read whole is no success: it goes, and the stage is done again."""
    if not (folder / "result.json").exists():
        return False
    try:
        check_result(folder)
    except NotWhole as problem:
        log.warning("%s is done again. %s", folder, problem)
        programs.forget_result(folder)
        return False
    return True


def _prepare_training(run: Run, folder: Path) -> bool:
    copy_snapshot(run, folder)
    config = {key: value for key, value in run.config.items() if key != "incumbent"}
    base_model = usable(run.asked.base_model, "base model", run.project)
    # What a retraining has in common with the one before is tokenised once.
    shared = {"token_cache": str(Path(settings.DATA_DIR) / "tokens")} | template_date(run.project)
    write_config(folder, "train_reward", shared | config | {"base_model": base_model})
    return True


def _prepare_sampling(run: Run, folder: Path) -> bool:
    if run.kind == Run.Kind.COMPARE:
        return prepare_comparison(run, folder)
    assert run.policy is not None
    config = run.asked.sample
    # Kept over a retry: by then other prompts would be chosen, and half of them are done already.
    if not (folder / "prompts.jsonl").exists():
        chosen = prompts_to_sample(run.project, run.policy, run.asked.prompts, run.seed)
        write_prompts(folder, chosen)
    policy = usable(config["policy"], "policy", run.project)
    write_config(folder, "sample", template_date(run.project) | config | {"policy": policy})
    return True


def _prepare_scoring(run: Run, folder: Path) -> bool:
    if run.kind == Run.Kind.TRAIN_REWARD:
        return _prepare_incumbent(run, folder)
    return _prepare_scores_by(run.asked.reward_model, run, folder)


def _prepare_shadow(run: Run, folder: Path) -> bool:
    return _prepare_scores_by(run.asked.shadow, run, folder)


def _prepare_scores_by(reward_model_id: int | None, run: Run, folder: Path) -> bool:
    reward_model = usable_reward_model(reward_model_id)
    members = reward_model.member_paths
    paths = [usable(str(path), str(reward_model), run.project) for path in members]
    wanted = ranked_responses(run) | sampled_responses(run)
    scored = Score.objects.filter(reward_model=reward_model, response__in=wanted)
    missing = sorted(wanted - set(scored.values_list("response_id", flat=True)))
    responses = Response.objects.filter(pk__in=missing).select_related("prompt").order_by("pk")
    write_jsonl(
        folder / "responses.jsonl",
        (
            {"id": str(row.pk), "prompt": row.prompt.messages, **row.prompt.extra}
            | {"response": text_or_message(row.text, row.extra)}
            for row in responses.iterator(chunk_size=500)
        ),
    )
    in_service = reward_model_id == run.asked.reward_model
    # The instant head learns on the features of the model in service, not on its shadow's.
    write_config(folder, "score", {"reward_models": paths, "features": in_service})
    return bool(missing)


def _prepare_incumbent(run: Run, folder: Path) -> bool:
    """The model in service reads what it has not scored in its own training."""
    incumbent = usable_reward_model(run.asked.incumbent)
    rows = unscored_by(incumbent, run)
    write_jsonl(
        folder / "responses.jsonl",
        (
            {"id": f"{row['id']}/{side}", "prompt": row["prompt"], "response": row[side]}
            | {name: row[name] for name in OPTION_NAMES if name in row}
            for row in rows
            for side in ("chosen", "rejected")
        ),
    )
    paths = [usable(str(path), str(incumbent), run.project) for path in incumbent.member_paths]
    write_config(folder, "score", {"reward_models": paths})
    return bool(rows)


def ranked_responses(run: Run) -> set[int]:
    """Ids of the responses in the comparisons that are ranked."""
    pairs = ranked_comparisons(run)
    return {response_id for response_ids in pairs.values() for response_id in response_ids}


def ranked_comparisons(run: Run) -> dict[int, list[int]]:
    """The fresh comparisons due soonest -> their responses; a round's blind ones, too."""
    fresh = counts.fresh(run.project).order_by("-priority", "pk")[:MOST_RANKED]
    return {
        row.pk: [place.response_id for place in row.comparison_responses.all()]
        for row in fresh.prefetch_related("comparison_responses")
    }


def sampled_responses(run: Run) -> set[int]:
    return {pk for responses in sampled_by_prompt(run).values() for pk in responses}


def sampled_by_prompt(
    run: Run, samples: Iterable[dict[str, Any]] | None = None
) -> dict[int, list[int]]:
    """Prompt -> its distinct responses in this run's samples, or in some of them, once they are
    stored."""
    digests: dict[int, set[str]] = {}
    for sample in read_samples(run) if samples is None else samples:
        digest = response_digest(clean(sample["text"]), clean_extra(sample))
        digests.setdefault(int(sample["id"]), set()).add(digest)
    by_prompt: dict[int, list[int]] = {prompt_id: [] for prompt_id in digests}
    rows = Response.objects.filter(prompt__in=list(digests)).order_by("pk")
    for pk, prompt_id, digest in rows.values_list("pk", "prompt_id", "digest"):
        if digest in digests[prompt_id]:
            by_prompt[prompt_id].append(pk)
    return by_prompt


def read_samples(run: Run) -> list[dict[str, Any]]:
    return list(read_jsonl(folder_of(run, "sample") / "samples.jsonl"))
