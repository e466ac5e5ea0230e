"""What the admin lets one do to what is judged: nothing is deleted from under a stored answer, and
the queue's bookkeeping is not changed past the queue."""

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Assignment, Judgment, Membership, Project, Prompt, Response, User
from labeling.quality import exclusion
from tests.factories import claim, judge_for, make_comparison, make_member, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(make_user(is_superuser=True, is_staff=True))
    return client


@pytest.fixture
def project() -> Project:
    return make_project(overlap=1, gold_share=0)


def delete(root: Client, row: User | Response | Prompt) -> int:
    name = f"admin:labeling_{row._meta.model_name}_delete"
    return root.post(reverse(name, args=[row.pk]), {"post": "yes"}).status_code


def test_somebody_who_holds_a_comparison_is_not_deleted_with_its_slot(
    root: Client, project: Project
) -> None:
    comparison = make_comparison(project)
    ann = make_member(project)
    assert claim(ann, project) is not None
    assert delete(root, ann) == 403
    comparison.refresh_from_db()
    assert (comparison.slots_left, Assignment.objects.count()) == (0, 1)


def test_somebody_who_has_judged_is_not_deleted_from_under_the_preferences(
    root: Client, project: Project
) -> None:
    make_comparison(project)
    ann = make_member(project)
    judge_for(ann, project, "Good.")
    assert delete(root, ann) == 403
    assert Judgment.objects.get().labeler == ann


def test_somebody_who_never_began_can_be_deleted(root: Client, project: Project) -> None:
    ann = make_member(project)
    assert delete(root, ann) == 302
    assert not User.objects.filter(pk=ann.pk).exists()


def test_a_response_that_was_compared_is_not_deleted_from_under_its_comparison(
    root: Client, project: Project
) -> None:
    comparison = make_comparison(project)
    judge_for(make_member(project), project, "Good.")
    assert delete(root, Response.objects.get(text="Bad.")) == 403
    assert delete(root, comparison.prompt) == 403
    assert comparison.comparison_responses.count() == 2


@pytest.mark.parametrize("where", ["person", "membership"])
def test_somebody_who_was_taken_out_is_not_let_go_on_past_the_project(
    where: str, root: Client, project: Project
) -> None:
    ann, admin = make_member(project), make_member(project, role="admin")
    membership = Membership.objects.get(user=ann)
    exclusion.take_out(membership, admin, "cheats")
    row = ann if where == "person" else membership
    url = reverse(f"admin:labeling_{row._meta.model_name}_change", args=[row.pk])
    form = root.get(url).context["adminform"].form
    data = {name: form[name].value() or "" for name in form.fields if name != "is_paused"}
    data |= {"last_login_0": "", "last_login_1": "", "gold_since_0": "", "gold_since_1": ""}
    for name in ("TOTAL_FORMS", "INITIAL_FORMS"):
        data[f"memberships-{name}"] = 1
    inline = {"id": membership.pk, "user": ann.pk, "project": project.pk, "role": "labeler"}
    data |= {f"memberships-0-{name}": value for name, value in inline.items()}
    answer = root.post(url, data)
    assert answer.status_code == 200
    assert "Bring them back first" in answer.text
    membership.refresh_from_db()
    assert membership.is_paused


def test_how_many_judgments_are_wanted_is_not_changed_past_the_queue(
    root: Client, project: Project
) -> None:
    comparison = make_comparison(project)
    page = root.get(reverse("admin:labeling_comparison_change", args=[comparison.pk]))
    assert 'name="priority"' in page.text
    assert 'name="wanted"' not in page.text and 'name="planned"' not in page.text
