"""Members over the API: what curators and admins can do about them, by the rules of the pages."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.models import AuditEntry, Membership, Role
from tests.factories import (
    claim,
    claim_and_judge,
    client_with_token,
    make_comparisons,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project(gold_share=0.0)


@pytest.fixture
def labeler(project):
    return make_member(project, name="lee")


def client_of(project, role=Role.ADMIN):
    return client_with_token(make_member(project, role))


def url_of(project, user=None, action=""):
    url = f"/api/v1/projects/{project.slug}/members/"
    if user is None:
        return f"{url}{action}"
    return f"{url}{Membership.objects.get(project=project, user=user).pk}/{action}"


def change(client, project, user, **fields):
    return client.patch(url_of(project, user), fields, "application/json")


def act(client, project, user, action, **fields):
    return client.post(url_of(project, user, f"{action}/"), fields, "application/json")


def test_the_list_says_who_they_are_and_what_they_did(project, labeler):
    make_comparisons(project, 1)
    claim_and_judge(labeler, project)
    rows = client_of(project, Role.CURATOR).get(url_of(project)).json()["results"]
    assert rows[0]["username"] == "lee"
    assert (rows[0]["role"], rows[0]["judged"], rows[1]["judged"]) == ("labeler", 1, 0)


def test_filters_narrow_the_list(project, labeler):
    client = client_of(project)
    Membership.objects.filter(user=labeler).update(is_paused=True, paused_by_rule="gold")
    for query in ("role=labeler", "is_paused=true", "to_review=true", "username=lee"):
        rows = client.get(f"{url_of(project)}?{query}").json()["results"]
        assert [row["username"] for row in rows] == ["lee"], query
    assert client.get(f"{url_of(project)}?is_excluded=true").json()["results"] == []


def test_the_list_costs_the_same_however_many_there_are(project):
    client, counts = client_of(project), []
    client.get(url_of(project))
    for _ in range(2):
        with CaptureQueriesContext(connection) as statements:
            client.get(url_of(project))
        counts.append(len(statements))
        for _ in range(5):
            make_member(project)
    assert counts[0] == counts[1]


def test_admins_change_roles_and_curators_do_not(project, labeler):
    assert (
        change(client_of(project, Role.CURATOR), project, labeler, role="curator").status_code
        == 403
    )
    answer = change(client_of(project), project, labeler, role="curator")
    assert (answer.status_code, answer.json()["role"]) == (200, "curator")
    entry = AuditEntry.objects.get(action="change member")
    assert entry.details["changes"] == {"role": ["labeler", "curator"]}


def test_the_only_admin_stays_one(project):
    admin = make_member(project, Role.ADMIN)
    client = client_with_token(admin)
    assert change(client, project, admin, role="labeler").status_code == 409
    assert client.delete(url_of(project, admin)).status_code == 409
    assert Membership.objects.get(user=admin).role == "admin"


def test_curators_pause_members_and_let_them_go_on(project, labeler):
    client = client_of(project, Role.CURATOR)
    for paused in (True, True, False):
        answer = change(client, project, labeler, is_paused=paused)
        assert (answer.status_code, answer.json()["is_paused"]) == (200, paused)
    assert AuditEntry.objects.filter(action="change member").count() == 2


def test_a_pause_by_another_check_than_was_seen_stays(project, labeler):
    Membership.objects.filter(user=labeler).update(is_paused=True, paused_by_rule="gold")
    client = client_of(project, Role.CURATOR)
    assert change(client, project, labeler, is_paused=False, paused_by_rule="").status_code == 409
    assert change(client, project, labeler, paused_by_rule="gold").status_code == 400
    assert (
        change(client, project, labeler, is_paused=False, paused_by_rule="gold").status_code == 200
    )


@pytest.mark.parametrize(
    "fields", [{"role": "king"}, {"role": None}, {"is_paused": "yes"}, {"x": 1}]
)
def test_a_faulty_change_is_refused(project, labeler, fields):
    answer = change(client_of(project), project, labeler, **fields)
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == list(fields)


def test_judgments_are_taken_out_with_a_reason_and_brought_back(project, labeler):
    make_comparisons(project, 1)
    claim_and_judge(labeler, project)
    client = client_of(project, Role.CURATOR)
    assert act(client, project, labeler, "exclude").status_code == 400
    assert act(client, project, labeler, "exclude", reason="  ").status_code == 400
    done = act(client, project, labeler, "exclude", reason="Clicked at random")
    assert (done.status_code, done.json()["reopened"]) == (200, 1)
    assert done.json()["member"]["excluded_reason"] == "Clicked at random"
    assert act(client, project, labeler, "exclude", reason="Again").status_code == 409
    assert change(client, project, labeler, is_paused=False).status_code == 409
    assert act(client, project, labeler, "readmit").json()["member"]["excluded_at"] is None
    assert act(client, project, labeler, "readmit").status_code == 409


def test_what_somebody_holds_goes_to_others(project, labeler):
    make_comparisons(project, 1)
    claim(labeler, project)
    client = client_of(project, Role.CURATOR)
    assert act(client, project, labeler, "release").json() == {"comparisons": 1}
    assert act(client, project, labeler, "release").json() == {"comparisons": 0}


def test_a_review_resumes_or_removes_once(project, labeler):
    Membership.objects.filter(user=labeler).update(is_paused=True, paused_by_rule="gold")
    client = client_of(project, Role.CURATOR)
    without_note = act(client, project, labeler, "review", decision="remove")
    assert [one["field"] for one in without_note.json()["errors"]] == ["note"]
    assert act(client, project, labeler, "review", decision="resume").json()["is_paused"] is False
    assert act(client, project, labeler, "review", decision="resume").status_code == 409


def test_a_removed_member_sees_nothing_more(project, labeler):
    url = url_of(project, labeler)
    assert client_of(project, Role.CURATOR).delete(url).status_code == 403
    admin = client_of(project)
    assert admin.delete(url).status_code == 204
    assert admin.delete(url).status_code == 404
    next_url = f"/api/v1/projects/{project.slug}/next/"
    assert client_with_token(labeler).get(next_url).status_code == 404


def test_a_member_of_another_project_is_not_found(project, labeler):
    other = make_project()
    pk = Membership.objects.get(user=labeler).pk
    admin = client_of(other)
    url = f"/api/v1/projects/{other.slug}/members/{pk}/"
    assert admin.get(url).status_code == admin.delete(url).status_code == 404
    assert admin.patch(url, {"role": "admin"}, "application/json").status_code == 404
    for action in ("exclude", "readmit", "release", "review"):
        body = {"reason": "x"} if action == "exclude" else {}
        body = {"decision": "resume"} if action == "review" else body
        assert admin.post(f"{url}{action}/", body, "application/json").status_code == 404, action
    assert Membership.objects.get(pk=pk).role == "labeler"


def test_labelers_see_and_do_nothing_here(project, labeler):
    client = client_with_token(labeler)
    for url in (url_of(project), url_of(project, labeler)):
        assert client.get(url).status_code == 403
    assert change(client, project, labeler, role="admin").status_code == 403
    assert act(client, project, labeler, "exclude", reason="x").status_code == 403
