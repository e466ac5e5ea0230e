"""The choices among the loop's settings, each with its words. Pure: programs know them."""

from enum import StrEnum
from typing import Self


class SettingChoice(StrEnum):
    """Words to choose from: a value for rows and configs, a label for people."""

    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    @classmethod
    def pairs(cls) -> list[tuple[str, str]]:
        """Lists the value and label of each, as Django's fields want them."""
        return [(member.value, member.label) for member in cls]


class Selection(SettingChoice):
    """How comparisons are ordered. modeling/selection/strategies.py says what each strategy
    does."""

    UNCERTAINTY = "uncertainty", "Uncertainty: what the reward model is least sure of"
    DISAGREEMENT = "disagreement", "Disagreement: what would teach the reward model most"
    THOMPSON = "thompson", "Thompson sampling: where models that fit the data differ"
    MAX_MIN = "max_min", "Best against worst: the largest difference in reward"
    RANDOM = "random", "At random"


class RewardMethod(SettingChoice):
    FINETUNE = "finetune", "Train the model itself"
    FROZEN = "frozen", "Quick: read a frozen model, train a head on what it sees"


class Adapter(SettingChoice):
    NONE = "none", "All of its weights"
    LORA = "lora", "LoRA: small matrices beside frozen weights"
    QLORA = "qlora", "QLoRA: the same beside 4-bit weights (NVIDIA GPUs only)"


class Pooling(SettingChoice):
    LAST = "last", "At the end of the text"
    MEAN = "mean", "Averaged over the response"


class Aggregate(SettingChoice):
    MEAN = "mean", "Their mean"
    WCO = "wco", "The lowest of them (worst case)"
    UWO = "uwo", "The mean, less a penalty for disagreement"


class Ties(SettingChoice):
    HALF = "half", "As half a win for each"
    DAVIDSON = "davidson", "As an outcome of their own (Davidson)"


class Rankings(SettingChoice):
    PAIRS = "pairs", "As their pairs"
    PLACKETT_LUCE = "plackett_luce", "As a whole (Plackett–Luce)"


class Improvement(SettingChoice):
    OFF = "off", "Off: policies are registered by hand"
    BEST_OF_N = "best_of_n", "Learn the best of n responses (gentlest)"
    RLOO = "rloo", "RLOO: reinforcement learning without a value model"
    PPO = "ppo", "PPO: reinforcement learning with a value model"
    DPO = "dpo", "DPO: directly from preferences, without the reward model"


class Promotion(SettingChoice):
    BLIND = "blind", "When people prefer it in a blind comparison"
    AUTOMATIC = "automatic", "At once, within the KL budget and the guard"


class PolicyAdapter(SettingChoice):
    NONE = "none", "All weights"
    LORA = "lora", "LoRA: small matrices beside the weights"


class KlEstimator(SettingChoice):
    K1 = "k1", "k1: log policy − log reference; its optimum is the one that is meant"
    K3 = "k3", "k3: never below 0 and steadier; its optimum is another one"
