"""Settings and result of `train_policy`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from modeling.run_data import shared
from modeling.run_data.config import FILE, ConfigRefused, RunConfig
from modeling.run_data.declared import declared
from modeling.run_data.limits import FLAG, TEXT, Limit, number, one_of, or_null, texts, whole
from modeling.run_data.result import ONLY_IF_KNOWN, RunResult, earlier
from modeling.settings.declaring import LearningProgram

ALGORITHMS = ("ppo", "rloo", "best_of_n", "dpo")
ONLINE = ("ppo", "rloo")

LIMITS: dict[str, Limit] = (
    shared.LIMITS
    | declared(LearningProgram.TRAIN_POLICY)
    | {
        "algorithm": one_of(*ALGORITHMS),
        "policy": TEXT,
        "reference": or_null(TEXT),
        "reward_models": texts(),
        "normalise": FLAG,
        "kl_horizon": whole(),
        "length_ratio": or_null(number(above=1)),
        "length_start": or_null(number(above=0)),
        "variance_ratio": or_null(number(above=1)),
        "prompts_per_step": whole(),
        "responses_per_prompt": whole(),
        "inner_epochs": or_null(whole()),
        "minibatches": whole(),
        "learning_rate": or_null(number(above=0)),
        "value_learning_rate": or_null(number(above=0)),
        "warmup": number(least=0, below=1),
        "schedule": one_of(*shared.SCHEDULES),
        "max_grad_norm": number(above=0),
        "clip": number(above=0),
        "value_clip": number(above=0),
        "gamma": number(least=0, most=1),
        "gae_lambda": number(least=0, most=1),
        "whiten": or_null(FLAG),
        "missing_end_penalty": number(least=0),
        "distill": FLAG,
        "pool_prompts": whole(),
        "epochs": or_null(whole()),
        "batch_size": whole(),
        "label_smoothing": number(least=0, below=0.5),
        "eval_prompts": whole(),
        "eval_responses": whole(),
        "lora_rank": whole(),
        "seed": whole(0),
        "attention": one_of(*(way for way in shared.ATTENTION if way != "alone")),
        "batch_tokens": or_null(whole()),
        "cache_tokens": whole(),
        "checkpoint_seconds": number(least=0),
        "dtype": one_of(*shared.DTYPES),
    }
)


@dataclass(frozen=True, kw_only=True)
class TrainPolicyConfig(RunConfig):
    limits: ClassVar[Mapping[str, Limit]] = LIMITS

    algorithm: str  # "ppo", "rloo", "best_of_n" or "dpo"
    policy: str  # a folder or a Hub id
    reference: str | None = None  # what the KL is measured to; None: the policy as it was
    reward_models: tuple[str, ...] = ()  # folders; "dpo" can do without
    aggregate: str = "mean"  # how several members become one reward: "mean", "wco", "uwo"
    uwo_weight: float = shared.UWO_WEIGHT  # of the members' variance in "uwo"
    normalise: bool = True  # rewards: mean 0 and deviation 1 over what the reference writes
    kl_coefficient: float = 0.1  # beta, also DPO's
    kl_estimator: str = "k1"
    kl_target: float | None = None  # nats; with one the coefficient adapts
    kl_horizon: int = 2000  # responses over which it adapts
    kl_budget: float | None = None  # nats; beyond it the run stops
    length_ratio: float | None = None  # as does a change of the mean length by this factor
    length_start: float | None = None  # tokens; None: as long as the policy wrote before
    variance_ratio: float | None = None  # as does a growth of the members' variance by this factor
    steps: int = 40  # updates of "ppo" and "rloo"
    prompts_per_step: int = 16
    responses_per_prompt: int = 4
    inner_epochs: int | None = None  # passes over each step's responses; None: ppo 2, rloo 1
    minibatches: int = 1  # optimiser steps per pass
    learning_rate: float | None = None  # None: by model size and algorithm
    value_learning_rate: float | None = None  # None: by model size
    warmup: float = 0.05  # part of all steps
    schedule: str = "constant"  # or "linear"; both after the warm-up
    max_grad_norm: float = 1.0
    clip: float = 0.2
    value_clip: float = 0.2
    gamma: float = 1.0
    gae_lambda: float = 0.95
    whiten: bool | None = None  # advantages; None: ppo yes, rloo no
    missing_end_penalty: float = 1.0  # taken off the reward of a response that was cut off
    best_of: int = 16  # responses per prompt of "best_of_n"
    distill: bool = True  # "best_of_n": train on the best; False: only estimate the gain
    pool_prompts: int = 256  # of "best_of_n", at most
    epochs: int | None = None  # passes of "best_of_n" and "dpo"; None: 2 (tiny: 4) and 1
    batch_size: int = 16  # of "best_of_n" and "dpo"
    label_smoothing: float = 0.0  # "dpo": share of the judgments taken to be the wrong way round
    temperature: float = 1.0
    max_new_tokens: int = 256
    eval_prompts: int = 64  # held out, for the figures before and after
    eval_responses: int = 2  # per held-out prompt
    adapter: str = "none"  # or "lora"
    lora_rank: int = 16
    seed: int = 0
    attention: str = "auto"  # how prompts are shared: "shared", "flex", "padded"
    batch_tokens: int | None = None  # in one forward pass; None: by device
    cache_tokens: int = 16384  # held at once while sampling
    smaller_passes: bool = False  # half of both, after memory ran out
    max_length: int | None = None  # prompt and response together; None: the model's, at most 2,048
    template_date: str = shared.DEFAULT_DATE  # what a chat template prints as today's date
    checkpoint_seconds: float = 30
    dtype: str = "auto"
    device: str = "auto"
    threads: int | None = None

    @property
    def is_online(self) -> bool:
        """Whether it learns from responses that it draws on the way."""
        return self.algorithm in ONLINE

    def check_together(self) -> None:
        if self.algorithm != "dpo" and not self.reward_models:
            raise ConfigRefused(
                f"The algorithm {self.algorithm!r} needs a reward model.",
                where=f"{FILE}: reward_models",
                hint='Name at least one folder, or use "dpo", which learns from preferences.',
            )
        if self.algorithm == "rloo" and self.responses_per_prompt < 2:
            raise ConfigRefused(
                "RLOO compares the responses of a prompt: it needs at least two.",
                where=f"{FILE}: responses_per_prompt",
                hint="Set it to 4, or use ppo.",
            )
        if self.algorithm == "dpo" and self.kl_coefficient == 0:
            raise ConfigRefused(
                "DPO has no loss with a KL coefficient of 0.",
                where=f"{FILE}: kl_coefficient",
                hint="Set it to 0.1; lower values let the policy go further.",
            )


@dataclass(frozen=True, kw_only=True)
class TrainPolicyResolved(TrainPolicyConfig):
    """The settings with what each null stood for, once model and device are known."""

    reference: str = field()
    learning_rate: float = field()
    value_learning_rate: float = field()
    inner_epochs: int = field()
    epochs: int = field()
    whiten: bool = field()
    batch_tokens: int = field()
    max_length: int = field()
    threads: int = field()


@dataclass(frozen=True, kw_only=True)
class TrainPolicyResult(RunResult):
    """Of a run that only estimates what best-of-n would bring. Its figures are of held-out
    prompts."""

    algorithm: str = field(metadata=earlier(""))
    prompts: int = field(metadata=earlier(0))  # to train on
    held_out_prompts: int = field(metadata=earlier(0))
    reward_before: float | None
    reward_std_before: float | None  # over the responses
    reward_variance_before: float | None  # over the reward model's members
    kl_before: float | None  # nats per response
    length_before: float | None  # tokens
    ended_share_before: float | None
    reward_mean_reference: float | None  # of what the reference writes
    reward_std_reference: float | None
    best_of_n: list[dict[str, Any]] | None = field(default=None, metadata=ONLY_IF_KNOWN)
    steps: int = field(metadata=earlier(0))
    stopped: dict[str, Any] | None  # {"reason", "step"}; null: all steps were taken
    model_dir: str | None  # null: no policy was made
    truncated: int = field(metadata=earlier(0))  # prompts
    left_out: list[dict[str, Any]] = field(metadata=earlier([]))  # {"line", "id", "reason"}
    data_sha256: str = field(metadata=earlier(""))
    versions: dict[str, str] = field(metadata=earlier({}))  # of torch and transformers


@dataclass(frozen=True, kw_only=True)
class TrainedPolicyResult(TrainPolicyResult):
    """Of a run that has made a policy."""

    reward_after: float | None
    reward_std_after: float | None
    reward_variance_after: float | None
    kl_after: float | None
    length_after: float | None
    ended_share_after: float | None
    kl: float | None  # of the exported policy to the reference, nats
    kl_error: float | None  # its standard error
    ended_share: float | None
    kl_coefficient: float | None  # at the end
    export_max_error: float | None  # of the saved policy's log-probabilities
    exported: dict[str, Any] | None  # {"step", "reason"}: whose weights are in model/
