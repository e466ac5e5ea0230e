"""What docs/api.md and docs/client.md show is run as it stands, against a live server."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

import preferable
from labeling.models import Comparison, Preference, Project, Role, Scope
from labeling.people.signing_in.tokens import make_token
from modeling.reward_models import serving
from tests.factories import claim, judge_for, make_comparisons, make_member, make_project
from tests.modeling.page_helpers import log_metrics, make_reward_model, with_folder

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
# Errors of HTTP fail the command, and nothing but they is said.
STRICT_CURL = 'set -eu; curl() { command curl --fail --silent --show-error "$@"; }\n'

needs_curl = pytest.mark.skipif(not which("curl"), reason="curl is not installed")


def blocks_of(page: str) -> list[tuple[str, str]]:
    """The language and the text of each block, in order."""
    return [(block[1], block[2]) for block in BLOCK.finditer((DOCS / page).read_text())]


def run_in_shell(text: str, folder: Path, **environment: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", STRICT_CURL + text],
        cwd=folder,
        env={**os.environ, "PATH": path, "NO_PROXY": "*", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stderr}"
    return done.stdout


@pytest.fixture(autouse=True)
def data_dir_of_its_own(settings: Any, tmp_path: Path) -> None:
    """Run numbers, and so folders, repeat."""
    settings.DATA_DIR = tmp_path / "data"


@pytest.fixture
def scorer(monkeypatch: pytest.MonkeyPatch) -> None:
    def score(model: Any, texts: Any, *, way: Any) -> Any:
        members = [[float(len(one.response))] for one in texts]
        return serving.combined(texts, members, way, 1.0)

    monkeypatch.setattr(serving, "score", score)


def make_demo(slug: str) -> tuple[Project, Any, str]:
    project = make_project(slug=slug, gold_share=0)
    model = with_folder(make_reward_model(project, status="live"))
    log_metrics(model.run, "train/loss", [0.7, 0.6])
    admin = make_member(project, Role.ADMIN)
    _, key = make_token(admin, "A program", tuple(Scope))
    return project, admin, key


@needs_curl
def test_the_commands_of_the_api_page_work(
    live_server: LiveServer, scorer: None, tmp_path: Path
) -> None:
    project, admin, key = make_demo("helpfulness")
    make_comparisons(project, 2)
    held = claim(admin, project)
    assert held is not None
    (tmp_path / "rows.jsonl").write_text('{"prompt": "Why?", "responses": ["A.", "B."]}\n')
    commands = [text for _, text in blocks_of("api.md") if "curl" in text]
    for text in commands:
        run_in_shell(text, tmp_path, HOST=live_server.url, TOKEN=key, ID=str(held.uuid))
    assert len(commands) >= 10
    assert len((tmp_path / "loss.jsonl").read_text().splitlines()) == 2
    assert (tmp_path / "helpfulness-reward-model-v1" / "config.json").exists()
    assert project.policies.get().status == "candidate"
    assert held.judgments.get().rationale == "It says why."
    assert project.prompts.filter(messages__0__content="Why?").exists()
    heap = project.comparisons.get(prompt__messages__0__content="What is a heap?")
    assert (heap.wanted, heap.prompt.source) == (3, "january")
    project.refresh_from_db()
    assert (project.overlap, project.guidelines.text) == (2, "Prefer what is **true**.")
    assert project.invitations.get().note == "Kim"


@needs_curl
def test_the_client_page_works_from_its_beginning_to_its_end(
    live_server: LiveServer,
    scorer: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project, _, key = make_demo("demo")
    somebody = make_member(project)

    def sleep(_: float) -> None:
        """In the place of waiting: what is waited for."""
        judge_for(somebody, project, "Air scatters blue light most.")

    monkeypatch.setattr(preferable, "sleep", sleep)
    monkeypatch.setenv("HOST", live_server.url)
    monkeypatch.setenv("TOKEN", key)
    names: dict[str, Any] = {}
    try:
        for language, text in blocks_of("client.md"):
            if language == "python":
                exec(compile(text, "docs/client.md", "exec"), names)
            if language == "sh":
                run_in_shell(text, tmp_path)
    finally:
        names["client"].close()
    assert "'field': 'prompt'" in capsys.readouterr().out
    assert names["report"]["comparisons_new"] == 2
    tree = Comparison.objects.get(pk=names["added"]["rows"][0]["id"])
    assert (tree.wanted, tree.state) == (3, "withdrawn")
    assert names["preference"]["chosen"][-1]["content"] == "Air scatters blue light most."
    assert len(names["copy"]) == Preference.objects.count() == 4
    assert [score["mean"] for score in names["scores"]] == [17.0, 3.0]
    assert len((tmp_path / "preferences.jsonl").read_text().splitlines()) == 4
