"""What becomes of answers, leases and preferences when their labeler is taken out, leaves or is
deleted at that very moment."""

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from labeling.curation.set_aside import set_aside
from labeling.judging import rewrites
from labeling.judging.modes import parse_choice
from labeling.judging.recording import CannotUndo, undo_last
from labeling.models import Assignment, AuditEntry, Judgment, Membership, Project, Role, User
from labeling.people import members
from labeling.preferences.settling import settled
from labeling.quality import exclusion
from tests.factories import (
    claim,
    judge,
    judge_for,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
)
from tests.labeling.at_once.test_races import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def membership_of(project: Project, user: User) -> Membership:
    return Membership.objects.get(project=project, user=user)


def client_of(user: User) -> Client:
    client = Client(headers={"host": "localhost", "hx-request": "true"})
    client.force_login(user)
    return client


def rewrite_by(user: User, project: Project, text: str = "Best of all.") -> Judgment:
    held = claim(user, project)
    assert held is not None
    answer = replace(parse_choice("left", held.order), rewrite=text)
    return judge(held, answer).judgment


def by_people(project: Project) -> Any:
    """The preferences for rewrites that are in use."""
    return settled(project).filter(provenance="human")


@pytest.mark.parametrize("second", ["undo", "take out"])
def test_a_rewrite_that_both_its_writers_give_up_at_once_is_in_use_no_more(
    second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(overlap=1, gold_share=0)
    prompt = make_prompt(project)
    for other in ("Bad.", "Poor."):
        make_comparison(project, ("Good.", other), prompt=prompt)
    ann, ben = make_member(project), make_member(project)
    admin = make_member(project, role=Role.ADMIN)
    for user in (ann, ben):
        rewrite_by(user, project)
    assert by_people(project).exists()
    reached, reading = threading.Barrier(2), rewrites.standing_rewrites

    def read_together(wanted: set[int]) -> set[int]:
        standing = reading(wanted)
        with suppress(threading.BrokenBarrierError):  # the other waits for this one's lock
            reached.wait(timeout=1)
        return standing

    monkeypatch.setattr(rewrites, "standing_rewrites", read_together)

    def also() -> None:
        if second == "undo":
            undo_last(ben, project)
        else:
            exclusion.take_out(membership_of(project, ben), admin, "cheats")

    in_threads(lambda: undo_last(ann, project), also)
    assert not by_people(project).exists()


def test_a_rewrite_by_somebody_who_is_out_of_training_is_no_preference() -> None:
    project = make_project(overlap=1, gold_share=0)
    make_comparison(project)
    ann, admin = make_member(project), make_member(project, role=Role.ADMIN)
    held = claim(ann, project)
    assert held is not None
    exclusion.take_out(membership_of(project, ann), admin, "cheats")
    answer = replace(parse_choice("left", held.order), rewrite="Best of all.")
    judge(held, answer)
    assert not settled(project).exists()
    assert Judgment.objects.get().excluded_at is not None
    exclusion.bring_back(membership_of(project, ann), admin)
    assert by_people(project).exists()


def test_who_is_removed_while_they_are_taken_out_leaves_nothing_that_rests_on_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_project(overlap=1, gold_share=0)
    make_comparisons(project, 2)
    ann, admin = make_member(project), make_member(project, role=Role.ADMIN)
    judge_for(ann, project, "Good.")
    membership = membership_of(project, ann)
    marking = exclusion._mark_taken_out

    def mark_and_lose(*arguments: Any) -> None:
        marking(*arguments)
        members.remove_member(membership_of(project, ann), admin)

    monkeypatch.setattr(exclusion, "_mark_taken_out", mark_and_lose)
    exclusion.take_out(membership, admin, "cheats")
    assert not settled(project).exists()


def test_removing_somebody_settles_what_was_still_to_be_settled_anew() -> None:
    """They were taken out, and the process ended before the resettling."""
    project = make_project(overlap=1, gold_share=0)
    make_comparison(project)
    ann, admin = make_member(project), make_member(project, role=Role.ADMIN)
    judge_for(ann, project, "Good.")
    exclusion._mark_taken_out(membership_of(project, ann), admin, "cheats")
    members.remove_member(membership_of(project, ann), admin)
    assert not settled(project).exists()
    assert not Membership.objects.filter(user=ann).exists()


@pytest.mark.parametrize("how", ["taken out", "paused"])
def test_who_was_stopped_takes_nothing_out_of_use_by_undo(how: str) -> None:
    project = make_project(overlap=2, gold_share=0)
    make_comparison(project)
    ann, admin = make_member(project), make_member(project, role=Role.ADMIN)
    for user in (ann, make_member(project)):
        judge_for(user, project, "Good.")
    membership = membership_of(project, ann)
    if how == "taken out":
        exclusion.take_out(membership, admin, "cheats")
    else:
        members.change_member(membership, admin, is_paused=True)
    with pytest.raises(CannotUndo, match="A curator has"):
        undo_last(ann, project)
    assert settled(project).count() == 1


def test_a_comparison_that_is_deleted_while_it_cannot_be_shown_is_no_error() -> None:
    project = make_project(overlap=1, gold_share=0)
    comparison = make_comparison(project)
    held = claim(make_member(project), project)
    assert held is not None
    comparison.delete()
    set_aside(held, "It cannot be shown.")
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("how", ["removed", "taken out", "paused"])
def test_an_open_page_does_not_keep_a_comparison_from_others_for_ever(how: str) -> None:
    project = make_project(overlap=1, gold_share=0)
    make_comparison(project)
    ann, ben = make_member(project), make_member(project)
    admin = make_member(project, role=Role.ADMIN)
    held = claim(ann, project)
    assert held is not None
    membership = membership_of(project, ann)
    if how == "removed":
        members.remove_member(membership, admin)
    elif how == "taken out":
        exclusion.take_out(membership, admin, "cheats")
    else:
        members.change_member(membership, admin, is_paused=True)
    page = client_of(ann)
    assert page.post(f"/assignments/{held.uuid}/heartbeat/").status_code == 410
    Assignment.objects.filter(pk=held.pk).update(expires_at=held.leased_at)
    assert page.post(f"/assignments/{held.uuid}/heartbeat/").status_code == 410
    assert claim(ben, project) is not None
