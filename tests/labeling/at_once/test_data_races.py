"""Curators, admins, workers and imports on the same rows at once: nobody is ended by a deadlock,
and what two make at the same moment is made once."""

import io
import json
import random
import sys
import threading
import time

import pytest
from django.db import connection, transaction
from django.utils import timezone

from labeling import importing
from labeling.curation import decisions
from labeling.curation.decisions import EXCLUDE
from labeling.curation.finding import PreferenceFilter, Window
from labeling.importing import import_file
from labeling.models import Comparison, Gold, Judgment, OverlapChange, Preference, Project, Role
from labeling.preferences import overlap
from labeling.preferences.resettling import resettle
from labeling.projects.editing import change_settings, create_project
from labeling.quality import gold
from labeling.queue.priorities import set_priorities
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_response,
)
from tests.labeling.at_once.test_races import in_threads
from tests.labeling.quality.test_gold import LONG

pytestmark = pytest.mark.django_db(transaction=True)
ON_POSTGRES = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite has one lock for all"
)


@pytest.fixture(autouse=True)
def often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def project():
    return make_project(random_share=0.0, gold_share=0.0, overlap=1)


@pytest.fixture
def owner(project):
    return make_member(project, Role.ADMIN)


def until_somebody_waits_for_a_lock() -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with connection.cursor() as database:
            database.execute(waiting)
            if database.fetchone()[0]:
                return
        time.sleep(0.01)


@ON_POSTGRES
def test_an_overlap_change_and_an_answer_do_not_wait_for_each_other(project, owner):
    (comparison,) = make_comparisons(project, 1)
    assignment = claim(make_member(project), project)
    is_locked = threading.Event()

    def answer() -> None:
        with transaction.atomic():
            Comparison.objects.select_for_update().get(pk=comparison.pk)
            is_locked.set()
            until_somebody_waits_for_a_lock()
            judge(assignment, "left")

    def change() -> None:
        is_locked.wait(timeout=30)
        change_settings(project, owner, {"overlap": 2})

    in_threads(answer, change)
    assert Judgment.objects.count() == 1
    assert Project.objects.get().overlap == 2


@ON_POSTGRES
def test_priorities_and_an_import_lock_pairs_in_the_same_order(project, monkeypatch):
    monkeypatch.setattr(importing, "CHUNK_ROWS", 5)
    rows = [{"prompt": f"Question {n}?", "responses": ["a", "b"]} for n in range(150)]
    import_file(project, None, lines(rows), name="pairs")
    ids = [*Comparison.objects.values_list("pk", flat=True)]
    answers = [{"prompt": row["prompt"], "chosen": "a", "rejected": "b"} for row in rows]
    random.Random(1).shuffle(answers)
    is_over = threading.Event()

    def rank() -> None:
        while not is_over.is_set():
            set_priorities({pk: random.random() for pk in ids})

    def take() -> None:
        try:
            assert import_file(project, None, lines(answers), name="x").preferences_new == 150
        finally:
            is_over.set()

    in_threads(rank, rank, take)
    assert Comparison.objects.filter(state=Comparison.State.FINISHED).count() == 150


def lines(rows: list[dict]) -> io.BytesIO:
    return io.BytesIO("\n".join(json.dumps(row) for row in rows).encode())


@ON_POSTGRES
@pytest.mark.parametrize("action", [decisions.exclude, decisions.restore])
def test_bulk_changes_wait_for_who_settles_anew_and_not_the_other_way_round(project, owner, action):
    """Preferences whose ids run against those of their comparisons: settled last to first."""
    comparisons = make_comparisons(project, 4)
    set_priorities({comparison.pk: number for number, comparison in enumerate(comparisons)})
    labeler = make_member(project)
    for _ in comparisons:
        claim_and_judge(labeler, project, "left")
    preferences = [*Preference.objects.values_list("pk", flat=True)]
    if action is decisions.restore:
        decisions.exclude(project, owner, preferences, "odd")
    project.memberships.filter(user=labeler).update(reliability=0.5)
    is_locked = threading.Event()

    def settle_anew() -> None:
        with transaction.atomic():
            resettle(project, [comparisons[0].pk])
            is_locked.set()
            until_somebody_waits_for_a_lock()
            resettle(project, [comparisons[-1].pk])

    def curate() -> None:
        is_locked.wait(timeout=30)
        action(project, owner, preferences, "odd")

    in_threads(settle_anew, curate)
    assert Preference.objects.filter(weight=0.5).count() == 2
    is_excluded = action is decisions.exclude
    assert Preference.objects.filter(excluded=is_excluded).count() == 4


def test_all_that_match_are_changed_only_if_they_are_as_many_as_were_seen(project, owner):
    make_comparisons(project, 3)
    labeler = make_member(project)
    for _ in range(3):
        claim_and_judge(labeler, project, "left")
    change = (project, owner, EXCLUDE, PreferenceFilter(), Window(None, None))
    with pytest.raises(decisions.CannotChange, match="you confirmed 2, now 3 match"):
        decisions.change_matching(*change, expected=2, reason="odd")
    assert len(decisions.change_matching(*change, expected=3, reason="odd").changed) == 3


def test_two_curators_who_approve_the_same_pair_make_one_gold(owner):
    project = make_project(random_share=0.0, gold_share=0.0, overlap=2)
    make_comparisons(project, 5, texts=("a good one", "a bad one"))
    for _ in range(2):
        labeler = make_member(project)
        for _ in range(5):
            assignment = claim(labeler, project)
            is_left = assignment.shown[0].text == "a good one"
            judge(assignment, "left" if is_left else "right")
    ids = [*gold.candidates(project).values_list("pk", flat=True)]
    made: list[int] = []
    in_threads(*[lambda: made.append(gold.approve(project, owner, ids))] * 4)
    assert sorted(made) == [0, 0, 0, 5]
    assert Gold.objects.count() == 5


def test_two_curators_who_construct_gold_at_once_both_get_theirs(project, owner):
    for _ in range(6):
        make_response(make_prompt(project), LONG)
    made: list[int] = []
    in_threads(*[lambda: made.append(len(gold.construct(project, owner, 3)))] * 2)
    assert made == [3, 3]
    assert Gold.objects.values("comparison__prompt").distinct().count() == 6


def test_projects_of_one_name_made_at_the_same_moment_get_addresses_of_their_own(owner):
    made: list[str] = []
    in_threads(*[lambda: made.append(create_project(owner, {"name": "Twice"}).slug)] * 4)
    assert sorted(made) == ["twice", "twice-2", "twice-3", "twice-4"]


def test_more_comparisons_than_one_transaction_takes_all_follow_the_overlap(
    project, owner, monkeypatch
):
    monkeypatch.setattr(overlap, "BATCH", 2)
    comparisons = make_comparisons(project, 7)
    change_settings(project, owner, {"overlap": 3})
    assert set(Comparison.objects.values_list("wanted", "slots_left")) == {(3, 3)}
    labeler = make_member(project)
    for _ in comparisons:
        claim_and_judge(labeler, project, "left")
    change_settings(project, owner, {"overlap": 1})
    assert Preference.objects.filter(settled_at__isnull=False).count() == 7
    assert not OverlapChange.objects.exists()


def test_a_change_of_the_overlap_that_was_cut_off_is_finished_before_the_next(
    project, owner, monkeypatch
):
    monkeypatch.setattr(overlap, "BATCH", 2)
    make_comparisons(project, 7)
    with monkeypatch.context() as cut_off:
        cut_off.setattr(overlap, "go_on", lambda _: None)
        change_settings(project, owner, {"overlap": 3})
        assert Comparison.objects.filter(wanted=3).count() == 2
        change_settings(project, owner, {"overlap": 4})
    overlap.finish_changes()
    assert Comparison.objects.filter(wanted=4).count() == 0, "somebody may still be at work"
    OverlapChange.objects.update(touched_at=timezone.now() - 2 * overlap.LEFT_ALONE_AFTER)
    overlap.finish_changes()
    assert set(Comparison.objects.values_list("wanted", "slots_left")) == {(4, 4)}
    assert not OverlapChange.objects.exists()
