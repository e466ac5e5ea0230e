"""Export, import into an empty project, export: equal row by row, in every shape that carries a
preference, in every format of file."""

import io
import json
from typing import Any

import pytest

from labeling.importing import ImportOptions, import_file
from labeling.models import Preference, Project
from labeling.preferences.exporting import ExportOptions, preference_rows
from labeling.preferences.shapes.files import FORMATS
from labeling.preferences.shapes.styles import STYLES, columns_of
from tests.factories import make_project

pytestmark = pytest.mark.django_db

HOSTILE = [
    "plain",
    "=1+1",
    "'=1+1",
    "''",
    "+1 −1\t@x",
    "  = indented",
    "\n\n=after lines",
    "\t- tab first",
    "two\r\nlines\rand\nmore",
    'quote " and , and ; and |',
    "[1, 2]",
    '{"role": "user"}',
    "naïve 東京 🙂 \u2028 \u200f עברית",
    "＝wide",
    "true",
    "007",
    "null",
]
SYSTEM = {"role": "system", "content": "=Be brief.\n- or not"}
CALL = {"type": "function", "function": {"name": "look", "arguments": {"big": 2**70}}}
# What belongs to a project, and comes back as another's.
OF_A_PROJECT = {"id", "provenance", "arm", "round", "settled_at", "ids"}
# Shapes with one row for each preference, from which it can be told again.
TEXTS = ("text", "hh")
MESSAGES = ("messages", "trl", "trl-implicit", "openrlhf", "nemo-rl", "tinker", "full")


def turns(*texts: str) -> list[dict[str, str]]:
    return [
        {"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)
    ]


def hostile_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"prompt": turns(f"{text} {n}?"), "chosen": f"{text}a", "rejected": f"{text}b"}
        for n, text in enumerate(HOSTILE)
    ]
    rows += [
        {"prompt": turns("Hi?", "=Hello.", "And?"), "chosen": "c", "rejected": "d"},
        {"prompt": [SYSTEM, *turns("Sys?")], "chosen": "e", "rejected": "f", "weight": 0.25},
        {"prompt": "Much?", "chosen": "g", "rejected": "h", "strength": 3, "tags": ["a", "b, c"]},
        {"prompt": "Who?", "chosen": "i", "rejected": "j", "chosen_model": "=m", "weight": 0.5},
    ]
    return rows


UNDIRECTED = [
    {"prompt": "Tie?", "chosen": "k", "rejected": "l", "kind": "tie"},
    {"prompt": "Both?", "chosen": "m", "rejected": "n", "kind": "both_bad"},
]
BEYOND = [
    {"prompt": "Call?", "chosen": {"role": "assistant", "content": "", "tool_calls": [CALL]},
     "rejected": "p", "tools": [CALL]},
    {"prompt": [{"role": "developer", "content": "'x"}, *turns("Named?")], "chosen": "q",
     "rejected": {"role": "assistant", "content": "r", "reasoning_content": "=because"}},
]  # fmt: skip


def take(project: Project, content: bytes, name: str) -> None:
    import_file(project, None, io.BytesIO(content), name=name, options=ImportOptions())


def export(project: Project, style: str, **more: Any) -> list[dict[str, Any]]:
    cannot = STYLES[style].cannot_say
    wanted = ExportOptions(
        style=style,
        include_ties="tie" not in cannot,
        include_both_bad="both_bad" not in cannot,
        include_excluded=True,
        **more,
    )
    return [*preference_rows(project, wanted)]


def comparable(rows: list[dict[str, Any]], style: str) -> list[str]:
    """Without what belongs to a project. Of a pair without a direction the two may have changed
    places, and with them all that names one of them."""
    plain = []
    for row in rows:
        own = {name: value for name, value in row.items() if name not in OF_A_PROJECT}
        if row["kind"] != "prefer":
            own = {name: own[name] for name in ("kind", "target", "split", "weight", "tags")}
        plain.append(json.dumps(own, sort_keys=True, ensure_ascii=False))
    return sorted(plain)


def come_back(style: str, name: str, rows: list[dict[str, Any]]) -> None:
    one, other = make_project(), make_project()
    take(one, b"\n".join(json.dumps(row).encode() for row in rows), "made.jsonl")
    first = Preference.objects.filter(project=one).earliest("id")
    Preference.objects.filter(pk=first.pk).update(excluded=True, excluded_reason="=Odd, 'quoted'")
    before = export(one, style, is_plain=FORMATS[name].needs_plain)
    assert before
    take(other, b"".join(FORMATS[name].write(before, columns_of(STYLES[style]))), f"x.{name}")
    assert comparable(export(other, style), style) == comparable(before, style)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("style", MESSAGES)
def test_messages_come_back(style: str, name: str) -> None:
    come_back(style, name, hostile_rows() + UNDIRECTED)


@pytest.mark.parametrize("name", [name for name in FORMATS if not FORMATS[name].needs_plain])
@pytest.mark.parametrize("style", MESSAGES)
def test_tools_calls_and_reasoning_come_back(style: str, name: str) -> None:
    come_back(style, name, BEYOND)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("style", TEXTS)
def test_texts_come_back(style: str, name: str) -> None:
    come_back(style, name, hostile_rows() + UNDIRECTED)
