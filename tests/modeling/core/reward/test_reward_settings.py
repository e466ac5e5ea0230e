"""What null stands for in a reward model's training."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from modeling.core.loading.pretrained import load_classifier, load_tokenizer
from modeling.core.reward.settings import resolve
from modeling.run_data.train_reward import TrainRewardConfig


@pytest.mark.parametrize(
    ("pooling", "comparisons", "passes", "rate"),
    [
        ("last", 16, 10, 1e-3),
        ("last", 80, 2, 1e-3),
        ("last", 160, 1, 1e-3),
        ("mean", 16, 10, 5e-4),
        ("mean", 160, 4, 5e-4),
        ("mean", 500, 4, 5e-4),
        ("mean", 1500, 2, 5e-4),
        ("mean", 2000, 1, 5e-4),
    ],
)
def test_passes_and_rate_of_a_tiny_model(
    tiny_model: Path, pooling: str, comparisons: int, passes: int, rate: float
) -> None:
    """Last token: as many passes as make 160 comparisons. Mean: four, fewer from 500 on."""
    model, _ = load_classifier(str(tiny_model))
    tokenizer = load_tokenizer(str(tiny_model))
    unresolved = TrainRewardConfig(base_model=str(tiny_model), pooling=pooling)
    device = torch.device("cpu")
    resolved = resolve(unresolved, model, tokenizer, comparisons, device)
    assert (resolved.epochs, resolved.learning_rate) == (passes, rate)
    chosen = replace(unresolved, epochs=7, learning_rate=2e-4)
    resolved = resolve(chosen, model, tokenizer, 500, device)
    assert (resolved.epochs, resolved.learning_rate) == (7, 2e-4)
