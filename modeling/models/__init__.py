"""What the learning side remembers, by subject, with every rule as a named constraint."""

from modeling.models.early import EarlyPair
from modeling.models.loop_settings import LoopSettings
from modeling.models.rounds import BlindPair, Round
from modeling.models.runs import Metric, Run
from modeling.models.said import Foretold, Score
from modeling.models.selection import ArmLift, InstantGuess, QueueOrder, ResponseFeatures
from modeling.models.versions import Loop, Policy, RewardModel

__all__ = [
    "ArmLift",
    "BlindPair",
    "EarlyPair",
    "Foretold",
    "InstantGuess",
    "Loop",
    "LoopSettings",
    "Metric",
    "Policy",
    "QueueOrder",
    "ResponseFeatures",
    "RewardModel",
    "Round",
    "Run",
    "Score",
]
