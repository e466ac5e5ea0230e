"""Who takes over, word for word: at once, after people have judged, by hand, or not at all."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from labeling.models import AuditEntry, Project
from labeling.projects.model_locations import NotUsable
from modeling.models import Loop, Policy, Round
from modeling.models.deciding import Outrun
from modeling.models.versions import loop_of
from modeling.policies import promotion
from modeling.policies.comparing import Verdict
from tests.factories import make_member, make_project
from tests.modeling.loop_helpers import make_policy, model_folder

pytestmark = pytest.mark.django_db(transaction=True)
State, Status = Round.State, Policy.Status


@pytest.fixture
def current(tmp_path: Path) -> Policy:
    """v1, in service."""
    return make_policy(make_project(kl_budget=5.0), tmp_path / "current")


def candidate_of(current: Policy, tmp_path: Path, **fields: Any) -> Policy:
    folder = model_folder(tmp_path / "new")
    return Policy.objects.create(
        **{"project": current.project, "version": 2, "name": "new", "location": str(folder)}
        | {"parent": current, "status": Status.CANDIDATE, "kl": 1.0}
        | {"results": {"reward_before": 0.5, "reward_after": 1.0}} | fields
    )  # fmt: skip


@pytest.fixture
def candidate(current: Policy, tmp_path: Path) -> Policy:
    return candidate_of(current, tmp_path)


def round_with(candidate: Policy | None, current: Policy, state: str = State.IMPROVING) -> Round:
    return Round.objects.create(
        project=current.project, number=1, state=state, policy=current, candidate=candidate,
        started_at=timezone.now(),
    )  # fmt: skip


def in_service(project: Project) -> Policy | None:
    return Loop.objects.get(project=project).policy


@pytest.mark.parametrize(
    ("fields", "doubt"),
    [
        ({}, ""),
        ({"kl": None}, "its KL is unknown."),
        ({"kl": 5.0}, ""),
        ({"kl": 5.01}, "its KL of 5.01 nats is a little beyond the budget of 5."),
        ({"results": {"reward_after": 1.0}}, "its reward is unknown."),
        ({"results": {"reward_before": 1.0, "reward_after": 1.0}},
         "its reward did not rise (1.00 → 1.00)."),
    ],
)  # fmt: skip
def test_what_people_are_asked_about_before_a_policy_takes_over_at_once(
    current: Policy, tmp_path: Path, fields: dict[str, Any], doubt: str
) -> None:
    assert promotion.why_not_at_once(candidate_of(current, tmp_path, **fields)) == doubt


def test_without_a_budget_any_distance_is_near_enough(tmp_path: Path) -> None:
    current = make_policy(make_project(kl_budget=0.0), tmp_path / "current")
    assert promotion.why_not_at_once(candidate_of(current, tmp_path, kl=900.0)) == ""


def test_a_policy_without_doubt_takes_over_at_once(current: Policy, candidate: Policy) -> None:
    round_ = round_with(candidate, current)
    promotion.check_candidate(round_, at_once=True)
    round_.refresh_from_db()
    assert (round_.state, in_service(current.project)) == (State.PROMOTED, candidate)
    assert round_.reason == "Promoted at once: KL 1.00 nats, and the guard has no objection."


def test_a_doubt_goes_to_people_and_stands_before_what_they_say(
    current: Policy, tmp_path: Path
) -> None:
    candidate = candidate_of(current, tmp_path, kl=None)
    round_ = round_with(candidate, current)
    promotion.check_candidate(round_, at_once=True)
    round_.refresh_from_db()
    doubt = "Not promoted at once but compared blind: its KL is unknown."
    assert (round_.state, round_.reason) == (State.COMPARING, doubt)
    assert promotion.finish(round_, State.REJECTED, "People found it worse.")
    round_.refresh_from_db()
    assert round_.reason == f"{doubt} People found it worse."


def test_a_run_that_made_no_policy_ends_its_round(current: Policy) -> None:
    round_ = round_with(None, current)
    promotion.check_candidate(round_, at_once=True)
    round_.refresh_from_db()
    assert (round_.state, round_.reason) == (State.FINISHED, "The run has made no new policy.")


def test_a_round_that_somebody_else_has_ended_is_not_ended_again(
    current: Policy, candidate: Policy
) -> None:
    round_ = round_with(candidate, current)
    Round.objects.update(state=State.FAILED, reason="It failed.")
    assert not promotion.finish(round_, State.PROMOTED, "Better.")
    round_.refresh_from_db()
    candidate.refresh_from_db()
    assert (round_.reason, candidate.status) == ("It failed.", Status.CANDIDATE)
    assert in_service(current.project) == current


def test_another_policy_in_service_keeps_the_round_open_and_promotes_nothing(
    current: Policy, candidate: Policy, tmp_path: Path
) -> None:
    """All that the decision wrote is taken back: the loop decides anew from what is there."""
    round_ = round_with(candidate, current, State.COMPARING)
    other = make_policy(current.project, tmp_path / "other")
    assert not promotion.finish(round_, State.PROMOTED, "Better.")
    round_.refresh_from_db()
    candidate.refresh_from_db()
    assert (round_.state, round_.results) == (State.COMPARING, {})
    assert (candidate.status, in_service(current.project)) == (Status.CANDIDATE, other)


def test_a_winner_whose_folder_is_gone_is_rejected_with_the_reason(
    current: Policy, candidate: Policy
) -> None:
    (Path(candidate.location) / "config.json").unlink()
    round_ = round_with(candidate, current, State.COMPARING)
    assert promotion.finish(round_, State.PROMOTED, "Better.")
    round_.refresh_from_db()
    candidate.refresh_from_db()
    assert round_.state == State.REJECTED
    assert round_.reason.startswith("The new policy cannot take over.")
    assert candidate.status == Status.REJECTED


def test_a_comparison_keeps_how_it_stood_whoever_ends_it(
    current: Policy, candidate: Policy
) -> None:
    round_ = round_with(candidate, current, State.COMPARING)
    Round.objects.update(results={"gold": {"current": 0.5, "new": 0.75}})
    round_.refresh_from_db()
    assert promotion.close(round_, State.FAILED, "Cancelled.")
    round_.refresh_from_db()
    assert round_.figures.gold is not None and round_.figures.gold.new == 0.75
    assert round_.figures.blind is not None
    assert round_.figures.blind.verdict == Verdict.OPEN.value
    assert round_.results["win_rate"] is None
    assert not promotion.close(round_, State.COMPARING, "Again.") or round_.state == State.FAILED


def test_a_person_promotes_against_the_verdict_and_the_guard_begins_anew(
    current: Policy, candidate: Policy
) -> None:
    admin = make_member(current.project, "admin")
    promotion.reject_policy(candidate, None, "Worse.")
    assert promotion.promote_policy(candidate, admin, "I like it better.")
    candidate.refresh_from_db()
    assert (candidate.status, candidate.verdict) == (Status.ACCEPTED, "I like it better.")
    assert (in_service(current.project), loop_of(current.project).guarded_from) == (candidate, 2)
    assert not promotion.promote_policy(candidate, admin, "Again."), "it is there already"


def test_a_verdict_is_as_long_as_its_column(current: Policy, candidate: Policy) -> None:
    promotion.reject_policy(candidate, None, "w" * 2000)
    candidate.refresh_from_db()
    assert candidate.verdict == "w" * promotion.VERDICT_LENGTH


def test_whoever_decided_on_an_older_page_is_told_and_changes_nothing(
    current: Policy, candidate: Policy, tmp_path: Path
) -> None:
    other = make_policy(current.project, tmp_path / "other")
    with pytest.raises(Outrun):
        promotion.promote_policy(candidate, None, "Better.", instead_of=current.pk)
    candidate.refresh_from_db()
    assert (candidate.status, in_service(current.project)) == (Status.CANDIDATE, other)


def test_a_policy_that_cannot_write_is_not_promoted(current: Policy, candidate: Policy) -> None:
    (Path(candidate.location) / "model.safetensors").unlink()
    with pytest.raises(NotUsable):
        promotion.promote_policy(candidate, None, "Better.")
    assert in_service(current.project) == current


def test_the_policy_in_service_cannot_be_rejected(current: Policy) -> None:
    assert not promotion.reject_policy(current, None, "Bad.")
    current.refresh_from_db()
    assert current.status == Status.ACCEPTED
    assert not AuditEntry.objects.filter(action="policy rejected").exists()


def test_rejecting_twice_is_one_entry(current: Policy, candidate: Policy) -> None:
    assert [promotion.reject_policy(candidate, None, "Bad.") for _ in range(2)] == [True, False]
    assert AuditEntry.objects.filter(action="policy rejected").count() == 1


@pytest.mark.parametrize(
    ("status", "again"),
    [(Status.REJECTED, True), (Status.ACCEPTED, True), (Status.CANDIDATE, False)],
)
def test_what_was_decided_can_be_compared_again(
    current: Policy, candidate: Policy, status: str, again: bool
) -> None:
    Policy.objects.filter(pk=candidate.pk).update(status=status, verdict="So.")
    admin = make_member(current.project, "admin")
    assert promotion.compare_again(candidate, admin) is again
    candidate.refresh_from_db()
    assert (candidate.status, candidate.verdict) == (Status.CANDIDATE, "" if again else "So.")
    assert not promotion.compare_again(current, admin), "with itself"


def test_improvement_is_stopped_with_the_first_reason_and_resumed_once(current: Policy) -> None:
    project, admin = current.project, make_member(current.project, "admin")
    promotion.stop_improvement(project, "Too long.")
    promotion.stop_improvement(project, "Too far.")
    assert loop_of(project).improvement_stopped == "Too long."
    assert promotion.resume_improvement(project, admin, "I looked.")
    assert not promotion.resume_improvement(project, admin, "I looked.")
    loop = loop_of(project)
    assert (loop.improvement_stopped, loop.guarded_from) == ("", 1)
    assert AuditEntry.objects.filter(action="improvement stopped").count() == 1
    assert AuditEntry.objects.filter(action="improvement resumed").count() == 1
