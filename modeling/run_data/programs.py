"""The learning programs by name."""

from modeling.run_data.config import RunConfig
from modeling.run_data.result import RunResult
from modeling.run_data.sample import SampleConfig, SampleResult
from modeling.run_data.score import ScoreConfig, ScoreResult
from modeling.run_data.train_policy import TrainedPolicyResult, TrainPolicyConfig
from modeling.run_data.train_reward import TrainRewardConfig, TrainRewardResult

CONFIGS: dict[str, type[RunConfig]] = {
    "train_reward": TrainRewardConfig,
    "score": ScoreConfig,
    "sample": SampleConfig,
    "train_policy": TrainPolicyConfig,
}
RESULTS: dict[str, type[RunResult]] = {
    "train_reward": TrainRewardResult,
    "score": ScoreResult,
    "sample": SampleResult,
    "train_policy": TrainedPolicyResult,
}
