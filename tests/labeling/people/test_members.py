"""Who belongs to a project: changing and removing people."""

from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from labeling.models import AuditEntry, Membership, Role, User
from labeling.people import members
from labeling.people.members import MembersError
from tests.factories import claim_and_judge, make_comparison, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def owner(project):
    return make_member(project, Role.ADMIN, "owner")


def membership_of(project, user):
    return Membership.objects.get(project=project, user=user)


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
        rows: list[Any] = list(members.members_of(project))
        judged = {member.user: member.judged for member in rows}
    assert judged == {owner: None, labeler: 1}


def test_every_change_of_people_is_in_the_audit_log(project, owner):
    labeler = make_member(project, name="newcomer")
    membership = membership_of(project, labeler)
    members.change_member(membership, owner, role=Role.CURATOR)
    members.remove_member(membership, owner)
    changed, removed = AuditEntry.objects.filter(project=project).order_by("id")
    assert changed.details["changes"] == {"role": ["labeler", "curator"]}
    assert (removed.action, removed.details["user"]) == ("remove member", "newcomer")


def test_an_admin_who_cannot_sign_in_is_no_admin_to_leave_behind(project, owner):
    gone = make_member(project, Role.ADMIN)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    with pytest.raises(MembersError, match="only admin"):
        members.remove_member(membership_of(project, owner), owner)


def test_role_and_pause_changed_at_once_are_both_kept_and_both_on_record(project, owner):
    labeler = make_member(project)
    one, two = membership_of(project, labeler), membership_of(project, labeler)
    members.change_member(one, owner, role=Role.CURATOR, is_paused=False)
    members.change_member(two, owner, role=Role.LABELER, is_paused=True)
    now = membership_of(project, labeler)
    assert (now.role, now.is_paused) == (Role.CURATOR, True)
    entries = AuditEntry.objects.filter(action="change member").order_by("id")
    assert [entry.details["changes"] for entry in entries] == [
        {"role": ["labeler", "curator"]},
        {"is_paused": [False, True]},
    ]


def test_a_change_of_role_does_not_end_the_pause_by_a_rule(project, owner):
    labeler = make_member(project)
    seen = membership_of(project, labeler)
    Membership.objects.filter(pk=seen.pk).update(is_paused=True, paused_by_rule="gold")
    members.change_member(seen, owner, role=Role.CURATOR, is_paused=False)
    now = membership_of(project, labeler)
    assert (now.role, now.is_paused, now.paused_by_rule) == (Role.CURATOR, True, "gold")


def test_a_pause_by_a_rule_that_nobody_has_seen_is_not_ended(project, owner):
    labeler = make_member(project)
    Membership.objects.filter(user=labeler).update(is_paused=True)
    seen = membership_of(project, labeler)
    Membership.objects.filter(user=labeler).update(paused_by_rule="gold")
    with pytest.raises(MembersError, match="A check has paused"):
        members.change_member(seen, owner, is_paused=False)
    assert membership_of(project, labeler).paused_by_rule == "gold"


def test_who_has_left_meanwhile_is_not_changed(project, owner):
    seen = membership_of(project, make_member(project))
    Membership.objects.filter(pk=seen.pk).delete()
    with pytest.raises(MembersError, match="no longer a member"):
        members.change_member(seen, owner, role=Role.CURATOR)
    members.remove_member(seen, owner)  # answered like the first


def test_who_is_out_of_training_is_paused_whatever_is_written(project):
    labeler = make_member(project)
    with pytest.raises(IntegrityError, match="membership_excluded_is_paused"):
        Membership.objects.filter(user=labeler).update(
            excluded_at=timezone.now(), excluded_reason="Random"
        )
