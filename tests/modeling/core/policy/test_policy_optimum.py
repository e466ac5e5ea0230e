"""Each algorithm finds the optimum that is known exactly, measured by total variation."""

from pathlib import Path
from typing import Any

import pytest
import torch

from modeling.core import train_policy
from tests.modeling.core.bandit import (
    RESPONSES,
    bandit_run,
    best_of,
    build_bandit,
    distribution,
    ended_pairs,
    optimum,
    rewards_of,
    total_variation,
    train,
)
from tests.modeling.core.factories import make_run, read, run

BETA = 0.3


@pytest.fixture(scope="module")
def bandit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bandit(tmp_path_factory.mktemp("bandit") / "policy")


@pytest.mark.parametrize("config", [{"algorithm": "rloo"}, {"algorithm": "ppo"}])
def test_online_learning_ends_at_the_tilted_reference(
    bandit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]
) -> None:
    folder = bandit_run(
        tmp_path / "run",
        bandit,
        steps=150,
        kl_coefficient=BETA,
        schedule="linear",
        gae_lambda=1.0,
        **config,
    )
    chances, start = train(monkeypatch, folder), distribution(bandit)
    best = optimum(start, BETA)
    assert total_variation(start, best) > 0.3
    assert total_variation(chances, best) < 0.07
    assert total_variation(chances, optimum(start, 2 * BETA)) > 0.1  # another one is not found


def test_learning_the_best_of_four_ends_at_its_distribution(
    bandit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bandit_run(
        tmp_path / "run",
        bandit,
        prompts=2000,
        algorithm="best_of_n",
        best_of=4,
        pool_prompts=1900,
        epochs=3,
        batch_size=50,
        schedule="linear",
    )
    chances, start = train(monkeypatch, folder), distribution(bandit)
    best = best_of(start, 4)
    assert best.sum().item() == pytest.approx(1)
    assert total_variation(start, best) > 0.3
    assert total_variation(chances, best) < 0.1  # 1,900 texts of 40 kinds: 0.05 by chance alone
    curve = read(folder / "result.json")["best_of_n"]
    exact = (best * rewards_of(RESPONSES)).sum().item()
    assert curve[3]["reward"] == pytest.approx(exact, abs=0.02)


def test_dpo_ends_at_the_tilted_reference_among_the_responses_that_were_judged(
    bandit: Path, tmp_path: Path
) -> None:
    """All pairs of responses that end, with Bradley and Terry's shares of judgments."""
    folder = make_run(
        tmp_path / "run",
        ended_pairs(),
        "preferences.jsonl",
        algorithm="dpo",
        policy=bandit,
        kl_coefficient=BETA,
        epochs=30,
        learning_rate=3e-3,
        schedule="linear",
        max_new_tokens=3,
    )
    assert run(train_policy, folder) == 0
    start = distribution(bandit)
    judged = torch.tensor([float(response[-1] == 0) for response in RESPONSES])
    learned, best = (
        p * judged / (p * judged).sum()
        for p in (distribution(folder / "model"), optimum(start, BETA))
    )
    start = start * judged / (start * judged).sum()
    assert total_variation(start, best) > 0.2
    assert total_variation(learned, best) < 0.05
