"""Imports beside other people's work: nobody waits for one to its end, and still a file is taken
whole or not at all, also when its process is killed, or two come at once."""

import io
import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling import importing
from labeling.database import transactions
from labeling.importing import ImportOptions, ImportRefused, ImportUnfinished, applying, import_file
from labeling.importing.applying import finish_imports
from labeling.models import AuditEntry, Comparison, Import, ImportChunk, Preference, Project, Role
from labeling.preferences.exporting import ExportOptions, preference_rows, project_counts
from labeling.projects.editing import change_settings
from tests.factories import claim, judge, make_member, make_project
from tests.labeling.at_once.test_races import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """The process ended here."""


@pytest.fixture
def small_steps(monkeypatch):
    """Every row is a transaction of its own."""
    monkeypatch.setattr(importing, "CHUNK_ROWS", 1)
    monkeypatch.setattr(applying, "FEWEST_ROWS", 1)
    monkeypatch.setattr(applying, "SHORT_SECONDS", 0.0)
    monkeypatch.setattr(applying, "let_others_write", lambda _: None)
    monkeypatch.setattr(applying, "WAIT_SECONDS", 0.01)


@pytest.fixture
def project():
    return make_project(random_share=0.0, gold_share=0.0)


def file_of(rows: list[dict]) -> io.BytesIO:
    return io.BytesIO("\n".join(json.dumps(row) for row in rows).encode())


def take(project, rows, name="rows.jsonl", **options):
    wanted = ImportOptions(**options)
    return import_file(project, None, file_of(rows), name=name, options=wanted)


def triples(count: int, chosen="a", rejected="b") -> list[dict]:
    return [
        {"prompt": f"Question {n}?", "chosen": chosen, "rejected": rejected} for n in range(count)
    ]


def pairs(count: int) -> list[dict]:
    return [{"prompt": f"Question {number}?", "responses": ["a", "b"]} for number in range(count)]


def figures(report) -> dict:
    counts = report.as_dict()
    apart = ("seconds", "notices", "dry_run", "import_id")
    return {name: counts[name] for name in counts if name not in apart}


def long_ago() -> None:
    Import.objects.update(touched_at=timezone.now() - timedelta(hours=1))


def between_steps(monkeypatch, act, after: int = 1) -> None:
    """Calls `act` once, when so many transactions of the import are over."""
    steps = iter(range(1, 1000))

    def step(_: float) -> None:
        if next(steps) == after:
            act()

    monkeypatch.setattr(applying, "let_others_write", step)


def test_people_judge_the_files_own_pairs_while_it_is_imported(project, small_steps, monkeypatch):
    take(project, pairs(4))
    labeler = make_member(project)
    judged: list[Comparison] = []

    def click() -> None:
        last = Comparison.objects.latest("pk")
        Comparison.objects.filter(pk=last.pk).update(priority=1.0)
        assignment = claim(labeler, project)
        judge(assignment, "left")
        judged.append(assignment.comparison)

    between_steps(monkeypatch, lambda: in_threads(click))
    report = take(project, triples(4))
    assert (report.preferences_new, report.preferences_merged + report.contradictory) == (3, 1)
    assert Preference.objects.get(comparison=judged[0]).provenance == "unanimous"


def test_a_pair_that_somebody_holds_is_left_to_them_also_in_the_middle(
    project, small_steps, monkeypatch
):
    take(project, pairs(4))
    labeler = make_member(project)
    between_steps(monkeypatch, lambda: in_threads(lambda: claim(labeler, project)))
    report = take(project, triples(4))
    assert (report.preferences_new, report.left_to_people) == (3, 1)


def test_an_overlap_that_changes_in_the_middle_holds_for_every_new_pair(
    project, small_steps, monkeypatch
):
    owner = make_member(project)
    between_steps(
        monkeypatch, lambda: in_threads(lambda: change_settings(project, owner, {"overlap": 3}))
    )
    take(project, pairs(4))
    assert set(Comparison.objects.values_list("wanted", "slots_left")) == {(3, 3)}


def test_what_is_staged_is_seen_by_nobody_and_removed_when_its_process_is_gone(
    project, small_steps, monkeypatch
):
    def die(*_) -> None:
        raise Killed

    monkeypatch.setattr(importing, "put_in_force", die)
    monkeypatch.setattr(importing.staging, "remove", lambda _: None)
    with pytest.raises(Killed):
        take(project, [*triples(2), *pairs(3)])
    monkeypatch.undo()
    assert ImportChunk.objects.count() > 0
    assert set(project_counts(project).values()) == {0}
    assert list(preference_rows(project, ExportOptions())) == []
    assert claim(make_member(project), project) is None
    finish_imports()
    assert Import.objects.count() == 1, "its process may still be reading"
    long_ago()
    finish_imports()
    assert not Import.objects.exists() and not ImportChunk.objects.exists()
    assert set(project_counts(project).values()) == {0}


def test_a_faulty_file_leaves_nothing_staged(project, small_steps):
    with pytest.raises(ImportRefused):
        take(project, [*triples(3), {"prompt": 7}])
    assert not Import.objects.exists() and not ImportChunk.objects.exists()


@pytest.mark.parametrize("steps", [1, 3])
def test_an_import_killed_in_the_middle_comes_whole_and_is_counted_as_if_it_had_not_been(
    project, small_steps, monkeypatch, steps
):
    rows = [*pairs(2), *triples(4), *triples(1, "b", "a"), *pairs(1)]
    expected = figures(take(make_project(), rows))

    def die() -> None:
        raise Killed

    between_steps(monkeypatch, die, after=steps)
    with pytest.raises(Killed):
        take(project, rows)
    monkeypatch.setattr(applying, "let_others_write", lambda _: None)
    assert not AuditEntry.objects.filter(project=project).exists()
    finish_imports()
    assert not AuditEntry.objects.filter(project=project).exists(), "it may still be at work"
    long_ago()
    finish_imports()
    finish_imports()
    entry = AuditEntry.objects.get(project=project, action="import")
    assert {name: entry.details[name] for name in expected} == expected
    assert project.prompts.count() == 4
    assert not ImportChunk.objects.exists()


def test_a_clock_put_back_does_not_keep_an_import_from_being_finished(
    project, small_steps, monkeypatch
):
    def die() -> None:
        raise Killed

    between_steps(monkeypatch, die)
    with pytest.raises(Killed):
        take(project, triples(3))
    monkeypatch.setattr(applying, "let_others_write", lambda _: None)
    Import.objects.update(touched_at=timezone.now() + timedelta(hours=1))
    finish_imports()
    assert project.preferences.count() == 3


def test_a_database_that_goes_away_after_the_file_was_taken_delays_it_only(
    project, small_steps, monkeypatch
):
    real = applying._take_step
    steps = iter(range(1000))

    def fail_in_the_middle(job):
        if next(steps) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return real(job)

    monkeypatch.setattr(applying, "_take_step", fail_in_the_middle)
    with pytest.raises(ImportUnfinished, match=r"was taken.*nothing has to be sent again"):
        take(project, triples(3))
    long_ago()
    finish_imports()
    assert project.preferences.count() == 3


def test_the_api_answers_that_the_rest_follows(project, client, small_steps, monkeypatch):
    def fail(*_) -> None:
        raise ImportUnfinished("rows.jsonl was taken. The rest follows by itself.")

    monkeypatch.setattr(importing, "put_in_force", fail)
    client.force_login(make_member(project, Role.CURATOR))
    answer = client.post(
        f"/api/v1/projects/{project.slug}/imports/",
        file_of(triples(1)).getvalue(),
        content_type="application/x-ndjson",
    )
    assert answer.status_code == 202
    assert "The rest follows by itself." in answer.json()["detail"]


def test_what_fails_every_time_is_set_aside_and_the_next_import_goes_on(
    project, small_steps, monkeypatch
):
    real = applying.Storing.store

    def fail_on_the_second(self, rows):
        if rows[0].messages[0]["content"] == "Question 1?" and self.report.rows:
            raise IntegrityError("cannot be stored")
        return real(self, rows)

    monkeypatch.setattr(applying.Storing, "store", fail_on_the_second)
    with pytest.raises(ImportUnfinished, match="tried again within a minute"):
        take(project, triples(2))
    for _ in range(applying.MOST_FAILURES):
        long_ago()
        finish_imports()
    assert Import.objects.get().state == Import.State.FAILED
    monkeypatch.undo()
    assert take(project, triples(2)).preferences_new == 1


def test_an_import_left_in_the_middle_is_finished_by_the_next_one_and_comes_before_it(
    project, small_steps, monkeypatch
):
    def die() -> None:
        raise Killed

    between_steps(monkeypatch, die)
    with pytest.raises(Killed):
        take(project, triples(3, "first", "other"))
    monkeypatch.setattr(applying, "let_others_write", lambda _: None)
    monkeypatch.setattr(applying, "HELPED_AFTER_SECONDS", 0.05)
    report = take(project, triples(3, "other", "first"))
    assert (report.preferences_new, report.contradictory) == (0, 3)
    assert set(Preference.objects.values_list("chosen__text", flat=True)) == {"first"}


def test_the_same_file_twice_at_once_is_one_after_the_other(project, small_steps):
    rows = [*pairs(3), *triples(5)]
    alone = make_project()
    expected = [figures(take(alone, rows)) for _ in range(2)]
    reports: list[dict] = []
    in_threads(*[lambda: reports.append(figures(take(project, rows)))] * 2)
    assert sorted(reports, key=lambda report: -report["prompts_new"]) == expected
    assert project_counts(project) == project_counts(alone)


def test_two_files_at_once_that_contradict_each_other_do_not_mix(project, small_steps):
    reports = []
    in_threads(
        lambda: reports.append(take(project, triples(6, "a", "b"))),
        lambda: reports.append(take(project, triples(6, "b", "a"))),
    )
    assert sorted(report.preferences_new for report in reports) == [0, 6]
    assert len(set(Preference.objects.values_list("chosen__text", flat=True))) == 1


def test_a_project_deleted_in_the_middle_ends_the_import_in_words(
    project, small_steps, monkeypatch
):
    between_steps(monkeypatch, lambda: Project.objects.filter(pk=project.pk).delete())
    with pytest.raises(ImportUnfinished, match="project was deleted"):
        take(project, triples(3))
    assert not Import.objects.exists()


def test_a_dry_run_says_the_same_as_the_import_and_writes_nothing(project, small_steps):
    take(project, [*pairs(2), *triples(1, "x", "y")])
    claim(make_member(project), project)
    rows = [
        *triples(3),
        *triples(2, "y", "x"),
        *triples(1),
        *[{"prompt": "New?", "responses": ["c", "d", "c ", "e"]}] * 2,
        {"prompt": "New?", "chosen": "c", "rejected": "d", "kind": "tie"},
        {"prompt": "New?", "chosen": "d", "rejected": "c", "kind": "tie"},
        {"prompt": "Same?", "chosen": "c", "rejected": "c "},
    ]
    with CaptureQueriesContext(connection) as queries:
        rehearsal = take(project, rows, pairs=2, dry_run=True)
    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}
    assert not any("FOR UPDATE" in query["sql"] for query in queries)
    assert figures(rehearsal) == figures(take(project, rows, pairs=2))


def test_sqlite_is_left_to_others_between_two_transactions(monkeypatch, project):
    pauses: list[float] = []
    monkeypatch.setattr(transactions.time, "sleep", pauses.append)
    transactions.let_others_write()
    transactions.let_others_write(0.4)
    assert pauses == ([0.1, 0.4] if connection.vendor == "sqlite" else [])
