"""Several triples about one pair in one file are its votes."""

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.importing import ImportOptions, ImportReport, import_file
from labeling.models import Preference, Project
from labeling.preferences.exporting import ExportOptions, preference_rows
from labeling.preferences.settling import Vote, weigh
from labeling.preferences.shapes.files import json_lines
from labeling.quality import figures
from tests.factories import make_project

pytestmark = pytest.mark.django_db


def take(project: Project, *rows: dict[str, Any], **options: Any) -> ImportReport:
    content = "\n".join(json.dumps(row) for row in rows).encode()
    return import_file(
        project, None, io.BytesIO(content), name="votes", options=ImportOptions(**options)
    )


def vote(better: str, worse: str, **more: Any) -> dict[str, Any]:
    return {"prompt": "Tea or coffee?", "chosen": better, "rejected": worse, **more}


def votes_of(preference: Preference) -> tuple[int, int, int, int]:
    return (
        preference.votes_chosen,
        preference.votes_rejected,
        preference.votes_tie,
        preference.votes_both_bad,
    )


WEIGHTS = st.sampled_from([0.5, 1.0])
TEA, COFFEE = vote("Tea", "Coffee"), vote("Coffee", "Tea")
EVEN, BAD = vote("Tea", "Coffee", kind="tie"), vote("Coffee", "Tea", kind="both_bad")


def test_the_majority_of_a_files_votes_decides_and_the_others_are_its_target() -> None:
    project = make_project()
    report = take(project, TEA, COFFEE, COFFEE, COFFEE)
    assert (report.preferences_new, report.votes_counted, report.contradictory) == (1, 3, 0)
    preference = Preference.objects.get()
    assert (preference.chosen.text, preference.rejected.text) == ("Coffee", "Tea")
    assert (preference.kind, preference.target, preference.vote_share) == ("prefer", 0.75, 0.75)
    assert votes_of(preference) == (3, 1, 0, 0)


@pytest.mark.parametrize(
    ("rows", "kind", "target", "votes"),
    [
        ([TEA, COFFEE], "tie", 0.5, {(1, 1, 0, 0)}),
        ([TEA, EVEN], "prefer", 0.75, {(1, 0, 1, 0)}),
        ([EVEN, EVEN, COFFEE, TEA], "tie", 0.5, {(1, 1, 2, 0)}),
        ([BAD, BAD, TEA], "both_bad", None, {(1, 0, 0, 2), (0, 1, 0, 2)}),
    ],
)
def test_ties_and_both_bad_are_votes_too(
    rows: list[Any], kind: str, target: float, votes: set[Any]
) -> None:
    take(make_project(), *rows)
    preference = Preference.objects.get()
    assert preference.kind == kind
    assert preference.target == target or target is None
    assert votes_of(preference) in votes


def test_models_stay_with_their_texts_where_the_majority_turns_the_pair() -> None:
    named = vote("Tea", "Coffee", chosen_model="t", rejected_model="c")
    take(make_project(), named, COFFEE, COFFEE)
    preference = Preference.objects.get()
    assert (preference.chosen.source, preference.rejected.source) == ("c", "t")


def test_votes_far_apart_in_a_file_are_counted_and_a_dry_run_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("labeling.importing.CHUNK_ROWS", 2)
    project = make_project()
    others = [{"prompt": f"Question {n}?", "chosen": "a", "rejected": "b"} for n in range(5)]
    rows = [TEA, *others, COFFEE, *others, COFFEE]
    rehearsed = take(project, *rows, dry_run=True)
    report = take(project, *rows)
    assert (report.preferences_new, report.votes_counted) == (6, 7)
    assert report.as_dict() | {"seconds": 0, "import_id": 0} == rehearsed.as_dict() | {
        "seconds": 0,
        "import_id": 0,
        "dry_run": False,
    }
    assert project.preferences.get(prompt__digest=project.prompts.first().digest).target > 0.6


def test_votes_of_a_file_do_not_say_how_often_labelers_agree() -> None:
    take(project := make_project(), TEA, TEA, TEA)
    assert figures.agreement(project) is None


def test_a_second_import_of_the_votes_adds_none() -> None:
    project = make_project()
    take(project, TEA, COFFEE, COFFEE)
    report = take(project, TEA, COFFEE, COFFEE)
    assert (report.preferences_new, report.preferences_merged, report.contradictory) == (0, 1, 0)
    assert votes_of(Preference.objects.get()) == (2, 1, 0, 0)


def test_a_line_of_an_export_is_no_vote() -> None:
    take(project := make_project(), TEA)
    lines = [json.loads(line) for line in json_lines(preference_rows(project, ExportOptions()))]
    report = take(again := make_project(), *lines, *lines)
    assert (report.preferences_new, report.preferences_merged, report.votes_counted) == (1, 1, 0)
    assert votes_of(again.preferences.get()) == (0, 0, 0, 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, -1, 0, None]), st.integers(1, 3), st.sampled_from([0.5, 1.0])
        ),
        min_size=2,
        max_size=7,
    )
)
def test_votes_of_a_file_come_to_what_judgments_would(votes: list[tuple[Any, int, float]]) -> None:
    rows, judged = [], []
    for way, strength, weight in votes:
        if way is None or way == 0:
            kind = "tie" if way == 0 else "both_bad"
            rows.append(vote("Tea", "Coffee", kind=kind, weight=weight))
            judged.append(Vote(way, None, weight))
        else:
            pair = ("Tea", "Coffee") if way > 0 else ("Coffee", "Tea")
            rows.append(vote(*pair, strength=strength, weight=weight))
            judged.append(Vote(way, strength, weight))
    take(project := make_project(), *rows)
    preference, verdict = project.preferences.get(), weigh(judged)
    assert preference.kind == verdict.kind
    if verdict.direction:
        assert preference.chosen.text == ("Tea" if verdict.direction > 0 else "Coffee")
        assert preference.target == pytest.approx(verdict.target)
        assert (preference.strength or 0) == pytest.approx(verdict.strength)
    assert preference.weight == pytest.approx(verdict.weight)
    assert preference.vote_share == pytest.approx(verdict.vote_share)
