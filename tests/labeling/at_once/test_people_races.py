"""What two do to people at once: the second is answered like the first, and nothing is lost."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.judging import checks
from labeling.models import (
    AuditEntry,
    GuidelineVersion,
    Invitation,
    Membership,
    Project,
    Role,
    User,
)
from labeling.people import invitations, members
from labeling.projects import editing
from labeling.projects.editing import create_project, save_guidelines
from labeling.quality import reviews
from tests.factories import claim, make_member, make_project, make_user
from tests.labeling.at_once.test_races import in_threads
from tests.labeling.quality.test_gold import answer, make_gold

pytestmark = pytest.mark.django_db(transaction=True)
SIGN_UP = {"username": "noor", "full_name": "Noor Ali", "password": "a-long-secret-7"}


@pytest.fixture(autouse=True)
def switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def meeting(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, parties: int = 2) -> None:
    """Both threads get as far as this function before either goes on; where one has to wait for
    the other's lock before it, it does not wait here for ever."""
    barrier, original = threading.Barrier(parties), getattr(owner, name)

    def wait(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(timeout=1)
        return result

    monkeypatch.setattr(owner, name, wait)


def statuses(*posts: Callable[[], Any]) -> list[int]:
    statuses: list[int] = []
    in_threads(*(lambda post=post: statuses.append(post().status_code) for post in posts))
    return sorted(statuses)


def test_two_sign_ups_with_one_name_at_once_are_one_account_and_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_project()
    owner = make_member(project, Role.ADMIN)
    links = [invitations.create_invitation(project, owner, Role.LABELER)[1] for _ in range(2)]
    meeting(monkeypatch, User, "set_password")
    posts = [
        lambda link=link, name=name: Client().post(
            reverse("invitation", args=[link]),
            SIGN_UP | {"username": name, "password": f"a-long-secret-{name}"},
        )
        for link, name in zip(links, ("noor", "NOOR"), strict=True)
    ]
    assert statuses(*posts) == [302, 422]
    assert User.objects.filter(username_key="noor").count() == 1
    assert Invitation.objects.filter(used_at__isnull=True).count() == 1


def test_a_sign_up_sent_twice_is_answered_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project()
    owner = make_member(project, Role.ADMIN)
    _, link = invitations.create_invitation(project, owner, Role.LABELER)
    url = reverse("invitation", args=[link])
    meeting(monkeypatch, User, "set_password")
    assert statuses(*[lambda: Client().post(url, SIGN_UP)] * 2) == [302, 302]
    assert Membership.objects.filter(user__username="noor").count() == 1
    # Long after, or with another password, it is a used link.
    other = SIGN_UP | {"password": "something-else-7"}
    assert Client().post(url, other).status_code == 410
    Invitation.objects.update(used_at="2020-01-01T00:00Z")
    assert Client().post(url, SIGN_UP).status_code == 410


def test_an_invitation_accepted_twice_at_once_is_answered_twice() -> None:
    project = make_project()
    owner = make_member(project, Role.ADMIN)
    _, link = invitations.create_invitation(project, owner, Role.LABELER)
    visitor = make_user()
    clients = [Client(), Client()]
    for client in clients:
        client.force_login(visitor)
    url = reverse("invitation", args=[link])
    assert statuses(*(lambda client=client: client.post(url) for client in clients)) == [302, 302]
    assert Membership.objects.filter(user=visitor).count() == 1
    assert AuditEntry.objects.filter(action="accept invitation").count() == 1


def test_an_invitation_that_one_uses_while_it_is_looked_up_is_still_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, visitor = make_project(), make_user()
    invitation, link = invitations.create_invitation(
        project, make_member(project, Role.ADMIN), Role.LABELER
    )
    still_open = invitations._still_open

    def used_at_this_moment() -> object:
        monkeypatch.setattr(invitations, "_still_open", still_open)
        invitations.accept(Invitation.objects.get(pk=invitation.pk), visitor)
        return still_open()

    monkeypatch.setattr(invitations, "_still_open", used_at_this_moment)
    assert invitations.find_invitation(link, visitor) == invitation


def test_of_many_who_use_one_link_at_once_one_gets_in() -> None:
    project = make_project()
    owner = make_member(project, Role.ADMIN)
    invitation, _ = invitations.create_invitation(project, owner, Role.LABELER)
    people = [make_user() for _ in range(4)]
    refused: list[User] = []

    def use(user: User) -> None:
        try:
            invitations.accept(Invitation.objects.get(pk=invitation.pk), user)
        except invitations.InvitationGone:
            refused.append(user)

    in_threads(*(lambda user=user: use(user) for user in people))
    assert len(refused) == 3
    assert Membership.objects.filter(user__in=people).count() == 1


def test_projects_of_one_name_at_once_get_two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    actors = [make_user(), make_user()]
    meeting(monkeypatch, editing, "free_slug")
    fields = {"name": "Tea time"}
    in_threads(*(lambda actor=actor: create_project(actor, fields) and None for actor in actors))
    assert sorted(Project.objects.values_list("slug", flat=True)) == ["tea-time", "tea-time-2"]
    assert Membership.objects.filter(role=Role.ADMIN).count() == 2


def test_guidelines_sent_twice_at_once_are_one_version() -> None:
    project = make_project()
    owner = make_member(project, Role.ADMIN)
    in_threads(*[lambda: save_guidelines(project, owner, "Be kind.", written_on=1)] * 2)
    assert GuidelineVersion.objects.filter(project=project).count() == 2


def test_changes_of_one_membership_at_once_are_all_kept_and_on_record() -> None:
    project = make_project()
    owner = make_member(project, Role.ADMIN)
    for _ in range(5):
        labeler = make_member(project)
        seen = [Membership.objects.get(user=labeler) for _ in range(2)]
        in_threads(
            lambda seen=seen: members.change_member(  # type: ignore[misc]
                seen[0], owner, role=Role.CURATOR, is_paused=False
            ),
            lambda seen=seen: members.change_member(  # type: ignore[misc]
                seen[1], owner, role=Role.LABELER, is_paused=True
            ),
        )
        now = Membership.objects.get(user=labeler)
        assert (now.role, now.is_paused) == (Role.CURATOR, True)
        assert AuditEntry.objects.filter(target_id=str(now.pk)).count() == 2


def test_the_last_two_admins_cannot_both_step_down() -> None:
    project = make_project()
    admins = [make_member(project, Role.ADMIN) for _ in range(2)]
    refused: list[User] = []

    def step_down(user: User) -> None:
        try:
            members.change_member(Membership.objects.get(user=user), user, role=Role.LABELER)
        except members.MembersError:
            refused.append(user)

    in_threads(*(lambda user=user: step_down(user) for user in admins))
    assert len(refused) == 1
    assert Membership.objects.filter(role=Role.ADMIN).count() == 1


def test_a_removal_and_a_change_of_role_at_once_leave_no_half() -> None:
    project = make_project()
    owner, curator = make_member(project, Role.ADMIN), make_member(project, Role.CURATOR)
    seen = [Membership.objects.get(user=curator) for _ in range(2)]

    def promote() -> None:
        with contextlib.suppress(members.MembersError):  # they have left
            members.change_member(seen[0], owner, role=Role.ADMIN)

    in_threads(promote, lambda: members.remove_member(seen[1], owner))
    assert not Membership.objects.filter(user=curator).exists()


@pytest.mark.parametrize("right", [True, False])
def test_a_first_round_ended_in_two_tabs_ends(right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both tabs answer their last gold comparison at once: neither sees the other's answer
    unless it waits for it."""
    project = make_project(qualification_items=2, qualification_mark=1.0)
    make_gold(project, 2)
    labeler = make_member(project)
    first = claim(labeler, project)
    held = [first, claim(labeler, project, on_screen=first)]
    meeting(monkeypatch, checks, "is_right")
    in_threads(*(lambda one=one: answer(one, right) and None for one in held))
    member = Membership.objects.get(user=labeler)
    assert member.qualification == ("passed" if right else "failed")
    assert member.is_paused == (not right)
    assert AuditEntry.objects.filter(action__in=["pass first round", "pause by rule"]).count() == 1


def test_a_first_round_that_a_curator_excused_meanwhile_is_not_failed() -> None:
    project = make_project(qualification_items=1, qualification_mark=1.0)
    make_gold(project)
    labeler = make_member(project)
    held = claim(labeler, project)
    lock = checks.lock_membership

    def excused(*args: Any) -> Any:
        Membership.objects.filter(user=labeler).update(qualification="exempt")
        return lock(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "lock_membership", excused)
        answer(held, right=False)
    member = Membership.objects.get(user=labeler)
    assert (member.qualification, member.is_paused) == ("exempt", False)


def test_a_review_does_not_end_a_pause_that_came_after_it() -> None:
    project = make_project()
    curator, labeler = make_member(project, Role.CURATOR), make_member(project)
    Membership.objects.filter(user=labeler).update(is_paused=True, paused_by_rule="gold")
    seen = Membership.objects.get(user=labeler)
    Membership.objects.filter(user=labeler).update(paused_by_rule="qualification")
    assert not reviews.decide_review(seen, curator, reviews.RESUME)
    assert Membership.objects.get(user=labeler).is_paused
