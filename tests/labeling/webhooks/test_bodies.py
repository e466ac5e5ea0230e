"""Texts and names go along only where they are asked for, and are kept nowhere."""

import json

import pytest

from labeling.judging.recording import Answer
from labeling.models import Delivery, Project, User, Webhook
from labeling.projects.webhooks import change_webhook
from labeling.webhooks.bodies import body_of
from tests.factories import claim, judge, make_comparisons, make_member


@pytest.fixture
def delivery(project: Project, admin: User, webhook: Webhook) -> Delivery:
    change_webhook(webhook, admin, {"events": ["judgment.made", "preference.settled"]})
    project.refresh_from_db()
    make_comparisons(project, 1)
    assignment = claim(make_member(project, name="noor"), project)
    assert assignment is not None
    first, second = assignment.order
    judge(assignment, Answer("prefer", tiers=((first,), (second,)), rationale="It says why."))
    return Delivery.objects.get(type="judgment.made")


def data_of(delivery: Delivery, webhook: Webhook) -> dict:
    return json.loads(body_of(delivery, webhook))["data"]


def test_by_itself_the_body_is_what_was_written(delivery: Delivery, webhook: Webhook) -> None:
    assert json.loads(body_of(delivery, webhook)) == delivery.payload


def test_texts_go_along_where_they_are_asked_for(delivery: Delivery, webhook: Webhook) -> None:
    webhook.with_texts = True
    texts = data_of(delivery, webhook)["texts"]
    judged = delivery.webhook.project.judgments.get()
    assert texts["prompt"] == judged.comparison.prompt.messages
    assert set(texts["responses"]) == {str(pk) for pk in judged.order}
    assert texts["rationale"] == "It says why."
    settled = Delivery.objects.get(type="preference.settled")
    assert data_of(settled, webhook)["texts"]["responses"] == texts["responses"]
    delivery.refresh_from_db()
    assert "texts" not in delivery.payload["data"]


def test_names_go_along_where_they_are_asked_for(delivery: Delivery, webhook: Webhook) -> None:
    assert "noor" not in body_of(delivery, webhook).decode()
    webhook.with_names = True
    data = data_of(delivery, webhook)
    assert data["labeler_name"] == "noor" and data["labeler"].startswith("annotator-")


def test_the_name_of_somebody_who_has_left_is_known(delivery: Delivery, webhook: Webhook) -> None:
    from labeling.people.members import remove_member

    member = webhook.project.memberships.get(user__username="noor")
    remove_member(member, webhook.created_by)
    webhook.with_names = True
    assert data_of(delivery, webhook)["labeler_name"] == "noor"
