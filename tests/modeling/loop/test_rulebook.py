"""What the loop does next, and why something cannot be begun by hand: every rule by its words."""

from types import SimpleNamespace
from typing import Any

import pytest

from modeling.loop import by_hand, improvement_rules, rulebook
from modeling.loop.doing import doing
from modeling.loop.steps import DUE, StepKind
from modeling.models import Policy, RewardModel, Round, Run
from modeling.policies.blind import BlindStanding
from modeling.policies.comparing import Outcome, Verdict

State = Round.State
CURRENT = Policy(pk=1, version=1, name="p")
NEW = Policy(pk=2, version=2, name="p", status=Policy.Status.CANDIDATE)
LIVE = RewardModel(pk=1, version=1, status=RewardModel.Status.LIVE)
REJECTED = RewardModel(pk=2, version=2, status=RewardModel.Status.REJECTED)


def settings(**fields: Any) -> SimpleNamespace:
    usual = {
        "loop_enabled": True, "queue_target": 20, "retrain_after": 10, "improvement": "rloo",
        "improve_after": 0, "promotion": "blind",
    }  # fmt: skip
    return SimpleNamespace(**usual | fields)


def situation(**fields: Any) -> Any:
    """A project in the middle of labeling: a policy and a reward model in service, enough queued
    and nothing under way."""
    told = {name: fields.pop(name) for name in list(fields) if hasattr(settings(), name)}
    usual = {
        "project": SimpleNamespace(loop_settings=settings(**told), is_paused=False, slug="p"),
        "round": Round(state=State.LABELING, policy=CURRENT),
        "policy": CURRENT, "reward_model": LIVE, "candidate_reward_model": None, "active_runs": [],
        "active_run_of_round": None, "waiting_candidate": None, "was_asked_for": False,
        "began_with_a_run": True, "can_sample": True, "fresh_comparisons": 15,
        "open_comparisons": 15, "new_preferences": 3, "preferences_needed": 10, "drift": "",
        "schedule_is_due": False, "base_model": "org/p", "more_sampling_may_help": True,
        "last_sampling": Run(policy=CURRENT, state="succeeded"), "has_prompts": True,
        "usable_preferences": 30, "training_of_round": None, "model_of_round": LIVE,
        "improvement_of_round": None, "comparison_of_round": None, "improvement_stopped": "",
        "new_for_policy": 30, "sampled_since_training": True,
    }  # fmt: skip
    return SimpleNamespace(**usual | fields)


def run(kind: str, state: str = "succeeded", **fields: Any) -> Run:
    return Run(kind=kind, state=state, **fields)


def standing(verdict: str, still_open: int = 0) -> BlindStanding:
    return BlindStanding(12, 12 - still_open, still_open, Outcome(Verdict(verdict), None, 1.0, 0))


CASES: list[tuple[dict[str, Any], StepKind, str]] = [
    ({}, StepKind.LABEL, "After 7 more preferences the reward model is retrained and new pairs"),
    ({"reward_model": None}, StepKind.LABEL, "the reward model is trained and new pairs are"),
    ({"policy": None, "can_sample": False}, StepKind.LABEL, "and the queue is ranked by it."),
    ({"candidate_reward_model": REJECTED}, StepKind.GATE, "is checked before it goes live"),
    ({"loop_enabled": False}, StepKind.OFF, "The loop is switched off"),
    ({"loop_enabled": False, "was_asked_for": True}, StepKind.LABEL, "After 7 more"),
    ({"round": None}, StepKind.OPEN_ROUND, "The next round is about to begin."),
    ({"waiting_candidate": NEW}, StepKind.START_COMPARING, "is about to be compared"),
    ({"waiting_candidate": CURRENT}, StepKind.LABEL, "After 7 more"),
    ({"waiting_candidate": NEW, "loop_enabled": False}, StepKind.START_COMPARING, "is about to be"),
    ({"waiting_candidate": NEW, "policy": None, "can_sample": False}, StepKind.LABEL, "After 7"),
    ({"new_preferences": 10}, StepKind.TRAIN, "The reward model is about to be trained."),
    ({"new_preferences": 10, "base_model": ""}, StepKind.NEEDS_MODEL, "10 new preferences wait"),
    ({"new_preferences": 10, "preferences_needed": 50, "drift": "It drifts."}, StepKind.TRAIN,
     "It drifts."),
    ({"new_preferences": 9, "preferences_needed": 50, "drift": "It drifts."}, StepKind.LABEL,
     "After 41 more"),
    ({"new_preferences": 10, "preferences_needed": 50, "schedule_is_due": True}, StepKind.TRAIN,
     "about to be trained"),
    ({"fresh_comparisons": 9}, StepKind.SAMPLE, "New pairs are about to be sampled"),
    ({"fresh_comparisons": 10}, StepKind.LABEL, "After 7 more"),
    ({"fresh_comparisons": 4, "queue_target": 4}, StepKind.LABEL, "After 7 more"),
    ({"fresh_comparisons": 0, "more_sampling_may_help": False}, StepKind.LABEL, "After 7 more"),
    ({"last_sampling": Run(policy=NEW)}, StepKind.SAMPLE, "New pairs are about to be sampled"),
    ({"last_sampling": None}, StepKind.LABEL, "After 7 more"),
    ({"active_run_of_round": run("sample", "queued")}, StepKind.RUNNING,
     "New pairs will be sampled from the policy as soon as a worker is free."),
    ({"active_runs": [run("sample", "running")]}, StepKind.RUNNING,
     "New pairs are being sampled from the policy: it is starting."),
    ({"active_runs": [run("score", "running", progress=0.5, seconds_left=31.0)]},
     StepKind.RUNNING, "ranked by the new reward model: 50% done, about 35 s left."),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "kind", "words"), CASES)
def test_while_people_label(fields: dict[str, Any], kind: StepKind, words: str) -> None:
    step = rulebook.decide_next_step(situation(**fields))
    assert step.kind == kind and words in step.text
    assert step.is_due == (kind in DUE)


def test_while_a_project_is_paused_the_count_says_when_it_goes_on() -> None:
    paused = situation()
    paused.project.is_paused = True
    step = rulebook.decide_next_step(paused)
    assert step.text.startswith("When the pause is over, after 7 more preferences")
    assert (step.done, step.needed) == (3, 10)


BEGINNING: list[tuple[dict[str, Any], StepKind]] = [
    ({"began_with_a_run": False}, StepKind.SAMPLE),
    ({"began_with_a_run": False, "can_sample": False}, StepKind.RANK),
    ({"began_with_a_run": False, "can_sample": False, "fresh_comparisons": 0},
     StepKind.START_LABELING),
    ({"began_with_a_run": False, "can_sample": False, "reward_model": None},
     StepKind.START_LABELING),
    ({}, StepKind.START_LABELING),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "kind"), BEGINNING)
def test_a_round_begins_with_a_run_where_there_is_something_to_run(
    fields: dict[str, Any], kind: StepKind
) -> None:
    begun = situation(round=Round(state=State.SAMPLING), **fields)
    assert rulebook.decide_next_step(begun).kind == kind


@pytest.mark.parametrize(
    ("training", "kind"),
    [
        (None, StepKind.CLOSE_ROUND),
        (run("train_reward", "running"), StepKind.RUNNING),
        (run("train_reward"), StepKind.START_GATING),
        (run("train_reward", "failed"), StepKind.CLOSE_ROUND),
        (run("train_reward", "cancelled"), StepKind.CLOSE_ROUND),
    ],
)
def test_a_training_leads_to_the_gate_or_ends_the_round(
    training: Run | None, kind: StepKind
) -> None:
    trained = situation(round=Round(state=State.TRAINING), training_of_round=training)
    assert rulebook.decide_next_step(trained).kind == kind


KEPT: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"improvement": "off", "policy": None}, ""),
    ({"policy": None}, "There was no policy to improve."),
    ({"improvement_stopped": "Too long."}, "Improvement was stopped. Too long."),
    ({"model_of_round": REJECTED}, "Its reward model is not in service, so the policy was not"),
    ({"model_of_round": None}, "Its reward model is not in service"),
    ({"model_of_round": None, "improvement": "dpo"}, ""),
    ({"improve_after": 31}, "The policy was not improved: 1 more preferences were needed"),
    ({"improve_after": 30}, ""),
]


@pytest.mark.parametrize(("fields", "words"), KEPT)
def test_after_the_gate_the_policy_is_improved_or_the_round_says_why_not(
    fields: dict[str, Any], words: str
) -> None:
    gated = situation(round=Round(state=State.GATING), **fields)
    assert improvement_rules.why_kept(gated).startswith(words)
    is_due = not words and fields.get("improvement") != "off"
    expected = StepKind.START_IMPROVING if is_due else StepKind.CLOSE_ROUND
    assert rulebook.decide_next_step(gated).kind == expected
    ending = improvement_rules.ending_of(gated)
    assert ending is not None and ending.state == State.FINISHED


IMPROVING: list[tuple[dict[str, Any], StepKind, str]] = [
    ({}, StepKind.IMPROVE, ""),
    ({"fresh_comparisons": 0, "sampled_since_training": False}, StepKind.SAMPLE, ""),
    ({"fresh_comparisons": 0, "sampled_since_training": True}, StepKind.IMPROVE, ""),
    ({"improvement_of_round": run("train_policy", "running")}, StepKind.RUNNING, ""),
    ({"improvement_of_round": run("train_policy")}, StepKind.CHECK_CANDIDATE, ""),
    ({"improvement_of_round": run("train_policy", "cancelled")}, StepKind.CLOSE_ROUND, "finished"),
    ({"improvement_of_round": run("train_policy", "failed", error="It died.\nMore.")},
     StepKind.CLOSE_ROUND, "failed"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "kind", "state"), IMPROVING)
def test_while_the_policy_is_improved(fields: dict[str, Any], kind: StepKind, state: str) -> None:
    improving = situation(round=Round(state=State.IMPROVING), **fields)
    assert rulebook.decide_next_step(improving).kind == kind
    ending = improvement_rules.ending_of(improving)
    assert (ending.state if ending else "") == state


def test_the_end_of_a_failed_run_is_the_first_line_of_its_error() -> None:
    failed = run("train_policy", "failed", error="  It died in /srv/secret/run.\nTraceback …")
    ending = improvement_rules.ending_of(
        situation(round=Round(state=State.IMPROVING), improvement_of_round=failed)
    )
    assert ending is not None
    assert ending.reason.startswith("The improvement failed. It died in")
    assert "Traceback" not in ending.reason and "/srv/secret" not in ending.reason


SUCCEEDED = run("compare")
ENDINGS: list[tuple[dict[str, Any], Policy | None, str, str]] = [
    ({}, None, "rejected", "The new policy was deleted."),
    ({}, Policy(pk=2, status="accepted", verdict="Ada likes it."), "promoted", "Ada likes it."),
    ({}, Policy(pk=2, status="accepted"), "promoted", "By hand."),
    ({}, Policy(pk=2, status="rejected"), "rejected", "By hand."),
    ({"policy": Policy(pk=9, version=9, name="q")}, NEW, "rejected", "q v9 was put in service"),
    ({"policy": None}, NEW, "rejected", "No policy was put in service"),
    ({}, NEW, "", ""),
    ({"comparison_of_round": run("compare", "running")}, NEW, "", ""),
    ({"comparison_of_round": run("compare", "failed", error="Full.")}, NEW, "rejected",
     "The sampling for the comparison failed. Full."),
    ({"comparison_of_round": run("compare", "cancelled")}, NEW, "rejected",
     "The sampling for the comparison was cancelled."),
    ({"comparison_of_round": SUCCEEDED, "blind_standing": standing("open", 3)}, NEW, "", ""),
    ({"comparison_of_round": SUCCEEDED, "blind_standing": standing("open", 0)}, NEW, "rejected",
     "None of the blind comparisons was judged."),
    ({"comparison_of_round": SUCCEEDED, "blind_standing": standing("better")}, NEW, "promoted", ""),
    ({"comparison_of_round": SUCCEEDED, "blind_standing": standing("better", 4)}, NEW, "promoted",
     ""),
    ({"comparison_of_round": SUCCEEDED, "blind_standing": standing("worse")}, NEW, "rejected", ""),
    ({"comparison_of_round": SUCCEEDED, "blind_standing": standing("undecided")}, NEW, "rejected",
     ""),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "candidate", "state", "words"), ENDINGS)
def test_how_a_comparison_ends(
    fields: dict[str, Any], candidate: Policy | None, state: str, words: str
) -> None:
    compared = situation(
        round=Round(state=State.COMPARING, policy=CURRENT, candidate=candidate), **fields
    )
    ending = improvement_rules.ending_of(compared)
    assert (ending.state if ending else "") == state
    assert ending is None or ending.reason.startswith(words)


@pytest.mark.parametrize("state", [State.SAMPLING, State.LABELING])
def test_a_round_that_goes_on_has_no_ending(state: str) -> None:
    assert improvement_rules.ending_of(situation(round=Round(state=state))) is None


BY_HAND: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"active_runs": [run("train_policy", "queued")]}, by_hand.UNDER_WAY),
    ({"improvement": "off"}, "Choose in the settings how the policy is improved first."),
    ({"policy": None}, "Register a policy first: there is nothing to improve."),
    ({"improvement_stopped": "Too long."}, "The guard has stopped improvement"),
    ({"reward_model": None}, "There is no reward model in service to improve the policy against."),
    ({"reward_model": None, "improvement": "dpo"}, ""),
    ({"usable_preferences": 0, "improvement": "dpo"}, "There are no preferences to learn from"),
    ({"round": Round(state=State.COMPARING)}, by_hand.IN_HAND),
    ({"round": None}, ""),
    ({"active_runs": [run("train_reward", "running")]}, "A reward model is being trained"),
]


@pytest.mark.parametrize(("fields", "words"), BY_HAND)
def test_why_a_policy_cannot_be_improved_by_hand(fields: dict[str, Any], words: str) -> None:
    problem = by_hand.why_not_improve(situation(**fields))
    assert problem.startswith(words) and bool(problem) == bool(words)


ESTIMATES: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"active_runs": [run("train_policy", "running")]}, by_hand.UNDER_WAY),
    ({"policy": None}, "Register a policy first: it writes the responses."),
    ({"reward_model": None}, "There is no reward model in service to choose"),
    ({"policy": Policy(location="http://host:8000/v1?model=m")}, "The policy runs on another"),
    ({"round": Round(state=State.IMPROVING)}, by_hand.IN_HAND),
    ({"improvement": "off", "improvement_stopped": "Too long."}, ""),
]


@pytest.mark.parametrize(("fields", "words"), ESTIMATES)
def test_why_the_best_of_n_cannot_be_estimated(fields: dict[str, Any], words: str) -> None:
    problem = by_hand.why_not_estimate(situation(**fields))
    assert problem.startswith(words) and bool(problem) == bool(words)


@pytest.mark.parametrize("kind", Run.Kind.values)
def test_every_kind_of_run_says_what_it_does_and_what_it_will_do(kind: str) -> None:
    now, later = doing(run(kind, "running")), doing(run(kind, "queued"))
    assert " being " in now or " are answering " in now
    assert later.endswith(" as soon as a worker is free") and " will " in later
    assert not now.endswith(".")


def test_an_estimate_is_no_improvement_in_words() -> None:
    estimate = run("train_policy", "running", config={"train_policy": {"distill": False}})
    assert doing(estimate) == "What the best of n responses would bring is being estimated"
