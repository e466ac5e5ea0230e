"""What is in the database after an import: merged, counted, whole or not at all."""

import gzip
import io
import json
from pathlib import Path

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.importing import ImportOptions, ImportRefused, ImportReport, import_file
from labeling.material import adding
from labeling.models import AuditEntry, Comparison, Preference, Prompt, Response
from labeling.texts.sameness import near_digest, prompt_digest, split_of
from tests.factories import claim, claim_and_judge, make_member, make_project

DATA = Path(__file__).parents[4] / "shared" / "data"
pytestmark = pytest.mark.django_db


def take(project, *rows: dict, **options) -> ImportReport:
    content = "\n".join(json.dumps(row) for row in rows).encode()
    return import_file(
        project, None, io.BytesIO(content), name="rows.jsonl", options=ImportOptions(**options)
    )


def counts(report: ImportReport) -> dict[str, int]:
    return {
        key: value
        for key, value in report.as_dict().items()
        if value and key not in ("seconds", "notices", "import_id", "splits")
    }


def triple(prompt="Hi?", chosen="a", rejected="b", **more) -> dict:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def test_prompts_alone_are_stored_with_split_tags_and_source():
    project = make_project()
    report = take(project, {"prompt": "One?", "tags": ["a"]}, {"prompt": "Two?"}, tags=("b",))
    assert counts(report) == {"rows": 2, "prompts_new": 2}
    prompt = Prompt.objects.get(messages=[{"role": "user", "content": "One?"}])
    assert (prompt.tags, prompt.source) == (["a", "b"], "rows.jsonl")
    assert prompt.digest == prompt_digest(prompt.messages)
    assert prompt.near_digest == near_digest(prompt.messages)
    assert prompt.split == split_of(prompt.near_digest)


def test_repeated_prompts_and_identical_responses_are_merged_and_counted():
    project = make_project()
    report = take(
        project,
        {"prompt": "One?", "responses": ["a", "a ", "b"]},
        {"prompt": "One? ", "responses": ["b", "c"]},
    )
    assert counts(report) == {
        "rows": 2, "prompts_new": 1, "prompts_merged": 1,
        "responses_new": 3, "responses_merged": 2, "comparisons_new": 2,
    }  # fmt: skip


def test_a_second_import_of_the_same_file_adds_nothing():
    project = make_project()
    rows = [{"prompt": "One?", "responses": ["a", "b", "c"]}, triple("Two?")]
    take(project, *rows)
    report = take(project, *rows)
    assert counts(report) == {
        "rows": 2, "prompts_merged": 2, "prompts_known": 2, "responses_merged": 5,
        "comparisons_merged": 1, "preferences_merged": 1,
    }  # fmt: skip


def test_imported_responses_wait_in_the_queue_at_the_projects_overlap():
    project = make_project(overlap=3)
    take(project, {"prompt": "One?", "responses": [{"text": "a", "model": "m"}, "b", "c", "d"]})
    comparison = Comparison.objects.get()
    assert (comparison.wanted, comparison.slots_left, comparison.arm) == (3, 3, "")
    assert claim(make_member(project), project).comparison == comparison
    assert Response.objects.get(text="a").source == "m"


@pytest.mark.parametrize(("pairs", "expected"), [(0, 0), (2, 2), (36, 6)])
def test_the_number_of_pairs_is_a_choice(pairs, expected):
    project = make_project()
    take(project, {"prompt": "One?", "responses": ["a", "b", "c", "d"]}, pairs=pairs)
    assert Comparison.objects.count() == expected


def test_identical_responses_never_become_a_comparison():
    project = make_project()
    report = take(project, {"prompt": "One?", "responses": ["a", "a "]}, triple("Two?", "x", "x\n"))
    assert report.identical_pairs == 2
    assert not Comparison.objects.exists()


def test_a_triple_is_a_finished_comparison_with_an_imported_preference():
    project = make_project()
    take(project, triple(strength=2, weight=0.5))
    preference = Preference.objects.select_related("comparison", "prompt").get()
    assert (preference.chosen.text, preference.rejected.text) == ("a", "b")
    assert (preference.kind, preference.target) == ("prefer", 1.0)
    assert (preference.strength, preference.weight) == (2.0, 0.5)
    assert (preference.provenance, preference.arm) == ("imported", "imported")
    assert preference.split == preference.prompt.split
    assert preference.settled_at is not None
    comparison = preference.comparison
    assert (comparison.state, comparison.slots_left) == (Comparison.State.FINISHED, 0)
    assert comparison.responses.count() == 2
    assert claim(make_member(project), project) is None


def test_of_contradictory_files_the_first_counts():
    project = make_project()
    take(project, triple())
    report = take(project, triple(chosen="b", rejected="a"))
    assert (report.preferences_new, report.contradictory) == (0, 1)
    assert Preference.objects.get().chosen.text == "a"


def test_an_imported_tie_has_no_direction():
    project = make_project()
    take(project, triple(kind="tie"))
    report = take(project, triple(chosen="b", rejected="a", kind="tie"))
    assert (report.contradictory, report.preferences_merged) == (0, 1)
    preference = Preference.objects.get()
    assert (preference.kind, preference.target) == ("tie", 0.5)
    assert preference.chosen_id < preference.rejected_id


def test_a_triple_answers_a_comparison_that_nobody_was_asked_about():
    project = make_project()
    take(project, {"prompt": "Hi?", "responses": ["a", "b"]})
    report = take(project, triple())
    assert (report.preferences_new, report.left_to_people) == (1, 0)
    comparison = Comparison.objects.get()
    assert (comparison.state, comparison.arm) == (Comparison.State.FINISHED, "imported")


def test_a_triple_never_speaks_for_people_who_were_asked():
    project = make_project()
    take(
        project,
        {"prompt": "Hi?", "responses": ["a", "b"]},
        {"prompt": "Yo?", "responses": ["a", "b"]},
    )
    labeler = make_member(project)
    judged = claim_and_judge(labeler, project, "tie").assignment.comparison
    claim(labeler, project)
    report = take(project, triple("Hi?"), triple("Yo?"))
    assert (report.preferences_new, report.left_to_people) == (0, 1)
    assert report.contradictory == 1
    assert Preference.objects.get().comparison == judged


def test_projects_do_not_share_prompts():
    one, other = make_project(), make_project()
    take(one, triple())
    assert take(other, triple()).preferences_new == 1


def test_a_file_with_one_bad_line_leaves_nothing_behind():
    project = make_project()
    with pytest.raises(ImportRefused) as refused:
        take(project, triple(), {"prompt": 7}, triple("Two?"))
    assert [(problem.line, problem.field) for problem in refused.value.problems] == [(2, "prompt")]
    assert not Prompt.objects.exists()


def test_a_failure_while_storing_leaves_nothing_behind(monkeypatch):
    project = make_project()
    monkeypatch.setattr("labeling.importing.CHUNK_ROWS", 1)
    real = adding.insert_rows

    def fail_late(model, rows, **options):
        if model is Preference and Preference.objects.exists():
            raise IntegrityError("disk full")
        real(model, rows, **options)

    monkeypatch.setattr(adding, "insert_rows", fail_late)
    with pytest.raises(IntegrityError):
        take(project, triple("One?"), triple("Two?"))
    assert not Prompt.objects.exists()
    assert not AuditEntry.objects.filter(action="import").exists()


def test_a_dry_run_says_the_same_and_stores_nothing():
    project = make_project()
    rehearsal = counts(take(project, triple(), triple("Two?"), dry_run=True))
    assert not Prompt.objects.exists()
    assert rehearsal.pop("dry_run")
    assert counts(take(project, triple(), triple("Two?"))) == rehearsal


def test_the_audit_log_remembers_the_import():
    project = make_project()
    take(project, triple())
    entry = AuditEntry.objects.get(action="import")
    assert entry.project == project
    assert (entry.details["file"], entry.details["preferences_new"]) == ("rows.jsonl", 1)


def test_workers_are_told_once_the_rows_are_there(monkeypatch, django_capture_on_commit_callbacks):
    nudges = []
    monkeypatch.setattr("labeling.importing.applying.nudge", lambda *call: nudges.append(call))
    project = make_project()
    with django_capture_on_commit_callbacks(execute=True):
        take(project, triple())
        assert nudges == []
    assert nudges == [("modeling.tasks.advance", project.pk)]


def test_hostile_and_odd_texts_come_back_unchanged():
    project = make_project()
    texts = ["<script>alert(1)</script>", "مرحبا \u202e", "👩‍👩‍👧", "", "x" * 200_000, "\\u0000"]
    take(project, {"prompt": "<b>Hi?</b>", "responses": texts})
    assert sorted(Response.objects.values_list("text", flat=True)) == sorted(texts)


def test_sql_grows_with_chunks_and_not_with_rows():
    project = make_project()
    rows = [triple(f"Question {number}?") for number in range(400)]
    with CaptureQueriesContext(
        connection,
    ) as few:
        take(project, *rows[:40])
    with CaptureQueriesContext(connection) as many:
        take(project, *rows)
    assert len(many) <= len(few) + 45


def test_preferences_count_as_settled_when_the_import_ends(monkeypatch):
    """Judgments that settle while a long import runs must not come after it in time."""
    project = make_project()
    middle = []
    real = adding.insert_rows

    def look_at_the_clock(model, rows, **options):
        middle.append(timezone.now())
        real(model, rows, **options)

    monkeypatch.setattr(adding, "insert_rows", look_at_the_clock)
    take(project, triple(), triple("Two?"))
    assert all(preference.settled_at > max(middle) for preference in Preference.objects.all())


def test_rows_repeated_across_chunks_are_found_again(monkeypatch):
    monkeypatch.setattr("labeling.importing.CHUNK_ROWS", 2)
    project = make_project()
    report = take(project, *[triple(f"Question {number % 3}?") for number in range(9)])
    assert (report.prompts_new, report.preferences_new, report.votes_counted) == (3, 3, 6)


@pytest.mark.skipif(not DATA.is_dir(), reason="the sample data are not here")
def test_real_preferences_import_with_their_turns():
    project = make_project()
    with (DATA / "hh_harmless_pairs.jsonl.gz").open("rb") as file:
        report = import_file(project, None, file, name="hh")
    assert (report.rows, report.preferences_new) == (1500, 1500)
    assert any("split into turns: 1,498" in notice for notice in report.notices)
    assert report.seconds < 30


@pytest.mark.skipif(not DATA.is_dir(), reason="the sample data are not here")
def test_real_responses_import_as_comparisons():
    project = make_project()
    with (DATA / "alpaca_eval_responses.jsonl.gz").open("rb") as file:
        report = import_file(project, None, file, name="alpaca")
    assert (report.rows, report.comparisons_new) == (500, 500)
    assert report.responses_new + report.responses_merged == 4000


def test_packed_and_plain_are_the_same():
    project = make_project()
    packed = gzip.compress(json.dumps(triple()).encode())
    assert import_file(project, None, io.BytesIO(packed), name="x").preferences_new == 1


def test_a_ranking_project_gets_comparisons_of_as_many_responses_as_it_ranks():
    project = make_project(scale="ranking", ranked_responses=3)
    take(project, {"prompt": "One?", "responses": ["a", "b", "c", "d", "e"]}, pairs=2)
    take(project, {"prompt": "Two?", "responses": ["a", "b"]})
    comparisons = Comparison.objects.order_by("id")
    assert [comparison.size for comparison in comparisons] == [3, 3, 2]
    assert all(comparison.responses.count() == comparison.size for comparison in comparisons)


def test_the_number_of_responses_can_be_said_at_the_import():
    project = make_project()
    row = {"prompt": "One?", "responses": list("abcdefgh")}
    assert take(project, row, pairs=3, responses_per_comparison=4).comparisons_new == 3
    assert take(project, row, pairs=3, responses_per_comparison=4).comparisons_new == 0
    assert set(Comparison.objects.values_list("size", flat=True)) == {4}
    with pytest.raises(ValueError, match="from 2 to 9, not 10"):
        ImportOptions(responses_per_comparison=10)
