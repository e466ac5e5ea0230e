"""What rests on a snapshot: runs and reward models that learnt from it. The learning side knows; it
is asked by the name in the settings, since imports run one way."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string

from labeling.models import Snapshot


@dataclass(frozen=True)
class SnapshotUse:
    """One thing that rests on the snapshot, with the address of its page."""

    words: str
    url: str = ""


def uses_of(snapshot: Snapshot) -> list[SnapshotUse]:
    tell: Callable[[Snapshot], list[SnapshotUse]] = import_string(settings.SNAPSHOT_USES)
    return tell(snapshot)
