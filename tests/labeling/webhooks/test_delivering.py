"""What is due is sent once, tried again when it failed, and given up in the end."""

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling.models import AuditEntry, Delivery, Project, User, Webhook
from labeling.projects.webhooks import (
    change_webhook,
    create_webhook,
    resend,
    rotate_secret,
    send_test,
)
from labeling.tasks import remove_old_deliveries, send_webhooks
from labeling.webhooks import delivering, sending, signing
from labeling.webhooks.delivering import Claimed, claim, claim_due, record, send_due
from labeling.webhooks.sending import Outcome
from tests.factories import make_member, make_project
from tests.webhook_receiver import Received, Receiver

State = Delivery.State
FAILED = Outcome(status=500, problem="It did not take the event.")


@pytest.fixture
def delivery(webhook: Webhook, admin: User) -> Delivery:
    return send_test(webhook, admin)


def is_signed_with(request: Received, secret: str) -> bool:
    """As a receiver checks it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = (
        f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
        + request.body
    )
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return f"v1,{digest}" in request.headers["webhook-signature"].split()


def make_due(delivery: Delivery) -> Delivery:
    """As if all pauses were over."""
    past = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(pk=delivery.pk, state=State.WAITING).update(next_try_at=past)
    Webhook.objects.update(paused_until=None)
    delivery.refresh_from_db()
    return delivery


def test_an_event_arrives_signed(webhook: Webhook, delivery: Delivery, receiver: Receiver) -> None:
    send_webhooks()
    (request,) = receiver.requests
    assert request.path == "/hook"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == delivery.event_id
    assert is_signed_with(request, signing.secret_of(webhook.salt))
    assert json.loads(request.body) == delivery.payload
    delivery.refresh_from_db()
    assert (delivery.state, delivery.status, delivery.excerpt) == ("delivered", 200, "ok")
    send_webhooks()
    assert len(receiver.requests) == 1, "once is enough"


def test_after_a_rotation_the_receiver_may_know_either_secret(
    webhook: Webhook, admin: User, receiver: Receiver
) -> None:
    old = signing.secret_of(webhook.salt)
    made = rotate_secret(webhook, admin)
    send_test(webhook, admin)
    send_due()
    (request,) = receiver.requests
    assert is_signed_with(request, old) and is_signed_with(request, made.secret)


def test_what_failed_is_sent_again_later_under_the_same_id(
    delivery: Delivery, receiver: Receiver
) -> None:
    receiver.answers = [(503, {}, b"later"), (204, {}, b"")]
    send_due()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.status) == ("waiting", 1, 503)
    assert delivery.next_try_at > timezone.now()
    assert send_due() == 0, "its time has not come"
    make_due(delivery)
    send_due()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


def test_two_workers_never_send_one_at_once(delivery: Delivery) -> None:
    now = timezone.now()
    both = [Delivery.objects.get(pk=delivery.pk) for _ in range(2)]
    assert [claim(row, now) for row in both] == [True, False]
    assert claim_due(now) == []


def test_a_worker_that_died_gives_its_claim_back(delivery: Delivery) -> None:
    now = timezone.now()
    assert claim(delivery, now)
    assert claim_due(now + delivering.CLAIMED_FOR - timedelta(seconds=1)) == []
    assert len(claim_due(now + delivering.CLAIMED_FOR)) == 1


def test_a_worker_that_was_too_slow_does_not_overwrite_what_another_one_notes(
    webhook: Webhook, delivery: Delivery
) -> None:
    now = timezone.now()
    (slow,) = claim_due(now)
    later = now + delivering.CLAIMED_FOR
    (fast,) = claim_due(later)
    assert record(fast, Outcome(status=200), later)
    assert not record(slow, FAILED, later)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("delivered", 1)


def test_pauses_grow_to_hours_and_do_not_fall_together() -> None:
    def bounds(failures: int) -> tuple[float, float]:
        pauses = [delivering.pause_after(failures).total_seconds() for _ in range(200)]
        return min(pauses), max(pauses)

    low, high = bounds(1)
    assert 11.25 <= low < high <= 18.75
    low, high = bounds(4)
    assert 303 <= low < high <= 507
    low, high = bounds(5000)
    assert 3 * 3600 <= low < high <= 5 * 3600


def test_a_receiver_may_ask_for_a_longer_pause(delivery: Delivery, receiver: Receiver) -> None:
    receiver.answers = [(429, {"retry-after": "600"}, b"")]
    send_due()
    delivery.refresh_from_db()
    assert delivery.next_try_at > timezone.now() + timedelta(seconds=590)


def test_after_three_days_an_event_is_given_up(webhook: Webhook, delivery: Delivery) -> None:
    now = timezone.now()
    claimed = Claimed(delivery, webhook, delivery.next_try_at)
    delivery.tried_since = now - delivering.GIVEN_UP_AFTER
    record(claimed, FAILED, now)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.next_try_at) == ("failed", None)
    assert delivery.finished_at == now


def test_a_failing_webhook_is_asked_with_one_event_at_a_time(
    webhook: Webhook, admin: User, receiver: Receiver
) -> None:
    for _ in range(3):
        send_test(webhook, admin)
    receiver.answers = [(500, {}, b"")]
    assert send_due() == 3
    for one in Delivery.objects.all():
        make_due(one)
    assert send_due() == 1
    receiver.answers = [(200, {}, b"")]
    for one in Delivery.objects.all():
        make_due(one)
    assert send_due() == 3
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since) == (0, None)


def test_after_five_days_of_failures_it_is_switched_off(
    project: Project,
    webhook: Webhook,
    delivery: Delivery,
    receiver: Receiver,
    django_capture_on_commit_callbacks: Any,
) -> None:
    receiver.answers = [(500, {}, b"")]
    long_ago = timezone.now() - delivering.SWITCHED_OFF_AFTER - timedelta(hours=1)
    Webhook.objects.update(failing_since=long_ago, failures=40)
    with django_capture_on_commit_callbacks(execute=True):
        send_due()
    webhook.refresh_from_db()
    delivery.refresh_from_db()
    project.refresh_from_db()
    assert not webhook.is_active
    assert "5 days" in webhook.switched_off_because
    assert (delivery.state, project.webhook_events) == ("failed", [])
    assert AuditEntry.objects.filter(action="webhook switched off", project=project).exists()


def test_a_receiver_that_is_gone_is_left_alone_at_once(
    webhook: Webhook,
    delivery: Delivery,
    receiver: Receiver,
    django_capture_on_commit_callbacks: Any,
) -> None:
    receiver.answers = [(410, {}, b"")]
    with django_capture_on_commit_callbacks(execute=True):
        send_due()
    webhook.refresh_from_db()
    assert not webhook.is_active and "410" in webhook.switched_off_because


def test_redirects_are_not_followed(delivery: Delivery, receiver: Receiver) -> None:
    receiver.answers = [(302, {"location": f"{receiver.url}/elsewhere"}, b"")]
    send_due()
    delivery.refresh_from_db()
    assert [request.path for request in receiver.requests] == ["/hook"]
    assert (delivery.state, delivery.status) == ("waiting", 302)
    assert "not followed" in delivery.problem


@pytest.mark.parametrize(
    ("headers", "text", "excerpt"),
    [
        ({}, b"x" * 3_000_000, "x" * 1000),
        ({"content-encoding": "gzip"}, b"\x1f\x8b" + b"0" * 1000, ""),
        ({}, b"a\x00b\x1b[31m\xff", "a b [31m�"),
    ],
)
def test_of_an_answer_only_a_readable_beginning_is_kept(
    delivery: Delivery,
    receiver: Receiver,
    headers: dict[str, str],
    text: bytes,
    excerpt: str,
) -> None:
    receiver.answers = [(200, headers, text)]
    send_due()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.excerpt) == ("delivered", excerpt)


@contextmanager
def dripping(until: Callable[[], object] = lambda: False) -> Iterator[int]:
    """A server that sends a header byte by byte, without an end or until something has happened;
    gives its port."""
    stop = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listening.accept()
        with connection:
            while not (stop.wait(0.02) or until()):
                try:
                    connection.sendall(b"H")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        listening.close()


def test_an_answer_that_never_ends_holds_the_worker_for_seconds_only(
    webhook: Webhook, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 0.3)
    with dripping() as port:
        Webhook.objects.update(address=f"http://127.0.0.1:{port}/")
        send_due()
    delivery.refresh_from_db()
    assert delivery.problem == "No whole answer within 0.3 seconds."


def test_a_setting_that_was_narrowed_counts_for_webhooks_that_are_there(
    delivery: Delivery, receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["none"]
    send_due()
    delivery.refresh_from_db()
    assert receiver.requests == []
    assert "WEBHOOK_PRIVATE_HOSTS" in delivery.problem


def test_a_secret_that_was_lost_is_said_and_nothing_is_sent(
    delivery: Delivery, receiver: Receiver, settings: Any
) -> None:
    settings.SECRET_KEY = "a key that was changed by somebody meanwhile"
    send_due()
    delivery.refresh_from_db()
    assert receiver.requests == []
    assert "make a new one" in delivery.problem


def test_proxies_of_the_environment_are_not_used(
    delivery: Delivery, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    send_due()
    assert len(receiver.requests) == 1


def test_an_event_is_sent_again_by_hand(
    delivery: Delivery, admin: User, receiver: Receiver
) -> None:
    send_due()
    delivery.refresh_from_db()
    resend(delivery, admin)
    send_due()
    assert [one.headers["webhook-id"] for one in receiver.requests] == [delivery.event_id] * 2


def test_a_pass_ends_when_its_seconds_are_over(
    webhook: Webhook, admin: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2 * delivering.AT_ONCE):
        send_test(webhook, admin)
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr(delivering, "time", type("Clock", (), {"monotonic": lambda: next(clock)}))
    nudged: list[str] = []
    monkeypatch.setattr(delivering, "nudge", nudged.append)
    send_due()
    assert len(receiver.requests) == delivering.AT_ONCE
    assert nudged == ["labeling.tasks.send_webhooks"], "the rest is asked for"


def test_what_has_ended_is_removed_after_a_month(
    webhook: Webhook, admin: User, delivery: Delivery
) -> None:
    waiting = send_test(webhook, admin)
    past = timezone.now() - delivering.KEPT - timedelta(minutes=1)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=State.DELIVERED, next_try_at=None, finished_at=past
    )
    remove_old_deliveries()
    assert list(Delivery.objects.values_list("pk", flat=True)) == [waiting.pk]


def test_switched_off_by_a_person_it_is_sent_nothing_more(
    webhook: Webhook, admin: User, delivery: Delivery, receiver: Receiver
) -> None:
    change_webhook(webhook, admin, {"is_active": False})
    assert send_due() == 0
    delivery.refresh_from_db()
    assert (delivery.state, receiver.requests) == ("failed", [])


def test_a_look_without_anything_due_is_one_statement(
    webhook: Webhook, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        assert send_due() == 0


def test_one_slow_receiver_does_not_keep_others_from_theirs(
    project: Project, webhook: Webhook, admin: User, receiver: Receiver
) -> None:
    with dripping(until=lambda: receiver.requests) as port:
        other = Webhook.objects.create(
            project=project,
            address=f"http://127.0.0.1:{port}/",
            salt=webhook.salt,
            secret_check=webhook.secret_check,
        )
        send_test(other, admin)
        send_test(webhook, admin)
        Webhook.objects.filter(pk=webhook.pk).update(paused_until=timezone.now())  # comes last
        claimed = claim_due(timezone.now())
        assert [one.webhook.pk for one in claimed] == [other.pk, webhook.pk]
        delivering.deliver(claimed)
    slow = Delivery.objects.get(webhook=other)
    assert len(receiver.requests) == 1 and "No whole answer" not in slow.problem


def test_the_backlog_of_one_project_leaves_room_for_another(
    webhook: Webhook, admin: User, receiver: Receiver
) -> None:
    fields = {"address": receiver.url, "events": ["round.finished"]}
    many = [create_webhook(webhook.project, admin, fields).webhook for _ in range(5)]
    for hook in many:
        for _ in range(2 * delivering.AT_ONCE):
            send_test(hook, admin)
    other = make_project()
    theirs = create_webhook(other, make_member(other, "admin"), fields).webhook
    waiting = send_test(theirs, admin)
    claimed = claim_due(timezone.now())
    assert waiting in [one.delivery for one in claimed]
    assert len(claimed) <= delivering.MOST_AT_ONCE
