"""The steps of a project's loop, by name, and how the next one is told to people."""

from dataclasses import dataclass
from enum import StrEnum

from modeling.models import Run


class StepKind(StrEnum):
    """What the loop does next. Those in `DUE` are done by the loop at once."""

    GATE = "gate"
    OPEN_ROUND = "open_round"
    SAMPLE = "sample"
    RANK = "rank"
    START_LABELING = "start_labeling"
    TRAIN = "train"
    START_GATING = "start_gating"
    START_IMPROVING = "start_improving"
    IMPROVE = "improve"
    CHECK_CANDIDATE = "check_candidate"
    START_COMPARING = "start_comparing"
    COMPARE = "compare"
    CLOSE_ROUND = "close_round"
    RUNNING = "running"
    LABEL = "label"
    OFF = "off"
    NEEDS_MODEL = "needs_model"
    NEEDS_MATERIAL = "needs_material"
    STUCK = "stuck"


DUE = frozenset(
    {
        StepKind.GATE,
        StepKind.OPEN_ROUND,
        StepKind.SAMPLE,
        StepKind.RANK,
        StepKind.START_LABELING,
        StepKind.TRAIN,
        StepKind.START_GATING,
        StepKind.START_IMPROVING,
        StepKind.IMPROVE,
        StepKind.CHECK_CANDIDATE,
        StepKind.START_COMPARING,
        StepKind.COMPARE,
        StepKind.CLOSE_ROUND,
    }
)


@dataclass(frozen=True)
class NextStep:
    """What happens next, in words for people. `needed` 0: there is nothing to count."""

    kind: StepKind
    text: str
    done: int = 0
    needed: int = 0
    run: Run | None = None

    @property
    def is_due(self) -> bool:
        return self.kind in DUE
