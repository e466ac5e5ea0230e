"""A dry run says what the import would bring, also where rows far apart in a file meet."""

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.importing import ImportOptions, ImportReport, import_file
from labeling.models import Project, Prompt
from labeling.texts.sameness import near_digest, split_of
from tests.factories import make_project, make_prompt

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is a chunk of its own, as rows that are hundreds apart are."""
    monkeypatch.setattr("labeling.importing.CHUNK_ROWS", 1)


def take(project: Project, *rows: dict[str, Any], **options: Any) -> ImportReport:
    file = io.BytesIO("\n".join(json.dumps(row) for row in rows).encode())
    return import_file(project, None, file, name="rows.jsonl", options=ImportOptions(**options))


def counts(report: ImportReport) -> dict[str, Any]:
    apart = ("seconds", "dry_run", "import_id")
    return {name: value for name, value in report.as_dict().items() if name not in apart}


def exported(prompt: str, split: str) -> dict[str, Any]:
    return {
        "prompt": prompt, "chosen": "a", "rejected": "b", "split": split,
        "provenance": "unanimous", "settled_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def test_near_copies_far_apart_in_a_file_stand_in_one_split_in_a_dry_run_too() -> None:
    project = make_project()
    rows = [exported("Why?", "dev"), exported("why?", "train")]
    rehearsed = take(project, *rows, dry_run=True)
    assert rehearsed.other_split == 1
    assert counts(take(project, *rows)) == counts(rehearsed)
    assert set(Prompt.objects.values_list("split", flat=True)) == {"dev"}


def test_near_copies_in_the_project_go_before_those_of_the_file() -> None:
    project = make_project()
    make_prompt(project, "Why?")
    own = split_of(near_digest([{"role": "user", "content": "Why?"}]))
    other = "test" if own == "train" else "train"
    rows = [exported("WHY?", other), exported("why?", own)]
    rehearsed = take(project, *rows, dry_run=True)
    assert rehearsed.other_split == 1
    assert counts(take(project, *rows)) == counts(rehearsed)


PROMPTS = st.sampled_from(["Why?", "why?", "Why? ", "How?"])
ANSWERS = st.sampled_from(["a", "b", "a ", "c"])
TRIPLES = st.builds(
    lambda prompt, chosen, rejected, more: {
        "prompt": prompt, "chosen": chosen, "rejected": rejected, **more
    },
    PROMPTS,
    ANSWERS,
    ANSWERS,
    st.sampled_from([{}, {"kind": "tie"}, {"kind": "both_bad"}, {"weight": 0.5}]),
)  # fmt: skip
LINES = st.builds(exported, PROMPTS, st.sampled_from(["dev", "test"]))
GROUPS = st.builds(
    lambda prompt, responses: {"prompt": prompt, "responses": responses},
    PROMPTS,
    st.lists(ANSWERS, min_size=1, max_size=4),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.lists(TRIPLES | LINES | GROUPS, min_size=1, max_size=6), st.integers(1, 3))
def test_whatever_a_file_holds_its_dry_run_says_the_same(
    rows: list[dict[str, Any]], pairs: int
) -> None:
    project = make_project()
    rehearsed = take(project, *rows, pairs=pairs, dry_run=True)
    assert not project.prompts.exists()
    assert counts(take(project, *rows, pairs=pairs)) == counts(rehearsed)


@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.lists(TRIPLES | LINES | GROUPS, min_size=1, max_size=5))
def test_a_second_import_of_any_file_brings_nothing_new(rows: list[dict[str, Any]]) -> None:
    project = make_project()
    first = take(project, *rows)
    rehearsed = take(project, *rows, dry_run=True)
    second = take(project, *rows)
    assert second.prompts_new == second.responses_new == 0
    assert second.comparisons_new == second.preferences_new == 0
    assert second.rows == first.rows
    assert counts(second) == counts(rehearsed)
