"""Idempotency keys: what is sent again is answered as the first time, and done once."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import get_resolver
from django.utils import timezone

from labeling.models import GuidelineVersion, KeyedRequest, Membership, Project, Role
from labeling.people import repeats
from tests.factories import client_with_token, make_member, make_project

pytestmark = pytest.mark.django_db

KEY = "4f1c-1"
JSON: dict[str, Any] = {"content_type": "application/json"}
# These answer alike however often they come, or store nothing.
ALIKE_BY_NATURE = {
    "api-answer", "api-skip", "api-undo", "api-score", "api-keep", "api-release",
}  # fmt: skip


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def client(project):
    return client_with_token(make_member(project, Role.ADMIN))


def send(client, project, text="One.", key=KEY, written_on=1):
    url = f"/api/v1/projects/{project.slug}/guidelines/"
    body = {"text": text, "written_on": written_on}
    return client.post(url, body, "application/json", headers={"Idempotency-Key": key})


def test_the_same_request_is_done_once_and_answered_alike(client, project):
    first, second = send(client, project), send(client, project)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert project.guideline_versions.count() == 2


def test_another_body_under_the_same_key_is_refused(client, project):
    send(client, project)
    answer = send(client, project, "Two.", written_on=2)
    assert answer.status_code == 422
    assert "another request" in answer.json()["detail"]
    assert project.guideline_versions.count() == 2


def test_another_address_under_the_same_key_is_refused(client, project):
    send(client, project)
    other = make_project()
    assert send(client, other).status_code == 422


def test_the_layout_of_the_json_makes_no_difference(client, project):
    send(client, project)
    url = f"/api/v1/projects/{project.slug}/guidelines/"
    body = b'{ "written_on":1,\n "text":"One." }'
    again = client.post(url, body, "application/json", headers={"Idempotency-Key": KEY})
    assert again.status_code == 201


def test_while_the_first_is_at_work_the_second_is_told_to_wait(client, project, monkeypatch):
    seen = []

    def save(*args, **kwargs):
        second = send(client, project)
        seen.append((second.status_code, second.headers["Retry-After"]))
        return GuidelineVersion.objects.create(project=project, number=2, text="One.")

    monkeypatch.setattr("labeling.api.projects.guidelines.save_guidelines", save)
    assert send(client, project).status_code == 201
    assert seen == [(409, "1")]


def test_what_was_refused_can_be_sent_again(client, project):
    assert send(client, project, written_on=0).status_code == 409
    assert send(client, project, written_on=1).status_code == 201


def test_a_key_belongs_to_one_token(client, project):
    send(client, project)
    other = client_with_token(make_member(project, Role.ADMIN))
    assert send(other, project, "Two.", written_on=2).status_code == 201


def test_a_session_has_keys_too(client, project):
    from django.test import Client

    browser = Client()
    browser.force_login(make_member(project, Role.ADMIN))
    assert send(browser, project).status_code == send(browser, project).status_code == 201
    assert project.guideline_versions.count() == 2


def test_after_a_day_the_key_is_free(client, project):
    send(client, project)
    KeyedRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert send(client, project, "Two.", written_on=2).status_code == 201


def test_old_answers_are_forgotten():
    project = make_project()
    user = make_member(project)
    old = KeyedRequest.objects.create(user=user, key="a", fingerprint="0")
    KeyedRequest.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=25))
    KeyedRequest.objects.create(user=user, key="b", fingerprint="0")
    assert repeats.forget_old() == 1
    assert [one.key for one in KeyedRequest.objects.all()] == ["b"]


def test_a_file_is_taken_once(client, project):
    url = f"/api/v1/projects/{project.slug}/imports/"

    def send_file(text: bytes, form: bool):
        body: Any = {"file": SimpleUploadedFile("rows.jsonl", text)} if form else text
        kind = {} if form else {"content_type": "application/x-ndjson"}
        return client.post(url, body, headers={"Idempotency-Key": f"{form}"}, **kind)

    for form in (True, False):
        row = b'{"prompt": "Why %d?", "responses": ["A.", "B."]}' % form
        first, second = send_file(row, form), send_file(row, form)
        assert first.status_code == second.status_code == 201
        assert first.json() == second.json()
        assert first.json()["comparisons_new"] == 1
        assert second.headers["Idempotent-Replayed"] == "true"
        assert send_file(row + b"\n" + row, form).status_code == 422


def test_an_answer_without_a_body_is_repeated_too(client, project):
    url = f"/api/v1/projects/{project.slug}/members/weigh/"
    answers = [client.post(url, headers={"Idempotency-Key": "w"}, **JSON) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.content for answer in answers] == [b"", b""]


def test_a_role_that_was_lost_meanwhile_is_lost_for_new_requests(client, project):
    send(client, project)
    Membership.objects.filter(project=project).update(role=Role.LABELER)
    assert send(client, project, "Two.", key="other", written_on=2).status_code == 403


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_a_key_that_is_none_is_refused(client, project, key):
    answer = send(client, project, key=key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


def test_who_may_not_leaves_nothing_under_the_key(project):
    labeler = client_with_token(make_member(project, Role.LABELER))
    assert send(labeler, project).status_code == 403
    assert not KeyedRequest.objects.exists()


def test_every_post_takes_a_key():
    without: set[str] = set()
    waiting: list[Any] = list(get_resolver().url_patterns)
    while waiting:
        pattern = waiting.pop()
        waiting += getattr(pattern, "url_patterns", [])
        post = getattr(getattr(getattr(pattern, "callback", None), "cls", None), "post", None)
        if post is not None and (pattern.name or "").startswith("api-"):
            without |= set() if hasattr(post, "takes_key") else {pattern.name}
    assert without == ALIKE_BY_NATURE
