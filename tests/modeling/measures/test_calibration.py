"""Temperature, ECE, Brier score and log-loss against figures worked out by hand."""

import numpy as np
import pytest

from modeling.measures.calibration import (
    brier,
    calibrate,
    claims,
    error_by_chance,
    expected_error,
    fit_temperature,
    log_loss,
    probability,
    reliability,
)

LOG3 = float(np.log(3.0))  # sigmoid(log 3) = 3/4


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def test_a_difference_of_log_three_claims_three_in_four() -> None:
    assert probability(array(LOG3, -LOG3, 0.0)) == pytest.approx([0.75, 0.25, 0.5])
    assert probability(array(2 * LOG3), 2.0) == pytest.approx([0.75])
    assert probability(array(1e4, -1e4)).tolist() == [1.0, 0.0]


def test_log_loss_and_brier_by_hand() -> None:
    """p = 3/4 for chosen: -log 3/4 = 0.287682 when right, and (1/4)^2; -log 1/4 = 1.386294 when
    wrong, and (3/4)^2; for a tie their mean, 0.836988, and (1/4)^2."""
    delta, target = array(LOG3, -LOG3, LOG3), array(1.0, 1.0, 0.5)
    assert log_loss(delta, target) == pytest.approx([0.287682, 1.386294, 0.836988], abs=1e-6)
    assert brier(delta, target) == pytest.approx((1 / 16 + 9 / 16 + 1 / 16) / 3)


def test_the_log_loss_of_a_very_sure_model_stays_finite() -> None:
    assert log_loss(array(-1000.0), array(1.0)) == pytest.approx([1000.0])


def test_the_fitted_temperature_makes_the_claim_true() -> None:
    """Right three times in four with every difference 2: best where sigmoid(2 / T) = 3/4, so at
    T = 2 / log 3 = 1.820478; thousands of comparisons outweigh the prior."""
    delta = np.tile(array(2.0, 2.0, 2.0, -2.0), 5000)
    assert fit_temperature(delta, np.ones(20_000)) == pytest.approx(2 / LOG3, abs=1e-3)


def test_few_comparisons_hardly_move_the_temperature() -> None:
    """Two differences of 1, both right: d/du of 2 log(1 + exp(-1/T)) + 2 u^2, with u = log T, is
    2 sigmoid(-1/T) / T + 4 u = 0 at T = 0.871; the log-loss alone has no lowest point."""
    found = fit_temperature(array(1.0, 1.0), np.ones(2))
    assert found == pytest.approx(0.871, abs=5e-4)
    assert 2 * probability(array(-1 / found))[0] / found == pytest.approx(-4 * np.log(found), 1e-3)


def test_a_model_that_is_never_wrong_is_made_no_surer_than_the_limit() -> None:
    assert fit_temperature(np.full(10**6, 0.1), np.ones(10**6)) == pytest.approx(0.02, rel=1e-2)


def test_bad_luck_on_fifty_comparisons_takes_no_claim_away() -> None:
    """Half right, half wrong: by the log-loss alone no difference would mean anything."""
    delta = np.tile(array(1.0, -1.0), 25)
    assert 1.0 < fit_temperature(delta, np.ones(50)) < 3.0


def test_claims_are_seen_from_the_preferred_side() -> None:
    confidence, outcome = claims(array(LOG3, -LOG3, LOG3, 0.0), array(1.0, 1.0, 0.5, 1.0))
    assert confidence == pytest.approx([0.75, 0.75, 0.75, 0.5])
    assert outcome.tolist() == [1.0, 0.0, 0.5, 0.5]


def test_bins_have_equal_mass_and_the_error_is_their_weighted_distance() -> None:
    """Two bins of two: confidences (0.5, 0.6) with outcomes (1, 0): |0.55 - 0.5| = 0.05; and
    (0.8, 0.9) with (1, 1): |0.85 - 1| = 0.15; each half of the mass: 0.10."""
    confidence, outcome = array(0.9, 0.5, 0.8, 0.6), array(1, 1, 1, 0)
    found = reliability(confidence, outcome, bins=2)
    assert [part["n"] for part in found] == [2, 2]
    assert [part["confidence"] for part in found] == pytest.approx([0.55, 0.85])
    assert [part["accuracy"] for part in found] == [0.5, 1.0]
    assert expected_error(confidence, outcome, bins=2) == pytest.approx(0.10)


def test_fewer_rows_than_bins_leave_bins_out() -> None:
    assert len(reliability(array(0.6, 0.7), array(1, 0))) == 2


def test_a_perfect_model_rarely_exceeds_the_error_by_chance() -> None:
    """By construction about one time in twenty; 400 draws of 150 rows allow 2 to 9 %."""
    random = np.random.default_rng(3)
    confidence = random.uniform(0.5, 1.0, 150)
    limit = error_by_chance(confidence)
    above = [
        expected_error(confidence, (random.random(150) < confidence).astype(float)) > limit
        for _ in range(400)
    ]
    assert 0.02 <= np.mean(above) <= 0.09


def test_an_overconfident_model_is_found_out_and_put_right() -> None:
    random = np.random.default_rng(1)
    honest = random.normal(0, 1.5, 3000)
    target = (random.random(3000) < probability(honest)).astype(float)
    bold = 4 * honest
    report = calibrate([("calibration", bold[:1000], target[:1000])], bold[1000:], target[1000:])
    assert report["temperature"] == pytest.approx(4.0, rel=0.15)
    assert report["fitted_on"] == "calibration"
    assert report["before"]["ece"] > report["ece_by_chance"] > report["after"]["ece"]
    assert report["after"]["nll"] < report["before"]["nll"]
    assert report["after"]["brier"] < report["before"]["brier"]


def test_too_few_rows_are_refused_in_words_and_the_next_part_is_asked() -> None:
    few, enough = np.ones(49), np.tile(array(1.0, 1.0, 1.0, -1.0, 2.0), 10)
    ones = np.ones(50)
    report = calibrate([("calibration", few, few), ("dev", enough, ones)], enough, ones)
    assert report["fitted_on"] == "dev"
    refused = calibrate([("calibration", few, few)], enough, ones)
    assert refused["refused"].endswith("there are 49 calibration.")
    assert "after" not in refused
