"""Files → rows: what a learning program left in its folder.

Each step may run again after a crash: responses, scores and comparisons exist once, and the run's
state changes in the same transaction as what it stands for.
"""

import random
from collections.abc import Callable
from typing import Any

from labeling.material import add_pairs
from labeling.models import Comparison, Response
from labeling.texts import response_digest
from modeling.drift import note_from_training
from modeling.evaluating import evaluation_of
from modeling.features import store_features
from modeling.follower import Follower
from modeling.following import HEAD, rank_queue
from modeling.improvement_outputs import (
    collect_comparison,
    collect_improvement,
    policies_of,
)
from modeling.inputs import folder_of, read_samples, sampled_by_prompt, stages_of
from modeling.model_card import write_card
from modeling.models import RewardModel, Run, Score
from modeling.pairing import choose_pairs
from modeling.programs import read_json
from modeling.registry import next_version
from modeling.run_files import clean, read_jsonl
from modeling.selection import Strategy
from modeling.strategy import strategy_of

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
        store_features(run.config["reward_model"], folder_of(run, stage))
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
    # No file: everything had its score already.
    told = read_jsonl(folder_of(run, stage) / "scores.jsonl")
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


def measure(run: Run) -> dict[str, Any]:
    """Of a training what its files say, with the figures that take seconds to compute: outside of
    any transaction, because on SQLite nobody's answer is saved while one is open."""
    if run.kind != Run.Kind.TRAIN_REWARD:
        return {}
    return read_json(run.folder / "result.json") | {"evaluation": evaluation_of(run)}


def collect(run: Run, measured: dict[str, Any], finish: FinishRun) -> None:
    """Turns the run's results into rows, then ends the run with `finish(results)`. The caller's
    transaction makes it one step. `measured`: by `measure`, and what else to say of the run."""
    if run.kind == Run.Kind.TRAIN_REWARD:
        results = measured
        _add_reward_model(run, results)
        note_from_training(run)
    elif run.kind == Run.Kind.TRAIN_POLICY:
        results = collect_improvement(run)
    elif run.kind == Run.Kind.COMPARE:
        results = collect_comparison(run)
    else:
        results = {
            stage: read_json(folder_of(run, stage) / "result.json") for stage in stages_of(run)
        }
        if run.kind == Run.Kind.SAMPLE:
            results |= _queue_pairs(run)
        results |= measured
    finish(results)


def rank(run: Run) -> None:
    """After the end of a run that brought responses or scores: comparisons that nobody has seen yet
    get the priority that its reward model gives them. It reads the whole queue, which takes seconds
    where that is long, so it stands outside of the run's transaction; a queue that is left unranked
    is put in order at the next judgment (following.py)."""
    if run.kind not in (Run.Kind.SAMPLE, Run.Kind.SCORE):
        return
    model = _ranking_model(run)
    ranked = rank_queue(run.project, model) if model else 0
    ended = Run.objects.get(pk=run.pk)
    Run.objects.filter(pk=run.pk).update(results=ended.results | {"ranked": ranked})


def _add_reward_model(run: Run, results: dict[str, Any]) -> None:
    assert run.snapshot is not None
    model = RewardModel.objects.create(
        project=run.project,
        version=next_version(RewardModel.objects.filter(project=run.project)),
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
    model = _ranking_model(run)
    chosen = choose_pairs(
        by_prompt,
        taken,
        follower=_what_is_known(model) if model else None,
        strategy=strategy_of(run.project) if model else Strategy.RANDOM,
        random_share=run.project.random_share,
        seed=run.seed,
    )
    # In random order, until a reward model ranks the queue.
    rng = random.Random(run.seed)
    priorities = (HEAD * rng.random() for _ in chosen)
    add_pairs(run.project, chosen, priorities, run.round.number if run.round else None)
    return {
        "prompts": len(by_prompt),
        "responses": sum(len(responses) for responses in by_prompt.values()),
        "identical": sum(len(responses) < 2 for responses in by_prompt.values()),
        "comparisons": len(chosen),
    }


def _what_is_known(model: RewardModel) -> Follower:
    follower = Follower(model)
    follower.catch_up()
    return follower


def _ranking_model(run: Run) -> RewardModel | None:
    models = RewardModel.objects.select_related("project", "snapshot")
    return models.filter(pk=run.config.get("reward_model")).first()
