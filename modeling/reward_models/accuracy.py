"""How good a reward model is, as one figure with its interval, and beside what it stands."""

from dataclasses import dataclass
from enum import StrEnum

from modeling.measures.points import HEADLINE
from modeling.models import RewardModel
from modeling.reward_models.gates import FEWEST_TO_JUDGE

CHANCE = 0.5  # of comparisons that a tossed coin orders as people did


class Against(StrEnum):
    """How an accuracy compares with a tossed coin."""

    BETTER = "better"
    WORSE = "worse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Share of comparisons that the reward model orders as people did, with its interval where
    that was measured."""

    value: float
    low: float | None
    high: float | None
    n: int
    split: str

    @property
    def against_chance(self) -> Against:
        """Says nothing where there are fewer comparisons than the gate judges by."""
        if self.low is None or self.high is None or self.n < FEWEST_TO_JUDGE:
            return Against.UNKNOWN
        if self.low > CHANCE:
            return Against.BETTER
        return Against.WORSE if self.high < CHANCE else Against.UNKNOWN

    @property
    def chance_words(self) -> str:
        if self.against_chance != Against.UNKNOWN:
            return f"{self.against_chance} than tossing a coin"
        if self.n < FEWEST_TO_JUDGE:
            return "too few to say whether it beats tossing a coin"
        return "not told apart from tossing a coin"

    @property
    def is_above_chance(self) -> bool:
        return self.against_chance == Against.BETTER


@dataclass(frozen=True, kw_only=True)
class Yardsticks:
    """What an accuracy is held against, on the same held-out comparisons: how often two labelers
    agree, and what “the longer one wins” would score. None: not measured."""

    agreement: float | None = None
    longer_wins: float | None = None

    def __str__(self) -> str:
        named = (("people", self.agreement), ("longer wins", self.longer_wins))
        return ", ".join(
            f"{name} {100 * share:.0f} %" for name, share in named if share is not None
        )


def accuracy_of(reward_model: RewardModel | None) -> Accuracy | None:
    """Gives the accuracy on the test split, or on the dev split while the test split is empty.
    Accuracy on what a model was trained on says nothing about how good it is, so it is never
    given."""
    if reward_model is None:
        return None
    figures = reward_model.figures.accuracy
    for split in HEADLINE:
        figure = figures.get(split)
        if figure and figure.get("value") is not None:
            return Accuracy(
                value=figure["value"],
                low=figure.get("low"),
                high=figure.get("high"),
                n=int(figure.get("n") or 0),
                split=split,
            )
    return None


def yardsticks_of(reward_model: RewardModel | None) -> Yardsticks:
    if reward_model is None:
        return Yardsticks()
    figures = reward_model.figures
    longer_wins = figures.evaluation.length.get("longer_wins") or {}
    return Yardsticks(
        agreement=figures.evaluation.agreement.get("value"),
        longer_wins=longer_wins.get("value", figures.longer_wins_accuracy),
    )
