"""The product as a person starts it, with real workers and real models: the loop turns.

Simulated labelers judge; reward models are trained on that, the policy is sampled, and the new
pairs are judged in turn. Then the same while Redis and the workers are killed.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.config.up_helpers import ROOT, Up, environment, manage, running_on, start, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SMALL = "LoopSettings.objects.update(sample_prompts=10, samples_per_prompt=2, max_new_tokens=48)"
FACTS = """
import json
from modeling.models import RewardModel, Round, Run
print(json.dumps({
    "runs": list(Run.objects.order_by("pk").values("kind", "state", "attempt", "error")),
    "models": list(RewardModel.objects.order_by("version").values("version", "status", "results")),
    "rounds": list(Round.objects.order_by("number").values("number", "state")),
    "sampled": list(
        Comparison.objects.filter(responses__origin="policy").distinct()
        .values("round_number", "priority", "state")
    ),
    "judgments": Judgment.objects.filter(superseded_at=None, kind__in=Judgment.ANSWERS).count(),
}))
"""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = start(tmp_path)
    ask(running, SMALL)
    yield running
    running.stop(signal.SIGTERM)
    for process in running_on(tmp_path):
        with suppress(OSError):
            process.kill()


def ask(up: Up, code: str) -> str:
    """Runs code against the product's database."""
    imports = "from labeling.models import *\nfrom modeling.models import *\n"
    status, output = manage(up.data_dir, "shell", "--no-imports", "-c", imports + code)
    assert status == 0, output
    return output


def facts_of(up: Up) -> dict[str, Any]:
    return json.loads(ask(up, FACTS).strip().splitlines()[-1])


def simulate(up: Up, *options: str) -> subprocess.Popen[bytes]:
    with (up.data_dir / "simulation").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "manage.py", "simulate", "demo", *options],
            cwd=ROOT,
            env=environment(up.data_dir, up.port),
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def told(up: Up) -> str:
    return (up.data_dir / "simulation").read_text()


def finish(up: Up, simulation: subprocess.Popen[bytes]) -> None:
    assert simulation.wait(600) == 0, told(up)
    assert "no judgment lost, doubled or beyond what its comparison asked for" in told(up)


def test_people_judge_models_learn_and_new_pairs_come(up: Up) -> None:
    # Twice, each time until the loop is at rest: people may be quicker than a training.
    for _ in range(2):
        finish(up, simulate(up, "--judgments", "30", "--labelers", "4", "--wait-for-loop"))
    facts = facts_of(up)
    assert facts["judgments"] == 60
    assert {run["state"] for run in facts["runs"]} == {"succeeded"}, facts["runs"]
    models = facts["models"]
    assert [model["status"] for model in models] == ["retired"] * (len(models) - 1) + ["live"]
    assert len(models) >= 2
    assert all(model["results"]["accuracy"]["train"]["value"] > 0.5 for model in models)
    # Pairs by the policy came after each of the two trainings, ordered by the model's doubt.
    rounds = {row["round_number"] for row in facts["sampled"]}
    assert {2, 3} <= rounds
    assert len({row["priority"] for row in facts["sampled"]}) > 5
    assert [row["state"] for row in facts["rounds"]][:2] == ["finished", "finished"]


def test_killing_redis_and_the_worker_loses_no_judgment(up: Up) -> None:
    # More than the project starts with: the last ones need pairs that only the loop can bring.
    simulation = simulate(up, "--judgments", "90", "--labelers", "4")
    wait_until(lambda: "being trained" in told(up), "a training begins", 120)
    os.kill(up.pid("redis"), signal.SIGKILL)
    wait_until(lambda: "redis was started again" in up.output, "Redis is back", 60)
    wait_until(lambda: is_running(up), "a run is under way", 120)
    os.kill(up.pid("worker-gpu"), signal.SIGKILL)
    os.kill(up.pid("worker-default"), signal.SIGKILL)
    wait_until(lambda: "worker-gpu was started again" in up.output, "the worker is back", 60)
    finish(up, simulation)
    facts = facts_of(up)
    assert facts["judgments"] == 90
    assert any(row["state"] == "finished" for row in facts["sampled"]), "pairs by the policy"
    assert not [run for run in facts["runs"] if run["state"] in ("failed", "cancelled")]
    assert max(run["attempt"] for run in facts["runs"]) == 2, "the killed worker's run went on"


def is_running(up: Up) -> bool:
    return any(run["state"] == "running" for run in facts_of(up)["runs"])
