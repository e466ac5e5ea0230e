"""Reward models over HTTP: the list, and scores by one of them."""

import math

import pytest
from django.test import Client

from modeling.reward_models import serving
from tests.factories import client_with_token, make_member, make_project, set_loop
from tests.modeling.page_helpers import hold_against, make_reward_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


def client_of(project, role="curator") -> Client:
    return client_with_token(make_member(project, role))


def post(client, project, version, body):
    url = f"/api/v1/projects/{project.slug}/reward-models/{version}/score/"
    return client.post(url, body, content_type="application/json")


def text(response):
    return {"prompt": [{"role": "user", "content": "Q"}], "response": response}


def answer_with(monkeypatch, outcome):
    def score(model, texts, *, way):
        if isinstance(outcome, Exception):
            raise outcome
        members = [[float(len(one.response)), 2.0 + len(one.response)] for one in texts]
        return serving.combined(texts, members, way, 1.0)

    monkeypatch.setattr(serving, "score", score)


def test_the_list_has_versions_with_their_accuracy(project):
    make_reward_model(project, 0.7)
    hold_against(make_reward_model(project, 0.8, status="live"), 0.74, 0.55)
    rows = client_of(project).get(f"/api/v1/projects/{project.slug}/reward-models/").json()
    assert [(row["version"], row["status"]) for row in rows] == [(2, "live"), (1, "candidate")]
    assert rows[0]["accuracy"]["value"] == 0.8
    assert rows[0]["accuracy"]["split"] == "test"
    assert [(row["agreement"], row["longer_wins"]) for row in rows] == [(0.74, 0.55), (None, None)]


def test_responses_are_scored_by_a_version_or_the_one_in_service(project, monkeypatch):
    make_reward_model(project)
    make_reward_model(project, status="live")
    answer_with(monkeypatch, None)
    body = {"texts": [text(" four"), text("")]}
    found = post(client_of(project), project, "live", body).json()
    assert (found["version"], found["aggregate"]) == (2, "mean")
    first, second = found["scores"]
    assert first == {
        "reward": 6.0, "mean": 6.0, "std": 1.0, "members": [5.0, 7.0], "probability": None,
        "truncated": False,
    }  # fmt: skip
    assert second["probability"] == pytest.approx(1 / (1 + math.exp(5)))
    assert post(client_of(project), project, "1", body).json()["version"] == 1


def test_the_way_of_aggregating_can_be_chosen(project, monkeypatch):
    make_reward_model(project)
    answer_with(monkeypatch, None)
    body = {"texts": [text("four")]}
    client = client_of(project)

    def reward(**options):
        return post(client, project, "1", body | options).json()["scores"][0]["reward"]

    assert reward(aggregate="wco") == 4.0
    assert reward(aggregate="uwo", uwo_weight=0.2) == pytest.approx(4.8)
    set_loop(project, aggregate="wco")
    assert reward() == 4.0
    assert reward(aggregate="mean") == 5.0
    refused = post(client, project, "1", body | {"aggregate": "max"})
    assert refused.status_code == 400
    assert "aggregate" in refused.json()["errors"][0]["field"]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(serving.Unavailable("Redis is away."), 503), (serving.CannotScore("Too long."), 400)],
)
def test_what_goes_wrong_is_said_in_words(project, monkeypatch, outcome, status):
    make_reward_model(project)
    answer_with(monkeypatch, outcome)
    found = post(client_of(project), project, "1", {"texts": [text("a")]})
    assert found.status_code == status
    assert str(outcome) in found.json()["detail"]
    assert found.headers["Content-Type"] == "application/problem+json"


def test_a_version_that_is_not_there_is_named(project):
    client = client_of(project)
    found = post(client, project, "live", {"texts": [text("a")]})
    assert (found.status_code, found.json()["detail"]) == (
        404,
        "No reward model is in service yet.",
    )
    assert post(client, project, "9", {"texts": [text("a")]}).status_code == 404


def test_a_request_without_texts_is_refused(project):
    make_reward_model(project)
    assert post(client_of(project), project, "1", {"texts": []}).status_code == 400
    assert post(client_of(project), project, "1", {"texts": [{"prompt": "Q"}]}).status_code == 400


def test_scores_are_for_curators_and_admins(project):
    make_reward_model(project)
    assert post(client_of(project, "labeler"), project, "1", {}).status_code == 403
    assert post(client_of(make_project()), project, "1", {}).status_code == 404


def test_whole_messages_and_tools_reach_the_scorer(project, monkeypatch):
    make_reward_model(project)
    asked = []

    def score(model, texts, *, way):
        asked.extend(texts)
        return serving.combined(texts, [[0.0]], way, 1.0)

    monkeypatch.setattr(serving, "score", score)
    tools = [{"type": "function", "function": {"name": "look"}}]
    prompt = [{"role": "user", "content": " Q ", "name": "Ada"}]
    call = {"tool_calls": [{"function": {"name": "look"}}]}
    one = {"prompt": prompt, "response": {"content": None, **call}, "tools": tools}
    assert post(client_of(project), project, "1", {"texts": [one]}).status_code == 200
    answer = {"role": "assistant", "content": "", **call}
    assert asked == [serving.TextToScore(prompt, answer, {"tools": tools})]


@pytest.mark.parametrize("response", [{"content": 1}, {"content": None}, 1, None, ["a"]])
def test_a_response_that_is_no_text_and_no_message_is_refused(project, response):
    make_reward_model(project)
    one = {"prompt": [{"role": "user", "content": "Q"}], "response": response}
    found = post(client_of(project), project, "1", {"texts": [one]})
    assert found.status_code == 400
    assert "response" in str(found.json())
