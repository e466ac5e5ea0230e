"""Whoever reads on by cursor misses nothing, in whatever order transactions end."""

import io
import random
import sys
import threading
import time

import pytest
from django.db import connection, transaction

from labeling.curation import decisions
from labeling.importing import import_file
from labeling.judging.modes import parse_choice
from labeling.models import Judgment, Preference, Role
from labeling.preferences.changes import number_changes
from labeling.preferences.exporting import ExportOptions, preference_changes
from labeling.preferences.judgment_rows import judgment_changes
from labeling.preferences.resettling import resettle
from labeling.preferences.settling import store_preferences
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparisons,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db(transaction=True)
ON_POSTGRES = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite lets one transaction at a time write"
)


@pytest.fixture
def often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def project():
    return make_project(random_share=0.0, gold_share=0.0)


def test_a_number_is_never_given_twice(project):
    make_comparisons(project, 2)
    labeler = make_member(project)
    claim_and_judge(labeler, project, "left")
    claim_and_judge(labeler, project, "left")
    before = number_changes(Preference, project)
    Preference.objects.filter(change_number=before).update(weight=0.5)
    assert number_changes(Preference, project) > before


def test_every_way_of_writing_a_row_makes_it_a_change(project):
    make_comparisons(project, 1)
    claim_and_judge(make_member(project), project, "left")
    row = Preference.objects.get()
    rows = project.preferences.all()

    for write in (
        row.save,
        lambda: row.save(update_fields=["weight"]),
        lambda: rows.update(weight=0.7),
        lambda: Preference.objects.bulk_update([row], ["weight"]),
        lambda: Preference.objects.update_or_create(pk=row.pk, defaults={"weight": 0.3}),
        lambda: store_preferences([row]),
    ):
        before = number_changes(Preference, project)
        write()
        assert number_changes(Preference, project) > before


@ON_POSTGRES
def test_a_row_that_is_being_changed_is_stepped_over_and_comes_later(project):
    make_comparisons(project, 2)
    labeler = make_member(project)
    claim_and_judge(labeler, project, "left")
    claim_and_judge(labeler, project, "left")
    first, second = Preference.objects.order_by("pk")
    changed, go_on = threading.Event(), threading.Event()

    def change_slowly() -> None:
        with transaction.atomic():
            Preference.objects.filter(pk=first.pk).update(weight=0.5)
            changed.set()
            go_on.wait(timeout=30)
        connection.close()

    thread = threading.Thread(target=change_slowly)
    thread.start()
    changed.wait(timeout=30)
    wanted = ExportOptions()
    early = preference_changes(project, wanted, "", None)
    assert [row["id"] for row in early.rows] == [second.pk]
    go_on.set()
    thread.join(timeout=30)
    late = preference_changes(project, wanted, early.cursor, None)
    assert [(row["id"], row["weight"]) for row in late.rows] == [(first.pk, 0.5)]


@ON_POSTGRES
def test_a_poller_sees_every_change_of_many_who_write_at_once(project, often, monkeypatch):
    make_comparisons(project, 60)
    owner = make_member(project, Role.ADMIN)
    people = [make_member(project) for _ in range(4)]
    ends = threading.Event()
    problems: list[BaseException] = []

    def slow_transaction(work) -> None:
        """Stamps and writes, then takes a while to commit."""
        with transaction.atomic():
            work()
            time.sleep(random.random() * 0.02)

    def label(user) -> None:
        def answer_one() -> None:
            assignment = claim(user, project)
            if assignment is not None:
                answer = parse_choice("left", assignment.order)
                judge(assignment, answer)

        for _ in range(16):
            slow_transaction(answer_one)

    def settle_anew() -> None:
        for _ in range(10):
            ids = [*project.comparisons.filter(state="finished").values_list("pk", flat=True)]
            some = random.sample(ids, min(len(ids), 5))
            project.memberships.update(reliability=random.uniform(0.5, 1.0))
            slow_transaction(lambda some=some: resettle(project, some))

    def curate() -> None:
        for _ in range(10):
            ids = [*Preference.objects.filter(project=project).values_list("pk", flat=True)[:3]]
            if ids:
                slow_transaction(lambda ids=ids: decisions.exclude(project, owner, ids, "odd"))
                slow_transaction(lambda ids=ids: decisions.restore(project, owner, ids))

    def bring_in() -> None:
        for number in range(8):
            line = f'{{"prompt": "Q{number}?", "chosen": "a", "rejected": "b"}}\n'
            slow_transaction(lambda line=line, number=number: take(line, number))

    def take(line: str, number: int) -> None:
        import_file(project, None, io.BytesIO(line.encode()), name=f"file {number}")

    def guarded(job, *arguments) -> None:
        try:
            job(*arguments)
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    mirror: dict[int, tuple] = {}
    judgments: set[int] = set()
    wanted = ExportOptions(include_excluded=True, include_ties=True)

    def poll() -> None:
        cursor = judged = ""
        last_round = False
        while True:
            changes = preference_changes(project, wanted, cursor, None)
            mirror.update({row["id"]: what_counts(row) for row in changes.rows})
            cursor = changes.cursor
            answers = judgment_changes(project, judged, None)
            judgments.update(row["id"] for row in answers.rows)
            judged = answers.cursor
            if last_round:
                return
            last_round = ends.is_set()

    jobs = [(label, user) for user in people] + [(settle_anew,), (curate,), (bring_in,)]
    threads = [threading.Thread(target=guarded, args=job) for job in jobs]
    poller = threading.Thread(target=guarded, args=(poll,))
    for thread in [poller, *threads]:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    ends.set()
    poller.join(timeout=60)
    assert problems == []
    everything = preference_changes(project, wanted, "", None).rows
    assert mirror == {row["id"]: what_counts(row) for row in everything}
    assert judgments == set(Judgment.objects.values_list("pk", flat=True))
    assert len(mirror) > 30


def what_counts(row: dict) -> tuple:
    return (row["weight"], row["excluded"], row["kind"], row["settled_at"])
