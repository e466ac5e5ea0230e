"""The selection page: what comes next and why, what was gained, and how to try again."""

import json
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import AuditEntry, Project
from modeling.models import ArmLift, BlindPair, QueueOrder, Round
from modeling.selection import ordering
from modeling.selection.lift_record import FEWEST_TESTED
from modeling.selection.report import reasons_of
from tests.factories import make_comparison, make_project
from tests.modeling.page_helpers import make_cast, make_reward_model
from tests.modeling.selection_helpers import judge_next, live_model, queue_pairs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_in_memory() -> None:
    ordering.forget()


def page(client: Client, project: Project, name: str = "selection") -> str:
    response = client.get(reverse(name, args=[project.slug]))
    assert response.status_code == 200
    return response.content.decode()


def sign_in(client: Client, project: Project, role: str) -> None:
    client.force_login(make_cast(project)[role])


def specs(html: str) -> list[dict]:
    return [
        json.loads(found) for found in re.findall(r'type="application/json">(.*?)</script>', html)
    ]


def drawn(html: str, name: str) -> dict:
    """The chart whose first series has this name."""
    return next(spec for spec in specs(html) if spec["series"][0]["name"] == name)


def test_it_says_what_comes_next_and_why(client: Client) -> None:
    project = make_project()
    model = live_model(project)
    sure, even = queue_pairs(project, model, [(3.0, []), (0.02, [])])
    ordering.follow(project)
    sign_in(client, project, "curator")
    html = page(client, project)
    first, second = (html.index(c.prompt.last_message) for c in (even, sure))
    assert first < second
    assert "51 : 49" in html or "50 : 50" in html
    assert "nearly even" in html
    assert "about even odds" in html
    histogram = specs(html)[0]
    assert sum(histogram["series"][0]["data"]) == 2


def test_before_any_reward_model_it_says_so(client: Client) -> None:
    project = make_project()
    make_comparison(project)
    sign_in(client, project, "curator")
    html = page(client, project)
    assert "in random order" in html
    assert "not ranked yet" in html
    assert "Drawn from the first reward model" in html


def test_with_nothing_in_the_queue_it_says_what_brings_more(client: Client) -> None:
    project = make_project()
    sign_in(client, project, "curator")
    assert "New pairs come with the next sampling" in page(client, project)


def test_blind_comparisons_are_listed_once_their_round_is_decided(client: Client) -> None:
    project = make_project()
    blind = make_comparison(project)
    new, current = blind.responses.all()
    compared = Round.objects.create(
        project=project, number=1, state=Round.State.COMPARING, started_at=timezone.now()
    )
    BlindPair.objects.create(
        round=compared, comparison=blind, candidate_response=new, current_response=current
    )
    sign_in(client, project, "curator")
    html = page(client, project)
    assert "Only blind comparisons wait" in html
    assert blind.prompt.last_message not in html
    compared.state = Round.State.PROMOTED
    compared.save()
    assert blind.prompt.last_message in page(client, project)


def test_every_random_judgment_moves_the_curve(client: Client) -> None:
    project = make_project(random_share=1.0)
    model = live_model(project)
    queue_pairs(project, model, [(1.0, [1.0]), (-1.0, [0.5]), (0.4, [0.1]), (0.3, [0.2])])
    sign_in(client, project, "curator")
    judge_next(project, 2)
    ordering.follow(project)
    before = page(client, project)
    judge_next(project, 1)
    ordering.follow(project)
    after = page(client, project)
    curves = [drawn(html, "instant head") for html in (before, after)]
    assert [len(curve["labels"]) for curve in curves] == [2, 3]


def test_the_gain_is_pooled_over_reward_models(client: Client) -> None:
    project = make_project()
    for gain in (0.1, 0.2):
        ArmLift.objects.create(
            reward_model=make_reward_model(project), strategy="uncertainty", judgments=100,
            trained_on=16, tested_on=20, accuracy=gain, accuracy_low=0.0, accuracy_high=0.3,
            loss=0.02, differences=[[n, gain, 0.02] for n in range(20)],
        )  # fmt: skip
    sign_in(client, project, "curator")
    html = page(client, project)
    assert "+15.0" in html
    assert "on 40 random judgments of 2 reward models" in html
    lifts = drawn(html, "lift")
    assert lifts["series"][0]["data"] == [10.0, 20.0]


def test_a_fallback_is_shown_with_its_reason_and_an_admin_can_try_again(client: Client) -> None:
    project = make_project()
    QueueOrder.objects.create(
        project=project, strategy="random", fallback_from="uncertainty",
        fallback_reason="It taught no more.", fallback_at=project.created_at,
    )  # fmt: skip
    sign_in(client, project, "admin")
    html = page(client, project)
    assert "Uncertainty is not used at present" in html
    assert "It taught no more." in html
    client.post(reverse("selection-try-again", args=[project.slug]))
    assert "not used at present" not in page(client, project)
    assert AuditEntry.objects.filter(action="selection tries its strategy again").exists()


def test_only_an_admin_can_try_again(client: Client) -> None:
    project = make_project()
    sign_in(client, project, "curator")
    response = client.post(reverse("selection-try-again", args=[project.slug]))
    assert response.status_code == 403


@pytest.mark.parametrize(("role", "status"), [("labeler", 403), ("outsider", 404)])
def test_predictions_are_not_for_labelers(client: Client, role: str, status: int) -> None:
    project = make_project()
    sign_in(client, project, role)
    assert client.get(reverse("selection", args=[project.slug])).status_code == status


def test_reasons_are_named_by_their_numbers() -> None:
    told = {"uncertainty": 0.999, "teaches": True, "moved": 18}
    assert reasons_of(told, "uncertainty") == [
        "nearly even",
        "much to learn",
        "unlike those before",
    ]
    plain = {"uncertainty": 0.5, "teaches": False, "moved": 0}
    assert reasons_of(plain, "max_min") == ["far apart"]
    assert reasons_of(plain, "random") == ["at random"]
    assert reasons_of(None, "uncertainty") == ["not ranked yet"]


def test_too_few_tests_are_not_drawn(client: Client) -> None:
    project = make_project()
    ArmLift.objects.create(
        reward_model=make_reward_model(project), strategy="uncertainty", judgments=20,
        trained_on=8, tested_on=FEWEST_TESTED - 1, accuracy=0.5, accuracy_low=0, accuracy_high=1,
        loss=0.1,
    )  # fmt: skip
    sign_in(client, project, "curator")
    assert "ten judgments of either kind" in page(client, project)
