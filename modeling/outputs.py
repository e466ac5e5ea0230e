"""Files → rows: what a learning program left in its folder.

Each step may run again after a crash: responses, scores and comparisons exist once, and the run's
state changes in the same transaction as what it stands for.
"""

import json
import random
from collections.abc import Callable
from typing import Any

from django.db.models import Max

from labeling.handout import set_priorities
from labeling.material import responses_key
from labeling.models import Comparison, ComparisonResponse, Response
from labeling.texts import response_digest
from modeling import improving
from modeling.drift import note_from_training
from modeling.evaluating import evaluation_of
from modeling.improvement_outputs import collect_comparison, policies_of
from modeling.inputs import (
    folder_of,
    ranked_comparisons,
    read_samples,
    sampled_by_prompt,
    stages_of,
)
from modeling.model_card import write_card
from modeling.models import RewardModel, Run, Score
from modeling.programs import read_json
from modeling.run_files import clean
from modeling.selection import Pair, most_uncertain_pair, random_pair, worth_of

BATCH = 500

FinishRun = Callable[[dict[str, Any]], None]


def store(run: Run, stage: str) -> None:
    """What the next stage needs as rows."""
    if run.kind in (Run.Kind.TRAIN_REWARD, Run.Kind.TRAIN_POLICY):
        return  # its scores are for the gate and stay in its folder
    if stage == "sample":
        store_samples(run)
    elif stage == "score":
        store_scores(run, stage, run.config["reward_model"])
    elif stage == "shadow":
        store_scores(run, stage, run.config["shadow"])


def store_samples(run: Run) -> None:
    assert run.policy is not None
    temperature = float(run.config["sample"]["temperature"])
    writers = policies_of(run)
    rows: dict[tuple[int, str], Response] = {}
    for sample in read_samples(run):
        policy = writers.get(sample.get("policy", ""), run.policy)
        text = clean(sample["text"])
        digest = response_digest(text)
        rows.setdefault(
            (int(sample["id"]), digest),
            Response(
                prompt_id=int(sample["id"]),
                text=text,
                digest=digest,
                origin=Response.Origin.POLICY,
                source=policy.name,
                policy_version=policy.version,
                seed=sample.get("seed"),
                temperature=temperature,
                finished=bool(sample.get("finished", True)),
            ),
        )
    Response.objects.bulk_create(rows.values(), BATCH, ignore_conflicts=True)


def store_scores(run: Run, stage: str, reward_model_id: int) -> None:
    path = folder_of(run, stage) / "scores.jsonl"
    if not path.exists():
        return  # everything had its score already
    with path.open("rb") as lines:
        told = [json.loads(line) for line in lines if line.strip()]
    Score.objects.bulk_create(
        (
            Score(
                response_id=int(row["id"]),
                reward_model_id=reward_model_id,
                value=row["reward"],
                members=row["members"] if len(row["members"]) > 1 else [],
            )
            for row in told
        ),
        BATCH,
        ignore_conflicts=True,
    )


def collect(run: Run, finish: FinishRun) -> None:
    """Turns the run's results into rows, then ends the run with `finish(results)`. The caller's
    transaction makes it one step."""
    if run.kind == Run.Kind.TRAIN_REWARD:
        results = read_json(run.folder / "result.json")
        results["evaluation"] = evaluation_of(run)
        _add_reward_model(run, results)
        note_from_training(run)
    elif run.kind == Run.Kind.TRAIN_POLICY:
        results = read_json(run.folder / "result.json")
        candidate = improving.add_candidate(run, results)
        results |= {"policy": candidate.version if candidate else None}
    elif run.kind == Run.Kind.COMPARE:
        results = collect_comparison(run)
    else:
        results = {
            stage: read_json(folder_of(run, stage) / "result.json") for stage in stages_of(run)
        }
        if run.kind == Run.Kind.SAMPLE:
            results |= _queue_pairs(run)
        results["ranked"] = _rank_queue(run)
    finish(results)


def _add_reward_model(run: Run, results: dict[str, Any]) -> None:
    assert run.snapshot is not None
    models = RewardModel.objects.filter(project=run.project)
    model = RewardModel.objects.create(
        project=run.project,
        version=(models.aggregate(last=Max("version"))["last"] or 0) + 1,
        run=run,
        snapshot=run.snapshot,
        base_model=run.config["base_model"],
        folder=f"runs/{run.pk}/{results.get('model_dir', 'model')}",
        results=results,
    )
    write_card(model)


def _queue_pairs(run: Run) -> dict[str, int]:
    """Of each prompt's samples, the pair that is most worth a label joins the queue."""
    by_prompt = sampled_by_prompt(run)
    existing = Comparison.objects.filter(prompt__in=list(by_prompt))
    taken = set(existing.values_list("prompt_id", "responses_key"))
    rewards = rewards_of(run, [pk for responses in by_prompt.values() for pk in responses])
    chosen: dict[int, tuple[Pair, float]] = {}
    for prompt_id, responses in by_prompt.items():
        taken_here = {key for prompt, key in taken if prompt == prompt_id}
        if rewards:
            scored = [pk for pk in responses if pk in rewards]
            pair = most_uncertain_pair(scored, rewards, taken_here)
        else:
            rng = random.Random(f"{run.seed}/{prompt_id}")
            pair = random_pair(responses, rng, taken_here)
        if pair is not None:
            chosen[prompt_id] = pair
    _add_comparisons(run, chosen)
    return {
        "prompts": len(by_prompt),
        "responses": sum(len(responses) for responses in by_prompt.values()),
        "identical": sum(len(responses) < 2 for responses in by_prompt.values()),
        "comparisons": len(chosen),
    }


def _add_comparisons(run: Run, chosen: dict[int, tuple[Pair, float]]) -> None:
    wanted = run.project.overlap
    comparisons = Comparison.objects.bulk_create(
        (
            Comparison(
                project=run.project,
                prompt_id=prompt_id,
                responses_key=responses_key(pair),
                wanted=wanted,
                slots_left=wanted,
                priority=priority,
                round_number=run.round.number if run.round else None,
            )
            for prompt_id, (pair, priority) in chosen.items()
        ),
        BATCH,
    )
    ComparisonResponse.objects.bulk_create(
        (
            ComparisonResponse(comparison=comparison, response_id=response_id, position=position)
            for comparison in comparisons
            for position, response_id in enumerate(chosen[comparison.prompt_id][0])
        ),
        BATCH,
    )


def _rank_queue(run: Run) -> int:
    """Comparisons that nobody has seen yet get the priority that this reward model gives them."""
    if not run.config.get("reward_model"):
        return 0
    comparisons = ranked_comparisons(run)
    rewards = rewards_of(run, {pk for responses in comparisons.values() for pk in responses})
    priorities = {
        comparison_id: worth_of([rewards[pk] for pk in responses])
        for comparison_id, responses in comparisons.items()
        if all(pk in rewards for pk in responses)
    }
    set_priorities(priorities)
    return len(priorities)


def rewards_of(run: Run, response_ids: Any) -> dict[int, float]:
    """Response -> reward by the run's reward model; {} without one."""
    if not run.config.get("reward_model"):
        return {}
    scores = Score.objects.filter(
        reward_model=run.config["reward_model"], response__in=list(response_ids)
    )
    return dict(scores.values_list("response_id", "value"))
