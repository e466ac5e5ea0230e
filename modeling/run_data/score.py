"""Settings and result of `score`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from modeling.run_data import shared
from modeling.run_data.config import RunConfig
from modeling.run_data.declared import declared
from modeling.run_data.limits import FLAG, Limit, one_of, or_null, texts, whole
from modeling.run_data.result import RunResult, earlier
from modeling.settings.declaring import LearningProgram

# No run of the loop is told these two, but who scores by hand may use them.
AGGREGATION = ("aggregate", "uwo_weight")
LIMITS: dict[str, Limit] = (
    shared.LIMITS
    | {name: declared(LearningProgram.TRAIN_POLICY)[name] for name in AGGREGATION}
    | {
        "reward_models": texts(least=1),
        "features": FLAG,
        "batch_tokens": or_null(whole()),
        "attention": one_of(*shared.ATTENTION),
    }
)


@dataclass(frozen=True, kw_only=True)
class ScoreConfig(RunConfig):
    limits: ClassVar[Mapping[str, Limit]] = LIMITS

    reward_models: tuple[str, ...]  # folders or Hub ids
    aggregate: str = "mean"  # of the members: "mean", "wco" (the lowest), "uwo" (less variance)
    uwo_weight: float = shared.UWO_WEIGHT  # times the variance
    features: bool = False  # write features.npy as well
    batch_tokens: int | None = None  # tokens per forward pass; None: by device
    smaller_passes: bool = False  # half of that, after memory ran out
    attention: str = "auto"  # how prompts are shared: "shared", "flex", "padded", "alone"
    max_length: int | None = None  # tokens per text; None: the model's, at most 2,048
    template_date: str = shared.DEFAULT_DATE  # what a chat template prints as today's date
    device: str = "auto"
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class ScoreResult(RunResult):
    count: int = field(metadata=earlier(0))  # responses that have a score
    truncated: int = field(metadata=earlier(0))
    left_out: list[dict[str, Any]] = field(metadata=earlier([]))  # {"line", "id", "reason"}
