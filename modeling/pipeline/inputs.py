"""Rows → files: what a learning program finds in its folder.

Written before each stage, also when a run is started again: the rows and seeds are the same, so
the files are, and the program goes on from its checkpoint.
"""

from pathlib import Path
from typing import Any

from django.conf import settings

from labeling.models import Comparison, Response
from labeling.texts import response_digest
from modeling.core.files import write_json, write_jsonl
from modeling.evaluating import unscored_by
from modeling.improvement_inputs import prepare_comparison, prepare_improvement
from modeling.models import RewardModel, Run, Score
from modeling.prompt_choice import prompts_to_sample
from modeling.run_files import clean, copy_snapshot, read_jsonl, usable, write_prompts

# How many comparisons of the queue are ranked anew after a training: those due soonest.
MOST_RANKED = 5000


def stages_of(run: Run) -> tuple[str, ...]:
    """The programs of a run, in order. Responses are scored only by a model in service."""
    if run.kind == Run.Kind.TRAIN_REWARD:
        return ("train_reward", "score") if run.config.get("incumbent") else ("train_reward",)
    if run.kind == Run.Kind.SCORE:
        return _scoring(run)
    if run.kind == Run.Kind.TRAIN_POLICY:
        return ("train_policy",)
    if run.kind == Run.Kind.COMPARE:
        return ("sample", "score") if run.config.get("reward_model") else ("sample",)
    return ("sample", *_scoring(run)) if run.config.get("reward_model") else ("sample",)


def _scoring(run: Run) -> tuple[str, ...]:
    """The predecessor of the model in service, in its shadow, reads the same responses."""
    return ("score", "shadow") if run.config.get("shadow") else ("score",)


def program_of(stage: str) -> str:
    return "score" if stage == "shadow" else stage


def may_fail(run: Run, stage: str) -> bool:
    """A model in service that cannot be read any more must not keep its successor from coming,
    nor a predecessor the new responses."""
    return stage == "shadow" or (run.kind == Run.Kind.TRAIN_REWARD and stage == "score")


def lost_with(stage: str, problem: str) -> str:
    """What a run lacks that went on without this stage, for the people who read its page."""
    reason = problem.partition("\n")[0]
    if stage == "shadow":
        return f"The predecessor of the model in service could not score the responses: {reason}"
    return (
        "The model in service could not score the comparisons that it had not seen, so the new "
        f"model was checked against it on fewer of them, or on none: {reason}"
    )


def folder_of(run: Run, stage: str) -> Path:
    return run.folder if stage in ("train_reward", "train_policy") else run.folder / stage


def prepare(run: Run, stage: str) -> Path | None:
    """Writes config.json and the inputs of one stage; gives its folder, or None when the stage
    is done or there is nothing in it to do."""
    folder = folder_of(run, stage)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "result.json").exists():
        return None
    prepare_stage = {
        "train_reward": _prepare_training,
        "sample": _prepare_sampling,
        "score": _prepare_scoring,
        "shadow": _prepare_shadow,
        "train_policy": prepare_improvement,
    }[stage]
    return folder if prepare_stage(run, folder) else None


def _prepare_training(run: Run, folder: Path) -> bool:
    copy_snapshot(run, folder)
    config = {key: value for key, value in run.config.items() if key != "incumbent"}
    base_model = usable(run.config["base_model"], "base model")
    # What a retraining has in common with the one before is tokenised once.
    shared = {"token_cache": str(Path(settings.DATA_DIR) / "tokens")}
    write_json(folder / "config.json", shared | config | {"base_model": base_model})
    return True


def _prepare_sampling(run: Run, folder: Path) -> bool:
    if run.kind == Run.Kind.COMPARE:
        return prepare_comparison(run, folder)
    assert run.policy is not None
    config = run.config["sample"]
    # Kept over a retry: by then other prompts would be chosen, and half of them are done already.
    if not (folder / "prompts.jsonl").exists():
        chosen = prompts_to_sample(run.project, run.policy, run.config["prompts"], run.seed)
        write_prompts(folder, chosen)
    write_json(folder / "config.json", config | {"policy": usable(config["policy"], "policy")})
    return True


def _prepare_scoring(run: Run, folder: Path) -> bool:
    if run.kind == Run.Kind.TRAIN_REWARD:
        return _prepare_incumbent(run, folder)
    return _prepare_scores_by(run.config["reward_model"], run, folder)


def _prepare_shadow(run: Run, folder: Path) -> bool:
    return _prepare_scores_by(run.config["shadow"], run, folder)


def _prepare_scores_by(reward_model_id: int, run: Run, folder: Path) -> bool:
    reward_model = RewardModel.objects.get(pk=reward_model_id)
    paths = [usable(str(path), str(reward_model)) for path in reward_model.member_paths]
    wanted = ranked_responses(run) | sampled_responses(run)
    scored = Score.objects.filter(reward_model=reward_model, response__in=wanted)
    missing = sorted(wanted - set(scored.values_list("response_id", flat=True)))
    responses = Response.objects.filter(pk__in=missing).select_related("prompt").order_by("pk")
    write_jsonl(
        folder / "responses.jsonl",
        (
            {"id": str(row.pk), "prompt": row.prompt.messages, "response": row.text}
            for row in responses.iterator(chunk_size=500)
        ),
    )
    in_service = reward_model_id == run.config.get("reward_model")
    # The instant head learns on the features of the model in service, not on its shadow's.
    write_json(folder / "config.json", {"reward_models": paths, "features": in_service})
    return bool(missing)


def _prepare_incumbent(run: Run, folder: Path) -> bool:
    """The model in service reads what it has not scored in its own training."""
    incumbent = RewardModel.objects.filter(pk=run.config["incumbent"]).first()
    if incumbent is None or not incumbent.is_here:
        return False
    rows = unscored_by(incumbent, run)
    write_jsonl(
        folder / "responses.jsonl",
        (
            {"id": f"{row['id']}/{side}", "prompt": row["prompt"], "response": row[side]}
            for row in rows
            for side in ("chosen", "rejected")
        ),
    )
    paths = [str(path) for path in incumbent.member_paths]
    write_json(folder / "config.json", {"reward_models": paths})
    return bool(rows)


def ranked_responses(run: Run) -> set[int]:
    """Ids of the responses in the comparisons that are ranked."""
    pairs = ranked_comparisons(run)
    return {response_id for response_ids in pairs.values() for response_id in response_ids}


def ranked_comparisons(run: Run) -> dict[int, list[int]]:
    """The comparisons that nobody has seen yet -> their responses; those due soonest come first."""
    fresh = Comparison.objects.filter(
        project=run.project, slots_left__gt=0, waiting_since__isnull=True
    ).order_by("-priority", "pk")[:MOST_RANKED]
    return {
        row.pk: [place.response_id for place in row.comparison_responses.all()]
        for row in fresh.prefetch_related("comparison_responses")
    }


def sampled_responses(run: Run) -> set[int]:
    return {pk for responses in sampled_by_prompt(run).values() for pk in responses}


def sampled_by_prompt(run: Run) -> dict[int, list[int]]:
    """Prompt -> its distinct responses in this run's samples, once they are stored."""
    digests: dict[int, set[str]] = {}
    for sample in read_samples(run):
        digests.setdefault(int(sample["id"]), set()).add(response_digest(clean(sample["text"])))
    found: dict[int, list[int]] = {prompt_id: [] for prompt_id in digests}
    rows = Response.objects.filter(prompt__in=list(digests)).order_by("pk")
    for pk, prompt_id, digest in rows.values_list("pk", "prompt_id", "digest"):
        if digest in digests[prompt_id]:
            found[prompt_id].append(pk)
    return found


def read_samples(run: Run) -> list[dict[str, Any]]:
    return list(read_jsonl(folder_of(run, "sample") / "samples.jsonl"))
