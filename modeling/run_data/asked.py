"""What a run is asked to do: the JSON in its row's `config`, a dataclass per kind of run.

`RunAsked` reads all of them, also those that an earlier version has written. The others write them,
and a run is named by a digest of what they write: names and order of their fields stay as they are,
or every project would run again what it has run. A setting that is None here is left out of the
JSON, and its program then takes its own default; so a setting that comes later changes no name of a
run that does without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from modeling.run_data.result import ONLY_IF_KNOWN, Stored, earlier


@dataclass(frozen=True, kw_only=True)
class RunAsked(Stored):
    """A run's `config`: the rows that it works with, by key, and its programs' settings. A training
    of a reward model has those beside the base model."""

    base_model: str = field(metadata=earlier(""))
    policy: int | None
    reference: int | None  # the policy that the KL is measured to
    candidate: int | None  # the policy that is compared with the current one
    reward_model: int | None
    incumbent: int | None  # the reward model that the new one is measured against
    shadow: int | None  # the reward model before the one in service
    prompts: int = field(metadata=earlier(0))  # at most
    pairs: int = field(metadata=earlier(0))  # to be compared blind
    sample: dict[str, Any] = field(metadata=earlier({}))
    train_policy: dict[str, Any] = field(metadata=earlier({}))

    @property
    def only_estimates(self) -> bool:
        """Whether it asks what best-of-n would bring, and trains nothing."""
        return self.train_policy.get("distill") is False


@dataclass(frozen=True, kw_only=True)
class TrainingAsked(Stored):
    """Of a training of a reward model: its program's settings, and who is measured beside it."""

    NO_SETTINGS: ClassVar = ("seed", "incumbent")

    base_model: str
    method: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    adapter: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    pooling: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    heads: int | None = field(default=None, metadata=ONLY_IF_KNOWN)
    members: int | None = field(default=None, metadata=ONLY_IF_KNOWN)
    bootstrap: bool | None = field(default=None, metadata=ONLY_IF_KNOWN)
    learning_curve: list[float] | None = field(default=None, metadata=ONLY_IF_KNOWN)
    learning_rate: float | None = field(default=None, metadata=ONLY_IF_KNOWN)
    epochs: int | None = field(default=None, metadata=ONLY_IF_KNOWN)
    batch_size: int | None = field(default=None, metadata=ONLY_IF_KNOWN)
    max_length: int | None = field(default=None, metadata=ONLY_IF_KNOWN)
    strength_margin: float | None = field(default=None, metadata=ONLY_IF_KNOWN)
    label_smoothing: float | None = field(default=None, metadata=ONLY_IF_KNOWN)
    ties: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    rankings: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    centering: float | None = field(default=None, metadata=ONLY_IF_KNOWN)
    seed: int | None = field(default=None, metadata=ONLY_IF_KNOWN)
    incumbent: int | None = field(default=None, metadata=ONLY_IF_KNOWN)

    @classmethod
    def settings_in(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Of a stored config what the project's settings said. Two trainings with equal ones, on
        equal preferences, are the same training."""
        return {name: value for name, value in config.items() if name not in cls.NO_SETTINGS}


@dataclass(frozen=True, kw_only=True)
class SampleAsked(Stored):
    """For the program `sample`. A comparison names its policies when it begins."""

    temperature: float
    top_p: float
    max_new_tokens: int
    policy: str | None = field(default=None, metadata=ONLY_IF_KNOWN)  # a location
    n: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class SamplingAsked(Stored):
    """Of a run that samples responses of the current policy. What `reward_model` says of them
    decides what is queued; `shadow` reads them beside it."""

    prompts: int  # at most
    reward_model: int | None
    sample: SampleAsked
    shadow: int | None = field(default=None, metadata=ONLY_IF_KNOWN)


@dataclass(frozen=True, kw_only=True)
class RankingAsked(Stored):
    """Of a run that puts the queue in order."""

    reward_model: int
    shadow: int | None = field(default=None, metadata=ONLY_IF_KNOWN)


@dataclass(frozen=True, kw_only=True)
class TrainPolicyAsked(Stored):
    """For the program `train_policy`, when a policy is to be made."""

    algorithm: str
    kl_coefficient: float
    kl_budget: float | None
    temperature: float
    max_new_tokens: int
    aggregate: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    uwo_weight: float | None = field(default=None, metadata=ONLY_IF_KNOWN)
    adapter: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    kl_estimator: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    steps: int | None = field(default=None, metadata=ONLY_IF_KNOWN)
    kl_target: float | None = field(default=None, metadata=ONLY_IF_KNOWN)
    best_of: int | None = field(default=None, metadata=ONLY_IF_KNOWN)
    pool_prompts: int | None = field(default=None, metadata=ONLY_IF_KNOWN)
    length_ratio: float  # the guard's limits, kept within the run
    length_start: float | None
    variance_ratio: float
    seed: int | None = field(default=None, metadata=ONLY_IF_KNOWN)


@dataclass(frozen=True, kw_only=True)
class EstimateAsked(Stored):
    """For the program `train_policy`, when it only estimates what the best of n would bring."""

    temperature: float
    max_new_tokens: int
    aggregate: str | None = field(default=None, metadata=ONLY_IF_KNOWN)
    uwo_weight: float | None = field(default=None, metadata=ONLY_IF_KNOWN)
    algorithm: str
    best_of: int
    pool_prompts: int
    distill: bool = False
    seed: int | None = field(default=None, metadata=ONLY_IF_KNOWN)


@dataclass(frozen=True, kw_only=True)
class ImprovementAsked(Stored):
    """Of a run that improves a policy, or estimates what that would bring."""

    train_policy: TrainPolicyAsked | EstimateAsked
    prompts: int  # at most
    policy: int
    reference: int  # the policy that the KL is measured to
    reward_model: int | None


@dataclass(frozen=True, kw_only=True)
class ComparisonAsked(Stored):
    """Of a run in which two policies answer the same prompts."""

    pairs: int  # to be compared blind, at most
    candidate: int
    reward_model: int | None
    sample: SampleAsked | None = field(default=None, metadata=ONLY_IF_KNOWN)
