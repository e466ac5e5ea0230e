"""What people who wait are told: each state of the loop on each page that says so."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import Membership, Project
from modeling.models import Round, Run
from tests.factories import (
    claim,
    claim_and_judge,
    make_comparison,
    make_member,
    make_project,
    set_loop,
)
from tests.modeling.loop_helpers import make_policy
from tests.modeling.page_helpers import make_cast, make_run

pytestmark = pytest.mark.django_db

Kind, Running, Failed = Run.Kind, Run.State.RUNNING, Run.State.FAILED


@pytest.fixture
def project() -> Project:
    return make_project(name="Teatime")


@pytest.fixture
def cast(project: Project) -> dict[str, Any]:
    return make_cast(project)


class Scene:
    """A project all of whose comparisons the labeler has judged."""

    def __init__(self, project: Project, cast: dict[str, Any], folder: Path) -> None:
        self.project, self.cast, self.folder = project, cast, folder
        make_comparison(project)
        claim_and_judge(cast["labeler"], project)

    def with_policy(self) -> None:
        make_policy(self.project, self.folder / "policy")

    def run(self, kind: str, state: str = Running, **fields: Any) -> Run:
        return make_run(self.project, state, kind=kind, progress=0.5, seconds_left=30, **fields)

    def round(self, state: str) -> Round:
        return Round.objects.create(
            project=self.project, number=1, state=state, started_at=timezone.now()
        )

    def tell_loop(self, **fields: Any) -> None:
        set_loop(self.project, **fields)


def ready(scene: Scene) -> None:
    make_comparison(scene.project)


def paused(scene: Scene) -> None:
    make_comparison(scene.project)
    Project.objects.filter(pk=scene.project.pk).update(is_paused=True)


def member_paused(scene: Scene) -> None:
    make_comparison(scene.project)
    Membership.objects.filter(user=scene.cast["labeler"]).update(is_paused=True)


def empty(scene: Scene) -> None:
    scene.project.comparisons.all().delete()


def held_by_somebody_else(scene: Scene) -> None:
    make_comparison(scene.project)
    claim(make_member(scene.project), scene.project)


def sampling(scene: Scene) -> None:
    scene.with_policy()
    scene.run(Kind.SAMPLE)


def sampling_waits(scene: Scene) -> None:
    scene.with_policy()
    scene.run(Kind.SAMPLE, Run.State.QUEUED)


def answering_for_a_blind_comparison(scene: Scene) -> None:
    scene.with_policy()
    scene.run(Kind.COMPARE)


def training(scene: Scene) -> None:
    scene.with_policy()
    scene.run(Kind.TRAIN_REWARD)


def improving(scene: Scene) -> None:
    scene.with_policy()
    scene.run(Kind.TRAIN_POLICY)


def ordering(scene: Scene) -> None:
    scene.with_policy()
    scene.run(Kind.SCORE)


def training_without_a_policy(scene: Scene) -> None:
    scene.run(Kind.TRAIN_REWARD)


def training_while_the_loop_is_off(scene: Scene) -> None:
    scene.with_policy()
    scene.tell_loop(loop_enabled=False)
    scene.run(Kind.TRAIN_REWARD)


def estimating(scene: Scene) -> None:
    scene.with_policy()
    scene.tell_loop(loop_enabled=False)
    scene.run(Kind.TRAIN_POLICY, config={"train_policy": {"distill": False}})


def between_two_runs(scene: Scene) -> None:
    scene.with_policy()
    scene.round(Round.State.SAMPLING)


def training_has_failed(scene: Scene) -> None:
    scene.with_policy()
    scene.run(Kind.TRAIN_REWARD, Failed, round=scene.round(Round.State.TRAINING))


def sampling_has_failed(scene: Scene) -> None:
    scene.with_policy()
    policy = scene.project.policies.get()
    scene.run(Kind.SAMPLE, Failed, round=scene.round(Round.State.LABELING), policy=policy)


def the_loop_is_off(scene: Scene) -> None:
    scene.with_policy()
    scene.tell_loop(loop_enabled=False)


def there_is_no_policy(scene: Scene) -> None:
    scene.round(Round.State.LABELING)


# state -> title of the labeling page, its name in the list of projects, part of the hint
ON_THEIR_WAY = ("New comparisons are on their way", "New ones are being written", "50 %")
LATER = ("New comparisons come later", "New ones come later", "50 %")
SOON = ("New comparisons come soon", "New ones come soon", "")
DONE = ("All done", "All done", "")
STATES: dict[Callable[[Scene], None], tuple[str, str, str]] = {
    ready: ("", "Label", "Look for the next comparison"),
    paused: ("Paused", "Paused for now", ""),
    member_paused: ("Your work is paused here", "Paused for now", ""),
    empty: ("Nothing here yet", "Nothing yet", ""),
    held_by_somebody_else: ("Nothing for you right now", "Waits for other people", ""),
    sampling: ON_THEIR_WAY,
    sampling_waits: (*ON_THEIR_WAY[:2], "as soon as the machine is free"),
    answering_for_a_blind_comparison: ON_THEIR_WAY,
    training: LATER,
    improving: LATER,
    ordering: LATER,
    training_without_a_policy: DONE,
    training_while_the_loop_is_off: DONE,
    estimating: DONE,
    between_two_runs: SOON,
    training_has_failed: SOON,
    sampling_has_failed: ("No new comparisons for now", "No new ones for now", ""),
    the_loop_is_off: DONE,
    there_is_no_policy: DONE,
}
each_state = pytest.mark.parametrize(
    ("state", "title", "short", "hint"),
    [pytest.param(state, *words, id=state.__name__) for state, words in STATES.items()],
)


@each_state
def test_every_page_says_the_same_of_one_state(
    client: Client, project: Project, cast: dict[str, Any], tmp_path: Path,
    state: Callable[[Scene], None], title: str, short: str, hint: str,
) -> None:  # fmt: skip
    state(Scene(project, cast, tmp_path))
    client.force_login(cast["labeler"])
    hinted = text_of(client.get(reverse("queue-hint", args=[project.slug])))
    assert (hint in hinted) if hint else ("%" not in hinted and "Look for" not in hinted)
    listed = text_of(client.get(reverse("home")))
    assert short in listed
    assert ("All done" in listed) == (title == "All done")
    at_home = text_of(client.get(reverse("project", args=[project.slug])))
    assert f"{title or 'Comparisons wait to be judged'}." in at_home
    to_label = client.get(reverse("label", args=[project.slug])).content.decode()
    headline = re.search(r'<h2 id="choices" tabindex="-1">([^<]+)</h2>', to_label)
    assert headline is None if not title else headline is not None and headline[1] == title


@each_state
def test_a_waiting_page_asks_again_until_its_state_changes(
    client: Client, project: Project, cast: dict[str, Any], tmp_path: Path,
    state: Callable[[Scene], None], title: str, short: str, hint: str,
) -> None:  # fmt: skip
    state(Scene(project, cast, tmp_path))
    client.force_login(cast["labeler"])
    page = client.get(reverse("label", args=[project.slug])).content.decode()
    address = re.search(r'id="nothing" hx-get="([^"]+)"', page)
    assert (address is None) == (not title)
    if address:
        assert client.get(address[1], headers={"HX-Request": "true"}).status_code == 204


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))
