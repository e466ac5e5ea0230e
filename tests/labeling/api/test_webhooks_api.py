"""Webhooks over the API: for admins alone, strict, and with a secret that is told once."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Delivery, Project, Scope, User, Webhook
from labeling.projects.webhooks import create_webhook, send_test
from tests.factories import client_with_token, make_member, make_project

pytestmark = pytest.mark.django_db
ADDRESS = "https://1.1.1.1/hook"
JSON = "application/json"


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, "admin")


@pytest.fixture
def api(admin: User) -> Client:
    return client_with_token(admin)


@pytest.fixture
def webhook(project: Project, admin: User) -> Webhook:
    fields = {"address": ADDRESS, "events": ["round.finished"]}
    return create_webhook(project, admin, fields).webhook


def at(name: str, *args: object) -> str:
    return reverse(f"api-{name}", args=args)


def test_a_webhook_is_added_and_its_secret_told_once(api: Client, project: Project) -> None:
    fields = {"address": ADDRESS, "events": ["judgment.made"], "with_texts": True}
    answer = api.post(at("webhooks", project.slug), fields, JSON)
    assert answer.status_code == 201
    assert answer.json()["secret"].startswith("whsec_")
    assert answer["Cache-Control"] == "no-store"
    (listed,) = api.get(at("webhooks", project.slug)).json()["results"]
    assert "secret" not in listed and "salt" not in str(listed)
    assert (listed["address"], listed["with_texts"]) == (ADDRESS, True)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"address": "http://169.254.169.254/", "events": ["judgment.made"]}, "address"),
        ({"address": ADDRESS, "events": ["everything"]}, "events[0]"),
        ({"address": ADDRESS, "events": []}, "events"),
        ({"address": ADDRESS}, "events"),
        ({"address": ADDRESS, "events": ["judgment.made"], "secret": "mine"}, "secret"),
        ([], "request"),
        ({"address": ADDRESS, "events": ["judgment.made"], "with_texts": "yes"}, "with_texts"),
    ],
)
def test_what_cannot_be_is_a_400_that_names_the_field(
    api: Client, project: Project, fields: Any, field: str
) -> None:
    answer = api.post(at("webhooks", project.slug), fields, JSON)
    assert answer.status_code == 400
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert not Webhook.objects.exists()


def test_a_webhook_that_was_asked_for_twice_is_made_once(api: Client, project: Project) -> None:
    fields = {"address": ADDRESS, "events": ["judgment.made"]}
    place, key = at("webhooks", project.slug), {"idempotency-key": "one"}
    first, again = (api.post(place, fields, JSON, headers=key).json() for _ in range(2))
    assert first["id"] == again["id"] and Webhook.objects.count() == 1
    assert first["secret"].startswith("whsec_") and again["secret"] is None


def test_one_is_changed_by_what_is_sent_alone(api: Client, webhook: Webhook) -> None:
    place = at("webhook", webhook.project.slug, webhook.pk)
    answer = api.patch(place, {"is_active": False}, JSON)
    assert answer.status_code == 200
    assert (answer.json()["is_active"], answer.json()["events"]) == (False, ["round.finished"])
    assert api.post(at("webhook-test", webhook.project.slug, webhook.pk)).status_code == 409


def test_one_is_removed(api: Client, webhook: Webhook) -> None:
    place = at("webhook", webhook.project.slug, webhook.pk)
    assert api.delete(place).status_code == 204
    assert api.get(place).status_code == 404
    assert api.delete(place).status_code == 404


def test_a_new_secret(api: Client, webhook: Webhook) -> None:
    place = at("webhook-secret", webhook.project.slug, webhook.pk)
    first, second = (api.post(place).json()["secret"] for _ in range(2))
    assert first != second


def test_what_was_sent_is_listed_page_by_page_and_sent_again(api: Client, webhook: Webhook) -> None:
    slug, pk = webhook.project.slug, webhook.pk
    for _ in range(3):
        assert api.post(at("webhook-test", slug, pk)).status_code == 202
    page = api.get(at("deliveries", slug, pk), {"limit": 2}).json()
    assert len(page["results"]) == 2
    rest = api.get(page["next"]).json()
    assert (len(rest["results"]), rest["next"]) == (1, None)
    last = rest["results"][0]
    again = at("delivery-resend", slug, pk, last["id"])
    assert api.post(again).status_code == 409, "it waits to be sent"
    Delivery.objects.update(state="failed", next_try_at=None, finished_at=webhook.created_at)
    assert api.get(at("deliveries", slug, pk), {"state": "failed"}).json()["results"]
    answer = api.post(again)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert answer.json()["event_id"] == last["event_id"]
    assert api.get(at("delivery", slug, pk, last["id"])).json()["payload"] == last["payload"]


def test_a_misspelt_parameter_is_an_error(api: Client, webhook: Webhook) -> None:
    place = at("deliveries", webhook.project.slug, webhook.pk)
    for query in ({"page": 2}, {"limit": 0}, {"state": "lost"}, {"cursor": "nonsense"}):
        assert api.get(place, query).status_code == 400


def test_curators_and_other_projects_admins_get_nothing(
    project: Project, admin: User, webhook: Webhook
) -> None:
    delivery = send_test(webhook, admin)
    other = make_project()
    curator = client_with_token(make_member(project, "curator"))
    outsider = client_with_token(make_member(other, "admin"))
    places = [
        at("webhooks", project.slug),
        at("webhook", project.slug, webhook.pk),
        at("deliveries", project.slug, webhook.pk),
        at("delivery", project.slug, webhook.pk, delivery.pk),
    ]
    assert {curator.get(place).status_code for place in places} == {403}
    assert {outsider.get(place).status_code for place in places} == {404}
    # By way of a project of one's own neither.
    assert outsider.get(at("webhook", other.slug, webhook.pk)).status_code == 404
    mine = create_webhook(other, admin, {"address": ADDRESS, "events": ["alarm.raised"]}).webhook
    own = at("delivery", other.slug, mine.pk, delivery.pk)
    assert outsider.get(own).status_code == 404
    assert outsider.post(at("delivery-resend", other.slug, mine.pk, delivery.pk)).status_code == 404


def test_a_token_that_may_only_read_changes_nothing(admin: User, webhook: Webhook) -> None:
    reader = client_with_token(admin, Scope.READ)
    slug, pk = webhook.project.slug, webhook.pk
    assert reader.get(at("webhook", slug, pk)).status_code == 200
    assert reader.delete(at("webhook", slug, pk)).status_code == 403
    assert reader.post(at("webhook-secret", slug, pk)).status_code == 403
    assert reader.post(at("webhook-test", slug, pk)).status_code == 403
