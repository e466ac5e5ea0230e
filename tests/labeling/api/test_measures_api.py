"""How good the judgments are, over HTTP: the dashboard's figures, agreement, each labeler's."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.api.measures import AgreementSerializer, LabelersSerializer, MeasuresSerializer
from labeling.models import Project, Role, User
from tests.factories import (
    claim_and_judge,
    client_with_token,
    make_comparisons,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    """Two people who agree on ten comparisons."""
    project = make_project(overlap=2)
    make_comparisons(project, 10)
    people = [make_member(project, name=name) for name in ("ann", "ben")]
    for person in people:
        for _ in range(10):
            claim_and_judge(person, project, "tie")
    return project


def asked(project: Project, path: str, role: str = Role.CURATOR):
    client = client_with_token(make_member(project, role))
    return client.get(f"/api/v1/projects/{project.slug}/measures/{path}")


def test_the_figures_are_described_as_they_are(project):
    described = {"": MeasuresSerializer, "agreement/": AgreementSerializer}
    for path, serializer in (described | {"labelers/": LabelersSerializer}).items():
        assert asked(project, path).json().keys() == serializer().fields.keys()


def test_the_dashboards_figures_are_told(project):
    row = asked(project, "").json()
    assert (row["judgments"], row["judgments_by_kind"]["tie"]) == (20, 20)
    assert sum(day["judgments"] for day in row["judgments_by_day"]) == 20
    assert row["agreement"]["value"] == 1.0
    assert row["preferences"]["all"] == row["preferences"]["state"]["in_use"] == 10
    assert (row["left"], row["is_one_sided"]) == (None, False)


def test_agreement_has_its_intervals_and_parts(project):
    row = asked(project, "agreement/").json()
    assert (row["judgments"], row["people"], row["percent"]["value"]) == (20, 2, 1.0)
    assert row["percent"]["low"] < 1.0
    assert row["cohen"] is None
    assert row["by_week"][-1]["judgments"] == 20


def test_a_figure_on_too_little_is_refused_in_words(project):
    rows = {row["username"]: row for row in asked(project, "labelers/").json()["labelers"]}
    ann = rows["ann"]
    assert (ann["judgments"], ann["gold"]["value"]) == (10, None)
    assert ann["gold"]["why_not"]


def test_figures_of_an_empty_project_are_empty():
    project = make_project()
    assert asked(project, "").json()["agreement"] is None
    assert asked(project, "agreement/").json()["percent"] is None
    assert asked(project, "labelers/").json()["agreement"] is None


def test_more_judgments_take_no_more_statements(project):
    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/api/v1/projects/{project.slug}/measures/{path}").status_code == 200
        return len(queries)

    client = client_with_token(make_member(project, Role.CURATOR))
    client.get("/api/v1/")
    few = {path: statements(path) for path in ("", "agreement/")}
    make_comparisons(project, 5)
    for person in User.objects.filter(username__in=("ann", "ben")):
        for _ in range(5):
            claim_and_judge(person, project, "left")
    assert {path: statements(path) for path in few} == few


def test_labelers_learn_nothing_of_each_other(project):
    for path in ("", "agreement/", "labelers/"):
        assert asked(project, path, Role.LABELER).status_code == 403
        stranger = client_with_token(make_member(make_project(), Role.ADMIN))
        assert stranger.get(f"/api/v1/projects/{project.slug}/measures/{path}").status_code == 404
