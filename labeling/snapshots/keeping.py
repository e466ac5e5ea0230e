"""Gives a training's snapshot a name, and deletes one that was taken by hand."""

from django.db import connection, transaction

from labeling.database.transactions import retried
from labeling.models import Project, Snapshot, SnapshotPush, User
from labeling.people.audit import write_entry
from labeling.snapshots import files
from labeling.snapshots.taking import SnapshotRefused, check_name
from labeling.snapshots.uses import uses_of


@retried
def give_name(snapshot: Snapshot, actor: User, name: str) -> None:
    """Names a snapshot that has no name. Raises SnapshotRefused."""
    name = name.strip()
    Project.objects.select_for_update(no_key=True).filter(pk=snapshot.project_id).first()
    snapshot.refresh_from_db(fields=["name"])
    if snapshot.name:
        raise SnapshotRefused("name", f"It has a name already: “{snapshot.name}”.")
    check_name(snapshot.project, name)
    Snapshot.objects.filter(pk=snapshot.pk).update(name=name)
    snapshot.name = name
    write_entry(snapshot.project, actor, "name_snapshot", snapshot, name=name)


def why_not_delete(snapshot: Snapshot) -> str:
    """Why it has to stay; empty where it may go."""
    if not snapshot.is_by_hand:
        return "It was taken for a training, and says what was learnt from."
    uses = uses_of(snapshot)
    if uses:
        return f"{uses[0].words} rests on it."
    if snapshot.pushes.filter(state__in=SnapshotPush.ACTIVE).exists():
        return "It is being pushed to the hub at the moment."
    return ""


def delete_snapshot(snapshot: Snapshot, actor: User) -> None:
    """Removes the row and then its files. Raises SnapshotRefused."""
    with files.changing_files():
        names = _delete_row(snapshot, actor)
        if connection.in_atomic_block:
            transaction.on_commit(lambda: files.remove_unused(names))
        else:
            files.remove_unused(names)


@retried
def _delete_row(snapshot: Snapshot, actor: User) -> list[tuple[str, str]]:
    # A push that begins takes this lock, too.
    Snapshot.objects.select_for_update().filter(pk=snapshot.pk).first()
    reason = why_not_delete(snapshot)
    if reason:
        raise SnapshotRefused("snapshot", f"The snapshot cannot be deleted. {reason}")
    own = [(sha256, files.JSONL) for sha256 in (snapshot.sha256, snapshot.votes_sha256)]
    made = [
        (sha256, files.ending_of(name))
        for sha256, name in snapshot.files.values_list("sha256", "name")
    ]
    write_entry(
        snapshot.project, actor, "delete_snapshot", snapshot,
        name=snapshot.name, sha256=snapshot.sha256, preferences=snapshot.count,
    )  # fmt: skip
    snapshot.delete()
    return own + made
