"""What inputs of sources are made of."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Input:
    records: list[dict[str, Any]]
    rows: list[str]  # as `shown` of test_sources.py writes them


def talk(*texts: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]


def says(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]
