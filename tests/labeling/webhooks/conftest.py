"""A project with a webhook, and a receiver on this machine."""

from collections.abc import Iterator
from typing import Any

import pytest

from labeling.models import Project, User, Webhook
from labeling.projects.webhooks import create_webhook
from tests.factories import make_member, make_project
from tests.webhook_receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    with receiving() as running:
        yield running


@pytest.fixture
def project(db: Any) -> Project:
    return make_project(gold_share=0.0)


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, "admin")


@pytest.fixture
def webhook(project: Project, admin: User, receiver: Receiver) -> Webhook:
    """One that is sent tests alone, until its events are changed."""
    fields = {"address": receiver.url, "events": ["round.finished"]}
    hook = create_webhook(project, admin, fields).webhook
    project.refresh_from_db()
    return hook
