"""What a policy's training takes where the config leaves it open."""

from dataclasses import replace

import pytest
import torch

from modeling.core.policy.settings import TINY_PARAMETERS, resolve
from modeling.run_data.train_policy import TrainPolicyConfig


@pytest.mark.parametrize(
    ("algorithm", "parameters", "passes"),
    [
        ("best_of_n", TINY_PARAMETERS - 1, 4),
        ("best_of_n", TINY_PARAMETERS, 2),
        ("dpo", TINY_PARAMETERS - 1, 1),
        ("dpo", TINY_PARAMETERS, 1),
    ],
)
def test_passes_over_texts_that_are_there(algorithm: str, parameters: int, passes: int) -> None:
    given = {"algorithm": algorithm, "policy": "p", "reward_models": ["r"]}
    config, device = TrainPolicyConfig.read(given), torch.device("cpu")
    assert resolve(config, parameters, 512, device).epochs == passes
    chosen = resolve(replace(config, epochs=7), parameters, 512, device)
    assert chosen.epochs == 7
