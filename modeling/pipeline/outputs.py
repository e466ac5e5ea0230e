"""Files → rows: what a learning program left in its folder.

Each step may run again after a crash: responses, scores and comparisons exist once, and the run's
state changes in the same transaction as what it stands for.
"""

from collections.abc import Callable
from typing import Any

from modeling.core.program.seal import Notes, read_result
from modeling.models import RewardModel, Run, Score
from modeling.models.deciding import deciding
from modeling.models.versions import next_version
from modeling.pipeline.improvement_outputs import collect_comparison, collect_improvement
from modeling.pipeline.inputs import folder_of, stages_of
from modeling.pipeline.sampled_pairs import queue_pairs, ranking_model, store_samples
from modeling.reward_models.drift import note_from_training
from modeling.reward_models.evaluating import evaluation_of
from modeling.reward_models.model_card import write_card
from modeling.run_data.train_reward import TrainRewardResult
from modeling.runs import model_files
from modeling.runs.files import read_jsonl, readable
from modeling.selection.features import store_features
from modeling.selection.ordering import rank_queue

BATCH = 500

FinishRun = Callable[[dict[str, Any]], None]


def store(run: Run, stage: str) -> None:
    """Stores what the next stage needs as rows. Raises DamagedOutput for a file that cannot be
    used."""
    with readable(f"{stage}'s output"):
        _store(run, stage)


def _store(run: Run, stage: str) -> None:
    if run.kind in (Run.Kind.TRAIN_REWARD, Run.Kind.TRAIN_POLICY):
        return  # what the model in service says of a training's comparisons stays in the folder
    asked = run.asked
    if stage == "sample":
        store_samples(run)
    elif stage == "score" and asked.reward_model is not None:
        store_scores(run, stage, asked.reward_model)
        store_features(asked.reward_model, folder_of(run, stage))
    elif stage == "shadow" and asked.shadow is not None:
        store_scores(run, stage, asked.shadow)


def store_scores(run: Run, stage: str, reward_model_id: int) -> None:
    # No file: everything had its score already.
    rows = read_jsonl(folder_of(run, stage) / "scores.jsonl")
    Score.objects.bulk_create(
        (
            Score(
                response_id=int(row["id"]),
                reward_model_id=reward_model_id,
                value=row["reward"],
                members=row["members"] if len(row["members"]) > 1 else [],
            )
            for row in rows
        ),
        BATCH,
        ignore_conflicts=True,
    )


def measure(run: Run) -> dict[str, Any]:
    """Reads a training's figures and computes those that take seconds; {} for other runs. Outside
    of any transaction, because on SQLite nobody's answer is saved while one is open."""
    if run.kind != Run.Kind.TRAIN_REWARD:
        return {}
    return read_result(run.folder).figures | {"evaluation": evaluation_of(run)}


def files_made_by(run: Run) -> Notes:
    """Reads the notes of the model that the run has made, as its program has taken them."""
    if run.kind not in (Run.Kind.TRAIN_REWARD, Run.Kind.TRAIN_POLICY):
        return {}
    return model_files.made_by(run.folder)


def collect(run: Run, measured: dict[str, Any], made: Notes, finish: FinishRun) -> None:
    """Turns the run's results into rows, then ends the run with `finish(results)`. The caller's
    transaction makes it one step. `measured`: by `measure`, and what else to say of the run;
    `made`: by `files_made_by`."""
    match run.kind:
        case Run.Kind.TRAIN_REWARD:
            _add_reward_model(run, measured, made)
            note_from_training(run)
            finish(measured)
            return
        case Run.Kind.SAMPLE:
            results = results_of_stages(run) | queue_pairs(run)
        case Run.Kind.SCORE:
            results = results_of_stages(run)
        case Run.Kind.TRAIN_POLICY:
            results = collect_improvement(run, made)
        case Run.Kind.COMPARE:
            results = collect_comparison(run)
        case _:
            raise ValueError(f"Nothing is known to be made of a run of the kind {run.kind!r}.")
    warnings = [*(results.get("warnings") or []), *measured.get("warnings", [])]
    finish(results | measured | ({"warnings": warnings} if warnings else {}))


def results_of_stages(run: Run) -> dict[str, Any]:
    """The figures of each stage; {} for one that had nothing to do, or that the run went on
    without."""
    folders = {stage: folder_of(run, stage) for stage in stages_of(run)}
    return {
        stage: read_result(folder).figures if (folder / "result.json").exists() else {}
        for stage, folder in folders.items()
    }


def rank(run: Run) -> None:
    """Puts comparisons that nobody has seen yet in the order of the run's reward model, after the
    end of a run that brought responses or scores.

    It reads the whole queue, which takes seconds where that is long, so it stands outside of the
    run's transaction. A queue that is left unranked is put in order at the next judgment
    (modeling/selection/ordering.py)."""
    if run.kind not in (Run.Kind.SAMPLE, Run.Kind.SCORE):
        return
    model = ranking_model(run)
    ranked = rank_queue(run.project, model) if model else 0
    ended = Run.objects.get(pk=run.pk)
    Run.objects.filter(pk=run.pk).update(results=ended.results | {"ranked": ranked})


def _add_reward_model(run: Run, results: dict[str, Any], made: Notes) -> None:
    assert run.snapshot is not None
    with deciding(run.project):
        model = RewardModel.objects.create(
            project=run.project,
            version=next_version(RewardModel.objects.filter(project=run.project)),
            run=run,
            snapshot=run.snapshot,
            base_model=run.asked.base_model,
            folder=f"runs/{run.pk}/{TrainRewardResult.read_stored(results).model_dir}",
            results=results,
            files=made,
        )
    write_card(model)
