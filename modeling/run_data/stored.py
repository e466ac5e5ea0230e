"""What runs came to: JSON in rows of the web app. What they were asked is in asked.py."""

from dataclasses import dataclass, field
from typing import Any

from modeling.run_data.result import Stored, earlier, part
from modeling.run_data.train_policy import TrainedPolicyResult
from modeling.run_data.train_reward import TrainRewardResult

Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Evaluation(Stored):
    """How good a reward model is, from what its run left behind
    (modeling/reward_models/evaluating.py). All fields are empty where nothing was held out."""

    split: str = field(metadata=earlier(""))  # what the figures are of
    accuracy: Figures = field(metadata=earlier({}))  # {"value", "low", "high", "n"}
    slices: dict[str, list[Figures]] = field(metadata=earlier({}))
    newest: Figures = field(metadata=earlier({}))  # random pairs of the newest round
    calibration: Figures = field(metadata=earlier({}))
    length: Figures = field(metadata=earlier({}))
    margins: Figures = field(metadata=earlier({}))
    agreement: Figures = field(metadata=earlier({}))  # of labelers with each other
    contradicted: list[Figures] = field(metadata=earlier([]))  # preferences that it denies

    @property
    def temperature(self) -> float | None:
        """The temperature that makes rewards into probabilities. None where too little was held out
        to fit one."""
        temperature = self.calibration.get("temperature")
        return float(temperature) if temperature else None


@dataclass(frozen=True, kw_only=True)
class RewardModelFigures(TrainRewardResult):
    """The `results` of a reward model: those of its training, and what was measured since."""

    evaluation: Evaluation = field(metadata=part(Evaluation))
    gate: Figures = field(metadata=earlier({}))  # {"passed", "reason", "checks"}

    @property
    def heads(self) -> int:
        return int(self.config.get("heads") or 1)


@dataclass(frozen=True, kw_only=True)
class PolicyFigures(TrainedPolicyResult):
    """The `results` of a policy, copied from its training. Empty for one that was registered."""

    @property
    def why_stopped(self) -> str:
        """The sentence with which its training stopped itself; "" where it did not."""
        stopped: Any = self.stopped  # once a bare sentence
        return str(stopped.get("reason") or "") if isinstance(stopped, dict) else stopped or ""


@dataclass(frozen=True, kw_only=True)
class RunFigures(Stored):
    """The `results` of a run of any kind: what its worker has added. Beside it stand the figures of
    its program, or of each of its stages under the stage's name."""

    comparisons: int | None  # that were queued
    prompts: int | None  # that they are of; of a training those that it had
    policy: int | None  # the version that was made
    ranked: int | None  # comparisons that were put in order
    gold: Figures | None  # the demo oracle's mean scores
    best_of_n: list[Figures] = field(metadata=earlier([]))
