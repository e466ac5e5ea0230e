"""What `up` says never stops `up`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.up_helpers import ROOT

SAYS = """
from config.up.terminal import say
for number in range(200):
    say("x" * 1000)
open({done!r}, "w").write("done")
"""


@pytest.mark.parametrize("output", ["nobody reads", "closed pipe", "closed", "full disk"])
def test_it_ends_well_whatever_its_words_are_written_to(tmp_path: Path, output: str) -> None:
    done = tmp_path / "done"
    reading, writing = os.pipe()
    if output == "closed pipe":
        os.close(reading)
    stdout = writing
    if output == "full disk":
        if not Path("/dev/full").exists():
            pytest.skip("needs Linux's /dev/full")
        stdout = os.open("/dev/full", os.O_WRONLY)
    code = SAYS.format(done=str(done))
    if output == "closed":
        code = f"import sys; sys.stdout.close(){code}"
    try:
        program = [sys.executable, "-c", code]
        ended = subprocess.run(program, cwd=ROOT, stdout=stdout, timeout=60, check=False)
    finally:
        os.close(writing)
        if output != "closed pipe":
            os.close(reading)
        if stdout != writing:
            os.close(stdout)
    assert done.read_text() == "done"
    assert ended.returncode == 0
