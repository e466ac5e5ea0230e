"""docs/learning-programs.md explains the settings and results that there are, and no others."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from modeling.run_data.config import RunConfig
from modeling.run_data.programs import CONFIGS, RESULTS
from modeling.run_data.result import RunResult

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "learning-programs.md").read_text()
SHARED = "What all of them share"
# Named in the section "How a prompt is shared" for both of its programs.
ELSEWHERE = {"attention"}
# The docs say in words that another program has another default.
DEFAULT_IN_WORDS = {("sample", "batch_tokens")}


def section(title: str) -> str:
    found = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def settings_table(title: str) -> dict[str, str]:
    """Setting -> default, of the tables whose first column is headed "setting"."""
    rows: dict[str, str] = {}
    for table in re.findall(r"^\| setting.*\n(?:\|.*\n)+", section(title), re.MULTILINE):
        for line in table.splitlines()[2:]:
            names, defaults = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:3])
            parts, settings = in_parts(defaults), re.findall(r"`(\w+)`", names)
            parts = parts if len(parts) > 1 else parts * len(settings)  # one for all of them
            rows |= dict(zip(settings, parts, strict=True))
    return rows


def in_parts(defaults: str) -> list[str]:
    return [part.strip("` ") for part in re.split(r",(?![^\[]*\])", defaults)]


@pytest.mark.parametrize("program", CONFIGS)
def test_the_settings_in_the_docs_are_those_of_the_program(program: str) -> None:
    kind: type[RunConfig] = CONFIGS[program]
    documented = settings_table(SHARED) | settings_table(program)
    assert documented.keys() | (ELSEWHERE & kind.limits.keys()) == kind.limits.keys()
    defaults: dict[str, Any] = kind.defaults()
    for name, said in documented.items():
        if (program, name) in DEFAULT_IN_WORDS:
            continue
        if name not in defaults:
            assert said == "required", name
        else:
            assert json.loads(said) == json.loads(json.dumps(defaults[name])), name


@pytest.mark.parametrize("program", RESULTS)
def test_the_fields_of_a_result_are_in_the_docs(program: str) -> None:
    kind: type[RunResult] = RESULTS[program]
    text = section(program) + section(SHARED) + (DOCS / "metrics.md").read_text()
    assert [name for name in kind.names() if not re.search(rf"[`\"]{name}[`\"]", text)] == []
