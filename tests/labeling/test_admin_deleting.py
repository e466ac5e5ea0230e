"""What a superuser may delete in the database admin, and what goes with it (docs/people.md)."""

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from labeling.models import (
    ApiToken,
    AuditEntry,
    Invitation,
    Membership,
    Project,
    Prompt,
    Response,
    Role,
    Scope,
    Snapshot,
    User,
)
from labeling.people.invitations import create_invitation
from labeling.people.members import remove_member
from labeling.people.signing_in.tokens import make_token
from labeling.projects.editing import create_project
from labeling.queue.handout import current_or_next
from modeling.models import Policy, RewardModel, Run, Score
from modeling.models.versions import loop_of
from tests.factories import (
    make_comparison,
    make_member,
    make_project,
    make_prompt,
    make_response,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(make_user("root", is_superuser=True, is_staff=True))
    return client


def delete(root: Client, row: Model) -> int:
    address = reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_delete", args=[row.pk])
    return root.post(address, {"post": "yes"}).status_code


def test_a_project_made_on_the_pages_is_not_deleted_even_when_it_is_empty(root: Client) -> None:
    project = create_project(make_user("ada"), {"name": "Tried out"})
    assert delete(root, project) == 403
    assert Project.objects.filter(pk=project.pk).exists()


def test_a_project_whose_loop_has_begun_is_not_deleted(root: Client) -> None:
    project = make_project()
    loop_of(project)
    assert delete(root, project) == 403


def test_an_account_goes_with_its_memberships_and_tokens_and_the_record_stays(
    root: Client,
) -> None:
    admin = make_user("ada")
    project = create_project(admin, {"name": "Tried out"})
    create_invitation(project, admin, Role.LABELER, "for noor")
    make_token(admin, "export", [Scope.READ])
    before = AuditEntry.objects.filter(project=project).count()
    assert delete(root, admin) == 302
    assert not User.objects.filter(username="ada").exists()
    assert not Membership.objects.filter(project=project).exists()
    assert not ApiToken.objects.filter(name="export").exists()
    entries = AuditEntry.objects.filter(project=project)
    assert (entries.count(), set(entries.values_list("actor", flat=True))) == (before, {None})
    assert Invitation.objects.get(project=project).created_by is None


def test_an_account_that_was_handed_something_or_has_left_a_project_is_not_deleted(
    root: Client,
) -> None:
    project = make_project()
    make_comparison(project)
    labeler, gone = make_member(project), make_member(project)
    assert current_or_next(labeler, project) is not None
    remove_member(gone.memberships.get(), labeler)
    assert [delete(root, user) for user in (labeler, gone)] == [403, 403]
    assert User.objects.filter(pk__in=[labeler.pk, gone.pk]).count() == 2


def test_a_prompt_goes_with_its_responses_until_they_are_compared(root: Client) -> None:
    project = make_project()
    alone = make_prompt(project, "Alone?")
    make_response(alone, "Yes.")
    compared = make_comparison(project).prompt
    assert (delete(root, alone), delete(root, compared)) == (302, 403)
    assert list(Prompt.objects.all()) == [compared]
    assert not Response.objects.filter(text="Yes.").exists()


def test_a_response_goes_until_a_reward_model_has_scored_it(root: Client) -> None:
    project = make_project()
    prompt = make_prompt(project, "Why?")
    alone, scored = make_response(prompt, "Yes."), make_response(prompt, "No.")
    run = Run.objects.create(project=project, kind="train_reward", input_digest="1")
    snapshot = Snapshot.objects.create(project=project, sha256="0" * 64, count=1)
    model = RewardModel.objects.create(
        project=project, version=1, run=run, snapshot=snapshot, base_model="b", folder="f"
    )
    Score.objects.create(response=scored, reward_model=model, value=1.0)
    assert (delete(root, alone), delete(root, scored)) == (302, 403)
    assert list(Response.objects.all()) == [scored]


def test_a_policy_that_a_run_has_used_is_not_deleted(root: Client) -> None:
    project = make_project()
    used, unused = (
        Policy.objects.create(project=project, version=number, name="p", location="x")
        for number in (1, 2)
    )
    Run.objects.create(project=project, kind="sample", input_digest="1", policy=used)
    assert delete(root, unused) == 302
    delete(root, used)
    assert list(Policy.objects.all()) == [used]
