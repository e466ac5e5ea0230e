"""What a labeler must not see, on any page and from any endpoint: which policy or model there is,
where it is asked, how good it is, what was decided, what went wrong."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from labeling.models import Judgment, Membership, Preference, Project, Response, Role, Scope, User
from labeling.people.invitations import create_invitation
from labeling.people.signing_in.tokens import make_token
from labeling.queue.handout import current_or_next
from modeling.models import Loop, Policy, RewardModel, Round, Run
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparison,
    make_comparisons,
    make_project,
    make_prompt,
    set_loop,
)
from tests.modeling.loop_helpers import make_policy
from tests.modeling.page_helpers import log_metrics, make_cast, make_history, make_run
from tests.render_every_page import named_addresses, value_for

pytestmark = pytest.mark.django_db

SECRET = "zebra"  # in every text that only others may read
FIGURES = ("73.2", "0.732", "61.9", "0.619")
# A part of the drawing, a time or a version of a script may hold such digits by chance.
NUMBER = re.compile(rf"(?<![\d.])(?:{'|'.join(map(re.escape, FIGURES))})\d?(?!\d)")


@pytest.fixture
def project() -> Project:
    return make_project(name="Teatime", retrain_after=10)


def fill(project: Project) -> dict[str, Any]:
    """A loop in which everything has a secret name; the cast and the values of addresses."""
    cast = make_cast(project)
    make_comparisons(project, 4)
    claim_and_judge(cast["labeler"], project)
    assignment = claim(cast["labeler"], project)
    assert assignment is not None
    make_history(project, 2)
    Response.objects.update(source=f"{SECRET}-source", policy_version=1)
    where = f"http://{SECRET}.example:8000/v1?model={SECRET}"
    Policy.objects.update(
        name=f"{SECRET}-1", location=where, verdict=f"{SECRET} won", notes=f"{SECRET} notes"
    )
    figure = {"value": 0.732, "low": 0.7, "high": 0.76, "n": 210}
    RewardModel.objects.update(
        base_model=f"{SECRET}/base",
        results={"accuracy": {"test": figure}, "gate": {"reason": f"{SECRET} gate"}},
    )
    newest = RewardModel.objects.latest("pk")
    RewardModel.objects.filter(pk=newest.pk).update(status=RewardModel.Status.REJECTED)
    rate = {"value": 0.619, "low": 0.55, "high": 0.68, "n": 80}
    Round.objects.update(reason=f"{SECRET} reason", results={"win_rate": rate, "verdict": SECRET})
    Loop.objects.update(improvement_stopped=f"{SECRET} guard")
    set_loop(project, base_model=f"/{SECRET}/base/model")
    for kind in (Run.Kind.TRAIN_REWARD, Run.Kind.SAMPLE, Run.Kind.COMPARE, Run.Kind.TRAIN_POLICY):
        make_run(project, Run.State.FAILED, kind=kind, error=f"HTTP 500 {SECRET} body")
    run = make_run(
        project, Run.State.RUNNING, kind=Run.Kind.COMPARE, progress_text=SECRET, worker=SECRET
    )
    log_metrics(run, "train/loss", [0.732])
    _, token = create_invitation(project, cast["admin"], Role.LABELER)
    mine = Membership.objects.get(user=cast["labeler"])
    judgment = Judgment.objects.get()
    return cast | {
        "slug": project.slug,
        "uuid": assignment.uuid,
        "version": 1,
        "run.pk": run.pk,
        "reward.pk": newest.pk,
        "labeler.pk": mine.pk,
        "demo.secret": "x",
        "my.pk": judgment.pk,
        "flagged.pk": judgment.pk,
        "gold.pk": 1,
        "quality.pk": mine.pk,
        "invitation.token": token,
        "invitation.pk": 1,
        "member.pk": mine.pk,
        "preference.pk": Preference.objects.get().pk,
        "set-password.uidb64": "MQ",
        "set-password.token": "abc-123",
        "pk": 1,
        "number": 1,
        "delivery": 1,
        "name": "messages.jsonl",
        "format": "csv",
        "token": "abc",
        "uidb64": "MQ",
    }


def addresses(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, parameters in named_addresses():
        if name != "sign-out":
            given = {key: value_for(name, key, values) for key in parameters}
            yield name, reverse(name, kwargs=given)
    for model in ("policy", "rewardmodel", "run", "round", "loop", "metric"):
        for page, keys in (("changelist", []), ("change", [1]), ("history", [1])):
            try:
                yield f"admin {model}", reverse(f"admin:modeling_{model}_{page}", args=keys)
            except NoReverseMatch:
                continue


def secrets_in(response: Any) -> list[str]:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    text = f"{response.headers} {content.decode(errors='replace')}"
    # The page itself may say where a link leads back to: what was asked for is no news.
    return [*re.findall(rf"[^\n]{{0,60}}{SECRET}[^\n]{{0,20}}", text), *NUMBER.findall(text)]


def signed_in(user: User) -> list[tuple[Client, dict[str, str]]]:
    """As a browser, as htmx in it, and as a program with a token."""
    browser = Client()
    browser.force_login(user)
    _token, key = make_token(user, "A walk", tuple(Scope))
    return [
        (browser, {}),
        (browser, {"HX-Request": "true"}),
        (Client(), {"Authorization": f"Token {key}"}),
    ]


def test_the_walk_would_see_a_secret(project: Project) -> None:
    """An admin sees all of them: else the test below would hold of empty pages."""
    values = fill(project)
    seen = {
        name
        for client, headers in signed_in(values["admin"])
        for name, url in addresses(values)
        if secrets_in(client.get(url, headers=headers))
    }
    assert {
        "project", "project-loop", "rounds", "runs", "run", "run-live", "policies",
        "reward-models", "reward-model", "project-loop-settings",
    } <= seen  # fmt: skip


@pytest.mark.parametrize("state", ["with work", "without work", "paused"])
def test_no_page_tells_a_labeler_of_policies_models_figures_or_alarms(
    project: Project, state: str
) -> None:
    values = fill(project)
    if state == "without work":
        while (left := current_or_next(values["labeler"], project)) is not None:
            judge(left, "left")
    Project.objects.filter(pk=project.pk).update(is_paused=state == "paused")
    told = {
        f"{method} {name}": found
        for client, headers in signed_in(values["labeler"])
        for method in ("get", "post")
        for name, url in addresses(values)
        if (found := secrets_in(getattr(client, method)(url, headers=headers)))
    }
    assert told == {}


@pytest.mark.parametrize("kind", Run.Kind.values)
def test_what_brings_new_pairs_is_told_without_what_they_are_for(
    project: Project, client: Client, kind: str, tmp_path: Path
) -> None:
    cast = make_cast(project)
    make_policy(project, tmp_path / "policy")
    make_prompt(project)
    make_run(project, Run.State.RUNNING, kind=kind, progress=0.5)
    client.force_login(cast["labeler"])
    shown = client.get(reverse("queue-hint", args=[project.slug])).content.decode()
    assert "50 %" in shown
    assert not re.search("blind|compar|improve|reward|policies", shown)


def test_a_labelers_home_says_how_much_there_is_to_do(project: Project, client: Client) -> None:
    cast = make_cast(project)
    make_comparison(project)
    client.force_login(cast["labeler"])
    page = client.get(reverse("project", args=[project.slug])).content.decode()
    assert "Comparisons wait to be judged." in page


def test_a_labelers_home_does_not_change_by_one_answer(project: Project, client: Client) -> None:
    """An exact count would stand still after an answer to a check, and tell what that was."""
    cast = make_cast(project)
    make_comparisons(project, 30)
    client.force_login(cast["labeler"])
    page = client.get(reverse("project", args=[project.slug])).content.decode()
    address = re.search(r'hx-get="([^"]+)"', page)
    assert address
    claim_and_judge(cast["labeler"], project)
    assert client.get(address[1].replace("&amp;", "&")).status_code == 204
