"""Do chosen judgments teach more than random ones? Answers are known here."""

import numpy as np
import pytest

from labeling.models import AuditEntry, Project
from modeling.models import ArmLift, QueueOrder, RewardModel
from modeling.selection import fallback, lift
from modeling.selection.learner import Follower
from modeling.selection.lift import JudgedPairs
from modeling.selection.lift_record import record_lift, why_no_lift
from modeling.selection.queue_arrays import load_queue
from modeling.settings.choices import Selection
from tests.factories import make_project
from tests.modeling.page_helpers import make_reward_model
from tests.modeling.selection_helpers import judge_next, live_model, queue_pairs


def judged(active: int, random: int, *, informative: bool, seed: int = 0) -> JudgedPairs:
    """Random judgments follow a rule over ten features. Chosen ones follow it sharply where they
    are informative, else they are coin tosses."""
    rng = np.random.default_rng(seed)
    count = active + random
    gap = rng.normal(size=(count, 10)) / 10**0.5
    chance = 1 / (1 + np.exp(-6.0 * gap[:, :3].sum(axis=1)))
    if informative:
        chance[:active] = chance[:active] > 0.5
    else:
        chance[:active] = 0.5
    return JudgedPairs(
        x=np.column_stack([np.zeros(count), gap]),
        target=(rng.random(count) < chance).astype(float),
        weight=np.ones(count),
        arm=np.array(["active"] * active + ["random"] * random),
        prompt=np.arange(count),
    )


def test_coin_tosses_teach_less_than_random_judgments() -> None:
    found = lift.measure(judged(120, 120, informative=False))
    assert found is not None
    told = lift.pooled(found.differences)
    assert told["accuracy"]["high"] < 0
    assert told["loss"] < 0
    assert told["n"] == 120


def test_clear_answers_teach_more_than_noisy_ones() -> None:
    found = lift.measure(judged(150, 150, informative=True))
    assert found is not None
    assert lift.pooled(found.differences)["accuracy"]["value"] > 0


def test_arms_that_are_the_same_do_not_differ() -> None:
    both = judged(0, 300, informative=True)
    alike = JudgedPairs(both.x, both.target, both.weight, np.array(["active", "random"] * 150),
                   both.prompt)  # fmt: skip
    found = lift.measure(alike)
    assert found is not None
    told = lift.pooled(found.differences)["accuracy"]
    assert told["low"] < 0 < told["high"]


def test_both_arms_learn_as_many() -> None:
    """Five folds of 40 random ones leave 32 to learn from; so many of the 200 are drawn."""
    found = lift.measure(judged(200, 40, informative=True))
    assert found is not None and found.trained_on == 32


def test_too_few_judgments_say_nothing() -> None:
    assert lift.measure(judged(100, 9, informative=True)) is None
    assert lift.measure(judged(9, 100, informative=True)) is None


def test_imported_judgments_belong_to_neither_arm() -> None:
    some = judged(50, 50, informative=True)
    arms = np.where(some.arm == "active", "imported", some.arm)
    assert lift.measure(JudgedPairs(some.x, some.target, some.weight, arms, some.prompt)) is None


def test_turning_the_features_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=20), rng.normal(size=(20, 300))])
    turned = lift.turned(x)
    assert turned.shape == (20, 21)
    assert turned @ turned.T == pytest.approx(x @ x.T)


def measured(project: Project, loss: float, chosen_by: str = "uncertainty") -> RewardModel:
    """A reward model whose time was measured: 20 random judgments, all the same gain."""
    model = make_reward_model(project)
    ArmLift.objects.create(
        reward_model=model, strategy=chosen_by, judgments=100, trained_on=16, tested_on=20,
        accuracy=loss, accuracy_low=loss, accuracy_high=loss, loss=loss,
        differences=[[n, loss, loss] for n in range(20)],
    )  # fmt: skip
    return model


@pytest.mark.django_db
def test_without_a_gain_for_long_enough_the_project_falls_back_to_random() -> None:
    project = make_project(selection_patience=2)
    measured(project, 0.1)
    measured(project, -0.02)
    live = make_reward_model(project)
    assert not fallback.fall_back_if_useless(project, live), "one of the last two helped"
    measured(project, -0.02)
    assert not fallback.fall_back_if_useless(project, live), "the newest is still being measured"
    live = make_reward_model(project)
    assert fallback.fall_back_if_useless(project, live)
    assert fallback.strategy_of(project) == Selection.RANDOM
    entry = AuditEntry.objects.get(action="selection falls back to random")
    assert "With 2 reward models in a row" in entry.reason
    assert entry.actor is None
    assert not fallback.fall_back_if_useless(project, live), "once is enough"


@pytest.mark.django_db
def test_with_a_patience_of_0_it_never_falls_back() -> None:
    project = make_project(selection_patience=0)
    for _ in range(3):
        measured(project, -0.5)
    assert not fallback.fall_back_if_useless(project, make_reward_model(project))


@pytest.mark.django_db
def test_another_strategy_is_not_blamed() -> None:
    project = make_project(selection="thompson", selection_patience=2)
    for _ in range(2):
        measured(project, -0.5)
    live = make_reward_model(project)
    assert why_no_lift(live, "thompson", 2, after=0) == ""
    QueueOrder.objects.create(project=project, strategy="random", fallback_from="uncertainty")
    assert fallback.strategy_of(project) == Selection.THOMPSON


@pytest.mark.django_db
def test_trying_again_forgets_what_was_held_against_it(admin_user: object) -> None:
    project = make_project(selection_patience=2)
    for _ in range(2):
        measured(project, -0.5)
    live = make_reward_model(project)
    assert fallback.fall_back_if_useless(project, live)
    by = type(admin_user).objects.get()  # type: ignore[attr-defined]
    assert fallback.try_again(project, by)
    assert fallback.strategy_of(project) == Selection.UNCERTAINTY
    assert not fallback.fall_back_if_useless(project, live)
    assert not fallback.try_again(project, by)


@pytest.mark.django_db(transaction=True)
def test_the_gain_is_measured_again_only_with_more_judgments() -> None:
    project = make_project(random_share=0.5, gold_share=0.0)
    model = live_model(project)
    rng = np.random.default_rng(0)
    gaps = [(float(row[0]), row[1:].tolist()) for row in rng.normal(size=(60, 4))]
    queue_pairs(project, model, gaps)
    judge_next(project, 50)
    follower = Follower(model, load_queue(project, model))
    follower.catch_up()
    assert record_lift(follower, Selection.RANDOM) is None, "with one arm there is no other"
    told = record_lift(follower, Selection.UNCERTAINTY)
    assert told is not None and told.judgments == 50
    assert told.tested_on >= 10 and told.trained_on >= 8
    assert record_lift(follower, Selection.UNCERTAINTY) is None
    judge_next(project, 10)
    follower.catch_up()
    again = record_lift(follower, Selection.UNCERTAINTY)
    assert again is not None and again.pk == told.pk and again.judgments == 60
