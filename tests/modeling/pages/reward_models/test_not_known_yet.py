"""A reward model about which little is known does not read as good, anywhere."""

import re
from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse

from labeling.models import AuditEntry
from modeling.loop.overview import loop_summary
from modeling.measures.predictions import Prediction
from modeling.models import RewardModel
from modeling.models.versions import loop_of
from modeling.pages import chart_specs
from modeling.pages.reward_models import report as model_report
from modeling.pages.reward_models.gate_report import ModelStanding, gate_report
from modeling.reward_models import gates
from modeling.reward_models.accuracy import Accuracy, Against, accuracy_of
from modeling.reward_models.model_card import card_of
from modeling.run_data.stored import Evaluation
from tests.factories import make_project
from tests.modeling.page_helpers import make_cast, make_reward_model, with_folder

pytestmark = pytest.mark.django_db

NINE = {"value": 1 / 3, "low": 0.12, "high": 0.65, "n": 9}
UNJUDGED = [
    {"name": name, "passed": None, "text": "Only 9: too few."}
    for name in ("Test split", "Newest round", "Slices", "Length", "Calibration")
]
RELOAD = {"name": "Reload", "passed": True, "text": "Loaded again, it is the same."}


def figure(value: float = 0.7, low: float | None = 0.6, high: float | None = 0.8, n: int = 200):
    return Accuracy(value=value, low=low, high=high, n=n, split="test")


def gate(*checks: dict[str, Any], passed: bool = True) -> dict[str, Any]:
    return {"passed": passed, "reason": "", "checks": list(checks)}


@pytest.fixture
def model():
    project = make_project()
    make_cast(project)
    found = with_folder(make_reward_model(project))
    found.status = RewardModel.Status.LIVE
    found.results = {"accuracy": {"test": NINE}, "gate": gate(*UNJUDGED, RELOAD)}
    found.save()
    loop = loop_of(project)
    loop.reward_model = found
    loop.save()
    return found


def page(client, model, name="reward-model"):
    client.force_login(model.project.memberships.get(role="curator").user)
    at = [model.pk] if name == "reward-model" else [model.project.slug]
    text = client.get(reverse(name, args=at)).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_a_third_right_on_nine_pairs_is_not_known_to_be_good(client, model):
    told = page(client, model)
    assert "Nothing spoke against it" not in told
    assert "Not known yet whether it is good" in told
    assert "33.3 % right on 9 test comparisons: too few to say" in told
    named = "Test split, Newest round, Slices, Length, Calibration"
    assert f"5 of 6 checks could not be judged: {named}" in told


def test_the_loop_and_the_list_say_that_its_accuracy_is_not_told_apart_from_a_coin(client, model):
    for name in ("project", "reward-models"):
        assert "too few to say whether it beats tossing a coin" in page(client, model, name)


def test_its_card_says_so_before_the_figures(model):
    card = card_of(model)
    assert "33.3% right on 9 test comparisons: too few to say" in card
    assert card.index("too few to say") < card.index("| accuracy on the test split | 33.3%")


def test_a_model_in_service_that_is_worse_than_a_coin_is_an_alarm(model):
    model.results = {"accuracy": {"test": {"value": 0.3, "low": 0.2, "high": 0.4, "n": 90}}}
    model.save()
    alarms = [alarm.text for alarm in loop_summary(model.project).alarms]
    assert any("worse than tossing a coin" in text for text in alarms)


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        (figure(), Against.BETTER),
        (figure(low=0.49), Against.UNKNOWN),
        (figure(low=None, high=None), Against.UNKNOWN),
        (figure(1.0, 0.7, 1.0, n=9), Against.UNKNOWN),
        (figure(0.3, 0.2, 0.4), Against.WORSE),
    ],
)
def test_an_accuracy_is_held_against_a_coin_by_its_interval(accuracy, expected):
    assert accuracy.against_chance == expected


def test_what_was_not_measured_has_no_interval_of_no_width():
    model = make_reward_model(make_project())
    model.results = {"accuracy": {"test": {"value": 0.7, "n": 40}}}
    found = accuracy_of(model)
    assert found is not None
    assert (found.low, found.high) == (None, None)


@pytest.mark.parametrize(
    ("told", "accuracy", "standing"),
    [
        (gate(RELOAD, {**RELOAD, "name": "Test split"}), figure(), ModelStanding.CLEAR),
        (gate(RELOAD, UNJUDGED[1]), figure(), ModelStanding.PARTLY),
        (gate(RELOAD, UNJUDGED[0]), figure(), ModelStanding.UNKNOWN),
        (gate(RELOAD), None, ModelStanding.UNKNOWN),
        (None, figure(), ModelStanding.UNKNOWN),
        (gate(RELOAD), figure(0.3, 0.2, 0.4), ModelStanding.BELOW_CHANCE),
        (gate(RELOAD, passed=False), figure(), ModelStanding.FAILED),
    ],
)
def test_the_headline_goes_by_what_was_judged(told, accuracy, standing):
    assert gate_report(told, accuracy).standing == standing


def test_the_first_model_is_taken_by_rule_and_not_by_a_check_it_passed():
    first = {"name": "First", "passed": True, "text": "It is the first reward model."}
    report = gate_report(gate(first, UNJUDGED[4]), figure())
    assert [check["name"] for check in report.judgeable] == ["Calibration"]


def test_the_record_of_a_promotion_names_what_nobody_could_judge(model):
    candidate = with_folder(make_reward_model(model.project))
    assert gates.apply(candidate)
    entry = AuditEntry.objects.get(target_type="rewardmodel", target_id=str(candidate.pk))
    assert "Let pass unjudged: Test split, Newest round, Slices, Length" in entry.reason


def test_the_longest_record_of_a_promotion_fits_into_the_log():
    limit = AuditEntry._meta.get_field("reason").max_length
    names = ("Test split", "Newest round", "Slices", "Length", "Reload", "Calibration")
    unjudged = [gates.Check(name, None, "-") for name in names if name != "Test split"]
    pairs = [gates.check_test([], 0.01), *unjudged]
    assert len(gates.GateResult(pairs).reason) <= limit


def test_a_check_that_was_not_judged_says_what_was_lacking():
    row = Prediction("1", "test", 1.0, 0.0, "p")
    alike = [(replace(row, id=f"{at}"), row) for at in range(40)]
    assert "was drawn at random" in gates.check_newest(alike).text
    assert "of one length" in gates.check_length(alike).text


def test_two_versions_with_one_pair_in_common_are_not_compared_for_sure():
    row = Prediction("1", "test", 1.0, 0.0, "p")
    found = model_report.compare_versions([(row, replace(row, reward_chosen=-1.0))])
    assert found.is_too_few
    assert found.difference is not None
    assert found.difference["low"] < 0 < found.difference["value"]


def test_every_chart_of_accuracy_has_the_chance_line():
    models = [make_reward_model(make_project())]
    measured = [
        {"comparisons": size, "accuracy": {"value": 0.6, "low": 0.5, "high": 0.7}}
        for size in (10, 20)
    ]
    curves = {"dev/accuracy": [(1, 0.5), (2, 0.6), (3, 0.7)]}
    for spec, points in (
        (chart_specs.accuracy_by_version(models), 1),
        (chart_specs.learning_curve(measured), 2),
        (chart_specs.run_curves(curves, "accuracy"), 3),
    ):
        chance = spec["series"][-1]
        assert (chance["name"], chance["data"]) == ("chance", [50.0] * points)
    assert len(chart_specs.run_curves({"dev/loss": [(1, 0.5)]}, "loss")["series"]) == 1


def test_wrong_margins_are_red_hatched_and_never_in_the_colour_of_right_ones():
    spec = model_report.margin_chart(
        Evaluation.read_stored({"margins": {"edges": [-1, 0, 1], "counts": [3, 5]}})
    )
    right, wrong = spec["series"]
    assert (wrong["name"], wrong["data"], wrong["tone"], wrong["hatched"]) == (
        "wrong", [3, 0], "danger", True,
    )  # fmt: skip
    assert (right["name"], right["data"], right["tone"]) == ("right", [0, 5], "accent")


def test_bins_of_nothing_are_no_division_by_zero():
    empty = {"confidence": 0.5, "accuracy": 0.0, "n": 0}
    bins = [empty, empty, {"confidence": 0.7, "accuracy": 0.6, "n": 20},
            {"confidence": 0.9, "accuracy": 0.9, "n": 30}, empty]  # fmt: skip
    spec = model_report.reliability_chart(
        Evaluation.read_stored({"calibration": {"reliability": bins}})
    )
    assert spec["labels"] == ["70 %", "90 %"]
