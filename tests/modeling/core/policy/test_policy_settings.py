"""What a policy's training takes where the config leaves it open."""

import pytest
import torch

from modeling.core.policy_settings import DEFAULTS, TINY_PARAMETERS, resolve


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
    config = DEFAULTS | {"algorithm": algorithm, "policy": "p"}
    assert resolve(config, parameters, torch.device("cpu"))["epochs"] == passes
    asked = resolve(config | {"epochs": 7}, parameters, torch.device("cpu"))
    assert asked["epochs"] == 7
