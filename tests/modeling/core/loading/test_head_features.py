"""Features beside rewards: what the head reads, whatever way the model is read."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from modeling.core import score, train_reward
from modeling.core.loading.head_features import add_features, projection
from tests.modeling.core.factories import lines, make_run, messages, preferences, run, training_run

RESPONSES = [
    {"id": f"r{n}", "prompt": messages(f"Question {n % 2}?"), "response": text}
    for n, text in enumerate(["Paris.", "Go away.", "Paris.", "It is a town in France."])
]


@pytest.fixture(scope="session")
def reward_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("featured") / "run"
    training_run(folder, tiny_model, preferences(20), epochs=1)
    assert run(train_reward, folder) == 0
    return folder / "model"


@pytest.mark.parametrize("way", ["auto", "padded"])
def test_rewards_are_the_head_times_the_features(
    reward_model: Path, tmp_path: Path, way: str
) -> None:
    options = {"reward_models": [reward_model], "attention": way}
    plain = make_run(tmp_path / "plain", RESPONSES, "responses.jsonl", **options)
    both = make_run(tmp_path / "both", RESPONSES, "responses.jsonl", **options, features=True)
    assert (run(score, plain), run(score, both)) == (0, 0)
    assert not (plain / "features.npy").exists()
    rewards = [row["reward"] for row in lines(both / "scores.jsonl")]
    assert rewards == pytest.approx([row["reward"] for row in lines(plain / "scores.jsonl")])
    features = np.load(both / "features.npy")
    head = load_file(reward_model / "model.safetensors")["score.weight"].numpy()[0]
    assert features.dtype == np.float16
    gaps = features.astype(float) @ head
    assert gaps - gaps[0] == pytest.approx(np.array(rewards) - rewards[0], abs=2e-3)


def test_equal_texts_have_equal_features(reward_model: Path, tmp_path: Path) -> None:
    twice = [*RESPONSES, RESPONSES[0] | {"id": "again"}]
    options = {"reward_models": [reward_model], "features": True}
    folder = make_run(tmp_path / "run", twice, "responses.jsonl", **options)
    assert run(score, folder) == 0
    features = np.load(folder / "features.npy")
    assert len(features) == len(lines(folder / "scores.jsonl")) == 5
    assert (features[4] == features[0]).all()
    assert (features[1] != features[0]).any()


def test_each_member_keeps_its_reward(reward_model: Path, tmp_path: Path) -> None:
    folder = make_run(
        tmp_path / "run", RESPONSES, "responses.jsonl",
        reward_models=[reward_model, reward_model], features=True,
    )  # fmt: skip
    assert run(score, folder) == 0
    row = lines(folder / "scores.jsonl")[0]
    assert len(row["members"]) == 2 and row["std"] == pytest.approx(0.0, abs=1e-6)
    assert np.load(folder / "features.npy").shape[0] == 4


def test_a_wide_head_keeps_distances_on_average() -> None:
    x = torch.randn(200, 4096, generator=torch.Generator().manual_seed(1))
    seen = x @ projection(4096, 384).T
    assert seen.shape == (200, 384)
    ratio = torch.pdist(seen) / torch.pdist(x)
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)
    assert ratio.min() > 0.8 and ratio.max() < 1.2


def test_a_model_without_a_linear_score_gives_no_features() -> None:
    model = nn.Module()
    model.classifier = nn.Linear(4, 1)
    assert add_features(model) is None
    assert model.classifier.out_features == 1
