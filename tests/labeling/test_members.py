"""Who belongs to a project: adding, inviting, changing and removing people."""

import pytest
from django.urls import reverse

from labeling import members
from labeling.members import MembersError
from labeling.models import AuditEntry, Membership, Role, User
from tests.factories import claim_and_judge, make_comparison, make_member, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def owner(project):
    return make_member(project, Role.ADMIN, "owner")


def membership_of(project, user):
    return Membership.objects.get(project=project, user=user)


def test_an_invitation_opens_once_and_signs_in(project, owner, client):
    membership, path = members.invite(project, owner, "newcomer", "New Comer", Role.LABELER)
    page = client.get(path, follow=True)
    form_url = page.redirect_chain[-1][0]
    passwords = {"new_password1": "a-long-secret-1", "new_password2": "a-long-secret-1"}
    assert client.post(form_url, passwords).url == reverse("home")
    assert client.get(reverse("project", args=[project.slug])).status_code == 200
    client.logout()
    assert b"does not work any more" in client.get(path, follow=True).content
    assert User.objects.get(pk=membership.user_id).check_password("a-long-secret-1")


def test_a_forged_invitation_opens_nothing(client, project, owner):
    _, path = members.invite(project, owner, "newcomer", "", Role.LABELER)
    uid = path.split("/")[2]
    forged = reverse("set-password", args=[uid, "abc-123"])
    assert b"does not work any more" in client.get(forged, follow=True).content


def test_an_admin_cannot_make_a_link_into_somebody_elses_account(project, owner):
    victim = make_user("victim", is_superuser=True)
    members.add_member(project, owner, victim, Role.LABELER)
    with pytest.raises(MembersError, match="only they can change it"):
        members.new_invitation(owner, membership_of(project, victim))


def test_a_user_name_is_taken_whatever_its_case(project, owner):
    make_user("noor")
    with pytest.raises(MembersError) as caught:
        members.invite(project, owner, "Noor", "", Role.LABELER)
    assert caught.value.field == "username"


def test_nobody_is_a_member_twice(project, owner):
    with pytest.raises(MembersError, match="member already, as admin"):
        members.add_member(project, owner, owner, Role.LABELER)


def test_an_e_mail_that_two_people_have_finds_nobody():
    for name in ("one", "two"):
        make_user(name, email="shared@example.org")
    assert members.find_user("shared@example.org") is None
    assert members.find_user("one") is not None
    assert members.find_user("") is None


def test_the_only_admin_can_neither_step_down_nor_leave(project, owner):
    mine = membership_of(project, owner)
    with pytest.raises(MembersError, match="only admin"):
        members.change_member(mine, owner, role=Role.LABELER, is_paused=False)
    with pytest.raises(MembersError, match="only admin"):
        members.remove_member(mine, owner)
    assert membership_of(project, owner).role == Role.ADMIN


def test_one_of_two_admins_may_step_down(project, owner):
    make_member(project, Role.ADMIN)
    mine = membership_of(project, owner)
    assert members.change_member(mine, owner, role=Role.CURATOR, is_paused=True)
    mine.refresh_from_db()
    assert (mine.role, mine.is_paused) == (Role.CURATOR, True)


def test_what_a_removed_person_judged_stays(project, owner):
    labeler = make_member(project)
    make_comparison(project)
    claim_and_judge(labeler, project)
    members.remove_member(membership_of(project, labeler), owner)
    assert project.judgments.filter(labeler=labeler).count() == 1
    assert not project.memberships.filter(user=labeler).exists()


def test_the_list_says_how_much_each_has_judged(project, owner, django_assert_num_queries):
    labeler = make_member(project)
    make_comparison(project)
    claim_and_judge(labeler, project)
    with django_assert_num_queries(1):
        found = {member.user: member.judged for member in members.members_of(project)}
    assert found == {owner: None, labeler: 1}


def test_every_change_of_people_is_in_the_audit_log(project, owner):
    membership, _ = members.invite(project, owner, "newcomer", "", Role.LABELER)
    members.change_member(membership, owner, role=Role.CURATOR, is_paused=False)
    members.remove_member(membership, owner)
    actions = AuditEntry.objects.filter(project=project).order_by("id")
    assert [e.action for e in actions] == ["add member", "change member", "remove member"]
    assert {e.details["user"] for e in actions} == {"newcomer"}
