"""How good a reward model is, from what its run left behind: figures for its page and the gate.

The predictions lie in the run's folder; tags, policies and agreement come from rows. The model in
service (the incumbent) is measured on the same comparisons, those it had not seen included.
"""

import hashlib
import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from labeling.models import Preference
from labeling.quality.measures.coefficients import agreeing_pairs
from modeling.measures.predictions import Prediction, evaluate, headline_of, paired, predictions_of
from modeling.models import RewardModel, Run
from modeling.runs.files import DamagedOutput, read_jsonl, readable, rows_left

log = logging.getLogger(__name__)

BATCH = 500
PREDICTIONS = "predictions.jsonl"
CONTRADICTED = 200


def evaluation_of(run: Run) -> dict[str, Any]:
    """Computes the figures of a finished training; {} when nothing was held out."""
    with readable("predictions.jsonl"):
        rows = predictions_of(read_jsonl(run.folder / PREDICTIONS))
    split, held_out = headline_of(rows)
    if not split:
        return {"contradicted": doubted(run, rows, 1.0)} if rows else {}
    about = _about([row.id for row in rows if row.split != "train"])
    rows = _with_slices(rows, about)
    figures = evaluate(rows)
    temperature = float(figures["calibration"].get("temperature") or 1.0)
    return figures | {
        "agreement": _agreement(about[row.id][1] for row in held_out if row.id in about),
        "contradicted": doubted(run, rows, temperature),
    }


def _agreement(votes: Iterable[Sequence[int]]) -> dict[str, Any] | None:
    """Computes per cent agreement as labeling/quality/figures.py does: of the pairs of judgments of
    the same comparison, how many say the same. The share that agrees with what was settled would
    count everybody as agreeing with themselves, and would be no ceiling for a model."""
    counted = [(hits, pairs) for hits, pairs in map(agreeing_pairs, votes) if pairs]
    if not counted:
        return None
    hits, pairs = (sum(numbers) for numbers in zip(*counted, strict=True))
    return {"value": hits / pairs, "n": len(counted)}


def agreement_on(ids: list[str]) -> dict[str, Any] | None:
    """Computes how far labelers agree on these preferences."""
    return _agreement(votes for _, votes in _about(ids).values())


def temperature_of(model: RewardModel) -> float:
    """The temperature that makes the model's rewards into probabilities; 1 where too little was
    held out to fit one."""
    return model.figures.evaluation.temperature or 1.0


About = dict[str, tuple[dict[str, list[str]], Sequence[int]]]


def _with_slices(rows: list[Prediction], about: About) -> list[Prediction]:
    return [replace(row, slices=about[row.id][0]) if row.id in about else row for row in rows]


def _about(ids: list[str]) -> About:
    """Maps each preference to its slices and votes."""
    about: About = {}
    for start in range(0, len(ids), BATCH):
        chunk = [pk for pk in ids[start : start + BATCH] if pk.isdecimal()]
        rows = Preference.objects.filter(pk__in=chunk).values_list(
            "pk", "prompt__tags", "chosen__policy_version", "rejected__policy_version",
            "provenance", "votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad",
        )  # fmt: skip
        for pk, tags, left, right, provenance, *votes in rows:
            # What a file brought does not say how often our labelers agree.
            if provenance == Preference.Provenance.IMPORTED:
                votes = [0, 0, 0, 0]
            versions = sorted({version for version in (left, right) if version is not None})
            slices = {
                "tag": [str(tag) for tag in tags or []],
                "policy": [f"v{version}" for version in versions] or ["no policy of ours"],
            }
            about[str(pk)] = (slices, votes)
    return about


def doubted(run: Run, rows: Iterable[Prediction], temperature: float) -> list[dict[str, Any]]:
    """Lists contradicted preferences as the run has written them: there only members that have not
    learned from a train comparison judge it. Runs of earlier versions wrote none; their predictions
    serve instead."""
    path = run.folder / "contradictions.jsonl"
    if not path.is_file():
        return contradicted(rows, temperature)
    against = (row for row in read_jsonl(path) if row["margin"] < 0)
    return [
        {
            "id": row["id"],
            "margin": round(row["margin"], 4),
            "split": row["split"],
            "in_sample": row["in_sample"],
            "strength": round(row["probability_label_wrong"], 4),
            "against": row["against"],
            "members": row["members"],
        }
        for row in islice(against, CONTRADICTED)
    ]


def contradicted(rows: Iterable[Prediction], temperature: float) -> list[dict[str, Any]]:
    """Lists the preferences that the ensemble contradicts most strongly, by its probability of the
    other answer. A model that contradicts what it has learned from is most likely right."""
    against = [row for row in rows if row.point == 0.0]
    against.sort(key=lambda row: (-abs(row.delta), row.id))
    return [
        {
            "id": row.id,
            "margin": round(-abs(row.delta), 4),
            "split": row.split,
            "in_sample": row.split == "train",
            "strength": round(1 / (1 + math.exp(-min(abs(row.delta) / temperature, 700.0))), 4),
            "against": sum(margin < 0 for margin in row.margins),
            "members": len(row.margins),
        }
        for row in against[:CONTRADICTED]
    ]


def was_learned_from(contradiction: Mapping[str, Any]) -> bool:
    """Whether those who contradict a preference have learned from it. Out-of-bag members have not,
    though it is of the train split. Models that did not note this go by the split."""
    return bool(contradiction.get("in_sample", contradiction["split"] == "train"))


def pair_digest(chosen: str, rejected: str) -> str:
    """Names the two texts in their order: a preference that was turned round has another digest."""
    return hashlib.sha256(json.dumps([chosen, rejected]).encode()).hexdigest()[:16]


def preferences_of(run: Run) -> Iterator[dict[str, Any]]:
    yield from rows_left(run.folder, "preferences.jsonl")


def digests_of(run: Run) -> dict[str, str]:
    return {row["id"]: pair_digest(row["chosen"], row["rejected"]) for row in preferences_of(run)}


def unscored_by(incumbent: RewardModel, run: Run) -> list[dict[str, Any]]:
    """Lists the run's preferences that the incumbent's own training did not score."""
    before = digests_of(incumbent.run)
    return [
        row
        for row in preferences_of(run)
        if before.get(row["id"]) != pair_digest(row["chosen"], row["rejected"])
    ]


def scored_apart(run: Run) -> dict[str, tuple[float, float]]:
    """Maps each preference to (reward of chosen, of rejected) as the incumbent scored them for this
    run."""
    rewards: dict[str, dict[str, float]] = {}
    for row in rows_left(run.folder / "score", "scores.jsonl"):
        identifier, _, side = row["id"].rpartition("/")
        rewards.setdefault(identifier, {})[side] = row["reward"]
    return {key: (both["chosen"], both["rejected"]) for key, both in rewards.items()}


def _said_by(run: Run) -> list[Prediction]:
    """Reads the predictions of a run that ended some time ago; [] where its file is damaged."""
    try:
        with readable(PREDICTIONS):
            return predictions_of(rows_left(run.folder, PREDICTIONS))
    except DamagedOutput as problem:
        log.warning("%s: %s", run, problem)
        return []


def on_same_rows(new: RewardModel, old: RewardModel) -> list[tuple[Prediction, Prediction]]:
    """Pairs what both models said of the same comparisons as (new, old), for those that the new run
    knows."""
    rows = _said_by(new.run)
    rows = _with_slices(rows, _about([row.id for row in rows if row.split != "train"]))
    theirs: Mapping[str, Prediction] = {row.id: row for row in _said_by(old.run)}
    now, before = digests_of(new.run), digests_of(old.run)
    same = {key: row for key, row in theirs.items() if now.get(key) == before.get(key)}
    if new.run.asked.incumbent == old.pk:
        apart = scored_apart(new.run)
        same |= {
            row.id: replace(row, reward_chosen=apart[row.id][0], reward_rejected=apart[row.id][1])
            for row in rows
            if row.id in apart
        }
    return paired(rows, same)
