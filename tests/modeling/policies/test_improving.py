"""What is read of a policy's training: its figures, its line of versions, why it stopped."""

import json
import math
from typing import Any

import pytest

from labeling.models import Project
from modeling.models import Policy, Round, Run, versions
from modeling.policies import improving
from modeling.policies.held_out import HeldOutPair, Written, held_out_pairs
from tests.factories import make_project
from tests.modeling.page_helpers import log_metrics, make_reward_model, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


def version(project: Project, parent: Policy | None = None, **fields: Any) -> Policy:
    number = versions.next_version(project.policies.all())
    return Policy.objects.create(
        **{"project": project, "version": number, "name": "p", "location": "org/p"}
        | {"parent": parent} | fields
    )  # fmt: skip


def trained(project: Project, parent: Policy | None = None, **results: Any) -> Policy:
    run = make_run(project, kind=Run.Kind.TRAIN_POLICY)
    return version(project, parent, run=run, results={"steps": 4} | results)


def test_a_policy_that_no_run_has_made_has_no_record(project: Project) -> None:
    assert improving.record_of(version(project)) is None


def test_a_record_has_what_was_measured_and_nothing_of_what_is_no_number(project: Project) -> None:
    policy = trained(
        project, reward_before=0.5, reward_after=1.25, length_before=40, length_after="long",
        reward_variance_before=4.0, reward_variance_after=-1.0, kl_error=None,
    )  # fmt: skip
    record = improving.record_of(policy)
    assert record is not None
    assert (record.reward_before, record.reward, record.reward_gain) == (0.5, 1.25, 0.75)
    assert (record.length_before, record.length) == (40.0, None)
    assert (record.spread_before, record.spread) == (2.0, None)
    assert (record.kl_error, record.win_rate, record.is_preferred) == (0.0, None, False)


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "1", []])
def test_a_figure_that_is_no_finite_number_counts_as_unknown(value: object) -> None:
    assert improving._finite(value) is None
    assert improving._root(value) is None


def compared(policy: Policy, number: int, **results: Any) -> None:
    Round.objects.create(
        project=policy.project, number=number, state=Round.State.REJECTED, candidate=policy,
        started_at=policy.created_at, results=results,
    )  # fmt: skip


def test_the_last_comparison_says_what_people_thought(project: Project) -> None:
    policy = trained(project)
    rate = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 90}
    compared(policy, 1, verdict="worse", win_rate=rate)
    compared(policy, 2, verdict="better", win_rate=rate)
    compared(policy, 3)  # it ended before anybody had judged
    record = improving.record_of(policy)
    assert record is not None and record.win_rate is not None
    assert (record.win_rate.value, record.win_rate.n, record.is_preferred) == (0.7, 90, True)


def test_a_round_that_knows_the_gold_alone_says_nothing_of_people(project: Project) -> None:
    policy = trained(project)
    compared(policy, 1, gold={"current": 0.5, "new": 0.75})
    record = improving.record_of(policy)
    assert record is not None
    assert (record.win_rate, record.is_preferred) == (None, False)


def numbers(project: Project, upto: Policy, after: int = 0) -> list[int]:
    return [record.version for record in improving.history_of(project, upto, after)]


def test_the_history_is_the_line_of_parents_and_what_was_rejected_on_the_way(
    project: Project,
) -> None:
    first = version(project)  # registered by hand: nothing was measured of it
    second = trained(project, first)
    trained(project, second, kl=3)  # v3, a branch that nobody has decided about
    rejected = trained(project, second)
    Policy.objects.filter(pk=rejected.pk).update(status=Policy.Status.REJECTED)
    fifth = trained(project, second)
    later = trained(project, fifth)
    Policy.objects.filter(pk=later.pk).update(status=Policy.Status.REJECTED)
    assert numbers(project, fifth) == [2, 4, 5]
    assert numbers(project, fifth, after=2) == [4, 5]
    assert numbers(project, fifth, after=5) == []


def test_a_circle_of_parents_is_walked_once(project: Project) -> None:
    """Nothing makes one, and nothing in the database forbids it: no worker is lost to it."""
    one = trained(project)
    other = trained(project, one)
    Policy.objects.filter(pk=one.pk).update(parent=other)
    assert numbers(project, other) == [1, 2]


def test_the_history_is_of_one_project(project: Project) -> None:
    foreign = trained(make_project())
    Policy.objects.filter(pk=foreign.pk).update(status=Policy.Status.REJECTED)
    assert numbers(project, trained(project, foreign)) == [1]


STOPPED: dict[str, Any] = {"stopped": {"reason": "It went too far.", "step": 3}}


def test_a_stop_is_told_unless_it_was_the_budget(project: Project) -> None:
    policy = trained(project, **STOPPED)
    run = policy.run
    assert run is not None
    assert improving.why_stopped(policy) == "It went too far.", "no KL is known of it"
    run.config = {"train_policy": {"kl_budget": 5.0}}
    run.save()
    log_metrics(run, "objective/kl", [1.0, 4.0])
    assert improving.why_stopped(policy) == "It went too far."
    log_metrics(run, "objective/kl_error", [0.0, 0.0, 0.25])
    run.metrics.filter(name="objective/kl").delete()
    log_metrics(run, "objective/kl", [1.0, 4.0, 9.0])
    assert improving.why_stopped(policy) == "", "what it kept is within the budget"


def test_a_budget_that_nobody_set_stops_nothing(project: Project) -> None:
    policy = trained(project, **STOPPED)
    assert policy.run is not None
    log_metrics(policy.run, "objective/kl", [9.0])
    assert improving.why_stopped(policy) == "It went too far."


def test_a_training_that_went_to_its_end_or_was_elsewhere_did_not_stop(project: Project) -> None:
    assert improving.why_stopped(trained(project)) == ""
    assert improving.why_stopped(version(project, results=STOPPED)) == ""


def test_the_prompts_it_was_trained_on_are_those_in_its_runs_folder(project: Project) -> None:
    policy = trained(project)
    assert policy.run is not None
    assert improving.trained_on(policy) == set(), "the folder is gone"
    policy.run.folder.mkdir(parents=True)
    (policy.run.folder / "prompts.jsonl").write_text('{"id": "7"}\n{"id": "9"}\n')
    assert improving.trained_on(policy) == {7, 9}
    assert improving.trained_on(version(project)) == set()


def test_an_old_file_of_prompts_that_was_cut_holds_up_no_comparison(project: Project) -> None:
    policy = trained(project)
    assert policy.run is not None
    policy.run.folder.mkdir(parents=True)
    (policy.run.folder / "prompts.jsonl").write_text('{"id": "7"}\n{"id": ')
    assert improving.trained_on(policy) == set()


@pytest.mark.parametrize("figures", [{}, {"model_dir": None}, {"model_dir": ""}])
def test_a_run_that_made_no_model_adds_no_version(
    project: Project, figures: dict[str, Any]
) -> None:
    run = make_run(project, kind=Run.Kind.TRAIN_POLICY, policy=version(project))
    assert improving.add_candidate(run, figures, {}) is None
    assert project.policies.count() == 1


def test_a_new_version_keeps_what_was_measured_and_the_reference_of_its_line(
    project: Project,
) -> None:
    first = version(project)
    parent = version(project, first, reference=first)
    run = make_run(
        project, kind=Run.Kind.TRAIN_POLICY, policy=parent,
        config={"train_policy": {"algorithm": "rloo"}},
    )  # fmt: skip
    figures = {"model_dir": "model", "kl": None, "reward_after": 1.5, "versions": {"t": "1"}}
    policy = improving.add_candidate(run, figures, {"model/config.json": {"bytes": 2}})
    assert policy is not None
    policy.refresh_from_db()
    assert (policy.version, policy.status, policy.algorithm) == (3, "candidate", "rloo")
    assert (policy.parent, policy.reference, policy.kl) == (parent, first, None)
    assert policy.results == {"kl": None, "reward_after": 1.5}
    assert (policy.location, set(policy.files)) == (f"runs/{run.pk}/model", {"model/config.json"})


def test_only_estimates_that_came_to_their_end_are_told_the_newest_first(project: Project) -> None:
    estimate = {"train_policy": {"distill": False}}
    kind = Run.Kind.TRAIN_POLICY
    old, new = (make_run(project, kind=kind, config=estimate) for _ in range(2))
    make_run(project, Run.State.FAILED, kind=kind, config=estimate)
    make_run(project, kind=kind, config={"train_policy": {"distill": True}})
    make_run(project, kind=kind, config={"train_policy": {}})
    make_run(make_project(), kind=kind, config=estimate)
    assert list(improving.estimates_of(project)) == [new, old]


def leave_samples(run: Run, *rows: dict[str, Any]) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (run.folder / "samples.jsonl").write_text(lines)


ASKED = [{"role": "user", "content": "Why?"}]


def test_what_was_written_to_held_out_prompts_is_read_as_its_training_left_it(
    project: Project,
) -> None:
    model = make_reward_model(project)
    run = make_run(project, kind=Run.Kind.TRAIN_POLICY, config={"reward_model": model.pk})
    assert held_out_pairs(run) is None, "its folder is gone"
    written = {"text": "So.", "ended": False, "reward": 0.5}
    leave_samples(run, {"prompt": ASKED, "before": [written], "after": [{"text": "Thus."}]})
    assert held_out_pairs(run) == [
        HeldOutPair(ASKED, [Written("So.", False, 0.5)], [Written("Thus.", True, None)])
    ]


def test_rewards_of_a_training_without_a_reward_model_are_none(project: Project) -> None:
    """DPO's own figures are no rewards to show."""
    run = make_run(project, kind=Run.Kind.TRAIN_POLICY, config={"reward_model": None})
    leave_samples(run, {"prompt": ASKED, "before": [{"text": "a", "reward": 9.0}], "after": []})
    (pair,) = held_out_pairs(run) or []
    assert pair.before == [Written("a", True, None)] and pair.after == []


def test_samples_that_were_cut_are_as_good_as_gone(project: Project) -> None:
    run = make_run(project, kind=Run.Kind.TRAIN_POLICY)
    leave_samples(run)
    (run.folder / "samples.jsonl").write_text('{"prompt": [')
    assert held_out_pairs(run) == []
