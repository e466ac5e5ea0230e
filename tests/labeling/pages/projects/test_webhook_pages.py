"""The pages of webhooks: a secret shown once, refusals beside their fields, the log."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Delivery, Project, User, Webhook
from labeling.projects.webhooks import create_webhook, rotate_secret, send_test
from labeling.webhooks.delivering import switch_off
from labeling.webhooks.signing import secret_of
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db
ADDRESS = "https://1.1.1.1/hook"


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def admin(project: Project, client: Client) -> User:
    admin = make_member(project, "admin")
    client.force_login(admin)
    return admin


@pytest.fixture
def webhook(project: Project, admin: User) -> Webhook:
    fields = {"address": ADDRESS, "events": ["round.finished"]}
    return create_webhook(project, admin, fields).webhook


def at(name: str, webhook: Webhook, *args: object) -> str:
    return reverse(name, args=[webhook.project.slug, webhook.pk, *args])


def text_of(answer: Any) -> str:
    return answer.content.decode()


def test_a_webhook_is_added_and_its_secret_shown_once(
    client: Client, project: Project, admin: User
) -> None:
    place = reverse("webhooks", args=[project.slug])
    assert "Nobody is told yet" in text_of(client.get(place))
    fields = {"address": ADDRESS, "events": ["judgment.made", "alarm.raised"]}
    answer = client.post(place, fields)
    webhook = Webhook.objects.get()
    assert answer["Location"] == at("webhook", webhook)
    client.head(answer["Location"])
    client.get(answer["Location"], headers={"HX-Request": "true"})
    answer = client.get(answer["Location"])
    assert secret_of(webhook.salt) in text_of(answer)
    assert "no-store" in answer["Cache-Control"]
    assert secret_of(webhook.salt) not in text_of(client.get(at("webhook", webhook)))
    assert ADDRESS in text_of(client.get(place))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Give the address"),
        ({"address": ADDRESS}, "Choose at least one event"),
        ({"address": "https://10.0.0.1/", "events": ["judgment.made"]}, "not public"),
        ({"address": "http://1.1.1.1/", "events": ["judgment.made"]}, "not https"),
        ({"address": ADDRESS, "events": ["nonsense"]}, "nonsense is not one of"),
    ],
)
def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed(
    client: Client, project: Project, admin: User, fields: dict[str, Any], words: str
) -> None:
    answer = client.post(reverse("webhooks", args=[project.slug]), fields)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert fields.get("address", "") in text_of(answer)


def test_it_is_changed(client: Client, webhook: Webhook) -> None:
    fields = {"address": ADDRESS, "events": ["alarm.raised"], "with_names": "on"}
    assert client.post(at("webhook", webhook), fields | {"is_active": "on"}).status_code == 302
    webhook.refresh_from_db()
    assert (webhook.events, webhook.with_names) == (["alarm.raised"], True)
    assert client.post(at("webhook", webhook), {"address": "no"}).status_code == 422


def test_a_test_event_shows_in_the_log_and_is_sent_again(client: Client, webhook: Webhook) -> None:
    assert client.post(at("webhook-test", webhook)).status_code == 302
    delivery = Delivery.objects.get()
    page = text_of(client.get(at("webhook", webhook)))
    assert "webhook.test" in page and 'hx-trigger="every 3s"' in page, "it waits, so it is watched"
    Delivery.objects.update(
        state="failed", next_try_at=None, finished_at=webhook.created_at, status=500,
        excerpt="<b>out of order</b>",
    )  # fmt: skip
    one = text_of(client.get(at("webhook-delivery", webhook, delivery.pk)))
    assert "&lt;b&gt;out of order" in one and delivery.event_id in one and "Send it again" in one
    client.post(at("webhook-resend", webhook, delivery.pk))
    delivery.refresh_from_db()
    assert delivery.state == "waiting"


def test_the_log_goes_on_page_by_page_and_by_state(
    client: Client, webhook: Webhook, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labeling.pages.projects import webhooks as pages

    monkeypatch.setattr(pages, "PAGE", 2)
    rows = [send_test(webhook, admin) for _ in range(3)]
    first = client.get(at("webhook", webhook))
    assert f"before={rows[1].pk}" in text_of(first)
    second = text_of(client.get(at("webhook", webhook), {"before": rows[1].pk}))
    link = at("webhook-delivery", webhook, rows[0].pk)
    assert link in second and link not in text_of(first)
    none = text_of(client.get(at("webhook", webhook), {"state": "failed"}))
    assert "None." in none
    fragment = client.get(at("webhook", webhook), headers={"hx-request": "true"})
    assert text_of(fragment).lstrip().startswith('<section id="deliveries"')


def test_why_it_was_switched_off_is_said(client: Client, webhook: Webhook) -> None:
    switch_off(webhook.pk, "Nothing has arrived for 5 days.")
    page = text_of(client.get(at("webhook", webhook)))
    assert "Switched off by itself. Nothing has arrived for 5 days." in page
    assert "Send a test event" not in page
    assert "switched off" in text_of(client.get(reverse("webhooks", args=[webhook.project.slug])))


def test_it_is_removed(client: Client, webhook: Webhook) -> None:
    assert client.post(at("webhook-remove", webhook)).status_code == 302
    assert client.get(at("webhook", webhook)).status_code == 404
    assert client.post(at("webhook-remove", webhook)).status_code == 404


def test_a_new_secret_is_shown_once(client: Client, webhook: Webhook) -> None:
    page = text_of(client.post(at("webhook-rotate", webhook), follow=True))
    webhook.refresh_from_db()
    assert secret_of(webhook.salt) in page and "signed with the old one" in page
    assert secret_of(webhook.salt) not in text_of(client.get(at("webhook", webhook)))


def test_a_secret_that_was_replaced_meanwhile_is_not_shown(
    client: Client, webhook: Webhook, admin: User
) -> None:
    client.post(at("webhook-rotate", webhook))
    rotate_secret(webhook, admin)
    assert "whsec_" not in text_of(client.get(at("webhook", webhook)))


def test_an_event_of_another_webhook_is_not_shown_here(
    client: Client, webhook: Webhook, admin: User
) -> None:
    foreign = create_webhook(
        make_project(), admin, {"address": ADDRESS, "events": ["alarm.raised"]}
    ).webhook
    delivery = send_test(foreign, admin)
    assert client.get(at("webhook-delivery", webhook, delivery.pk)).status_code == 404
    assert client.post(at("webhook-resend", webhook, delivery.pk)).status_code == 404


def test_curators_do_not_see_them(client: Client, webhook: Webhook) -> None:
    client.force_login(make_member(webhook.project, "curator"))
    assert client.get(at("webhook", webhook)).status_code == 403
    settings = text_of(client.get(reverse("project-loop-settings", args=[webhook.project.slug])))
    assert "Webhooks" not in settings


def test_the_audit_log_names_and_links_it(client: Client, webhook: Webhook) -> None:
    audit = text_of(client.get(reverse("audit", args=[webhook.project.slug])))
    assert f'href="{at("webhook", webhook)}"' in audit
