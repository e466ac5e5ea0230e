"""A round that improves the policy, from the gate to the verdict, with fake programs."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from labeling.judging.recording import Answer
from labeling.models import (
    Assignment,
    AuditEntry,
    Comparison,
    Judgment,
    Membership,
    Project,
    Prompt,
    User,
)
from labeling.projects import model_locations
from modeling.loop import by_hand, rounds
from modeling.loop.rulebook import decide_next_step
from modeling.loop.situation import Situation
from modeling.loop.steps import StepKind
from modeling.models import BlindPair, Policy, RewardModel, Round, Run, versions
from modeling.policies import promotion, registry
from modeling.runs import lifecycle
from modeling.settings.choices import Improvement, Promotion
from tests.factories import claim, judge, make_member, make_prompt, set_loop
from tests.modeling.improvement_helpers import (
    improving_project,
    judge_blind,
    until_comparison,
    until_improvement,
)
from tests.modeling.loop_helpers import (
    advance_one,
    execute,
    label,
    make_policy,
    model_folder,
    train_once,
)

pytestmark = pytest.mark.django_db(transaction=True)

State = Round.State


def states(project: Project) -> list[str]:
    return list(
        Round.objects.filter(project=project).order_by("number").values_list("state", flat=True)
    )


def test_a_better_policy_takes_over(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    judge_blind(project, 10)
    rounds.advance(project)
    round_.refresh_from_db()
    assert (round_.state, round_.results["verdict"]) == (State.PROMOTED, "better")
    assert "won 100% of 10 blind comparisons" in round_.reason
    candidate = round_.candidate
    assert candidate is not None
    assert versions.loop_of(project).policy == candidate
    assert (candidate.status, candidate.version, candidate.kl) == ("accepted", 2, 1.2)
    assert candidate.parent == candidate.reference == round_.policy
    assert states(project) == ["promoted", "sampling"]
    assert Round.objects.get(number=2).policy == candidate


def test_a_worse_policy_is_rejected(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    judge_blind(project, 10, "current")
    rounds.advance(project)
    round_.refresh_from_db()
    assert (round_.state, round_.results["verdict"]) == (State.REJECTED, "worse")
    assert round_.candidate is not None and round_.candidate.status == Policy.Status.REJECTED
    assert versions.loop_of(project).policy == round_.policy


def test_an_undecided_comparison_keeps_the_current_policy(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    judge_blind(project, 12, "tie")
    rounds.advance(project)
    round_.refresh_from_db()
    assert (round_.state, round_.results["verdict"]) == (State.REJECTED, "undecided")
    assert "not enough to tell" in round_.reason


def only_labeler(project: Project) -> User:
    """Whoever has labeled so far does so no more."""
    Membership.objects.filter(project=project).update(is_paused=True)
    return make_member(project)


def take(labeler: User, project: Project) -> Assignment:
    assignment = claim(labeler, project)
    assert assignment is not None
    return assignment


def test_a_pair_that_the_only_labeler_has_skipped_is_not_waited_for(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    labeler = only_labeler(project)
    judge(take(labeler, project), "skip")
    judge_blind(project, 11, "tie", labeler)
    rounds.advance(project)
    round_.refresh_from_db()
    assert (round_.state, round_.results["verdict"]) == (State.REJECTED, "undecided")
    assert "of 11 blind comparisons" in round_.reason


def test_a_pair_that_the_only_labeler_has_flagged_is_not_waited_for(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    labeler = only_labeler(project)
    flagged = take(labeler, project)
    judge(flagged, Answer(Judgment.Kind.FLAG, flag="other", rationale="odd"))
    judge_blind(project, 11, "tie", labeler)
    rounds.advance(project)
    round_.refresh_from_db()
    assert round_.state == State.REJECTED


def test_a_skipped_pair_is_waited_for_while_somebody_else_labels(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    labeler, other = only_labeler(project), make_member(project)
    judge(take(labeler, project), "skip")
    judge_blind(project, 10, "tie", labeler)
    in_hand = take(other, project)
    judge(take(labeler, project), "tie")
    assert rounds.next_step(project).kind == StepKind.LABEL
    judge(in_hand, "tie")
    rounds.advance(project)
    round_.refresh_from_db()
    assert round_.results["win_rate"]["n"] == 12


def test_more_answers_than_there_are_labelers_are_not_waited_for(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    Comparison.objects.filter(blind_pair__isnull=False).update(wanted=2, slots_left=2)
    labeler = only_labeler(project)
    for _ in range(11):
        judge(take(labeler, project), "tie")
    assert rounds.next_step(project).kind == StepKind.LABEL
    judge(take(labeler, project), "tie")
    rounds.advance(project)
    round_.refresh_from_db()
    assert "None of the blind comparisons was judged" in round_.reason


def test_a_comparison_waits_while_nobody_labels_at_all(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    until_comparison(project)
    Membership.objects.filter(project=project).update(is_paused=True)
    assert rounds.advance(project) == []
    assert rounds.next_step(project).kind == StepKind.LABEL


def test_the_blind_pairs_come_first_and_look_like_any_other(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    assert BlindPair.objects.filter(round=round_).count() == 12
    assignment = claim(make_member(project), project)
    assert assignment is not None
    pair = BlindPair.objects.get(comparison=assignment.comparison_id)
    comparison = assignment.comparison
    assert (comparison.size, comparison.round_number) == (2, round_.number)
    places = comparison.comparison_responses.values_list("response_id", flat=True)
    assert {pair.candidate_response_id, pair.current_response_id} == set(places)


def test_the_comparison_uses_prompts_that_were_not_trained_on(tmp_path: Path) -> None:
    project = improving_project(tmp_path, improve_prompts=8)
    round_ = until_comparison(project)
    run = Run.objects.get(kind=Run.Kind.TRAIN_POLICY)
    assert run.results["data"] == 8
    trained = set(Prompt.objects.filter(split="train").values_list("pk", flat=True))
    compared = list(BlindPair.objects.values_list("comparison__prompt_id", flat=True))
    held_out = [pk for pk in compared if pk not in trained]
    assert len(held_out) == min(len(compared), Prompt.objects.exclude(split="train").count())
    assert len(set(compared)) == len(compared)
    assert round_.candidate is not None


def test_improvement_that_is_off_changes_nothing(tmp_path: Path) -> None:
    project = improving_project(tmp_path, improvement=Improvement.OFF)
    train_once(project)
    assert advance_one(project).kind == Run.Kind.SAMPLE
    assert states(project) == ["finished", "sampling"]


def test_few_new_preferences_keep_the_policy_and_say_so(tmp_path: Path) -> None:
    project = improving_project(tmp_path, improve_after=25)
    train_once(project)
    advance_one(project)
    first = Round.objects.get(number=1)
    assert (first.state, first.reason) == (
        State.FINISHED,
        "The policy was not improved: 15 more preferences were needed for that.",
    )


def test_a_run_is_never_queued_twice_for_a_round(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    until_improvement(project)
    assert rounds.advance(project) == []
    assert Run.objects.filter(kind=Run.Kind.TRAIN_POLICY).count() == 1


def test_automatic_promotion_asks_nobody(tmp_path: Path) -> None:
    project = improving_project(tmp_path, promotion=Promotion.AUTOMATIC)
    execute(until_improvement(project))
    rounds.advance(project)
    assert versions.loop_of(project).policy == Policy.objects.get(version=2)
    first = Round.objects.get(number=1)
    assert first.state == State.PROMOTED
    assert "KL 1.20 nats" in first.reason
    assert not BlindPair.objects.exists()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"reward_after": 0.0}, "its reward did not rise (0.10 → 0.00)"),
        ({"reward_after": None}, "its reward is unknown"),
        ({"kl": None}, "its KL is unknown"),
        ({"kl": 20.1, "kl_error": 0.2}, "a little beyond the budget of 20"),
    ],
)
def test_at_once_is_not_without_people_where_the_figures_do_not_speak_for_it(
    tmp_path: Path, told: dict[str, object], words: str
) -> None:
    project = improving_project(tmp_path, told, promotion=Promotion.AUTOMATIC, kl_budget=20.0)
    round_ = until_comparison(project)
    assert words in round_.reason
    judge_blind(project, 10)
    rounds.advance(project)
    round_.refresh_from_db()
    assert round_.state == State.PROMOTED
    assert words in round_.reason
    assert "won 100% of 10 blind comparisons" in round_.reason


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"kl": 30.0}, "beyond the budget"),
        ({"reward_variance_before": 0.1, "reward_variance_after": 0.3}, "disagree 3.0 times"),
        ({"length_after": 90.0}, "longer"),
        ({"stopped": {"reason": "The policy has collapsed.", "step": 3}}, "has collapsed"),
    ],
)
@pytest.mark.parametrize("way", [way.value for way in Promotion])
def test_the_guard_stops_improvement_and_says_why(
    tmp_path: Path, told: dict[str, object], words: str, way: str
) -> None:
    project = improving_project(tmp_path, told, promotion=way)
    execute(until_improvement(project))
    rounds.advance(project)
    first = Round.objects.get(number=1)
    assert first.state == State.REJECTED
    assert words in first.reason
    loop = versions.loop_of(project)
    assert words in loop.improvement_stopped
    assert loop.policy is not None and loop.policy.version == 1
    with pytest.raises(by_hand.CannotStart, match="guard has stopped"):
        by_hand.start_improving_now(project, make_member(project, "admin"))


def test_a_stop_at_the_kl_budget_is_no_alarm(tmp_path: Path) -> None:
    """The weights it kept were within the budget; measured again, on the held-out prompts, they
    are a standard error beyond it. The fake logs a KL of 1.2 where it stopped."""
    stopped = {"reason": "The policy went 1.20 nats.", "step": 3}
    told = {"stopped": stopped, "kl": 1.05, "kl_error": 0.05}
    project = improving_project(tmp_path, told, kl_budget=1.0)
    execute(until_improvement(project))
    assert advance_one(project).kind == Run.Kind.COMPARE


def test_a_person_resumes_improvement(tmp_path: Path) -> None:
    project = improving_project(tmp_path, {"length_after": 90.0})
    execute(until_improvement(project))
    rounds.advance(project)
    admin = make_member(project, "admin")
    assert promotion.resume_improvement(project, admin, "longer is fine here")
    assert versions.loop_of(project).improvement_stopped == ""
    entry = AuditEntry.objects.get(action="improvement resumed")
    assert (entry.actor, entry.reason) == (admin, "longer is fine here")
    assert not promotion.resume_improvement(project, admin, "again")


def test_a_reward_that_people_do_not_see_stops_improvement(tmp_path: Path) -> None:
    project = improving_project(tmp_path, comparison_size=40)
    for _ in range(40):
        make_prompt(project)
    until_comparison(project)
    labeler = make_member(project)
    judge_blind(project, 20, "tie", labeler)
    judge_blind(project, 20, "tie", labeler)
    rounds.advance(project)
    assert "not more often than not" in versions.loop_of(project).improvement_stopped


def test_a_failed_improvement_ends_the_round_and_the_loop_goes_on(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    run = until_improvement(project)
    (tmp_path / "policy" / "behaviour").write_text("refuse")
    assert execute(run).state == Run.State.FAILED
    (tmp_path / "policy" / "behaviour").write_text("")
    rounds.advance(project)
    first = Round.objects.get(number=1)
    assert (first.state, first.reason) == (
        State.FAILED,
        "The improvement failed. The folder has no weights.",
    )
    assert Round.objects.get(number=2).is_open


def test_a_cancelled_improvement_keeps_the_policy(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    run = until_improvement(project)
    assert lifecycle.request_cancel(run, make_member(project, "admin"))
    rounds.advance(project)
    first = Round.objects.get(number=1)
    assert (first.state, first.reason) == (State.FINISHED, "The improvement was cancelled.")
    assert first.reward_model is not None


def test_a_cancelled_sampling_of_the_comparison_rejects_and_can_be_compared_again(
    tmp_path: Path,
) -> None:
    project = improving_project(tmp_path)
    execute(until_improvement(project))
    run = advance_one(project)
    lifecycle.request_cancel(run, make_member(project, "admin"))
    rounds.advance(project)
    candidate = Policy.objects.get(version=2)
    assert candidate.status == Policy.Status.REJECTED
    assert promotion.compare_again(candidate, make_member(project, "admin"))
    again = [run for run in rounds.advance(project) if run.kind == Run.Kind.COMPARE]
    for waiting in Run.objects.filter(state="queued"):
        execute(waiting)
        again += rounds.advance(project)
    assert Round.objects.filter(state=State.COMPARING, candidate=candidate).exists()


def test_a_candidate_whose_folder_vanished_is_rejected(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    judge_blind(project, 10)
    assert round_.candidate is not None
    shutil.rmtree(model_locations.resolve(round_.candidate.location, round_.project))
    rounds.advance(project)
    round_.refresh_from_db()
    assert round_.state == State.REJECTED
    assert "cannot take over" in round_.reason
    assert versions.loop_of(project).policy == round_.policy


def test_a_promoted_policy_whose_folder_vanished_is_rolled_back_by_hand(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    judge_blind(project, 10)
    (sampling,) = rounds.advance(project)
    round_.refresh_from_db()
    assert round_.candidate is not None and round_.policy is not None
    shutil.rmtree(model_locations.resolve(round_.candidate.location, round_.project))
    failed = execute(sampling)
    assert "is gone" in failed.error
    promotion.promote_policy(round_.policy, make_member(project, "admin"), "the folder is gone")
    execute(advance_one(project))
    assert versions.loop_of(project).policy == round_.policy


def test_labels_that_arrive_while_a_round_closes_are_in_the_next_training(tmp_path: Path) -> None:
    project = improving_project(tmp_path, retrain_after=10)
    until_comparison(project)
    late = claim(make_member(project), project)
    assert late is not None
    judge_blind(project, 10)
    rounds.advance(project)
    judge(late, "left")  # after the verdict, in a round that is over
    for _ in range(3):
        for run in Run.objects.filter(state="queued"):
            execute(run)
        rounds.advance(project)
    training = Run.objects.filter(kind=Run.Kind.TRAIN_REWARD).latest("pk")
    assert training.snapshot is not None
    assert training.snapshot.count == 10 + 10 + 1


def test_what_was_judged_before_the_verdict_was_read_counts(tmp_path: Path) -> None:
    """The ninth judgment decides nothing yet, however often the loop looks."""
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    labeler = make_member(project)
    judge_blind(project, 9, by=labeler)
    assert rounds.advance(project) == []
    step = rounds.next_step(project)
    assert (step.kind, step.done, step.needed) == (StepKind.LABEL, 9, 12)
    assert "%" not in step.text, "how it stands must not be known to those who judge"
    judge_blind(project, 1, by=labeler)
    rounds.advance(project)
    round_.refresh_from_db()
    assert round_.state == State.PROMOTED


def test_pairs_left_over_wait_behind_all_others(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    until_comparison(project)
    judge_blind(project, 10)
    rounds.advance(project)
    left = Comparison.objects.filter(blind_pair__isnull=False, state="open")
    assert [pair.priority for pair in left] == [0.0, 0.0]


def test_another_policy_put_in_service_ends_the_comparison(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    make_policy(project, tmp_path / "other")
    rounds.advance(project)
    round_.refresh_from_db()
    assert round_.state == State.REJECTED
    assert "was put in service while" in round_.reason


def test_a_person_promotes_or_rejects_while_it_is_compared(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    assert round_.candidate is not None
    promotion.reject_policy(round_.candidate, make_member(project, "admin"), "it swears")
    round_.refresh_from_db()
    assert (round_.state, round_.reason) == (State.REJECTED, "it swears")
    assert promotion.promote_policy(
        round_.candidate, make_member(project, "admin"), "no, it is fine"
    )
    assert versions.loop_of(project).policy == round_.candidate
    assert not promotion.reject_policy(
        round_.candidate, make_member(project, "admin"), "in service"
    )


def test_two_policies_that_write_the_same_have_nothing_to_compare(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    (tmp_path / "policy" / "always_the_same").touch()
    execute(until_improvement(project))
    execute(advance_one(project))
    rounds.advance(project)
    first = Round.objects.get(number=1)
    assert first.state == State.REJECTED
    assert "nothing to compare" in first.reason


def test_improving_by_hand_with_the_loop_off(tmp_path: Path) -> None:
    project = improving_project(tmp_path, improve_after=10_000)
    train_once(project)
    execute(advance_one(project))
    rounds.advance(project)
    set_loop(project, loop_enabled=False)
    run = by_hand.start_improving_now(project, make_member(project, "admin"))
    execute(run)
    execute(advance_one(project))
    assert decide_next_step(Situation(project)).kind == StepKind.LABEL
    judge_blind(project, 10)
    rounds.advance(project)
    assert versions.loop_of(project).policy == Policy.objects.get(version=2)
    assert rounds.next_step(project).kind == StepKind.OFF


def test_dpo_learns_from_the_preferences(tmp_path: Path) -> None:
    project = improving_project(tmp_path, improvement=Improvement.DPO)
    run = execute(until_improvement(project))
    assert (run.state, run.results["data"]) == (Run.State.SUCCEEDED, 10), run.error


def test_dpo_goes_on_when_the_gate_rejects_the_reward_model(tmp_path: Path) -> None:
    project = improving_project(tmp_path, improvement=Improvement.DPO)
    label(project, 10)
    execute(advance_one(project))
    RewardModel.objects.update(status=RewardModel.Status.REJECTED)
    run = advance_one(project)
    if run.kind == Run.Kind.SAMPLE:
        execute(run)
        run = advance_one(project)
    assert (run.kind, run.config["reward_model"]) == (Run.Kind.TRAIN_POLICY, None)
    assert execute(run).results["data"] == 10


def test_dpo_by_hand_needs_preferences_and_no_reward_model(tmp_path: Path) -> None:
    project = improving_project(tmp_path, improvement=Improvement.DPO)
    admin = make_member(project, "admin")
    with pytest.raises(by_hand.CannotStart, match="no preferences to learn from"):
        by_hand.start_improving_now(project, admin)
    label(project, 4)
    Run.objects.filter(state="queued").update(state="cancelled", finished_at=timezone.now())
    run = by_hand.start_improving_now(project, admin)
    assert execute(run).results["data"] == 4


def test_the_guard_watches_a_policy_that_has_no_reward(tmp_path: Path) -> None:
    told = {"reward_before": None, "reward_after": None, "kl": 30.0}
    project = improving_project(tmp_path, told, improvement=Improvement.DPO)
    execute(until_improvement(project))
    rounds.advance(project)
    assert "beyond the budget" in versions.loop_of(project).improvement_stopped


def test_a_policy_registered_as_candidate_is_compared(tmp_path: Path) -> None:
    project = improving_project(tmp_path, improvement=Improvement.OFF)
    label(project, 2)
    made = registry.register_policy(
        project, "elsewhere", str(model_folder(tmp_path / "new")), make_current=False
    )
    Policy.objects.filter(pk=made.pk).update(status=Policy.Status.CANDIDATE)
    assert advance_one(project).kind == Run.Kind.COMPARE


def test_the_schedule_trains_on_few_preferences(tmp_path: Path) -> None:
    project = improving_project(tmp_path, improvement=Improvement.OFF, retrain_every_hours=24)
    train_once(project)
    execute(advance_one(project))
    set_loop(project, retrain_after=1000)
    label(project, 10)
    assert rounds.advance(project) == []
    a_day_ago = timezone.now() - timedelta(hours=25)
    Run.objects.filter(kind=Run.Kind.TRAIN_REWARD).update(created_at=a_day_ago)
    assert advance_one(project).kind == Run.Kind.TRAIN_REWARD
