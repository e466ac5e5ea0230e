"""What follows from changed settings: the overlap's rule, and saves that pass each other."""

import pytest

from labeling.models import AuditEntry, Comparison, Preference, Role
from labeling.projects.editing import change_settings, create_project, free_slug
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project(overlap=2, random_share=0.0)


@pytest.fixture
def owner(project):
    return make_member(project, Role.ADMIN, "owner")


def slots(comparison):
    comparison.refresh_from_db()
    return comparison.wanted, comparison.slots_left


def test_fresh_comparisons_follow_a_higher_overlap(project, owner):
    comparison = make_comparison(project)
    change_settings(project, owner, {"overlap": 3})
    assert slots(comparison) == (3, 3)
    assert comparison.waiting_since is None


def test_a_begun_comparison_waits_in_line_for_its_new_slot(project, owner):
    comparison = make_comparison(project)
    for _ in range(2):
        assert claim(make_member(project), project)
    assert slots(comparison) == (2, 0)
    change_settings(project, owner, {"overlap": 3})
    assert slots(comparison) == (3, 1)
    assert claim(make_member(project), project).comparison_id == comparison.pk


def test_a_lower_overlap_finishes_what_has_enough_judgments(project, owner):
    comparison = make_comparison(project)
    claim_and_judge(make_member(project), project)
    change_settings(project, owner, {"overlap": 1})
    comparison.refresh_from_db()
    assert comparison.state == Comparison.State.FINISHED
    assert Preference.objects.get(comparison=comparison).settled_at is not None


def test_a_lower_overlap_still_counts_who_is_judging_now(project, owner):
    comparison = make_comparison(project)
    first, second = make_member(project), make_member(project)
    claim_and_judge(first, project)
    assignment = claim(second, project)
    change_settings(project, owner, {"overlap": 1})
    assert slots(comparison) == (2, 0)
    assert comparison.state == Comparison.State.OPEN
    judge(assignment, "left")
    comparison.refresh_from_db()
    assert comparison.state == Comparison.State.FINISHED


def test_finished_comparisons_and_their_own_numbers_stay(project, owner):
    special = make_comparison(project, wanted=5)
    done = make_comparison(project, wanted=2)
    Comparison.objects.filter(pk=done.pk).update(state="finished", slots_left=0)
    change_settings(project, owner, {"overlap": 4})
    assert slots(special) == (5, 5)
    assert slots(done) == (2, 0)


def test_other_projects_are_left_alone(project, owner):
    other = make_comparison(make_project(overlap=2))
    change_settings(project, owner, {"overlap": 3})
    assert slots(other) == (2, 2)


def test_lowering_the_overlap_asks_the_database_little(
    project, owner, django_assert_max_num_queries
):
    make_comparisons(project, 30)
    with django_assert_max_num_queries(10):
        change_settings(project, owner, {"overlap": 1})


def test_two_admins_who_change_different_settings_do_not_undo_each_other(project, owner):
    seen_by_another = type(project).objects.get(pk=project.pk)
    change_settings(project, owner, {"lease_seconds": 30})
    change_settings(seen_by_another, owner, {"gold_share": 0.2})
    project.refresh_from_db()
    assert (project.lease_seconds, project.gold_share) == (30, 0.2)


def test_a_change_is_in_the_audit_log_with_before_and_after(project, owner):
    change_settings(project, owner, {"lease_seconds": 30, "name": project.name})
    entry = AuditEntry.objects.get(action="change settings")
    assert entry.actor == owner
    assert entry.details == {"changes": {"lease_seconds": [600, 30]}}


def test_saving_the_same_again_leaves_no_entry(project, owner):
    assert change_settings(project, owner, {"lease_seconds": project.lease_seconds}) == {}
    assert not AuditEntry.objects.exists()


def test_a_new_project_has_its_creator_as_admin():
    creator = make_user()
    project = create_project(creator, {"name": "Über höfliche Antworten"})
    assert project.slug == "uber-hofliche-antworten"
    assert project.memberships.get().user == creator
    assert project.memberships.get().role == Role.ADMIN


@pytest.mark.parametrize(
    ("name", "slug"), [("New", "new-2"), ("日本語", "project"), ("Taken", "taken-2")]
)
def test_addresses_of_projects_are_free(name, slug):
    make_project(slug="taken")
    assert free_slug(name) == slug
