"""A request that a program sends several times at the same moment is done once."""

import threading

import pytest

from labeling.models import AuditEntry, KeyedRequest, Project, Role
from labeling.people import repeats
from labeling.people.repeats import StillAtWork
from tests.factories import client_with_token, make_member, make_project
from tests.labeling.at_once.test_races import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_several_with_one_key_one_begins() -> None:
    user = make_member(make_project())
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def begin() -> None:
        barrier.wait(timeout=10)
        try:
            outcomes.append(str(repeats.begin(user, None, "k", "0")[1]))
        except StillAtWork:
            outcomes.append("waits")

    in_threads(*[begin] * 4)
    assert sorted(outcomes) == ["True", "waits", "waits", "waits"]
    assert KeyedRequest.objects.count() == 1


def test_a_project_that_is_sent_several_times_is_made_once() -> None:
    client = client_with_token(make_member(make_project(), Role.ADMIN))
    statuses: list[int] = []

    def send() -> None:
        answer = client.post(
            "/api/v1/projects/",
            {"name": "Once"},
            "application/json",
            headers={"Idempotency-Key": "k"},
        )
        statuses.append(answer.status_code)

    in_threads(*[send] * 4)
    send()
    assert set(statuses) <= {201, 409}
    assert statuses[-1] == 201
    assert Project.objects.filter(name="Once").count() == 1
    assert AuditEntry.objects.filter(action="create").count() == 1
