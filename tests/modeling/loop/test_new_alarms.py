"""Webhooks are told of models, rounds and alarms, each once."""

from typing import Any

import pytest

from labeling.models import Delivery, Project, User, Webhook
from modeling.loop import new_alarms
from modeling.loop.overview import LoopAlarm
from modeling.models import Policy, Round, Run
from modeling.models.versions import loop_of
from modeling.policies import promotion
from modeling.policies.registry import make_current
from modeling.reward_models.service import promote_reward_model
from tests.factories import make_member, make_project
from tests.modeling.page_helpers import make_history, make_reward_model, make_run, with_folder

pytestmark = pytest.mark.django_db
TYPES = ["model.promoted", "round.finished", "alarm.raised"]


@pytest.fixture
def project() -> Project:
    project = make_project(webhook_events=TYPES)
    Webhook.objects.create(project=project, address="https://1.1.1.1/", events=TYPES, salt="a")
    return project


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, "admin")


def told(event_type: str) -> list[dict[str, Any]]:
    rows = Delivery.objects.filter(type=event_type).order_by("pk")
    return [row.payload["data"] for row in rows]


def test_a_reward_model_in_service_is_told(project: Project, admin: User) -> None:
    make_history(project, 1)
    second = with_folder(make_reward_model(project, 0.7))
    promote_reward_model(second, admin, "It is better.")
    (row,) = told("model.promoted")
    assert (row["kind"], row["version"], row["instead_of"]) == ("reward_model", second.version, 1)
    assert row["reason"] == "It is better." and row["by"].startswith("annotator-")
    assert row["url"] == f"/reward-models/{second.pk}/"


def test_a_policy_in_service_is_told(project: Project, admin: User) -> None:
    make_history(project, 1)
    policy = Policy.objects.create(
        project=project, version=2, name="newer", location="https://1.1.1.1/v1?model=m"
    )
    assert make_current(policy, admin)
    (row,) = told("model.promoted")
    assert (row["kind"], row["version"], row["name"]) == ("policy", 2, "newer")


def test_the_end_of_a_round_is_told_once(project: Project) -> None:
    make_history(project, 1)
    round_ = Round.objects.create(
        project=project, number=2, state="labeling", started_at=project.created_at
    )
    assert promotion.close(round_, Round.State.FINISHED, "Improvement is off.")
    assert not promotion.close(round_, Round.State.FAILED, "somebody was slower")
    (row,) = told("round.finished")
    assert (row["round"], row["state"]) == (2, "finished")
    assert row["reason"] == "Improvement is off."


def fail(project: Project) -> Run:
    return make_run(project, Run.State.FAILED, error="No space is left in /srv/secret/place.")


def test_an_alarm_is_told_once_while_it_stands(project: Project) -> None:
    run = fail(project)
    new_alarms.tell(project)
    assert new_alarms.tell(project) == 0
    rows = [row for row in told("alarm.raised") if row["run"] == run.pk]
    (row,) = rows
    assert row["tone"] == "danger" and "No space is left" in row["text"]
    assert "/srv/secret" not in row["text"], "paths of the server are nobody's business"


def test_an_alarm_that_comes_back_is_told_again(project: Project) -> None:
    run = fail(project)
    new_alarms.tell(project)
    before = len(told("alarm.raised"))
    Run.objects.filter(pk=run.pk).update(state="succeeded")
    new_alarms.tell(project)
    Run.objects.filter(pk=run.pk).update(state="failed")
    new_alarms.tell(project)
    assert len(told("alarm.raised")) == before + 1


def test_figures_that_move_make_no_new_alarm() -> None:
    def digest(text: str) -> str:
        return new_alarms.digest_of(LoopAlarm(tone="warning", text=text))

    assert digest("It is 61.5 % right on 1,200.") == digest("It is 60.9 % right on 1,231.")
    assert digest("It is right.") != digest("It is wrong.")


def test_a_project_whose_webhooks_ask_for_none_is_not_looked_at(
    project: Project, django_assert_num_queries: Any
) -> None:
    loop_of(project)
    project.webhook_events = ["round.finished"]
    with django_assert_num_queries(0):
        assert new_alarms.tell(project) == 0


def test_trouble_in_one_project_does_not_hold_up_the_others(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = make_project(webhook_events=TYPES)
    asked: list[int] = []

    def tell(one: Project) -> int:
        asked.append(one.pk)
        if one == project:
            raise RuntimeError("no")
        return 0

    monkeypatch.setattr(new_alarms, "tell", tell)
    new_alarms.tell_all()
    assert asked == [project.pk, other.pk]
    assert "could not be told" in caplog.text
