"""Pages that make and change a project, as admin, curator, labeler and outsider see them."""

import pytest
from django.urls import reverse

from labeling.models import AuditEntry, Membership, Project, Role
from labeling.pages.projects.forms import SettingsForm
from labeling.projects.settings_texts import GROUPS
from tests.factories import make_member, make_project, make_user

pytestmark = pytest.mark.django_db

NOT_SET = {"id", "slug", "guidelines", "created_at", "webhook_events"}


@pytest.fixture
def project():
    return make_project(name="Teatime")


@pytest.fixture
def cast(project):
    return {
        "admin": make_member(project, Role.ADMIN, "owner"),
        "curator": make_member(project, Role.CURATOR, "teammate"),
        "labeler": make_member(project, Role.LABELER, "labeler"),
        "outsider": make_user("outsider"),
    }


@pytest.fixture
def admin(client, cast):
    client.force_login(cast["admin"])
    return client


def form_data(form, **changes):
    """What a browser would send for a form that was shown and then changed."""
    data = {}
    for field in form:
        value = "" if field.initial is None else field.initial
        data[f"initial-{field.html_name}"] = value
        data[field.html_name] = changes.get(field.name, value)
    return {name: value for name, value in data.items() if value is not False}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("project-settings", {"admin"}),
        ("project-loop-settings", {"admin", "curator"}),
        ("members", {"admin", "curator"}),
        ("guidelines-edit", {"admin", "curator"}),
        ("guidelines-history", {"admin", "curator"}),
    ],
)
def test_pages_open_for_those_who_may_see_them(client, cast, project, name, allowed):
    url = reverse(name, args=[project.slug])
    for who, user in cast.items():
        client.force_login(user)
        expected = 200 if who in allowed else 404 if who == "outsider" else 403
        assert client.get(url).status_code == expected, who
    client.logout()
    assert client.get(url).url.startswith(reverse("sign-in"))


@pytest.mark.parametrize("name", ["member-add", "member-invite"])
def test_only_admins_bring_people_in(client, cast, project, name):
    for who in ("curator", "labeler", "outsider"):
        client.force_login(cast[who])
        data = {"add-who": "outsider", "add-role": "admin", "invite-username": "x"}
        assert client.post(reverse(name, args=[project.slug]), data).status_code in (403, 404)
    assert project.memberships.count() == 3


def test_a_member_of_another_project_is_not_changed_from_here(admin, project):
    other = make_project()
    stranger = make_member(other)
    membership = Membership.objects.get(user=stranger)
    url = reverse("member-change", args=[project.slug, membership.pk])
    assert admin.post(url, {"role": "admin"}).status_code == 404
    membership.refresh_from_db()
    assert membership.role == Role.LABELER


def test_every_setting_of_a_project_is_on_the_page():
    shown = {name for group in GROUPS for name in (*group.names, *group.more)}
    assert shown == {field.name for field in Project._meta.concrete_fields} - NOT_SET


def test_settings_are_saved_and_nothing_else_is(admin, project):
    url = reverse("project-settings", args=[project.slug])
    data = form_data(SettingsForm(instance=project), lease_seconds=25, random_share=35)
    Project.objects.filter(pk=project.pk).update(min_seconds=5)  # by somebody else, meanwhile
    assert admin.post(url, data).url == url
    project.refresh_from_db()
    assert project.lease_seconds == 25
    assert project.random_share == pytest.approx(0.35)
    assert project.min_seconds == 5
    changes = AuditEntry.objects.get(action="change settings").details["changes"]
    assert set(changes) == {"lease_seconds", "random_share"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("overlap", 0),
        ("overlap", 21),
        ("random_share", 101),
        ("lease_seconds", 5),
        ("lease_seconds", ""),
        ("scale", "stars"),
        ("name", ""),
    ],
)
def test_a_wrong_setting_is_named_beside_its_field(admin, project, field, value):
    data = form_data(SettingsForm(instance=project), **{field: value})
    response = admin.post(reverse("project-settings", args=[project.slug]), data)
    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {field}
    assert f'id="id_{field}_error"' in response.content.decode()
    assert not AuditEntry.objects.exists()


def test_a_new_project_leads_to_its_loop(client):
    client.force_login(make_user(is_superuser=True))
    data = {"name": "Fresh", "question": "Which?", "scale": "binary", "overlap": 2}
    response = client.post(reverse("project-new"), data)
    assert response.url == reverse("project", args=["fresh"])
    assert b"Fresh is ready" in client.get(response.url).content


def test_people_without_a_project_of_their_own_make_none(client, cast):
    for who in ("curator", "labeler", "outsider"):
        client.force_login(cast[who])
        assert client.get(reverse("project-new")).status_code == 403


def test_a_link_that_proposes_a_user_name_is_shown_once(admin, client, project):
    url = reverse("member-invite", args=[project.slug])
    data = {"invite-username": "newcomer", "invite-full_name": "", "invite-role": "labeler"}
    shown = admin.post(url, data, follow=True).content.decode()
    path = "/invitations/" + shown.split("/invitations/")[1].split('"')[0]
    again = admin.get(reverse("members", args=[project.slug])).content.decode()
    assert path not in again and "newcomer as labeler" in again
    admin.logout()
    assert 'value="newcomer"' in admin.get(path).content.decode()


def test_a_member_is_not_invited_again(admin, project):
    url = reverse("member-add", args=[project.slug])
    response = admin.post(url, {"add-who": "Owner", "add-role": "labeler"})
    assert response.status_code == 422
    assert "member already" in response.content.decode()


def test_guidelines_sent_twice_are_one_version(admin, project):
    url = reverse("guidelines-edit", args=[project.slug])
    for _ in range(2):
        assert admin.post(url, {"text": "First.", "written_on": 1}).status_code == 302
    assert project.guideline_versions.count() == 2


def test_guidelines_written_meanwhile_are_not_lost(admin, cast, project):
    url = reverse("guidelines-edit", args=[project.slug])
    assert admin.post(url, {"text": "First.", "written_on": 1}).status_code == 302
    late = admin.post(url, {"text": "Second <b>thought</b>.", "written_on": 1})
    page = late.content.decode()
    assert late.status_code == 422
    assert "saved version 2 while you were writing" in page
    assert "Second &lt;b&gt;thought&lt;/b&gt;." in page
    again = {"text": "Second.", "written_on": late.context["form"]["written_on"].value()}
    assert admin.post(url, again).status_code == 302
    project.refresh_from_db()
    assert (project.guidelines.number, project.guidelines.text) == (3, "Second.")


def test_the_history_shows_what_changed(admin, project):
    url = reverse("guidelines-edit", args=[project.slug])
    admin.post(url, {"text": "Prefer <i>kindness</i>.", "written_on": 1})
    page = admin.get(reverse("guidelines-history", args=[project.slug])).content.decode()
    assert "From version 1 to 2" in page
    assert "Prefer &lt;i&gt;kindness&lt;/i&gt;." in page


@pytest.mark.parametrize("query", ["?new=99", "?new=x", "?old=-1"])
def test_a_version_that_does_not_exist_is_not_found(admin, project, query):
    url = reverse("guidelines-history", args=[project.slug])
    assert admin.get(url + query).status_code == 404
