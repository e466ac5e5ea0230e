"""Two processes on one run, over gloo: they end with what one process ends with."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from modeling.core import train_policy
from modeling.core.program.parallel import Processes
from tests.modeling.core.factories import lines, make_run, messages, read, run

PROMPTS = [{"id": f"q{n}", "prompt": messages(f"What is {n} plus {n}?")} for n in range(24)]


def parallel_run(folder: Path, policy: Path, reward: Path) -> Path:
    return make_run(
        folder,
        PROMPTS,
        "prompts.jsonl",
        algorithm="ppo",
        policy=policy,
        reward_models=[str(reward)],
        steps=3,
        prompts_per_step=5,
        responses_per_prompt=2,
        max_new_tokens=8,
        eval_prompts=4,
        batch_tokens=200,
        threads=1,
    )


def launch(folder: Path, size: int) -> list[int]:
    """As a launcher does it: one process per rank, told by the environment. The exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "modeling.core.train_policy", str(folder)],
            env=os.environ | common | quiet | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(size)
    ]
    return [child.wait(timeout=120) for child in children]


@pytest.mark.slow
def test_two_processes_end_where_one_does(
    tiny_model: Path, tiny_reward_model: Path, tmp_path: Path
) -> None:
    alone = parallel_run(tmp_path / "alone", tiny_model, tiny_reward_model)
    assert run(train_policy, alone) == 0
    both = parallel_run(tmp_path / "both", tiny_model, tiny_reward_model)
    assert launch(both, 2) == [0, 0]
    one, two = (AutoModelForCausalLM.from_pretrained(x / "model") for x in (alone, both))
    start = AutoModelForCausalLM.from_pretrained(tiny_model)
    for before, a, b in zip(start.parameters(), one.parameters(), two.parameters(), strict=True):
        moved = (a - before).norm()
        assert moved > 0
        assert (a - b).norm() < 0.02 * moved  # sums in another order
    logged = [
        [row["step"] for row in lines(folder / "metrics.jsonl") if "metrics" in row]
        for folder in (alone, both)
    ]
    assert logged[0] == logged[1]
    assert read(both / "result.json")["steps"] == 3


def test_shares_are_put_together_in_the_old_order() -> None:
    items = list(range(7))
    shares = [Processes(rank, 3).share(items) for rank in range(3)]
    assert sorted(item for share in shares for item in share) == items
    assert Processes().collect(items, Processes().share(items)) == items


def test_alone_gradients_stay_as_they_are() -> None:
    layer = torch.nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    before = layer.weight.grad.clone()  # type: ignore[union-attr]
    Processes().add_gradients(layer)
    assert torch.equal(layer.weight.grad, before)  # type: ignore[arg-type]
    assert Processes().any(True) and not Processes().any(False)
