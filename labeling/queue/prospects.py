"""Whether new comparisons are on their way to a project. The learning side knows; it is asked by
the name in the settings, since imports run one way."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.utils.module_loading import import_string

from labeling.models import Project


class Coming(StrEnum):
    """What new comparisons wait for. `NOTHING`: none come unless somebody adds some."""

    WRITING = "writing"  # they are being written, or will be as soon as a worker is free
    LEARNING = "learning"  # a training goes first; they are written after it
    ORDERING = "ordering"  # the queue is put in order first
    SOON = "soon"  # the loop does something about it within seconds
    STUCK = "stuck"  # the last attempt brought none, and none follows by itself
    NOTHING = "nothing"


@dataclass(frozen=True)
class Prospect:
    """How far new comparisons are. `progress` and `seconds_left` are those of the run that is
    waited for."""

    coming: Coming = Coming.NOTHING
    has_run: bool = False
    is_queued: bool = False
    progress: float = 0.0
    seconds_left: float | None = None


def prospect_of(project: Project) -> Prospect:
    tell: Callable[[Project], Prospect] = import_string(settings.PROSPECTS)
    return tell(project)
