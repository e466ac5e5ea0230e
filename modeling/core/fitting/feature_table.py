"""The features of all texts of a run, kept in checkpoint/features/ while they are read.

The trunk is frozen, so a text is read once; a run that is cancelled or killed goes on behind the
last shard that is whole. The table itself is held in memory: N texts, L layers and two readings of
width D take N * L * 2 D * 4 bytes (10,000 texts, 6 layers of 896: 430 MB).
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from modeling.core.program.checkpoint import UNREADABLE
from modeling.core.program.files import write_atomically
from modeling.core.reading.features import Readout, read_features
from modeling.core.reading.reader import Group, Reader
from modeling.core.reward.state import identity
from modeling.core.reward.training import Training
from modeling.core.texts.equal_rows import once

SHARD_TEXTS = 64  # what an interrupted run may have to read again


def read_table(training: Training, readout: Readout) -> Tensor:
    """Read the features (N, L, E) of the run's texts, group after group, or load them from
    shards."""
    run, encoded = training.setup.run, training.data.encoded
    folder = run.path / "checkpoint" / "features"
    folder.mkdir(parents=True, exist_ok=True)
    digest = digest_of(training, readout)
    by_group = [torch.empty(0)] * len(encoded)
    done, total = 0, sum(len(texts) for texts in encoded)
    batches = training.reader.batches(encoded, training.setup.memory.batch_tokens)
    for number, shard in enumerate(shards(batches, encoded)):
        groups = [at for batch in shard for at in batch]
        sizes = [len(encoded[at]) for at in groups]
        file = folder / f"{number}.pt"
        features = load_shard(file, digest, sum(sizes))
        if features is None:
            features = read_batches(training.reader, encoded, shard, readout, run.check_cancelled)
            keep_shard(file, digest, features)
        for at, part in zip(groups, features.split(sizes), strict=True):
            by_group[at] = part
        done += sum(sizes)
        run.progress(done, total, "responses", "reading")
        run.check_cancelled()
    return torch.cat(by_group)


def shards(batches: Iterator[list[int]], encoded: Sequence[Group]) -> Iterator[list[list[int]]]:
    """Gather batches of group numbers until they hold about SHARD_TEXTS texts."""
    shard: list[list[int]] = []
    texts = 0
    for batch in batches:
        shard.append(batch)
        texts += sum(len(encoded[at]) for at in batch)
        if texts >= SHARD_TEXTS:
            yield shard
            shard, texts = [], 0
    if shard:
        yield shard


@torch.no_grad()
def read_batches(
    reader: Reader,
    encoded: Sequence[Group],
    batches: Sequence[list[int]],
    readout: Readout,
    each_batch: Callable[[], None] = lambda: None,
) -> Tensor:
    """Read the features (R, L, E) of some batches, on the CPU, batch after batch."""
    parts = []
    for batch in batches:
        each_batch()
        left, places = once([encoded[at] for at in batch])
        features = read_features(reader.model, reader.way, left, readout).cpu()
        parts.append(features[places])
    return torch.cat(parts)


def digest_of(training: Training, readout: Readout) -> str:
    """Hash what the features depend on: the run's data and settings, and what is read."""
    named = sorted(identity(training, "features").items())
    budget = training.setup.memory.batch_tokens  # it decides which texts lie in which shard
    return hashlib.sha256(f"{named}{readout}{budget}".encode()).hexdigest()


def keep_shard(file: Path, digest: str, features: Tensor) -> None:
    """Write a shard with its own hash: numbers that were damaged on the disk are still numbers."""
    shard = {"of": digest, "features": features, "sha256": sha256_of_tensor(features)}
    write_atomically(file, lambda out: torch.save(shard, out))


def sha256_of_tensor(features: Tensor) -> str:
    return hashlib.sha256(features.contiguous().numpy().tobytes()).hexdigest()


def load_shard(file: Path, digest: str, texts: int) -> Tensor | None:
    """Load a shard; None for one that is not there, damaged, or of another run."""
    try:
        shard = torch.load(file, weights_only=True)
        features: Tensor = shard["features"]
        as_written = shard["sha256"] == sha256_of_tensor(features)
    except UNREADABLE:
        return None
    return features if as_written and shard["of"] == digest and len(features) == texts else None
