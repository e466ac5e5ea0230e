"""The scripts of static/js under node's own test runner: one test here for each file there.

    cd tests/js && node --test

runs them all without pytest. They need node 18 or newer and nothing else: no packages, no browser.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parent.parent / "static" / "js"
FILES = sorted(HERE.rglob("*.test.mjs"))
OLDEST_NODE = 18


def find_node() -> str | None:
    """Debian has had it under both names."""
    return shutil.which("node") or shutil.which("nodejs")


def major(version: str) -> int:
    """18 of "v18.19.0"."""
    return int(version.lstrip("v").split(".")[0])


@pytest.fixture(scope="session")
def node() -> str:
    path = find_node()
    if path is None:
        pytest.skip("There is no node on this machine: the scripts' own tests are left out.")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    if major(version) < OLDEST_NODE:
        pytest.skip(f"node {version.strip()} has no test runner: {OLDEST_NODE} or newer is needed.")
    return path


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(HERE).as_posix())
def test_script(node: str, file: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"}
    done = subprocess.run(
        [node, str(file)],  # with --test it would start another node for it
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(HERE).as_posix())
def test_each_file_is_about_the_script_of_its_name(file: Path) -> None:
    script = file.relative_to(HERE).as_posix().replace(".test.mjs", ".js")
    assert (SCRIPTS / script).is_file()
