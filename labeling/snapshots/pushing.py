"""Pushes snapshots to the hub, in the worker.

The row says how far it is. It is done when the hub has answered with its commit; whatever ends
before that is tried again, or has failed in words.
"""

import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import retried
from labeling.models import AuditEntry, Preference, Snapshot, SnapshotPush, User
from labeling.people.audit import write_entry
from labeling.preferences.beyond_text import CannotBeTexts
from labeling.preferences.shapes.files import FORMATS, json_lines
from labeling.preferences.shapes.parquet import DoesNotFit
from labeling.preferences.shapes.styles import Row
from labeling.preferences.snapshots import SnapshotDamaged, snapshot_folder
from labeling.snapshots import files, hub
from labeling.snapshots.card import DECIDED, JUDGMENTS, UNDECIDED, card_of
from labeling.snapshots.counting import count_anew
from labeling.snapshots.filters import in_public_words
from labeling.snapshots.hub import HubAway, HubRefused
from labeling.snapshots.reading import judged_rows, rows_path
from labeling.snapshots.sealing import SealBroken, seal, unseal
from labeling.snapshots.shaping import WHOLE, Shaping
from labeling.snapshots.taking import SnapshotRefused

log = logging.getLogger(__name__)
State = SnapshotPush.State

TASK = "labeling.tasks.push_snapshots"
SHARD_ROWS = 50_000
MOST_TRIES = 3
TRIED_AGAIN_AFTER = timedelta(seconds=30)
# One file may take this long on a slow line; after each the row is touched.
LEFT_ALONE_AFTER = timedelta(minutes=20)
LONGEST_TOKEN = 200
KEPT_SECONDS = 24 * 3600
PREFIX = "push-"


def push_to_hub(
    snapshot: Snapshot, actor: User, repo_id: str, *, is_private: bool = True, token: str = ""
) -> SnapshotPush:
    """Asks for the push and returns its row. Raises SnapshotRefused for what cannot work."""
    repo_id, token = repo_id.strip(), token.strip()
    problem = hub.check_repo_id(repo_id)
    if problem:
        raise SnapshotRefused("repo_id", problem)
    if hub.is_offline():
        raise SnapshotRefused("repo_id", hub.OFFLINE)
    if not token and not settings.HF_TOKEN:
        raise SnapshotRefused(
            "token", "Give a token of the hub that may write: the server has none of its own."
        )
    if len(token) > LONGEST_TOKEN or not token.isascii() or not (token or "x").isprintable():
        raise SnapshotRefused("token", "This is no token of the hub: they begin with hf_.")
    push = _ask_for(snapshot, actor, repo_id, is_private, token)
    transaction.on_commit(partial(nudge, TASK))
    return push


@retried
def _ask_for(
    snapshot: Snapshot, actor: User, repo_id: str, is_private: bool, token: str
) -> SnapshotPush:
    # Whoever deletes the snapshot, or pushes it too, waits.
    if Snapshot.objects.select_for_update().filter(pk=snapshot.pk).first() is None:
        raise SnapshotRefused("snapshot", "The snapshot was deleted meanwhile.")
    # With their own token people write where the hub lets them; the server's is everybody's.
    if not token and _is_of_another(snapshot, repo_id):
        raise SnapshotRefused(
            "token",
            f"{repo_id} was pushed by another project with the server's token. Choose another "
            "name, or give a token of yours that may write there.",
        )
    under_way = SnapshotPush.objects.filter(repo_id__iexact=repo_id, state__in=SnapshotPush.ACTIVE)
    if under_way.exists():
        raise SnapshotRefused(
            "repo_id", f"Something is being pushed to {repo_id} at the moment: wait until it ends."
        )
    push = SnapshotPush.objects.create(
        of=snapshot,
        repo_id=repo_id,
        is_private=is_private,
        sealed_token=seal(token) if token else "",
        created_by=actor,
        touched_at=timezone.now(),
    )
    write_entry(
        snapshot.project, actor, "push_snapshot", snapshot, repository=repo_id, private=is_private
    )
    return push


def _is_of_another(snapshot: Snapshot, repo_id: str) -> bool:
    """Whether another project has pushed to the repository, or is about to. Its deleted snapshots
    are in the audit log alone."""
    pushes = SnapshotPush.objects.filter(repo_id__iexact=repo_id)
    entries = AuditEntry.objects.filter(
        action="push_snapshot", details__repository__iexact=repo_id, project__isnull=False
    )
    return (
        pushes.exclude(of__project=snapshot.project_id).exists()
        or entries.exclude(project=snapshot.project_id).exists()
    )


def go_on() -> None:
    """Pushes what waits, and what was left alone by a process that has ended."""
    _remove_left_behind()
    while (push := SnapshotPush.objects.filter(_to_do()).order_by("id").first()) is not None:
        _work_on(push)


def _to_do() -> Q:
    now = timezone.now()

    def untouched_for(time: timedelta) -> Q:
        return Q(touched_at__lt=now - time) | Q(touched_at__gt=now + time)

    is_due = Q(tries=0) | untouched_for(TRIED_AGAIN_AFTER)
    return Q(state=State.WAITING) & is_due | Q(state=State.RUNNING) & untouched_for(
        LEFT_ALONE_AFTER
    )


def _work_on(push: SnapshotPush) -> None:
    """Claims it by compare-and-set and pushes it."""
    claimed = SnapshotPush.objects.filter(_to_do(), pk=push.pk).update(
        state=State.RUNNING, tries=F("tries") + 1, done=0, touched_at=timezone.now()
    )
    if not claimed:
        return
    push = SnapshotPush.objects.select_related("of__project").get(pk=push.pk)
    try:
        pushed = _push(push)
    except HubAway as fault:
        if push.tries < MOST_TRIES:
            _end(push, State.WAITING, problem=f"{fault} It is tried again.")
        else:
            _end(push, State.FAILED, problem=f"{fault} It was tried {push.tries} times.")
    except (HubRefused, SnapshotDamaged, SealBroken) as fault:
        _end(push, State.FAILED, problem=str(fault))
    except Exception as fault:
        # Its words may hold anything, so only its kind goes into the row that pages show.
        log.exception("%s failed", push)
        _end(push, State.FAILED, problem=f"Something went wrong here ({type(fault).__name__}).")
    else:
        _end(push, State.DONE, commit=pushed.commit, url=pushed.url)


@retried
def _end(
    push: SnapshotPush, state: str, *, problem: str = "", commit: str = "", url: str = ""
) -> None:
    """Writes down how it ended, unless somebody has taken it over since."""
    values = {"problem": problem[:500], "commit": commit, "url": url, "state": state}
    if state != State.WAITING:
        values["sealed_token"] = ""
    mine = SnapshotPush.objects.filter(pk=push.pk, state=State.RUNNING, tries=push.tries)
    mine.update(touched_at=timezone.now(), **values)


def _push(push: SnapshotPush) -> hub.Pushed:
    token = unseal(push.sealed_token) if push.sealed_token else settings.HF_TOKEN
    if not token:
        raise HubRefused("The server has no token of the hub any more: give one.")
    snapshot = push.of
    files.checked(rows_path(snapshot), snapshot.sha256)
    if not snapshot.counts:
        snapshot.counts = count_anew(snapshot)
        Snapshot.objects.filter(pk=snapshot.pk).update(counts=snapshot.counts)

    def tell(done: int, total: int) -> None:
        mine = SnapshotPush.objects.filter(pk=push.pk, tries=push.tries)
        mine.update(done=done, total=total, touched_at=timezone.now())

    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=snapshot_folder()) as folder:
        write_folder(snapshot, Path(folder), push.repo_id)
        tell(0, 0)
        _be_quiet()
        return hub.push_folder(
            Path(folder),
            push.repo_id,
            token,
            is_private=push.is_private,
            own=(f"{DECIDED}/", f"{UNDECIDED}/", f"{JUDGMENTS}.jsonl"),
            message=f"Snapshot {snapshot.title} ({snapshot.sha256[:12]})",
            tell=tell,
        )


def _be_quiet() -> None:
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()


def write_folder(snapshot: Snapshot, folder: Path, repo_id: str) -> None:
    """Writes what the repository is to hold: the card, the rows by split, the judgments, and a
    manifest. Parquet, unless messages hold more than its columns do."""
    ending = "parquet"
    try:
        _write_rows(snapshot, folder, ending)
    except (CannotBeTexts, DoesNotFit):
        ending = "jsonl"
        for name in (DECIDED, UNDECIDED):
            shutil.rmtree(folder / name, ignore_errors=True)
        _write_rows(snapshot, folder, ending)
    if snapshot.counts.get("judgments"):
        _write_judgments(snapshot, folder / f"{JUDGMENTS}.jsonl")
    card = card_of(snapshot, repo_id, ending)
    (folder / "README.md").write_text(card, encoding="utf-8")
    manifest = _manifest(snapshot, folder)
    (folder / hub.MANIFEST).write_text(manifest, encoding="utf-8")


def _write_rows(snapshot: Snapshot, folder: Path, ending: str) -> None:
    for name, is_decided in ((DECIDED, True), (UNDECIDED, False)):
        for split in snapshot.counts.get("decided" if is_decided else "undecided", {}):
            shaping = Shaping(
                snapshot,
                WHOLE,
                is_plain=FORMATS[ending].needs_plain,
                keeps=_keeper(split, is_decided=is_decided),
            )
            for number, rows in enumerate(_shards(shaping.rows())):
                path = folder / name / f"{split}-{number:05}.{ending}"
                path.parent.mkdir(exist_ok=True)
                with path.open("wb") as file:
                    file.writelines(FORMATS[ending].write(rows, shaping.columns))


def _keeper(split: str, *, is_decided: bool) -> Callable[[Row], bool]:
    def keeps(row: Row) -> bool:
        is_prefer = row["kind"] == Preference.Kind.PREFER
        return row["split"] == split and not row["excluded"] and is_prefer == is_decided

    return keeps


def _shards(rows: Iterator[Row]) -> Iterator[Iterator[Row]]:
    for first in rows:
        yield chain([first], islice(rows, SHARD_ROWS - 1))


def _write_judgments(snapshot: Snapshot, path: Path) -> None:
    with path.open("wb") as file:
        for row, beside in judged_rows(snapshot):
            if not row["excluded"]:
                file.writelines(json_lines([beside]))


def _manifest(snapshot: Snapshot, folder: Path) -> str:
    """What the repository was made of: the same snapshot gives the same manifest."""
    hashes = {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    facts = {
        "snapshot": snapshot.sha256,
        "name": snapshot.name,
        "preferences": snapshot.count,
        "filters": dict(in_public_words(snapshot.project, snapshot.filters)),
        "guidelines": snapshot.guidelines,
        "counts": snapshot.counts,
        "files": hashes,
    }
    return json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_left_behind() -> None:
    """Removes folders and unfinished files of processes that were killed."""
    old = time.time() - KEPT_SECONDS
    folder = snapshot_folder()
    for path in [*folder.glob(f"{PREFIX}*"), *folder.glob("*.tmp")]:
        try:
            if path.stat().st_mtime < old:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except FileNotFoundError:
            continue
