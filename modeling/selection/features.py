"""Features of responses: what the program `score` wrote becomes rows, and rows become a matrix."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from labeling.models import Project
from modeling.models import Loop, ResponseFeatures, RewardModel

STORED = np.dtype("<f2")
BATCH = 500
# The unit of features is the typical distance among this many vectors, the first ones.
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


@dataclass(frozen=True)
class Space:
    """What vectors of one reward model are read in: how many features they have (0: none), and the
    typical distance of two responses, which is their unit. `first`: the row that it begins at.

    Whoever keeps something that was computed from vectors keeps this with it, and reads later
    vectors in it: features may be forgotten or stored anew in between."""

    features: int
    unit: float
    first: int | None = None


def vectors_of(
    model: RewardModel, responses: Collection[int], features: int
) -> dict[int, NDArray[np.float32]]:
    """Response -> its vector, where it has one of `features` numbers. A vector of another size is
    not of this space, and counts as none."""
    vectors: dict[int, NDArray[np.float32]] = {}
    ids = sorted(responses) if features else []
    for start in range(0, len(ids), BATCH):
        rows = ResponseFeatures.objects.filter(
            reward_model=model, response__in=ids[start : start + BATCH]
        )
        for pk, vector in rows.values_list("response_id", "vector"):
            if len(vector) == features * STORED.itemsize:
                vectors[pk] = np.frombuffer(vector, STORED).astype(np.float32)
    return vectors


def space_of(model: RewardModel) -> Space:
    """The space of the first vectors that were stored, so the same in every process."""
    rows = list(_vectors(model).values_list("pk", "vector")[:MEASURED])
    first = rows[0][0] if rows else None
    length = len(rows[0][1]) if rows else 0
    vectors = [np.frombuffer(v, STORED) for _, v in rows if len(v) == length]
    if len(vectors) < 2:
        return Space(0, 1.0, first)
    distance = float(np.sqrt(2.0 * np.stack(vectors).astype(float).var(axis=0).sum()))
    return Space(len(vectors[0]), distance, first) if distance > 0.0 else Space(0, 1.0, first)


def first_vector(model: RewardModel) -> int | None:
    """The row of the model's first vector; another one as soon as its features were forgotten or
    stored anew. None without features."""
    return _vectors(model).values_list("pk", flat=True).first()


def _vectors(model: RewardModel) -> QuerySet[ResponseFeatures]:
    return ResponseFeatures.objects.filter(reward_model=model).order_by("pk")


def forget_features(project: Project, but: RewardModel) -> None:
    """Deletes features of models that are not in service any more. What is in service is read in
    the same statement: a worker that saw another model there takes nothing from the one that is
    there by now."""
    in_service = Loop.objects.filter(project=project, reward_model__isnull=False)
    others = ResponseFeatures.objects.filter(reward_model__project=project)
    others = others.exclude(reward_model=but)
    others.exclude(reward_model__in=in_service.values("reward_model")).delete()
