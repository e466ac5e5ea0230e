"""Each line of docs/threat-model.md names a test that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))


def test_the_page_names_tests() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "test |" not in line]
    assert len(rows) > 30
    assert not [row for row in rows if "`tests/" not in row]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    file = ROOT / path
    assert file.exists()
    assert not name or f"def {name}(" in file.read_text()
