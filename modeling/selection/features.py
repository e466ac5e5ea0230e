"""Features of responses: what the program `score` wrote becomes rows, and rows become a matrix."""

import json
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeling.models import Project
from modeling.models import ResponseFeatures, RewardModel

STORED = np.dtype("<f2")
BATCH = 500
# Of the first so many vectors, the typical distance is the unit of features.
MEASURED = 512


def store_features(model_pk: int, folder: Path) -> int:
    """Stores features.npy, whose rows are those of scores.jsonl; how many. A model that gives no
    features leaves no such file."""
    path = folder / "features.npy"
    if not path.exists():
        return 0
    vectors = np.nan_to_num(np.load(path)).astype(STORED)
    with (folder / "scores.jsonl").open("rb") as lines:
        ids = [int(json.loads(line)["id"]) for line in lines if line.strip()]
    rows = (
        ResponseFeatures(response_id=pk, reward_model_id=model_pk, vector=vector.tobytes())
        for pk, vector in zip(ids, vectors, strict=True)
    )
    ResponseFeatures.objects.bulk_create(rows, BATCH, ignore_conflicts=True)
    return len(ids)


def vectors_of(model: RewardModel, responses: Collection[int]) -> dict[int, NDArray[np.float32]]:
    """Response -> its vector, for those that have one."""
    found: dict[int, NDArray[np.float32]] = {}
    ids = sorted(responses)
    for start in range(0, len(ids), BATCH):
        rows = ResponseFeatures.objects.filter(
            reward_model=model, response__in=ids[start : start + BATCH]
        )
        for pk, vector in rows.values_list("response_id", "vector"):
            found[pk] = np.frombuffer(vector, STORED).astype(np.float32)
    return found


def size_and_unit(model: RewardModel) -> tuple[int, float]:
    """How many features there are, and the typical distance of two responses: from the first
    vectors that were stored, so the same in every process. (0, 1) without any."""
    rows = ResponseFeatures.objects.filter(reward_model=model).order_by("pk")
    vectors = [np.frombuffer(v, STORED) for v in rows.values_list("vector", flat=True)[:MEASURED]]
    if len(vectors) < 2:
        return 0, 1.0
    distance = float(np.sqrt(2.0 * np.stack(vectors).astype(float).var(axis=0).sum()))
    return (len(vectors[0]), distance) if distance > 0.0 else (0, 1.0)


def forget_features(project: Project, but: RewardModel) -> None:
    """Those of models that are not in service any more."""
    rows = ResponseFeatures.objects.filter(reward_model__project=project)
    rows.exclude(reward_model=but).delete()
