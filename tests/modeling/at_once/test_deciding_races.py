"""People who decide at the same moment: what is in service, what the round says, and the audit log
are one person's decision, and the other one is told. Each test forces its race."""

import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import AuditEntry, Project
from modeling.loop import by_hand, rounds
from modeling.models import Loop, Policy, RewardModel, Round, Run, deciding, versions
from modeling.pipeline import executing
from modeling.policies import promotion, registry
from modeling.reward_models import gates, service
from modeling.runs import lifecycle, model_files
from tests.factories import make_member, make_project
from tests.modeling.at_once.test_races import at_once
from tests.modeling.improvement_helpers import (
    improving_project,
    until_comparison,
    until_improvement,
)
from tests.modeling.loop_helpers import (
    FAKE,
    advance_one,
    label,
    long_ago,
    loop_project,
    make_policy,
)
from tests.modeling.page_helpers import make_reward_model, with_folder

pytestmark = pytest.mark.django_db(transaction=True)

State = Round.State


@pytest.fixture(autouse=True)
def threads_change_places_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def meet_after(monkeypatch: pytest.MonkeyPatch, name: str, count: int = 2) -> None:
    """All callers of this check wait for each other behind it: each has seen what
    is in service, and none has changed it."""
    meeting = threading.Barrier(count)
    module = registry if hasattr(registry, name) else service
    check = getattr(module, name)

    def checked(*subject: Any) -> None:
        check(*subject)
        meeting.wait(20)

    monkeypatch.setattr(module, name, checked)


def told(decide: Callable[[], object]) -> Callable[[], object]:
    """What came of it, or the sentence that the second one reads."""

    def run() -> object:
        try:
            return decide()
        except deciding.Outrun as problem:
            return str(problem)

    return run


def test_of_two_policies_promoted_at_once_one_is_in_service_and_the_other_admin_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    compared = Policy.objects.get(version=2)
    other = registry.register_policy(project, "third", compared.location, make_current=False)
    Policy.objects.filter(pk=other.pk).update(status="rejected", verdict="not yet")
    admins = [make_member(project, "admin") for _ in range(2)]
    meet_after(monkeypatch, "check_policy")
    results = at_once(
        told(
            lambda: promotion.promote_policy(Policy.objects.get(pk=compared.pk), admins[0], "one")
        ),
        told(lambda: promotion.promote_policy(Policy.objects.get(pk=other.pk), admins[1], "two")),
    )
    assert results.count(True) == 1, results
    (words,) = [result for result in results if isinstance(result, str)]
    assert "was put in service in the meantime, so nothing was changed" in words
    now = versions.loop_of(project).policy
    assert now in (compared, other)
    round_.refresh_from_db()
    assert (round_.state == State.PROMOTED) == (now == compared)
    other.refresh_from_db()
    assert (other.status == "accepted") == (now == other)
    by_people = AuditEntry.objects.filter(action="policy put in service", actor__in=admins)
    assert [entry.target_id for entry in by_people] == [str(now.pk)]


def test_a_page_from_before_somebody_elses_promotion_promotes_nothing(
    tmp_path: Path, client: Client
) -> None:
    project = make_project()
    first = make_policy(project, tmp_path / "a")
    second, third = (
        registry.register_policy(project, name, first.location, make_current=False)
        for name in ("b", "c")
    )
    client.force_login(make_member(project, "admin"))
    page = client.get(reverse("policies", args=[project.slug])).content.decode()
    assert f'name="instead_of" value="{first.pk}"' in page
    promotion.promote_policy(second, make_member(project, "admin"), "mine")
    answer = client.post(
        reverse("policy-make-current", args=[project.slug, third.version]),
        {"instead_of": first.pk},
        follow=True,
    )
    assert "v2 was put in service in the meantime" in answer.content.decode()
    assert versions.loop_of(project).policy == second


def test_a_policy_is_not_promoted_and_rejected_at_once(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    candidate = Policy.objects.get(version=2)
    admins = [make_member(project, "admin") for _ in range(2)]
    at_once(
        told(
            lambda: promotion.promote_policy(Policy.objects.get(pk=candidate.pk), admins[0], "yes")
        ),
        told(lambda: promotion.reject_policy(Policy.objects.get(pk=candidate.pk), admins[1], "no")),
        told(lambda: promotion.compare_again(Policy.objects.get(pk=candidate.pk), admins[1])),
    )
    candidate.refresh_from_db()
    round_.refresh_from_db()
    assert versions.loop_of(project).policy == candidate, "a rejected one can be promoted"
    assert candidate.status == "accepted"
    assert round_.state in (State.PROMOTED, State.REJECTED)
    rejected = AuditEntry.objects.filter(action="policy rejected").exists()
    assert (round_.state == State.REJECTED) == rejected


def two_reward_models(project: Project) -> tuple[RewardModel, RewardModel]:
    first, second = (with_folder(make_reward_model(project)) for _ in range(2))
    RewardModel.objects.filter(project=project).update(status="retired")
    return first, second


def test_of_two_reward_models_promoted_at_once_one_admin_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_project()
    versions.loop_of(project)
    models = two_reward_models(project)
    admins = [make_member(project, "admin") for _ in range(2)]
    meet_after(monkeypatch, "check_reward_model")
    results = at_once(
        *[
            told(partial(service.promote_reward_model, RewardModel.objects.get(pk=model.pk), admin))
            for model, admin in zip(models, admins, strict=True)
        ]
    )
    assert results.count(True) == 1, results
    assert any("in the meantime" in str(result) for result in results)
    live = RewardModel.objects.get(project=project, status="live")
    assert versions.loop_of(project).reward_model == live
    assert AuditEntry.objects.filter(action="reward model put in service").count() == 1


def test_a_reward_model_is_not_rejected_while_it_is_put_in_service() -> None:
    project = make_project()
    versions.loop_of(project)
    model, _ = two_reward_models(project)
    admin = make_member(project, "admin")
    at_once(
        told(lambda: service.promote_reward_model(RewardModel.objects.get(pk=model.pk), admin)),
        told(lambda: service.reject_reward_model(RewardModel.objects.get(pk=model.pk), admin)),
    )
    model.refresh_from_db()
    assert versions.loop_of(project).reward_model == model
    assert model.status == "live"


def test_a_candidate_judged_against_another_model_is_judged_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody rolls back while the gate computes."""
    project = make_project()
    versions.loop_of(project)
    old, live = two_reward_models(project)
    service.make_live(live, None)
    candidate = with_folder(make_reward_model(project))
    RewardModel.objects.filter(pk=candidate.pk).update(status="candidate")
    judge = gates.judge

    def and_meanwhile(*models: RewardModel) -> gates.GateResult:
        verdict = judge(*models)
        service.promote_reward_model(old, make_member(project, "admin"))
        return verdict

    monkeypatch.setattr(gates, "judge", and_meanwhile)
    assert not gates.apply(RewardModel.objects.get(pk=candidate.pk))
    candidate.refresh_from_db()
    assert candidate.status == "candidate"
    assert versions.loop_of(project).reward_model == old


def test_a_training_started_twice_at_once_is_one_and_the_other_person_reads_why(
    tmp_path: Path,
) -> None:
    project = loop_project(tmp_path, loop_enabled=False)
    label(project, 10)
    people = [make_member(project, "admin") for _ in range(3)]

    def start(by: Any) -> object:
        try:
            return by_hand.start_training_now(Project.objects.get(pk=project.pk), by)
        except by_hand.CannotStart as problem:
            return str(problem)

    results = at_once(*[lambda by=by: start(by) for by in people])
    assert sum(isinstance(result, Run) for result in results) == 1, results
    assert Run.objects.filter(kind="train_reward").count() == 1
    assert AuditEntry.objects.filter(action="run started").count() == 1


def test_versions_made_at_once_by_a_run_and_by_people_all_get_a_number(tmp_path: Path) -> None:
    """The run's result must not be lost because somebody registers a policy as it ends."""
    project = improving_project(tmp_path)
    run = until_improvement(project)
    folder = str(tmp_path / "policy")
    at_once(
        lambda: executing.execute(run.pk, package=FAKE, beat_seconds=0.01),
        *[
            lambda: [
                registry.register_policy(project, "more", folder, make_current=False)
                for _ in range(6)
            ]
        ]
        * 3,
    )
    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED, run.error
    assert sorted(Policy.objects.values_list("version", flat=True)) == list(range(1, 21))


def test_a_run_that_is_declared_dead_as_its_result_is_stored_is_stored_once(
    tmp_path: Path,
) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    run = advance_one(project)
    claimed = executing.claim(run.pk)
    assert claimed is not None
    run.folder.mkdir(parents=True)
    (run.folder / "result.json").write_text('{"accuracy": {}}')
    long_ago(claimed)

    def finish() -> str:
        try:
            executing.Execution(claimed, 0, FAKE, 1.0).finish()
        except executing.Lost:
            return "lost"
        return "won"

    (won, taken) = at_once(finish, lambda: lifecycle.requeue_abandoned(timezone.now()))
    run.refresh_from_db()
    assert (won == "won") != bool(taken)
    assert run.state == (Run.State.SUCCEEDED if won == "won" else Run.State.QUEUED)
    executing.execute(run.pk, package=FAKE)  # the next attempt finds the result that is there
    assert RewardModel.objects.count() == 1


def test_cancelling_a_run_that_ends_leaves_no_word_of_it_where_it_had_ended(
    tmp_path: Path,
) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    run = advance_one(project)
    Run.objects.filter(pk=run.pk).update(state="succeeded", finished_at=timezone.now())
    assert not lifecycle.request_cancel(run, make_member(project, "admin"))
    assert not AuditEntry.objects.filter(action="run cancelled").exists()


def test_one_row_of_the_loop_is_made_by_many_at_once() -> None:
    project = make_project()
    at_once(*[lambda: versions.loop_of(Project.objects.get(pk=project.pk))] * 6)
    assert Loop.objects.filter(project=project).count() == 1


def test_advancing_while_a_person_promotes_ends_in_one_decision(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    candidate, admin = Policy.objects.get(version=2), make_member(project, "admin")
    at_once(
        *[lambda: rounds.advance(project)] * 3,
        told(lambda: promotion.promote_policy(Policy.objects.get(pk=candidate.pk), admin, "yes")),
    )
    round_.refresh_from_db()
    assert round_.state == State.PROMOTED
    assert versions.loop_of(project).policy == candidate
    model_files.check(candidate)
