"""A comparison is kept while it is read, or given back, from another front end."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from labeling.models import Assignment, Membership, Project, Scope
from labeling.queue.leases import expire_leases
from tests.factories import (
    claim,
    claim_and_judge,
    client_with_token,
    make_comparisons,
    make_member,
    make_project,
    run_out,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(overlap=1, gold_share=0)
    make_comparisons(project, 1)
    return project


@pytest.fixture
def labeler(project):
    return make_member(project)


def send(user, uuid, what, *scopes):
    return client_with_token(user, *scopes).post(f"/api/v1/hand-outs/{uuid}/{what}/")


def test_a_hold_is_prolonged_to_its_full_length(project, labeler):
    held = claim(labeler, project)
    soon = timezone.now() + timedelta(seconds=5)
    Assignment.objects.filter(pk=held.pk).update(expires_at=soon)
    answer = send(labeler, held.uuid, "keep", Scope.LABEL)
    assert answer.status_code == 200
    held.refresh_from_db()
    assert held.expires_at > soon + timedelta(seconds=project.lease_seconds - 60)
    assert answer.json()["id"] == str(held.uuid)


def test_a_hold_that_has_ended_is_taken_up_again_or_gone(project, labeler):
    held = run_out(claim(labeler, project))
    expire_leases()
    assert send(labeler, held.uuid, "keep").status_code == 200
    run_out(held)
    expire_leases()
    claim(make_member(project), project)
    gone = send(labeler, held.uuid, "keep")
    assert gone.status_code == 410
    assert "do not hold" in gone.json()["detail"]


def test_a_comparison_that_is_let_go_goes_to_others(project, labeler):
    held = claim(labeler, project)
    other = make_member(project)
    assert claim(other, project) is None
    assert send(labeler, held.uuid, "release").status_code == 204
    assert send(labeler, held.uuid, "release").status_code == 204
    expire_leases()
    assert claim(other, project) is not None


def test_what_is_answered_is_neither_kept_nor_given_back(project, labeler):
    recorded = claim_and_judge(labeler, project)
    uuid = recorded.assignment.uuid
    assert send(labeler, uuid, "keep").status_code == 410
    assert send(labeler, uuid, "release").status_code == 204
    assert Assignment.objects.get(uuid=uuid).state == Assignment.State.JUDGED


def test_nobody_holds_what_is_somebody_elses(project, labeler):
    held = claim(labeler, project)
    before = Assignment.objects.get(pk=held.pk).expires_at
    other = make_member(project)
    for what in ("keep", "release"):
        assert send(other, held.uuid, what).status_code == 404
        assert send(labeler, uuid4(), what).status_code == 404
        assert send(labeler, held.uuid, what, Scope.READ, Scope.WRITE).status_code == 403
    assert Assignment.objects.get(pk=held.pk).expires_at == before


def test_who_is_paused_or_gone_keeps_it_from_nobody(project, labeler):
    held = claim(labeler, project)
    Membership.objects.filter(user=labeler).update(is_paused=True)
    assert send(labeler, held.uuid, "keep").status_code == 410
    Membership.objects.filter(user=labeler).delete()
    assert send(labeler, held.uuid, "keep").status_code == 410
