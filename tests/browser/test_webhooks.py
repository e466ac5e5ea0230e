"""A webhook is added, tried and watched until the event has arrived."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Delivery, Role
from labeling.webhooks.delivering import send_due
from tests.chromium import check_axe, sign_in
from tests.factories import make_member, make_project
from tests.webhook_receiver import receiving

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def in_a_worker(task: Callable[[], object]) -> None:
    """Beside the browser, whose loop of events this thread runs already."""

    def run() -> None:
        task()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_webhook_is_added_tried_and_watched(
    page: Page, live_server: LiveServer, settings: Any, width: int
) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    project = make_project()
    make_member(project, Role.ADMIN, "owner")
    page.set_viewport_size({"width": width, "height": 844})
    sign_in(page, live_server, "owner")
    page.goto(f"{live_server.url}/projects/{project.slug}/webhooks/")
    with receiving() as receiver:
        page.get_by_label("Address").fill(receiver.url)
        page.get_by_label("Preferences were settled").check()
        page.get_by_label("Preferences were settled").press("Enter")
        secret = page.get_by_label("The webhook's secret")
        expect(secret).to_be_focused()
        assert secret.input_value().startswith("whsec_")
        check_axe(page)
        page.get_by_role("button", name="Send a test event").click()
        log = page.locator("#deliveries")
        expect(log).to_contain_text("waiting")
        in_a_worker(send_due)
        expect(log).to_contain_text("delivered")
        assert len(receiver.requests) == 1
    page.get_by_role("link", name="webhook.test").click()
    expect(page.locator("pre").last).to_contain_text('"type": "webhook.test"')
    check_axe(page)
    page.get_by_role("button", name="Send it again").click()
    expect(page.locator("#toasts")).to_contain_text("under its old id")
    assert Delivery.objects.get().state == Delivery.State.WAITING
