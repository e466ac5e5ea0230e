"""Webhooks are made, changed and removed by admins, on record and without secrets in the log."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.models import AuditEntry, Delivery, Project, User, Webhook
from labeling.projects import webhooks
from labeling.projects.webhooks import (
    WebhookRefused,
    change_webhook,
    create_webhook,
    remove_webhook,
    resend,
    rotate_secret,
    send_test,
)
from labeling.webhooks.outbox import webhooks_of
from labeling.webhooks.signing import check_of, secret_of
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db
ADDRESS = "https://1.1.1.1/services/T000/secret-path?key=abc"


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, "admin")


@pytest.fixture
def webhook(project: Project, admin: User) -> Webhook:
    fields = {"address": ADDRESS, "events": ["round.finished", "judgment.made"]}
    return create_webhook(project, admin, fields).webhook


def test_a_webhook_is_made_with_a_secret_that_is_not_stored(project: Project, admin: User) -> None:
    made = create_webhook(project, admin, {"address": ADDRESS, "events": ["round.finished"]})
    assert made.secret == secret_of(made.webhook.salt)
    row = Webhook.objects.values().get()
    assert made.secret not in str(row) and made.secret[6:] not in str(row)
    project.refresh_from_db()
    assert project.webhook_events == ["round.finished"]


def test_the_audit_log_names_the_host_and_neither_path_nor_secret(
    webhook: Webhook, admin: User
) -> None:
    change_webhook(webhook, admin, {"address": "https://1.0.0.1/other-key", "with_texts": True})
    made = rotate_secret(webhook, admin)
    send_test(webhook, admin)
    remove_webhook(webhook, admin)
    entries = AuditEntry.objects.filter(target_type="webhook").order_by("pk")
    assert [entry.action for entry in entries] == [
        "add webhook", "change webhook", "new webhook secret", "test webhook", "remove webhook",
    ]  # fmt: skip
    written = str(list(entries.values()))
    assert "1.1.1.1" in written and "1.0.0.1" in written
    for secret in ("secret-path", "abc", "other-key", made.secret):
        assert secret not in written


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"address": "https://10.0.0.1/", "events": ["round.finished"]}, "address"),
        ({"address": ADDRESS, "events": []}, "events"),
        ({"address": ADDRESS, "events": ["round.begun"]}, "events"),
        ({"events": ["round.finished"]}, "address"),
        ({"address": ADDRESS}, "events"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(
    project: Project, admin: User, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(WebhookRefused) as caught:
        create_webhook(project, admin, fields)
    assert caught.value.field == field
    assert not Webhook.objects.exists()


def test_a_project_has_a_limited_number(
    project: Project, admin: User, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 1)
    with pytest.raises(WebhookRefused, match="remove those"):
        create_webhook(project, admin, {"address": ADDRESS, "events": ["round.finished"]})
    remove_webhook(webhook, admin)
    create_webhook(project, admin, {"address": ADDRESS, "events": ["round.finished"]})


def test_the_project_knows_what_its_active_webhooks_are_sent(
    project: Project, admin: User, webhook: Webhook
) -> None:
    def events() -> list[str]:
        project.refresh_from_db()
        return project.webhook_events

    create_webhook(project, admin, {"address": ADDRESS, "events": ["alarm.raised"]})
    assert events() == ["alarm.raised", "judgment.made", "round.finished"]
    change_webhook(webhook, admin, {"events": ["round.finished"]})
    assert events() == ["alarm.raised", "round.finished"]
    change_webhook(webhook, admin, {"is_active": False})
    assert events() == ["alarm.raised"]
    change_webhook(webhook, admin, {"is_active": True})
    assert events() == ["alarm.raised", "round.finished"]
    remove_webhook(webhook, admin)
    assert events() == ["alarm.raised"]


def test_switched_on_again_it_begins_anew(webhook: Webhook, admin: User) -> None:
    Webhook.objects.update(
        is_active=False, failures=9, failing_since=timezone.now(), switched_off_because="No answer."
    )
    change_webhook(webhook, admin, {"is_active": True})
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since) == (0, None)
    assert webhook.switched_off_because == ""


def test_nothing_to_change_is_nothing_on_record(webhook: Webhook, admin: User) -> None:
    before = AuditEntry.objects.count()
    change_webhook(webhook, admin, {"address": ADDRESS, "with_texts": False})
    assert AuditEntry.objects.count() == before


def test_a_removed_webhook_is_gone_for_everybody(webhook: Webhook, admin: User) -> None:
    delivery = send_test(webhook, admin)
    remove_webhook(webhook, admin)
    assert not webhooks_of(webhook.project).exists()
    for act in (
        lambda: change_webhook(webhook, admin, {"is_active": True}),
        lambda: rotate_secret(webhook, admin),
        lambda: send_test(webhook, admin),
        lambda: resend(delivery, admin),
        lambda: remove_webhook(webhook, admin),
    ):
        with pytest.raises(WebhookRefused, match="removed"):
            act()
    delivery.refresh_from_db()
    assert delivery.state == Delivery.State.FAILED


def test_what_waits_is_not_sent_again_by_hand(webhook: Webhook, admin: User) -> None:
    delivery = send_test(webhook, admin)
    with pytest.raises(WebhookRefused, match="waits"):
        resend(delivery, admin)


def test_one_that_is_switched_off_is_sent_no_test(webhook: Webhook, admin: User) -> None:
    change_webhook(webhook, admin, {"is_active": False})
    with pytest.raises(WebhookRefused, match="switch it on"):
        send_test(webhook, admin)


def test_a_rotation_leaves_the_old_secret_for_a_day(webhook: Webhook, admin: User) -> None:
    before = webhook.salt
    made = rotate_secret(webhook, admin)
    assert made.secret == secret_of(made.webhook.salt) != secret_of(before)
    assert made.webhook.old_salt == before
    assert made.webhook.secret_check == check_of(made.webhook.salt)


VIOLATIONS: dict[str, dict[str, Any]] = {
    "webhook_removed_is_off": {"removed_at": timezone.now()},
    "webhook_old_secret_ends": {"old_salt": "a"},
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_the_database_refuses_a_webhook_that_cannot_be(webhook: Webhook, name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk).update(**VIOLATIONS[name])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("delivery_state_known", {"state": "lost", "next_try_at": None}),
        ("delivery_waits_or_has_ended", {"next_try_at": None}),
        ("delivery_waits_or_has_ended", {"state": "failed", "next_try_at": None}),
    ],
)
def test_the_database_refuses_a_delivery_that_cannot_be(
    webhook: Webhook, admin: User, name: str, values: dict[str, Any]
) -> None:
    delivery = send_test(webhook, admin)
    with pytest.raises(IntegrityError, match="delivery_"), transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(**values)


def test_an_event_is_written_once_for_a_webhook(webhook: Webhook, admin: User) -> None:
    delivery = send_test(webhook, admin)
    delivery.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        delivery.save(force_insert=True)
