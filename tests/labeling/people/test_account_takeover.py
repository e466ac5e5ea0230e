"""A project's admin as attacker: whom they can invite, what they learn, and what they never get."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from labeling.models import AuditEntry, Invitation, Membership, Project, Role, User
from labeling.people import invitations, members
from labeling.people.invitations import InvitationGone
from tests.factories import make_member, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def owner(project: Project) -> User:
    return make_member(project, Role.ADMIN, "owner")


@pytest.fixture
def admin(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def without_password(name: str, **fields: Any) -> User:
    user = make_user(name, **fields)
    user.set_unusable_password()
    user.save()
    return user


def add(client: Client, project: Project, who: str, role: str = "labeler") -> Any:
    return client.post(
        reverse("member-add", args=[project.slug]), {"add-who": who, "add-role": role}
    )


def people(client: Client, project: Project) -> str:
    return client.get(reverse("members", args=[project.slug])).content.decode()


def answer(user: User, invitation: Invitation, **data: str) -> Any:
    visitor = Client()
    visitor.force_login(user)
    return visitor.post(reverse("invitation-answer", args=[invitation.pk]), data)


@pytest.mark.parametrize("fields", [{}, {"is_superuser": True}, {"is_staff": True}])
def test_no_admin_gets_a_link_into_an_account_without_password(
    admin: Client, project: Project, fields: dict[str, bool]
) -> None:
    victim = without_password("victim", email="victim@example.org", **fields)
    add(admin, project, "victim")
    add(admin, project, "victim@example.org")
    assert not Membership.objects.filter(user=victim).exists()
    # Even as a member, made past the pages.
    membership = Membership.objects.create(project=project, user=victim)
    admin.post(f"/projects/{project.slug}/people/{membership.pk}/link/")
    person = admin.get(reverse("member", args=[project.slug, membership.pk])).content.decode()
    for page in (people(admin, project), person):
        assert "set-password" not in page and "/invitations/ey" not in page


@pytest.mark.parametrize("known", ["victim", "VICTIM", "victim@example.org", "Victim@Example.ORG"])
def test_adding_somebody_does_not_tell_whether_there_is_an_account(
    admin: Client, project: Project, known: str
) -> None:
    make_user("victim", email="victim@example.org")
    unknown = known.lower().replace("victim", "nobody")

    def seen(who: str) -> tuple[int, str, str, int]:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = add(admin, project, who)
        page = people(admin, project).replace(who, "X")
        row = Invitation.objects.get()
        Invitation.objects.all().delete()
        page = re.sub(r"csrfmiddlewaretoken. value=.[^\"]*|X-CSRFToken\": \"\\w*", "", page)
        page = re.sub(r"<time [^>]*>[^<]*", "", page)
        page = re.sub(r"X-CSRFToken[^}]*|invitations/\\d+/|\\d\\d:\\d\\d", "", page)
        page = page.replace(f"/{row.pk}/", "/1/")
        return response.status_code, response["Location"], page, len(queries)

    assert seen(known) == seen(unknown)


def test_proposing_a_user_name_does_not_tell_whether_it_is_taken(
    admin: Client, project: Project
) -> None:
    make_user("victim")
    url = reverse("member-invite", args=[project.slug])
    for name in ("victim", "nobody"):
        response = admin.post(url, {"invite-username": name, "invite-role": "labeler"})
        assert (response.status_code, response["Location"]) == (
            302, reverse("members", args=[project.slug])
        )  # fmt: skip
        assert 'id="join-link"' in people(admin, project)
    assert User.objects.filter(username__in=["victim", "nobody"]).count() == 1


def test_an_invited_person_joins_as_themselves(admin: Client, project: Project) -> None:
    make_user("noor", email="noor@example.org")
    add(admin, project, "Noor@example.org", "curator")
    noor = Client()
    noor.post("/sign-in/", {"username": "noor", "password": "noor-password"})
    page = noor.get("/").content.decode()
    assert f"Join {project.name}" in page and "as curator" in page
    url = reverse("invitation-answer", args=[Invitation.objects.get().pk])
    for _ in range(2):  # a double click is answered twice
        assert noor.post(url)["Location"] == reverse("project", args=[project.slug])
    assert Membership.objects.get(user__username="noor").role == Role.CURATOR
    assert "Invitations" not in noor.get("/").content.decode()


def test_nobody_else_can_use_an_invitation_to_an_account(admin: Client, project: Project) -> None:
    noor, thief = make_user("noor"), make_user("thief")
    add(admin, project, "noor")
    invitation = Invitation.objects.get()
    assert answer(thief, invitation).status_code == 404
    assert Client().post(reverse("invitation-answer", args=[invitation.pk])).status_code == 302
    make_user("late")  # who takes a name later was not meant
    add(admin, project, "later")
    assert answer(make_user("later"), Invitation.objects.latest("pk")).status_code == 404
    assert not Membership.objects.filter(user__in=[noor, thief]).exists()


def test_an_address_that_is_only_claimed_finds_nobody(admin: Client, project: Project) -> None:
    thief = make_user("thief", email="boss@example.org", email_is_claimed=True)
    boss = make_user("boss", email="Boss@example.org")
    add(admin, project, "boss@example.org")
    assert answer(thief, Invitation.objects.get()).status_code == 404
    answer(boss, Invitation.objects.get())
    assert Membership.objects.filter(user=boss).exists()


def test_an_invitation_that_was_declined_looks_to_the_admin_as_before(
    admin: Client, project: Project
) -> None:
    noor = make_user("noor")
    add(admin, project, "noor")
    answer(noor, Invitation.objects.get(), decline="yes")
    assert "noor as labeler" in people(admin, project)
    assert answer(noor, Invitation.objects.get()).status_code == 404


def test_a_withdrawn_invitation_to_an_account_lets_nobody_in(
    admin: Client, project: Project
) -> None:
    noor = make_user("noor")
    add(admin, project, "noor")
    invitation = Invitation.objects.get()
    url = reverse("invitation-withdraw", args=[project.slug, invitation.pk])
    admin.post(url)
    assert answer(noor, invitation).status_code == 404


def test_who_was_removed_does_not_come_back_by_an_older_invitation(
    admin: Client, project: Project, owner: User
) -> None:
    noor = make_user("noor", email="noor@example.org")
    add(admin, project, "noor")
    answer(noor, Invitation.objects.get())
    add(admin, project, "noor@example.org", "admin")
    members.remove_member(Membership.objects.get(user=noor), owner)
    for invitation in Invitation.objects.all():
        answer(noor, invitation)
    assert not Membership.objects.filter(user=noor).exists()


@pytest.mark.parametrize("how", ["removed", "lowered", "closed"])
def test_who_may_no_longer_invite_comes_not_back_by_a_link_of_their_own(
    project: Project, owner: User, how: str
) -> None:
    curator = make_member(project, Role.CURATOR)
    _, token = invitations.create_invitation(project, curator, Role.CURATOR)
    invitation = invitations.find_invitation(token)
    membership = Membership.objects.get(user=curator)
    if how == "removed":
        members.remove_member(membership, owner)
    elif how == "lowered":
        members.change_member(membership, owner, role=Role.LABELER)
    else:
        User.objects.filter(pk=curator.pk).update(is_active=False)
    with pytest.raises(InvitationGone, match="may no longer invite"):
        invitations.find_invitation(token)
    with pytest.raises(InvitationGone, match="may no longer invite"):
        invitations.accept(invitation, curator)
    assert not invitations.open_invitations(project).exists()


def test_a_used_link_lets_in_neither_another_person_nor_one_who_was_removed(
    project: Project, owner: User
) -> None:
    _, token = invitations.create_invitation(project, owner, Role.LABELER)
    first = make_user()
    invitations.accept(invitations.find_invitation(token, first), first)
    assert invitations.find_invitation(token, first).used_by == first
    with pytest.raises(InvitationGone):
        invitations.find_invitation(token, make_user())
    members.remove_member(Membership.objects.get(user=first), owner)
    with pytest.raises(InvitationGone):
        invitations.find_invitation(token, first)


def test_a_link_does_not_leave_the_site_with_the_referer(project: Project, owner: User) -> None:
    _, token = invitations.create_invitation(project, owner, Role.LABELER)
    response = Client().get(reverse("invitation", args=[token]))
    assert response["Referrer-Policy"] == "same-origin"


def test_a_paused_member_is_still_paused_after_another_link(project: Project, owner: User) -> None:
    labeler = make_member(project)
    Membership.objects.filter(user=labeler).update(is_paused=True, qualification="failed")
    _, token = invitations.create_invitation(project, owner, Role.CURATOR)
    membership = invitations.accept(invitations.find_invitation(token), labeler)
    assert (membership.role, membership.is_paused) == (Role.CURATOR, True)
    membership.refresh_from_db()
    assert (membership.role, membership.qualification) == (Role.CURATOR, "failed")


def test_an_admin_of_one_project_learns_and_changes_nothing_of_another(
    admin: Client, project: Project
) -> None:
    other = make_project(name="Secret plan")
    shared = make_member(other, Role.ADMIN, "shared")
    User.objects.filter(pk=shared.pk).update(email="shared@example.org")
    here = Membership.objects.create(project=project, user=shared)
    there = Membership.objects.get(project=other)
    names = ("member-pause", "member-take-out", "member-bring-back", "member-reassign",
             "member-change", "member-remove", "quality-review")  # fmt: skip
    data = {"role": "labeler", "reason": "x", "paused": "yes", "decision": "remove", "note": "x"}
    for name in names:
        for slug in (project.slug, other.slug):
            assert admin.post(reverse(name, args=[slug, there.pk]), data).status_code == 404, name
    admin.post(reverse("member-take-out", args=[project.slug, here.pk]), data)
    there.refresh_from_db()
    assert (there.role, there.is_paused, there.excluded_at) == (Role.ADMIN, False, None)
    pages = [people(admin, project), admin.get(reverse("audit", args=[project.slug])).content]
    pages.append(admin.get(reverse("member", args=[project.slug, here.pk])).content)
    for page in map(str, pages):
        assert "Secret plan" not in page and "shared@example.org" not in page


def test_nobody_raises_their_own_role(project: Project, owner: User, client: Client) -> None:
    for role in (Role.LABELER, Role.CURATOR):
        me = make_member(project, role)
        client.force_login(me)
        mine = Membership.objects.get(user=me)
        client.post(reverse("member-change", args=[project.slug, mine.pk]), {"role": "admin"})
        add(client, project, me.username, "admin")
        form = {"link-role": "admin", "link-note": ""}
        client.post(reverse("invitation-new", args=[project.slug]), form)
        mine.refresh_from_db()
        assert mine.role == role
    assert not Invitation.objects.exists()


def test_an_old_invitation_to_an_account_lets_nobody_in(admin: Client, project: Project) -> None:
    noor = make_user("noor")
    add(admin, project, "noor")
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer(noor, Invitation.objects.get())
    assert not Membership.objects.filter(user=noor).exists()
    assert not AuditEntry.objects.filter(action="accept invitation").exists()


def test_an_address_is_mailed_a_link_whether_or_not_it_is_known(
    admin: Client, project: Project, settings: Any, mailoutbox: list[Any]
) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    make_user("noor", email="noor@example.org")
    for who in ("noor@example.org", "nobody@example.org"):
        add(admin, project, who)
    one, two = (mail.body.split("/invitations/")[0] for mail in mailoutbox)
    assert one == two
