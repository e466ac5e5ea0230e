"""Settings and result of `train_reward`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from modeling.run_data import shared
from modeling.run_data.config import FILE, ConfigRefused, RunConfig
from modeling.run_data.declared import declared
from modeling.run_data.limits import (
    FLAG,
    TEXT,
    Limit,
    is_number,
    is_whole,
    number,
    one_of,
    or_null,
    whole,
)
from modeling.run_data.result import RunResult, earlier
from modeling.settings.declaring import LearningProgram

CHECKPOINTING = ("auto", "on", "off")


def is_curve(value: Any) -> bool:
    """Ascending parts of the whole, each once."""
    if not isinstance(value, list | tuple) or not all(is_number(v) and 0 < v < 1 for v in value):
        return False
    return list(value) == sorted(set(value))


LIMITS: dict[str, Limit] = (
    shared.LIMITS
    | declared(LearningProgram.TRAIN_REWARD)
    | {
        "base_model": TEXT,
        "epochs": or_null(whole()),
        "learning_rate": or_null(number(above=0)),
        "seed": whole(0),
        "batch_tokens": or_null(whole()),
        "attention": one_of(*shared.ATTENTION),
        "patience": whole(),
        "min_dev": whole(),
        "eval_every": number(above=0),
        "schedule": one_of(*shared.SCHEDULES),
        "warmup": number(least=0, below=1),
        "weight_decay": number(least=0),
        "max_grad_norm": number(above=0),
        "tie_weight": or_null(number(least=0)),
        "layer": Limit(
            '"auto" or a whole number from 0', lambda v: v == "auto" or (is_whole(v) and v >= 0)
        ),
        "lora_rank": whole(),
        "lora_alpha": or_null(whole()),
        "learning_curve": Limit("a list of ascending numbers between 0 and 1", is_curve),
        "gradient_checkpointing": one_of(*CHECKPOINTING),
        "compile": FLAG,
        "checkpoint_seconds": number(least=0),
        "token_cache": or_null(TEXT),
        "dtype": one_of(*shared.DTYPES),
    }
)


@dataclass(frozen=True, kw_only=True)
class TrainRewardConfig(RunConfig):
    limits: ClassVar[Mapping[str, Limit]] = LIMITS

    base_model: str  # a folder or a Hub id
    seed: int = 0
    epochs: int | None = None  # at most; None: by model size and data
    learning_rate: float | None = None  # None: by model size
    batch_size: int = 16  # comparisons per optimiser step
    batch_tokens: int | None = None  # per forward pass, a batch is cut to fit; None: by device
    smaller_passes: bool = False  # half of that, after memory ran out
    attention: str = "auto"  # how prompts are shared: "shared", "flex", "padded", "alone"
    max_length: int | None = None  # tokens per text; None: the model's, at most 2,048
    template_date: str = shared.DEFAULT_DATE  # what a chat template prints as today's date
    patience: int = 4  # evaluations without a lower dev loss before the run stops
    min_dev: int = 200  # with fewer dev comparisons their loss is mostly luck: no early stop on it
    eval_every: float = 0.5  # up to 1: part of an epoch; above: steps
    schedule: str = "linear"  # or "constant"; both after the warm-up
    warmup: float = 0.1  # part of all steps
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    strength_margin: float = 0.0  # margin in the loss per unit of a preference's strength
    label_smoothing: float = 0.0  # share of the judgments taken to be the wrong way round
    ties: str = "half"  # a tie is a target of 0.5, or an outcome of its own: "davidson"
    tie_weight: float | None = None  # of "davidson"; None: from the share of ties in the train data
    centering: float = 0.0  # times (r_i + r_j)^2; 0.01 keeps rewards around zero
    rankings: str = "pairs"  # or "plackett_luce" where a prompt's comparisons are a whole ranking
    method: str = "finetune"  # or "frozen": a head on features of the model as it is, in minutes
    pooling: str = "last"  # where a reward is read: the last token, or the response's "mean"
    layer: int | str = "auto"  # of "frozen": a number, or chosen by cross-validation
    adapter: str = "none"  # "lora": a few weights beside the frozen model; "qlora": it in 4 bit
    lora_rank: int = 16
    lora_alpha: int | None = None  # the change is multiplied by alpha / rank; None: twice the rank
    heads: int = 1  # bootstrap heads on one trunk; their mean is the model
    members: int = 1  # models trained one after another
    bootstrap: bool = True  # of members: all but the first see one; False: all see everything
    learning_curve: tuple[float, ...] = ()  # parts of the train prompts to train on besides
    gradient_checkpointing: str = "auto"  # "on", "off", or when memory runs out
    compile: bool = False  # torch.compile of norms and MLPs
    checkpoint_seconds: float = 30
    token_cache: str | None = None  # a folder in which runs share what they have tokenised
    dtype: str = "auto"
    device: str = "auto"
    threads: int | None = None

    def check_together(self) -> None:
        if self.heads > 1 and self.members > 1:
            raise ConfigRefused(
                "The run asks for several heads and several members at once.",
                where=f"{FILE}: heads, members",
                hint="Heads are cheap and share their trunk, members are dear and independent: "
                "choose one of the two.",
            )
        if self.method == "frozen" and self.adapter != "none":
            raise ConfigRefused(
                "A frozen model has no use for adapters.",
                where=f"{FILE}: method, adapter",
                hint='Leave "adapter" out, or fine-tune.',
            )


@dataclass(frozen=True, kw_only=True)
class TrainRewardResolved(TrainRewardConfig):
    """The settings with what each null stood for, once model, data and device are known."""

    epochs: int = field()
    learning_rate: float = field()
    batch_tokens: int = field()
    max_length: int = field()
    lora_alpha: int = field()
    threads: int = field()


@dataclass(frozen=True, kw_only=True)
class TrainRewardResult(RunResult):
    # Of each split: {"value", "low", "high", …} by prompts; none for a split of nothing but ties.
    accuracy: dict[str, dict[str, float]] = field(metadata=earlier({}))
    loss: dict[str, float] = field(metadata=earlier({}))  # of each split
    counts: dict[str, int] = field(metadata=earlier({}))  # comparisons of each split
    prompts: int | None
    headline_split: str = field(metadata=earlier(""))  # what the figures below are of
    margin: float | None  # mean reward of chosen over rejected
    reward_mean: float | None
    reward_std: float | None
    longer_wins_accuracy: float | None  # of "the longer response is better"
    members: list[str] = field(metadata=earlier([]))  # their folders, the model's own among them
    trainings: list[dict[str, Any]] = field(metadata=earlier([]))
    learning_curve: list[dict[str, Any]] = field(metadata=earlier([]))
    steps: int | None
    best_step: int | None
    epochs_done: int | None
    parity_max_error: float | None  # of the saved model's rewards
    frozen: dict[str, Any] | None  # what a head on frozen features reads
    export: dict[str, Any] = field(metadata=earlier({}))  # {"plain", "reason"}
    truncated: int = field(metadata=earlier(0))  # texts
    left_out: list[dict[str, Any]] = field(metadata=earlier([]))  # {"line", "id", "reason"}
    same_to_model: dict[str, int] = field(metadata=earlier({}))  # pairs that are the same tokens
    base_model: str = field(metadata=earlier(""))
    model_dir: str = field(metadata=earlier("model"))
    data_sha256: str = field(metadata=earlier(""))
    versions: dict[str, str] = field(metadata=earlier({}))  # of torch and transformers
