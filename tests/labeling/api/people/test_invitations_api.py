"""Invitations over the API: told once, up to one's own role, withdrawn."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.models import Invitation, KeyedRequest, Role
from tests.factories import client_with_token, make_member, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


def client_of(project, role=Role.ADMIN):
    return client_with_token(make_member(project, role))


def invite(client, project, key=None, **fields):
    headers = {"Idempotency-Key": key} if key else {}
    url = f"/api/v1/projects/{project.slug}/invitations/"
    return client.post(url, fields, "application/json", headers=headers)


def test_a_link_lets_somebody_in(project, client):
    answer = invite(client_of(project, Role.CURATOR), project, note="Kim")
    assert (answer.status_code, answer.json()["role"]) == (201, "labeler")
    client.force_login(make_user("kim"))
    client.post(answer.json()["link"])
    assert project.memberships.filter(user__username="kim", role="labeler").exists()


def test_the_link_is_in_no_list_and_no_table(project):
    client = client_of(project)
    link = invite(client, project, key="k", note="Kim").json()["link"]
    token = link.rstrip("/").rsplit("/", 1)[1]
    listed = client.get(f"/api/v1/projects/{project.slug}/invitations/").content.decode()
    assert "Kim" in listed and token not in listed
    assert token not in str(KeyedRequest.objects.values())
    again = invite(client, project, key="k", note="Kim")
    assert (again.status_code, again.json()["link"]) == (201, None)
    assert Invitation.objects.count() == 1


def test_nobody_invites_above_their_own_role(project):
    curator = client_of(project, Role.CURATOR)
    assert invite(curator, project, role="admin").status_code == 403
    assert invite(curator, project, who="somebody").status_code == 403
    assert invite(client_of(project, Role.LABELER), project).status_code == 403
    assert not Invitation.objects.exists()


def test_whether_an_account_exists_is_not_told(project):
    make_user("kim")
    client = client_of(project)
    answers = [invite(client, project, who=who) for who in ("kim", "nobody")]
    told = [
        {k: v for k, v in answer.json().items() if k in ("role", "link", "email")}
        for answer in answers
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert told[0] == told[1]
    assert told[0]["link"] is None


def test_a_member_is_not_invited_again(project):
    make_member(project, name="kim")
    answer = invite(client_of(project), project, who="kim")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "who")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": "kim@example.org"}, "email"),  # no mail server is set
        ({"email": "kim"}, "email"),
        ({"role": "king"}, "role"),
        ({"note": "x" * 121}, "note"),
        ({"username": "two words"}, "username"),
        ({"who": "kim", "email": "", "username": "kim"}, "who"),
        ({"link": "https://example.org"}, "link"),
    ],
)
def test_a_faulty_invitation_is_refused(project, fields, field):
    answer = invite(client_of(project), project, **fields)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert not Invitation.objects.exists()


def test_a_withdrawn_link_lets_nobody_in(project, client):
    admin = client_of(project)
    made = invite(admin, project).json()
    url = f"/api/v1/projects/{project.slug}/invitations/{made['id']}/"
    assert client_of(make_project()).delete(url).status_code == 404
    assert admin.get(url).json()["id"] == made["id"]
    assert admin.delete(url).status_code == 204
    assert admin.delete(url).status_code == 404
    assert client.get(made["link"]).status_code == 410


def test_a_used_link_stays_on_record(project, client):
    admin = client_of(project)
    made = invite(admin, project).json()
    client.force_login(make_user())
    client.post(made["link"])
    url = f"/api/v1/projects/{project.slug}/invitations/{made['id']}/"
    assert admin.delete(url).status_code == 409


def test_the_list_costs_the_same_however_many_there_are(project):
    client, counts = client_of(project), []
    invite(client, project)
    url = f"/api/v1/projects/{project.slug}/invitations/"
    for _ in range(2):
        with CaptureQueriesContext(connection) as statements:
            client.get(url)
        counts.append(len(statements))
        for _ in range(3):
            invite(client, project)
    assert counts[0] == counts[1]
