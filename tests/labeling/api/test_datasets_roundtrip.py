"""Every export goes through `datasets.load_dataset("json")`, whatever its first rows hold."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from labeling.judging.recording import Answer, undo_last
from labeling.models import Judgment, Preference, Project, User
from labeling.preferences.exporting import ExportOptions, preference_rows
from labeling.preferences.judgment_rows import judgment_rows
from labeling.preferences.shapes.files import json_lines
from labeling.preferences.shapes.styles import STYLES
from tests.factories import claim, judge, make_comparisons, make_member, make_project

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not find_spec("datasets"), reason="datasets is not installed"),
]

Kind = Judgment.Kind
# More than a block of the reader, which takes the columns' types from its first one.
LONG = "x" * 3_000_000


def answered(labeler: User, project: Project, **answer: Any) -> None:
    assignment = claim(labeler, project)
    assert assignment is not None
    left, right = assignment.order
    kind = answer.pop("kind", Kind.PREFER)
    tiers = {Kind.PREFER: ((left,), (right,)), Kind.SKIP: (), Kind.FLAG: ()}
    answer = {"tiers": tiers.get(kind, ((left, right),)), **answer}
    judge(assignment, Answer(kind, **answer))


def plain_then_full(project: Project, kinds: list[str]) -> None:
    """Four long comparisons with nothing but an answer, then all that an answer can hold."""
    labeler = make_member(project)
    make_comparisons(project, 4, texts=(LONG, "b"), priority=2)
    make_comparisons(project, len(kinds) + 2)
    for _ in range(4):
        answered(labeler, project, kind=Kind.TIE)
    project.scale, project.aspects = "strength", ["clear", "kind"]
    project.save()
    for kind in kinds:
        answered(labeler, project, kind=kind, **({"flag": "unsafe"} if kind == Kind.FLAG else {}))
    full = {
        "rationale": "Why",
        "reasons": ("clear, short", "b"),
        "rewrite": "Better",
        "seconds": 2.5,
    }
    answered(labeler, project, strength=2, aspects={"clear": None}, **full)
    answered(labeler, project)
    undo_last(labeler, project)


def loaded(path: Path, rows: Iterable[dict[str, Any]]) -> Any:
    import datasets

    datasets.disable_progress_bars()
    path.write_bytes(b"".join(json_lines(rows)))
    return datasets.load_dataset(
        "json", data_files=str(path), split="train", cache_dir=str(path.parent / "cache")
    )


@pytest.mark.parametrize("kinds", [[Kind.SKIP, Kind.FLAG, Kind.BOTH_BAD]])
def test_judgments_have_one_type_from_the_first_row_to_the_last(
    tmp_path: Path, kinds: list[str]
) -> None:
    project = make_project(allow_rewrite=True)
    plain_then_full(project, kinds)
    rows = list(judgment_rows(project, include_superseded=True))
    assert not any(value is None for row in rows for value in row.values())
    table = loaded(tmp_path / "judgments.jsonl", rows)
    assert len(table) == len(rows)
    assert table["rewrite"][-2] == "Better"
    assert table["reasons"][-2] == '"clear, short",b'
    assert json.loads(table["aspects"][-2]) == {"clear": None}
    assert (table["strength"][0], table["strength"][-2]) == (-1, 2)


@pytest.mark.parametrize("style", STYLES)
def test_preferences_have_one_type_from_the_first_row_to_the_last(
    tmp_path: Path, style: str
) -> None:
    project = make_project(allow_rewrite=True)
    make_comparisons(project, 1, texts=(LONG, "b"))
    answered(make_member(project), project)
    plain_then_full(project, [Kind.BOTH_BAD])
    cannot_say = STYLES[style].cannot_say
    wanted = ExportOptions(
        style=style,
        include_ties="tie" not in cannot_say,
        include_both_bad="both_bad" not in cannot_say,
        include_excluded=True,
    )
    last = project.preferences.get(pk=list(preference_rows(project, wanted))[-1]["id"])
    project.prompts.filter(pk=last.prompt_id).update(tags=["a", "b, c"])
    Preference.objects.filter(pk=last.pk).update(
        excluded=True, excluded_reason="Odd", settled_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    rows = list(preference_rows(project, wanted))
    table = loaded(tmp_path / "preferences.jsonl", rows)
    assert len(table) == len(rows) >= 2
    assert (table["tags"][0], table["tags"][-1]) == ("", 'a,"b, c"')
