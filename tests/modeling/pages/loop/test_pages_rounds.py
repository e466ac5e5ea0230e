"""The pages of rounds, samples and policies: what happened, and what a person decides."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import AuditEntry, Project, Response
from modeling.models import BlindPair, Policy, Round, Score
from modeling.models.versions import loop_of
from tests.factories import make_comparison, make_project, make_prompt, make_response
from tests.modeling.loop_helpers import make_policy, model_folder
from tests.modeling.page_helpers import make_history, make_run
from tests.modeling.pages.loop.test_pages_loop import text_of

pytestmark = pytest.mark.django_db

POOL = [
    {"n": 1, "reward": 0.1, "low": 0.0, "high": 0.2, "kl": 0.0},
    {"n": 2, "reward": 0.5, "low": 0.4, "high": 0.6, "kl": 0.1931},
    {"n": 4, "reward": 0.75, "low": 0.65, "high": 0.85, "kl": 0.6363},
    {"n": 8, "reward": 0.75, "low": 0.65, "high": 0.85, "kl": 1.2044},
]


@pytest.fixture
def project() -> Project:
    return make_project(name="Teatime", improvement="best_of_n")


def candidate_of(project: Project, **fields: Any) -> Policy:
    """A version that a run has made of v1, with what that measured."""
    results = {
        "reward_before": 0.1, "reward_after": 0.7, "length_before": 20.0, "length_after": 24.0,
        "reward_variance_before": 0.1, "reward_variance_after": 0.15, "best_of_n": POOL,
    }  # fmt: skip
    parent = Policy.objects.get(project=project, version=1)
    return Policy.objects.create(
        **{
            "project": project, "version": project.policies.count() + 1, "name": "p",
            "location": "org/p", "parent": parent, "reference": parent, "algorithm": "best_of_n",
            "kl": 1.234, "results": results, "status": Policy.Status.CANDIDATE,
            "run": make_run(project, kind="train_policy", config={"train_policy": {}}),
        }
        | fields
    )  # fmt: skip


def decided(project: Project, state: str = Round.State.PROMOTED, **results: Any) -> Round:
    win_rate = {"value": 0.58, "low": 0.53, "high": 0.63, "n": 90}
    return Round.objects.create(
        project=project, number=project.rounds.count() + 1, state=state,
        policy=Policy.objects.get(project=project, version=1),
        candidate=candidate_of(project, status=Policy.Status.ACCEPTED),
        reward_model=project.reward_models.first(), reason="The new one won.",
        results={"verdict": "better", "win_rate": win_rate} | results,
        started_at=timezone.now(), finished_at=timezone.now(),
    )  # fmt: skip


def test_a_round_reads_from_policy_to_verdict(admin: Client, project: Project) -> None:
    make_history(project, 1)
    decided(project)
    text = text_of(admin.get(reverse("rounds", args=[project.slug])))
    assert "v1 → v2 best of n" in text
    assert "1.23 0.10 → 0.70 58 % [53, 63] of 90 pairs Promoted The new one won." in text
    assert "Policy kept" in text, "the round before"
    assert "Demo oracle" not in text


@pytest.mark.parametrize(("value", "words"), [(0.0124, "p = 0.012"), (0.00004, "p &lt; 0.001")])
def test_a_decided_round_tells_its_p_value(
    admin: Client, project: Project, value: float, words: str
) -> None:
    make_history(project, 1)
    decided(project, p_value=value)
    assert f"of 90 pairs, {words} Promoted" in text_of(
        admin.get(reverse("rounds", args=[project.slug]))
    )


def test_the_guard_shows_the_fitted_curve_and_its_optimum(admin: Client, project: Project) -> None:
    make_history(project, 1)
    decided(project)
    response = admin.get(reverse("rounds", args=[project.slug]))
    text = text_of(response)
    assert "× 1.50" in text
    assert "0.10 → 0.70" in text
    assert "highest at a KL of" in text
    assert b"optimum" in response.content


def test_the_guard_draws_what_the_versions_measured(admin: Client, project: Project) -> None:
    make_history(project, 1)
    decided(project)
    versions = Policy.objects.filter(project=project, version=2)
    told = versions.get().results | {"reward_mean_reference": 0.1, "reward_std_reference": 0.3}
    versions.update(results=told)
    html = admin.get(reverse("rounds", args=[project.slug])).content.decode()
    assert "[0.0, 2.0]" in html, "from the reference to 0.6 / 0.3 deviations"
    assert '"title": "\\u221aKL to the reference"' in html
    for name in ("times before", "at the start", "as often as not"):
        assert f'"name": "{name}"' in html, name


def test_how_a_comparison_stands_is_not_shown_while_it_is_judged(
    admin: Client, project: Project
) -> None:
    make_history(project, 1)
    candidate = candidate_of(project)
    round_ = Round.objects.create(
        project=project, number=2, state=Round.State.COMPARING, started_at=timezone.now(),
        policy=candidate.parent, candidate=candidate,
    )  # fmt: skip
    for number in range(3):
        comparison = make_comparison(project, (f"new {number}", f"old {number}"))
        new, old = comparison.responses.order_by("pk")
        BlindPair.objects.create(
            round=round_, comparison=comparison, candidate_response=new, current_response=old
        )
    text = text_of(admin.get(reverse("rounds", args=[project.slug])))
    assert "0 of 3" in text
    assert "[" not in text.split("Guard against")[0]


def test_the_live_part_is_sent_when_it_changed(admin: Client, project: Project) -> None:
    make_history(project, 1)
    page = admin.get(reverse("rounds", args=[project.slug])).content.decode()
    address = page.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert admin.get(address).status_code == 204
    decided(project)
    assert "The new one won." in admin.get(address).content.decode()


def test_older_rounds_are_a_page_away(admin: Client, project: Project) -> None:
    make_history(project, 33)
    response = admin.get(reverse("rounds", args=[project.slug]))
    assert "?before=4" in response.content.decode()
    older = text_of(admin.get(reverse("rounds", args=[project.slug]), {"before": "4"}))
    assert "Newest" in older


def test_a_stopped_improvement_says_why_and_is_resumed_with_a_reason(
    admin: Client, project: Project
) -> None:
    make_history(project, 1)
    loop = loop_of(project)
    loop.improvement_stopped = "Responses have become longer."
    loop.save()
    assert "Responses have become longer." in text_of(
        admin.get(reverse("rounds", args=[project.slug]))
    )
    assert "Responses have become longer." in text_of(
        admin.get(reverse("project", args=[project.slug]))
    )
    address = reverse("improvement-resume", args=[project.slug])
    admin.post(address, {"reason": "  "})
    loop.refresh_from_db()
    assert loop.improvement_stopped
    admin.post(address, {"reason": "we want that"})
    loop.refresh_from_db()
    assert not loop.improvement_stopped
    assert AuditEntry.objects.get(action="improvement resumed").reason == "we want that"


@pytest.mark.parametrize("kind", ["train_policy", "compare"])
@pytest.mark.parametrize("name", ["rounds", "project"])
def test_a_failed_improvement_or_comparison_is_an_alarm(
    admin: Client, project: Project, kind: str, name: str
) -> None:
    of_round = Round.objects.create(
        project=project, number=1, state=Round.State.FAILED, started_at=timezone.now(),
        finished_at=timezone.now(),
    )  # fmt: skip
    told: dict[str, Any] = {"kind": kind, "round": of_round}
    run = make_run(project, "failed", **told, error="The disk is full.\nFree some.")
    page = admin.get(reverse(name, args=[project.slug]))
    assert ": The disk is full. Open the run" in text_of(page)
    assert reverse("run", args=[run.pk]) in page.content.decode()
    make_run(project, **told)
    later = text_of(admin.get(reverse(name, args=[project.slug])))
    assert "The disk is full. Open the run" not in later, "the list of runs still tells it"


def test_improving_by_hand_says_what_is_missing(admin: Client, project: Project) -> None:
    response = admin.post(reverse("improve-now", args=[project.slug]), follow=True)
    assert "Register a policy first" in text_of(response)


@pytest.mark.parametrize("name", ["improve-now", "improvement-resume"])
def test_curators_decide_nothing(
    client: Client, cast: dict[str, Any], project: Project, name: str
) -> None:
    client.force_login(cast["curator"])
    assert client.post(reverse(name, args=[project.slug])).status_code == 403


def test_versions_are_read_side_by_side_with_their_rewards(admin: Client, project: Project) -> None:
    make_history(project, 1)
    prompt = make_prompt(project, "What is tea?")
    other = make_prompt(project, "What is rain?")
    for version, text in ((1, "A drink."), (2, "A hot drink.")):
        response = make_response(prompt, text, origin="policy", policy_version=version)
        Score.objects.create(
            response=response, reward_model=loop_of(project).reward_model, value=version / 2
        )
    make_response(other, "Water.", origin="policy", policy_version=1)
    page = reverse("samples", args=[project.slug])
    text = text_of(admin.get(page))
    assert "What is tea?" in text
    assert "v1 +0.50 A drink." in text
    assert "v2 +1.00 A hot drink." in text
    assert "What is rain?" not in text, "v2 has not answered it"
    assert "What is rain?" in text_of(admin.get(page, {"version": "1"}))
    assert "What is tea?" not in text_of(admin.get(page, {"version": "1", "q": "RAIN"}))
    assert "oracle" not in text


def test_an_empty_response_is_said_to_be_empty(admin: Client, project: Project) -> None:
    make_response(make_prompt(project), "", origin=Response.Origin.POLICY, policy_version=1)
    assert "(an empty response)" in text_of(admin.get(reverse("samples", args=[project.slug])))


def test_a_policy_shows_where_it_comes_from(admin: Client, project: Project) -> None:
    make_history(project, 1)
    candidate_of(project)
    text = text_of(admin.get(reverse("policies", args=[project.slug])))
    assert "v1 by best of n" in text
    assert "KL to v1" in text
    assert "Candidate" in text


def test_a_policy_is_promoted_rejected_or_compared_by_hand(
    admin: Client, project: Project, tmp_path: Any
) -> None:
    make_policy(project, tmp_path / "one")
    second = candidate_of(project, location=str(model_folder(tmp_path / "two")))

    def post(name: str) -> None:
        admin.post(reverse(name, args=[project.slug, second.version]), {"reason": "read many"})
        second.refresh_from_db()

    post("policy-reject")
    assert (second.status, second.verdict) == (Policy.Status.REJECTED, "read many")
    post("policy-compare")
    assert second.status == Policy.Status.CANDIDATE
    post("policy-make-current")
    assert second.status == Policy.Status.ACCEPTED
    assert loop_of(project).policy == second
    post("policy-reject")
    assert second.status == Policy.Status.ACCEPTED, "it is in service"


def test_a_policy_registered_to_be_compared_waits_for_that(
    admin: Client, project: Project, tmp_path: Any
) -> None:
    current = make_policy(project, tmp_path / "one")
    folder = str(model_folder(tmp_path / "two"))
    admin.post(
        reverse("policies", args=[project.slug]),
        {"name": "two", "location": folder, "then": "compare"},
    )
    assert Policy.objects.get(name="two").status == Policy.Status.CANDIDATE
    assert loop_of(project).policy == current


def test_nothing_of_a_blind_comparison_is_on_the_labelers_page(
    client: Client, cast: dict[str, Any], project: Project
) -> None:
    make_history(project, 1)
    comparison = make_comparison(project, ("A new text.", "An old text."), priority=1.0)
    new, old = comparison.responses.order_by("pk")
    BlindPair.objects.create(
        round=Round.objects.get(), comparison=comparison,
        candidate_response=new, current_response=old,
    )  # fmt: skip
    client.force_login(cast["labeler"])
    html = client.get(reverse("label", args=[project.slug])).content.decode()
    assert "A new text." in html
    html = re.sub(r"\w{32,}", "", html)  # a token may hold any word
    for word in ("candidate", "blind", "policy_version", "v2", "reward"):
        assert word not in html.lower(), word
