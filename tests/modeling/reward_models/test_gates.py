"""Whether a new reward model goes into service, and why."""

import json
import shutil
from dataclasses import replace
from typing import Any

import pytest

from labeling.models import AuditEntry, Project, Snapshot
from modeling.measures.predictions import Prediction, compare
from modeling.models import RewardModel, Run, versions
from modeling.reward_models import gates, service
from modeling.run_data.stored import RewardModelFigures
from tests.factories import make_member, make_project
from tests.modeling.page_helpers import with_folder

pytestmark = pytest.mark.django_db


def make_reward_model(
    project: Project, right: list[bool], *, live: bool = False, **results: Any
) -> RewardModel:
    """A model that is right or wrong about these test comparisons, and always about others."""
    number = project.reward_models.count() + 1
    snapshot = Snapshot.objects.create(project=project, sha256=f"{number}", count=1)
    run = Run.objects.create(
        project=project, kind="train_reward", state="succeeded", input_digest=f"{number}"
    )
    run.folder.mkdir(parents=True, exist_ok=True)
    with (run.folder / "predictions.jsonl").open("w") as file:
        for at, is_right in enumerate(right):
            row = {"id": f"{at}", "reward_chosen": float(is_right), "reward_rejected": 0.5}
            file.write(json.dumps(row | {"split": "test"}) + "\n")
            file.write(json.dumps(row | {"id": f"t{at}", "split": "train"}) + "\n")
    model = RewardModel.objects.create(
        project=project, version=number, run=run, snapshot=snapshot, results=results,
        folder=f"runs/{run.pk}/model",
    )  # fmt: skip
    with_folder(model)
    if live:
        service.make_live(model, None)
    return model


def verdict_on(new: list[bool], old: list[bool]) -> tuple[RewardModel, RewardModel]:
    project = make_project()
    live = make_reward_model(project, old, live=True)
    candidate = make_reward_model(project, new)
    assert gates.apply(candidate)
    live.refresh_from_db()
    candidate.refresh_from_db()
    return candidate, live


def pair(at: int, new: float, old: float, **fields: Any) -> tuple[Prediction, Prediction]:
    """A test comparison with the margins that the two models give it."""
    row = Prediction(f"{at}", "test", new, 0.0, f"p{at}", **fields)
    return row, replace(row, reward_chosen=old)


def test_the_first_model_goes_live() -> None:
    project = make_project()
    candidate = make_reward_model(project, [])
    gates.apply(candidate)
    candidate.refresh_from_db()
    assert candidate.status == "live"
    assert versions.loop_of(project).reward_model == candidate


def test_a_clearly_worse_model_is_rejected_and_says_why() -> None:
    candidate, live = verdict_on([True] * 20 + [False] * 40, [True] * 50 + [False] * 10)
    assert (candidate.status, live.status) == ("rejected", "live")
    assert "clearly worse" in candidate.results["gate"]["reason"]
    assert versions.loop_of(candidate.project).reward_model == live


def test_a_slightly_worse_model_is_within_chance() -> None:
    candidate, live = verdict_on([True] * 48 + [False] * 12, [True] * 49 + [False] * 11)
    assert (candidate.status, live.status) == ("live", "retired")
    names = {check["name"]: check["passed"] for check in candidate.results["gate"]["checks"]}
    assert names == {
        "Test split": True, "Newest round": None, "Slices": True, "Length": None,
        "Reload": None, "Calibration": None,
    }  # fmt: skip


def test_few_shared_comparisons_decide_nothing() -> None:
    candidate, _ = verdict_on([False] * 29, [True] * 29)
    assert candidate.status == "live"
    assert "too few" in candidate.results["gate"]["reason"]


def test_a_judged_model_is_not_judged_again() -> None:
    project = make_project()
    candidate = make_reward_model(project, [])
    assert gates.apply(candidate)
    assert not gates.apply(candidate)


def test_the_margin_is_what_a_model_may_lose() -> None:
    """300 comparisons of which the new model loses 8 and wins 2: -2 % with a standard error of
    1.05 %. Within chance of equal at 95 %? No: [-4 %, -0.0 %] is lopsided; so 6 against 2:
    -1.3 % ± 0.9 %, not clearly worse, and beyond a margin of 0.1 % by more than that error."""
    pairs = [pair(at, -1, 1) for at in range(6)] + [pair(at, 1, -1) for at in range(6, 8)]
    pairs += [pair(at, 1, 1) for at in range(8, 300)]
    assert gates.check_test(pairs, 0.01).passed
    strict = gates.check_test(pairs, 0.001)
    assert strict.passed is False
    assert "more than the 0.1% allowed" in strict.text


def test_a_model_that_is_worse_on_the_newest_random_pairs_is_stopped() -> None:
    newest = {"arm": "random", "round": 4}
    worse = [pair(at, -1 if at < 9 else 1, 1, **newest) for at in range(40)]
    older = [pair(at, 1, -1, arm="random", round=3) for at in range(40, 400)]
    assert gates.check_newest(worse + older).passed is False
    assert gates.check_newest(older).passed is True
    assert gates.check_newest(worse[:29]).passed is None


def test_a_slice_that_has_become_much_worse_is_named() -> None:
    hard = [pair(at, -1 if at < 12 else 1, 1, strength=1.0) for at in range(40)]
    easy = [pair(at, 1, -1 if at < 60 else 1, strength=3.0) for at in range(40, 100)]
    found = gates.check_slices(hard + easy)
    assert found.passed is False
    assert "strength “slightly better” by 30.0% of 40" in found.text
    assert gates.check_slices(easy).passed is True


def test_one_slice_of_many_may_lose_by_chance() -> None:
    """Ten slices of 40, one of which loses 6 of 40: 15 points at a standard error of 5.6. Alone
    that would be clear at 95 % (2.7 errors); ten that are looked at together ask for 2.8."""
    unlucky = [pair(at, -1 if at < 6 else 1, 1, slices={"tag": ["a"]}) for at in range(40)]
    others = [
        pair(40 * (1 + of) + at, 1, 1 if at else -1, slices={"tag": [name]})
        for of, name in enumerate("bcdefghij")
        for at in range(40)
    ]
    assert compare(unlucky)["high"] < 0
    assert gates.check_slices(unlucky + others).passed is True
    hopeless = [pair(at, -1 if at < 20 else 1, 1, slices={"tag": ["a"]}) for at in range(40)]
    assert "tag “a” by 50.0% of 40" in gates.check_slices(hopeless + others).text


def test_a_reward_that_follows_length_more_than_before_is_stopped() -> None:
    """Old margins alternate against lengths that do not; new margins are the lengths."""
    pairs = [
        pair(at, length, 1.0 if at % 2 else -1.0, chosen_length=length + 9, rejected_length=9)
        for at, length in enumerate([5, 9, 20, 12] * 10)
    ]  # fmt: skip
    found = gates.check_length(pairs)
    assert found.passed is False
    assert "to +1.00: it rewards length as such" in found.text
    # From 0 to 0.30 is what chance does to 40 pairs (0.1 + 1.96 / sqrt(40) = 0.41).
    short = [pair(at, 1.0 if at % 20 < 13 else -1.0, 1.0 if at % 2 else -1.0, chosen_length=9)
             for at in range(40)]  # fmt: skip
    assert gates.check_length(short).passed is True
    assert gates.check_length([(old, old) for _, old in pairs]).passed is True


def evaluation(ece: float, rows: int = 200, chance: float = 0.08) -> RewardModelFigures:
    calibration = {"reliability": [{"n": rows}], "after": {"ece": ece}, "before": {"ece": 0.5}}
    told = {"evaluation": {"calibration": calibration | {"ece_by_chance": chance}}}
    return RewardModelFigures.read_stored(told)


def test_claims_may_be_off_by_chance_and_not_by_more() -> None:
    assert gates.check_calibration(evaluation(0.079)).passed is True
    assert gates.check_calibration(evaluation(0.081)).passed is False
    assert gates.check_calibration(evaluation(0.049, chance=0.01)).passed is True
    assert gates.check_calibration(evaluation(0.5, rows=99)).passed is None
    assert gates.check_calibration(RewardModelFigures.read_stored({})).passed is None


@pytest.mark.parametrize(
    ("error", "passed"), [(1e-6, True), (0.2, False), (float("nan"), False), (None, None)]
)
def test_a_folder_that_reloads_to_other_rewards_is_stopped(
    error: float | None, passed: bool | None
) -> None:
    figures = RewardModelFigures.read_stored({"parity_max_error": error})
    assert gates.check_parity(figures).passed is passed


def test_one_failed_check_is_enough_and_is_the_reason() -> None:
    project = make_project()
    candidate = make_reward_model(project, [], parity_max_error=0.5)
    gates.apply(candidate)
    candidate.refresh_from_db()
    assert candidate.status == "rejected"
    assert candidate.results["gate"]["reason"].endswith("the folder is not the model.")


def test_a_candidate_whose_folder_is_gone_does_not_take_over() -> None:
    candidate = make_reward_model(make_project(), [])
    shutil.rmtree(candidate.path)
    assert gates.apply(candidate)
    candidate.refresh_from_db()
    assert candidate.status == "rejected"
    assert f"{candidate.folder} is gone" in candidate.results["gate"]["reason"]


def test_by_hand_a_model_is_rejected_promoted_and_rolled_back_with_a_record() -> None:
    project = make_project()
    owner = make_member(project, "admin")
    first = make_reward_model(project, [], live=True)
    second = make_reward_model(project, [])
    assert service.reject_reward_model(second, owner, "wrong base model")
    assert not service.reject_reward_model(second, owner)
    assert service.promote_reward_model(second, owner)
    assert service.promote_reward_model(first, owner, "back again")
    assert versions.loop_of(project).reward_model == first
    assert not service.reject_reward_model(first, owner)
    told = AuditEntry.objects.filter(project=project, actor=owner).order_by("pk")
    assert [(entry.action, entry.reason) for entry in told] == [
        ("reward model rejected", "wrong base model"),
        ("reward model put in service", "by hand"),
        ("reward model put in service", "back again"),
    ]


@pytest.mark.parametrize(("points", "share"), [(0, 0.0), (2.5, 0.025), (100, 1.0)])
def test_the_margin_is_kept_as_a_share_with_a_record(points: float, share: float) -> None:
    project = make_project()
    gates.change_margin(project, make_member(project, "admin"), points)
    assert versions.loop_of(project).gate_margin == share
    entry = AuditEntry.objects.get(project=project, action="gate margin changed")
    assert (entry.details["before"], entry.details["after"]) == (0.01, share)


@pytest.mark.parametrize("points", [-0.1, 100.1, float("nan"), float("inf")])
def test_a_margin_that_is_no_share_changes_nothing(points: float) -> None:
    project = make_project()
    with pytest.raises(gates.MarginRefused, match="from 0 to 100"):
        gates.change_margin(project, make_member(project, "admin"), points)
    assert versions.loop_of(project).gate_margin == 0.01
    assert not AuditEntry.objects.filter(project=project).exists()
