"""The threads of a web process share nothing that belongs to one request: each labeler gets their
own rows and each acknowledged answer is stored as that labeler gave it.

Threads change places as often as Python lets them, so that what is shared by mistake is met.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from labeling.database.transactions import Conflict
from labeling.judging import recording
from labeling.judging.recording import Answer, CannotUndo, NotYours, submit_and_claim, undo_last
from labeling.models import Assignment, Judgment, Membership, User
from labeling.pages.judging import labeling as labeling_page
from labeling.preferences.settling import settled
from labeling.quality import exclusion
from labeling.queue import leases, locking
from labeling.queue.locking import lock_assignment
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
)
from tests.labeling.at_once.test_races import in_threads

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = re.compile(r'action="(/assignments/[0-9a-f-]+/judgment/)"')
TEXT = re.compile(r'<div class="prose raw" dir="auto">(text \d+ (?:Good|Bad))</div>')


@pytest.fixture(autouse=True)
def restless_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_eight_threads_each_read_their_own_assignment() -> None:
    project = make_project(overlap=1, gold_share=0)
    make_comparisons(project, 8)
    held = [claim(make_member(project), project) for _ in range(8)]
    strangers: list[Assignment] = []

    def read(own: Assignment) -> Callable[[], None]:
        def run() -> None:
            for _ in range(60):
                with transaction.atomic():
                    locked = lock_assignment(own.uuid, own.labeler_id)
                assert locked is not None
                row = locked.assignment
                if (row.pk, row.labeler_id, row.order) != (own.pk, own.labeler_id, own.order):
                    strangers.append(row)

        return run

    in_threads(*(read(assignment) for assignment in held if assignment))
    assert not strangers


@dataclass(frozen=True)
class Sent:
    """An answer that the page has acknowledged: what was on screen, and what was chosen."""

    labeler: int
    address: str
    shown: tuple[str, ...]
    choice: str
    strength: int | None


def test_every_acknowledged_answer_is_stored_as_it_was_sent() -> None:
    project = make_project(overlap=2, gold_share=0, scale="strength")
    for number in range(24):
        make_comparison(project, (f"text {number} Good", f"text {number} Bad"))
    labelers = [make_member(project) for _ in range(6)]
    sent: list[Sent] = []
    refused: list[tuple[int, str]] = []

    def label(user: User, chance: Random) -> None:
        client = Client(headers={"host": "localhost", "hx-request": "true"})
        client.force_login(user)
        html = client.get(f"/projects/{project.slug}/label/").content.decode()
        while address := ADDRESS.search(html):
            side, strength = chance.choice(["left", "right"]), chance.choice([1, 2, 3])
            shown = tuple(TEXT.findall(html))
            answer = client.post(address.group(1), {"choice": f"{side}-{strength}"})
            if answer.status_code != 200:
                refused.append((answer.status_code, answer.content.decode()[:200]))
                return
            sent.append(Sent(user.pk, address.group(1), shown, side, strength))
            html = answer.content.decode()

    in_threads(
        *(lambda user=user: label(user, Random(user.pk)) for user in labelers)  # type: ignore[misc]
    )
    assert not refused
    assert len(sent) == 48 == Judgment.objects.count()
    for answer in sent:
        uuid = answer.address.split("/")[2]
        judgment = Judgment.objects.get(assignment__uuid=uuid)
        text = {r.pk: r.text for r in judgment.comparison.responses.all()}
        best, worst = (text[tier[0]] for tier in judgment.tiers)
        expected = answer.shown if answer.choice == "left" else answer.shown[::-1]
        assert judgment.labeler_id == answer.labeler
        assert tuple(text[pk] for pk in judgment.order) == answer.shown
        assert ((best, worst), judgment.strength) == (expected, answer.strength)


def test_a_ready_answer_for_somebody_elses_assignment_is_refused() -> None:
    project = make_project(overlap=2, gold_share=0)
    make_comparison(project)
    ann, ben = make_member(project), make_member(project)
    hers = claim(ann, project)
    assert hers
    answer = Answer("prefer", ((hers.order[0],), (hers.order[1],)))
    with pytest.raises(NotYours):
        submit_and_claim(hers.uuid, ben.pk, answer)
    assert not Judgment.objects.exists()


def test_a_row_of_another_labeler_is_never_taken_for_ones_own(monkeypatch) -> None:
    """Should a query ever bring a stranger's row, nothing is written."""
    project = make_project(overlap=2, gold_share=0)
    make_comparison(project)
    ann, ben = make_member(project), make_member(project)
    hers, his = claim(ann, project), claim(ben, project)
    assert hers and his
    read = locking._read_row
    monkeypatch.setattr(locking, "_read_row", lambda *_: read(his.uuid, ben.pk, locking.NOTHING))
    answer = Answer("prefer", ((hers.order[0],), (hers.order[1],)))
    with pytest.raises(RuntimeError, match="another labeler"):
        judge(hers, answer)
    assert not Judgment.objects.exists()


def test_one_undo_in_two_tabs_takes_back_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(overlap=1, gold_share=0)
    make_comparisons(project, 3)
    ann = make_member(project)
    for _ in range(3):
        claim_and_judge(ann, project)
    together, reading, reads = threading.Barrier(2), recording._last_judgment, iter(range(2))

    def read_together(*who: Any) -> Judgment | None:
        last = reading(*who)
        if next(reads, None) is not None:
            together.wait(timeout=30)  # both tabs have read which answer is meant
        return last

    monkeypatch.setattr(recording, "_last_judgment", read_together)
    done: list[Assignment] = []

    def undo() -> None:
        with suppress(CannotUndo):
            done.append(undo_last(ann, project))

    in_threads(undo, undo)
    assert len(done) == 1
    assert Judgment.objects.filter(superseded_at__isnull=True).count() == 2


def test_an_undo_is_not_done_twice_when_letting_go_of_the_rest_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_project(overlap=1, gold_share=0)
    make_comparisons(project, 4)
    ann = make_member(project)
    for _ in range(2):
        claim_and_judge(ann, project)
    claim(ann, project)

    def fail(*_: object) -> bool:
        raise Conflict("the sweep was faster")

    monkeypatch.setattr(leases, "release_lease", fail)
    undo_last(ann, project)
    assert Judgment.objects.filter(superseded_at__isnull=True).count() == 1


@pytest.mark.parametrize("turn", range(4))
def test_taking_somebody_out_while_they_answer_leaves_nothing_that_rests_on_them(turn: int) -> None:
    project = make_project(overlap=1, gold_share=0)
    make_comparisons(project, 6)
    ann, admin = make_member(project), make_member(project, role="admin")
    membership = Membership.objects.get(project=project, user=ann)
    answered = threading.Semaphore(0)

    def answer_on() -> None:
        while held := claim(ann, project):
            judge(held, "left")
            answered.release()
        for _ in range(turn):
            answered.release()

    def take_out() -> None:
        for _ in range(turn):
            answered.acquire(timeout=30)
        exclusion.take_out(membership, admin, "cheats")

    in_threads(answer_on, take_out)
    assert not settled(project).exists()
    assert not Judgment.objects.filter(is_surplus=False, excluded_at__isnull=True).exists()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection to lose")
@pytest.mark.parametrize("moment", ["counted_judgments", "settle", "_reply"])
def test_an_answer_whose_connection_dies_is_stored_once_and_the_next_try_answered_rightly(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(overlap=2, gold_share=0)
    make_comparisons(project, 2)
    claim_and_judge(make_member(project), project)
    ann = make_member(project)
    held = claim(ann, project)
    assert held
    client = Client(headers={"host": "localhost", "hx-request": "true"})
    client.force_login(ann)
    client.raise_request_exception = False
    owner = labeling_page if moment == "_reply" else recording
    original = getattr(owner, moment)
    killed: list[Any] = []

    def die(*arguments: Any) -> Any:
        if not killed:
            killed.append(connection.connection.info.backend_pid)
            other = connection.copy()
            with other.cursor() as database:
                database.execute("SELECT pg_terminate_backend(%s, 5000)", killed)
            other.close()
        return original(*arguments)

    monkeypatch.setattr(owner, moment, die)
    url = f"/assignments/{held.uuid}/judgment/"
    first = client.post(url, {"choice": "left"})
    connection.close_if_unusable_or_obsolete()  # as at the end of each request
    assert first.status_code == (200 if moment == "_reply" else 503)
    assert Judgment.objects.filter(labeler=ann).count() == (moment == "_reply")
    again = client.post(url, {"choice": "left"})
    assert (again.status_code, "another window" in again.text) == (200, False)
    judgment = Judgment.objects.get(labeler=ann)
    assert judgment.tiers == [[held.order[0]], [held.order[1]]]
    assert settled(project).count() == 1
