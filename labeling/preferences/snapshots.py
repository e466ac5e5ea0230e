"""Immutable, hashed sets of preferences: what a run trained on, kept as a file that never changes.

The file's name is its SHA-256, so that the same preferences are one file and one row, and any
change to it can be seen.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from labeling.models import Preference, Project, Snapshot
from labeling.preferences.settling import settled
from labeling.texts.messages import text_or_message
from labeling.webhooks import events

READ_ROWS = 1000


class SnapshotDamaged(RuntimeError):
    """The file is gone, or is not the one that was written."""


def take_snapshot(project: Project) -> Snapshot:
    """Writes down the preferences that a reward model can learn from, and returns their snapshot:
    the one that exists, if nothing has changed since.

    Both-bad preferences are left out, since they do not say which response is better. Contested
    pairs are in as ties. Curators' exclusions are left out.
    """
    folder = snapshot_folder()
    folder.mkdir(parents=True, exist_ok=True)
    # Everything up to here, and nothing that is settled while this runs.
    newest = settled(project).order_by("-settled_at").values_list("settled_at", flat=True).first()
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
        temporary = Path(file.name)
        try:
            sha256, count = _write(file, _lines(project, newest))
            file.flush()
            os.fsync(file.fileno())
            move_into_place(temporary, folder / f"{sha256}.jsonl")
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    with transaction.atomic():
        snapshot, is_new = Snapshot.objects.get_or_create(
            project=project,
            sha256=sha256,
            origin=Snapshot.Origin.TRAINING,
            defaults={"count": count, "last_settled_at": newest},
        )
        if is_new:
            events.snapshot_taken(project, snapshot)
    return snapshot


def snapshot_path(snapshot: Snapshot) -> Path:
    return snapshot_folder() / f"{snapshot.sha256}.jsonl"


def verify(snapshot: Snapshot) -> Path:
    """The snapshot's file, if it still is what was written. Raises SnapshotDamaged."""
    path = snapshot_path(snapshot)
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise SnapshotDamaged(f"{snapshot} has lost its file {path}: take a new one.") from None
    if sha256 != snapshot.sha256:
        raise SnapshotDamaged(f"{path} was changed after it was written: take a new snapshot.")
    return path


def snapshot_folder() -> Path:
    return Path(settings.DATA_DIR) / "snapshots"


def move_into_place(temporary: Path, path: Path) -> None:
    """Gives the file its final name in one step, so that a file of that name is always whole."""
    os.chmod(temporary, 0o444)
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(file: Any, lines: Iterable[bytes]) -> tuple[str, int]:
    digest = hashlib.sha256()
    count = 0
    for line in lines:
        file.write(line)
        digest.update(line)
        count += 1
    return digest.hexdigest(), count


def _lines(project: Project, newest: datetime | None) -> Iterator[bytes]:
    """Canonical JSON in id order: the same preferences are the same bytes everywhere."""
    if newest is None:
        return
    rows = (
        settled(project)
        .filter(settled_at__lte=newest)
        .exclude(kind=Preference.Kind.BOTH_BAD)
        .order_by("id")
        .values(
            "id", "prompt__messages", "prompt__extra", "chosen__text", "chosen__extra",
            "rejected__text", "rejected__extra", "kind", "target", "strength", "weight", "split",
            "arm", "round_number",
        )
    )  # fmt: skip
    after = 0
    while page := list(rows.filter(id__gt=after)[:READ_ROWS]):
        for values in page:
            row = json.dumps(
                _row(values), ensure_ascii=False, sort_keys=True, separators=(",", ":")
            )
            yield row.encode() + b"\n"
        after = page[-1]["id"]


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    """A line of `preferences.jsonl`, the input of modeling/core/train_reward.py."""
    return {
        "id": str(values["id"]),
        "prompt": values["prompt__messages"],
        **values["prompt__extra"],
        "chosen": text_or_message(values["chosen__text"], values["chosen__extra"]),
        "rejected": text_or_message(values["rejected__text"], values["rejected__extra"]),
        "target": float(values["target"]),
        "weight": float(values["weight"]),
        "strength": values["strength"],
        "split": values["split"],
        "arm": values["arm"],
        "round": values["round_number"],
    }
