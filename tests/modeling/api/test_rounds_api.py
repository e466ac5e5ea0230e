"""Rounds and the loop over HTTP: what was, what comes next, what somebody should look at."""

import pytest

from labeling.models import AuditEntry, Project, Role
from modeling.api.loop import LoopSerializer
from modeling.api.rounds import RoundDetailSerializer, RoundSerializer
from modeling.models import Loop, Policy, Round, Run
from modeling.models.versions import loop_of
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project, set_loop
from tests.modeling.api.api_clients import Asker, admin_of_another, asker
from tests.modeling.page_helpers import make_history, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def curator(project: Project) -> Asker:
    return asker(project, Role.CURATOR)


@pytest.fixture
def admin(project: Project) -> Asker:
    return asker(project, Role.ADMIN)


def test_rounds_are_newest_first_with_what_came_of_them(project, curator):
    make_history(project, 3)
    page = curator.get("rounds/?limit=2").json()
    assert [(row["number"], row["reward_model"]) for row in page["results"]] == [(3, 3), (2, 2)]
    assert page["results"][0]["gain"] == pytest.approx(1.0)
    following = curator.client.get(page["next"]).json()["results"]
    assert [row["number"] for row in following] == [1]


def test_a_longer_list_takes_no_more_statements(project, curator):
    make_history(project, 1)
    now = Round.objects.get().started_at

    def add(number: int) -> None:
        a_round = Round.objects.create(
            project=project, number=number, state=Round.State.FINISHED, started_at=now,
            finished_at=now, policy=Policy.objects.get(),
        )  # fmt: skip
        make_run(project, kind=Run.Kind.TRAIN_POLICY, round=a_round, config={"reward_model": 1})

    add(2)
    few = curator.statements("rounds/")
    for number in range(3, 9):
        add(number)
    assert curator.statements("rounds/") == few


def test_the_rows_are_described_as_they_are(project, curator):
    make_history(project, 1)
    assert curator.get("rounds/").json()["results"][0].keys() == RoundSerializer().fields.keys()
    detail = curator.get("rounds/1/").json()
    assert detail.keys() == RoundDetailSerializer().fields.keys()
    assert detail["verdict"] == ""
    assert curator.get("rounds/2/").status_code == 404


def test_the_side_that_leads_is_not_told_while_people_judge(project, curator):
    make_history(project, 1)
    Round.objects.update(state=Round.State.COMPARING, results={})
    row = curator.get("rounds/1/").json()
    assert (row["win_rate"], row["p_value"], row["verdict"]) == (None, None, "")


def test_the_loop_says_what_is_in_service_and_what_it_waits_for(project, curator):
    make_history(project, 2)
    make_comparisons(project, 3)
    claim_and_judge(make_member(project), project)
    run = make_run(project, Run.State.RUNNING, kind=Run.Kind.SAMPLE)
    row = curator.get("loop/").json()
    assert row.keys() == LoopSerializer().fields.keys()
    assert (row["policy"], row["reward_model"]) == (1, 2)
    assert (row["next_step"]["kind"], row["next_step"]["run"]) == ("gate", None)
    assert [one["id"] for one in row["active_runs"]] == [run.pk]
    assert (row["queue"]["open"], row["new_preferences"]) == (2, 1)
    assert row["why_not_start"]["sampling"] == "Such a run is under way already."


def test_the_loop_of_a_new_project_says_what_it_lacks(project, curator):
    set_loop(project, loop_enabled=True)
    row = curator.get("loop/").json()
    assert (row["policy"], row["reward_model"], row["round"]) == (None, None, None)
    assert row["next_step"]["kind"] == "open_round"
    assert "base model" in row["why_not_start"]["training"]


def test_improvement_goes_on_with_a_reason(project, admin):
    loop_of(project)
    assert admin.send("loop/resume/", {"reason": "looked"}).status_code == 409
    Loop.objects.update(improvement_stopped="KL rose.")
    assert admin.get("loop/").json()["improvement_stopped"] == "KL rose."
    for body in (None, {}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 301}):
        assert admin.send("loop/resume/", body).status_code == 400
    resumed = admin.send("loop/resume/", {"reason": "The prompts were at fault."})
    assert (resumed.status_code, resumed.json()["improvement_stopped"]) == (200, "")
    assert AuditEntry.objects.get(action="improvement resumed").reason.startswith("The prompts")


def test_curators_look_and_admins_act(project, curator):
    make_history(project, 1)
    Loop.objects.update(improvement_stopped="KL rose.")
    assert curator.send("loop/resume/", {"reason": "x"}).status_code == 403
    stranger = admin_of_another(project)
    assert stranger.send("loop/resume/", {"reason": "x"}).status_code == 404
    labeler = asker(project, Role.LABELER)
    for path in ("loop/", "rounds/", "rounds/1/", "gate/"):
        assert labeler.get(path).status_code == 403
        assert stranger.get(path).status_code == 404
    assert Loop.objects.get().improvement_stopped == "KL rose."
