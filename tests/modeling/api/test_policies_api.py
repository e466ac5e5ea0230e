"""Policies over HTTP: the versions, registering one, and which one writes the responses."""

import pytest

from labeling.models import AuditEntry, Project, Role
from modeling.api.policy_rows import PolicyDetailSerializer, PolicySerializer
from modeling.models import Loop, Policy
from tests.factories import make_project
from tests.modeling.api.api_clients import Asker, admin_of_another, asker
from tests.modeling.page_helpers import make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def admin(project: Project) -> Asker:
    return asker(project, Role.ADMIN)


def register(admin: Asker, name: str, **more: str) -> int:
    answer = admin.send("policies/", {"location": f"org/{name}", "name": name, **more})
    assert answer.status_code == 201, answer.json()
    version: int = answer.json()["version"]
    return version


def current(project: Project) -> int:
    return Loop.objects.get(project=project).policy.version


def test_a_policy_is_registered_and_takes_over(project, admin):
    answer = admin.send("policies/", {"location": "org/small", "notes": "from the hub"})
    row = answer.json()
    assert answer.status_code == 201
    assert (row["version"], row["name"], row["in_service"]) == (1, "small", True)
    assert row["created_by"] and row["notes"] == "from the hub"
    assert AuditEntry.objects.filter(action="policy registered").count() == 1


def test_a_policy_waits_for_its_comparison_or_is_only_kept(project, admin):
    register(admin, "a")
    compared, kept = register(admin, "b", then="compare"), register(admin, "c", then="nothing")
    assert current(project) == 1
    rows = {row["version"]: row for row in admin.get("policies/").json()["results"]}
    assert (rows[compared]["status"], rows[kept]["status"]) == ("candidate", "accepted")


@pytest.mark.parametrize(
    "location",
    ["/etc", "../../etc", "http://169.254.169.254/v1?model=x", "runs/999/model", "x" * 501],
)
def test_what_cannot_be_used_is_refused_by_its_field(project, admin, location):
    refused = admin.send("policies/", {"location": location})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "location"
    assert not Policy.objects.exists()


def test_the_list_goes_on_by_version_and_is_filtered(project, admin):
    for name in "abc":
        register(admin, name)
    page = admin.get("policies/?limit=2").json()
    assert [row["version"] for row in page["results"]] == [3, 2]
    following = admin.client.get(page["next"]).json()["results"]
    assert [row["version"] for row in following] == [1]
    assert admin.get("policies/?status=rejected").json()["results"] == []


def test_a_longer_list_takes_no_more_statements(project, admin):
    def add(name: str) -> None:
        version = register(admin, name)
        run = make_run(project, kind="train_policy")
        Policy.objects.filter(version=version).update(run=run, parent=Policy.objects.first())

    add("a")
    few = admin.statements("policies/")
    for name in "bcdef":
        add(name)
    assert admin.statements("policies/") == few


def test_the_rows_are_described_as_they_are(project, admin):
    register(admin, "a")
    row = admin.get("policies/").json()["results"][0]
    assert row.keys() == PolicySerializer().fields.keys()
    detail = admin.get("policies/1/").json()
    assert detail.keys() == PolicyDetailSerializer().fields.keys()
    assert (detail["guard"], detail["alarms"]) == (None, [])


def test_what_the_guard_sees_of_a_trained_version_is_told(project, admin):
    register(admin, "a")
    results = {"reward_before": 0.1, "reward_after": 0.4, "kl_error": 0.01}
    Policy.objects.create(
        project=project, version=2, name="b", location="org/b", results=results, kl=1.5
    )
    guard = admin.get("policies/2/").json()["guard"]
    assert (guard["reward_before"], guard["reward"], guard["kl"]) == (0.1, 0.4, 1.5)
    Loop.objects.all().delete()
    assert admin.get("policies/2/").json()["alarms"] == []


def test_a_version_is_promoted_and_the_one_before_put_back(project, admin):
    register(admin, "a"), register(admin, "b", then="nothing")
    body = {"instead_of": 1, "reason": "shorter"}
    promoted = admin.send("policies/2/promote/", body).json()
    assert (promoted["in_service"], promoted["verdict"]) == (True, "shorter")
    refused = admin.send("policies/1/promote/", {"instead_of": 1})
    assert (refused.status_code, current(project)) == (409, 2)
    assert admin.send("policies/1/promote/", {"instead_of": 2}).status_code == 200
    assert current(project) == 1


def test_a_version_is_rejected_but_not_the_one_in_service(project, admin):
    register(admin, "a"), register(admin, "b", then="nothing")
    assert admin.send("policies/2/reject/", {"reason": "rude"}).json()["verdict"] == "rude"
    assert admin.send("policies/2/reject/").status_code == 409
    assert admin.send("policies/1/reject/").status_code == 409
    assert AuditEntry.objects.get(action="policy rejected").reason == "rude"


def test_a_version_is_compared_once_more(project, admin):
    register(admin, "a"), register(admin, "b", then="nothing")
    assert admin.send("policies/2/compare/").json()["status"] == "candidate"
    assert admin.send("policies/2/compare/").status_code == 409
    assert admin.send("policies/1/compare/").status_code == 409


def test_curators_look_and_admins_act(project, admin):
    register(admin, "a"), register(admin, "b", then="nothing")
    curator, stranger = asker(project, Role.CURATOR), admin_of_another(project)
    assert curator.get("policies/2/").status_code == 200
    assert stranger.get("policies/2/").status_code == 404
    assert asker(project, Role.LABELER).get("policies/").status_code == 403
    for path in ("policies/", "policies/2/promote/", "policies/2/reject/", "policies/2/compare/"):
        assert curator.send(path, {"location": "org/c"}).status_code == 403
        assert stranger.send(path, {"location": "org/c"}).status_code == 404
    assert (current(project), Policy.objects.count()) == (1, 2)


def test_a_reason_is_limited_and_nothing_else_is_taken(project, admin):
    register(admin, "a"), register(admin, "b", then="nothing")
    for body in ({"reason": "x" * 301}, {"because": "x"}, {"instead_of": 0}, ["x"], "x", 7):
        assert admin.send("policies/2/promote/", body).status_code == 400
    assert current(project) == 1
