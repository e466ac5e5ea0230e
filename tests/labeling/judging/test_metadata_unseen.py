"""No labeler is told metadata, before, while or after they judge: it may name the model."""

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Assignment, Project, Scope, User
from tests.factories import client_with_token, make_member, make_project
from tests.labeling.importing.test_importing_metadata import take

pytestmark = pytest.mark.django_db

MARK = "zyzzyva"
ROWS = [
    {
        "prompt": f"Why {number}?",
        "metadata": {f"{MARK}-key": f"{MARK}-of-prompt"},
        "responses": [
            {"text": "Long.", "metadata": {"writer": f"{MARK}-7b"}},
            {"text": "Short.", "metadata": {"writer": f"{MARK}-70b", "score": f"{MARK}-9"}},
        ],
        "language": f"{MARK}-en",
    }
    for number in range(3)
]


@pytest.fixture
def project() -> Project:
    take(made := make_project(), *ROWS)
    assert made.prompts.filter(metadata__language=f"{MARK}-en").count() == 3
    return made


@pytest.fixture
def labeler(project: Project) -> User:
    return make_member(project)


def test_no_page_of_a_labeler_holds_it(project: Project, labeler: User) -> None:
    client = Client()
    client.force_login(labeler)
    label = reverse("label", args=[project.slug])
    shown = [client.get(label)]
    for _ in ROWS:
        uuid = Assignment.objects.filter(state="leased").latest("pk").uuid
        shown.append(client.post(reverse("judge", args=[uuid]), {"choice": "left"}, follow=True))
    shown += [client.get(f"/projects/{project.slug}/{page}") for page in ("my-work/", "")]
    assert [answer.status_code for answer in shown] == [200] * 6
    assert any(b"Long." in answer.content for answer in shown)
    assert not [answer for answer in shown if MARK.encode() in answer.content]


def test_the_api_hands_out_none_of_it(project: Project, labeler: User) -> None:
    client = client_with_token(labeler, Scope.READ, Scope.LABEL)
    answered = 0
    while True:
        handed_out = client.get(f"/api/v1/projects/{project.slug}/next/")
        assert handed_out.status_code == 200 and MARK not in handed_out.content.decode()
        if handed_out.json()["comparison"] is None:
            break
        address = f"/api/v1/hand-outs/{handed_out.json()['comparison']['id']}/answer/"
        answer = client.post(address, {"choice": "left"}, content_type="application/json")
        assert answer.status_code == 200 and MARK not in answer.content.decode()
        answered += 1
    assert answered == len(ROWS)


@pytest.mark.parametrize("path", ["preferences/?metadata.language=x", "preferences/", "judgments/"])
def test_a_labeler_may_not_ask_for_it_either(project: Project, labeler: User, path: str) -> None:
    client = client_with_token(labeler, Scope.READ, Scope.LABEL)
    answer = client.get(f"/api/v1/projects/{project.slug}/{path}")
    assert answer.status_code == 403 and MARK not in answer.content.decode()
