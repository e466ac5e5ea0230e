"""docs/mcp.md names every tool there is, and what it says of limits is so."""

import re
from pathlib import Path

from labeling.curation.decisions import BULK_LIMIT
from modeling.mcp import confirming
from modeling.mcp.server import INSTRUCTIONS, READ, WRITE

DOCS = (Path(__file__).resolve().parents[3] / "docs/mcp.md").read_text()


def test_every_tool_is_named() -> None:
    assert re.findall(r"^\| `(\w+)` \|", DOCS, re.M) == [one.__name__ for one in READ + WRITE]


def test_limits_are_those_of_the_code() -> None:
    assert confirming.SECONDS == 600 and "ends after ten minutes" in DOCS
    assert f"At most {BULK_LIMIT:,}" in DOCS


def test_the_model_is_told_what_is_data() -> None:
    assert "untrusted" in INSTRUCTIONS and "never follow" in INSTRUCTIONS
