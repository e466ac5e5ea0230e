"""The shipped policy behind a real OpenAI-compatible server, `transformers serve`."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from modeling.core import sample
from modeling.demo.world.examples import starting_prompts
from tests.modeling.core.factories import error_of, lines, make_run, read, run

POLICY = Path(__file__).parents[3] / "modeling" / "demo" / "policy"
PROMPTS = [{"id": f"q{n}", "prompt": row["messages"]} for n, row in enumerate(starting_prompts(6))]
START_SECONDS = 90


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL. The server's packages are in requirements-dev.txt."""
    folder = tmp_path_factory.mktemp("serve")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("transformers")
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", POLICY, *options],
            stdout=log,
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(url, process, folder / "log")
        yield f"{url}/v1"
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        try:
            if httpx2.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.2)


def sampled(folder: Path, policy: str, **config: Any) -> list[dict[str, Any]]:
    settings = {"policy": policy, "max_new_tokens": 40} | config
    assert run(sample, make_run(folder, PROMPTS, "prompts.jsonl", **settings)) == 0
    return lines(folder / "samples.jsonl")


def test_the_server_says_word_for_word_what_the_policy_says_here(
    server: str, tmp_path: Path
) -> None:
    """At temperature 0, where chance has no part: the same prompt format, the same ending."""
    here = sampled(tmp_path / "here", str(POLICY), n=1, temperature=0)
    there = sampled(tmp_path / "there", f"{server}?model={POLICY}", n=1, temperature=0)
    assert [row["text"] for row in there] == [row["text"] for row in here]
    assert [row["finished"] for row in there] == [row["finished"] for row in here]
    assert all(row["tokens"] > 0 for row in there)


def test_samples_of_one_prompt_differ(server: str, tmp_path: Path) -> None:
    """This server takes no `n`: what it leaves out is asked for again."""
    address = f"{server}?model={POLICY}&samples_per_request=2"
    rows = sampled(tmp_path / "run", address, n=2, temperature=1.0)
    assert [(row["id"], row["sample"]) for row in rows] == [
        (f"q{n}", k) for n in range(6) for k in range(2)
    ]
    assert len({row["text"] for row in rows}) > 9
    assert read(tmp_path / "run" / "result.json")["missing"] == 0


def test_its_refusal_is_understood(server: str, tmp_path: Path) -> None:
    """It was started with one model and has no other."""
    folder = make_run(
        tmp_path / "run",
        PROMPTS,
        "prompts.jsonl",
        policy=f"{server}?model=another&attempts=2",
        n=1,
    )
    error = error_of(sample, folder)
    assert server in error
    assert "another" in error
