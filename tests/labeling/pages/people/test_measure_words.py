"""Measures of a labeler in words: to themselves and to curators, with and without figures."""

from typing import Any

import pytest

from labeling.pages.people.measure_words import (
    MeasureLine,
    bounds,
    lines_about,
    own_lines,
    per_cent,
)
from labeling.quality.labelers import ProjectMeasures
from labeling.quality.measures.intervals import Estimate, Refusal
from labeling.quality.measures.one_labeler import LabelerMeasures

NONE = Refusal("Needs twenty answers.", count=3, needed=20)


def project_of(
    agreement: Estimate | None = None, longer: Estimate | None = None
) -> ProjectMeasures:
    return ProjectMeasures({}, longer=longer, agreement=agreement)


def estimate(value: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(value=value, low=low, high=high, count=40, prompts=40)


def measures(**known: Any) -> LabelerMeasures:
    names = ("pace", "agreement", "gold", "repeats", "left", "longer")
    return LabelerMeasures(judgments=40, **{name: known.get(name, NONE) for name in names})


def by_title(lines: list[MeasureLine]) -> dict[str, MeasureLine]:
    return {line.title: line for line in lines}


@pytest.mark.parametrize("words_of", [own_lines, lines_about])
def test_without_figures_every_line_says_why(words_of: Any) -> None:
    for line in words_of(measures(), project_of()):
        assert (line.figure, line.interval, line.tone) == ("–", "", "")
        assert line.words.startswith("Too little to say yet. Needs twenty answers.")


def test_labelers_do_not_read_how_they_did_on_known_answers() -> None:
    known = measures(gold=estimate(0.4, 0.2, 0.6))
    assert "Known answers" not in by_title(own_lines(known, project_of()))
    line = by_title(lines_about(known, project_of()))["Known answers"]
    assert (line.figure, line.interval) == ("40 %", "20 to 60 %")


@pytest.mark.parametrize(
    ("value", "low", "high", "side"), [(0.8, 0.6, 0.9, "left"), (0.2, 0.1, 0.4, "right")]
)
def test_a_habit_of_sides_is_named_with_its_side(
    value: float, low: float, high: float, side: str
) -> None:
    known = measures(left=estimate(value, low, high))
    own = by_title(own_lines(known, project_of()))["Left side chosen"]
    about = by_title(lines_about(known, project_of()))["Left side chosen"]
    assert own.tone == about.tone == "warning"
    assert f"you choose the {side} side" in own.words
    assert f"they choose the {side} side" in about.words
    assert "Reading the other side first can help." in own.words
    assert "Reading" not in about.words


def test_what_chance_explains_is_no_habit() -> None:
    line = by_title(own_lines(measures(left=estimate(0.6, 0.45, 0.75)), project_of()))
    assert line["Left side chosen"].tone == ""
    assert "No habit shows in what you chose." in line["Left side chosen"].words


@pytest.mark.parametrize(("value", "low", "high", "more"), [
    (0.9, 0.8, 0.95, "more"), (0.2, 0.1, 0.3, "less"),
])  # fmt: skip
def test_length_is_compared_with_everybody(
    value: float, low: float, high: float, more: str
) -> None:
    everybody = project_of(longer=estimate(0.55, 0.5, 0.6))
    known = measures(longer=estimate(value, low, high))
    line = by_title(own_lines(known, everybody))["Longer response chosen"]
    assert line.tone == "warning"
    assert "Everybody: 55 %." in line.words
    assert f"That is {more} often than others" in line.words


def test_length_is_no_matter_where_it_is_as_with_others_or_there_are_none() -> None:
    known = measures(longer=estimate(0.6, 0.5, 0.7))
    for everybody in (project_of(), project_of(longer=estimate(0.55, 0.5, 0.6))):
        line = by_title(own_lines(known, everybody))["Longer response chosen"]
        assert (line.tone, "That is" in line.words) == ("", False)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89.4, "89 s"), (90.0, "2 min"), (3600.0, "60 min")]
)
def test_a_time_is_in_seconds_or_minutes(seconds: float, words: str) -> None:
    line = own_lines(measures(pace=estimate(seconds, seconds, seconds)), project_of())[0]
    assert (line.figure, line.interval) == (words, f"{words} to {words}")


def test_an_estimate_without_an_interval_has_no_bounds() -> None:
    assert (per_cent(estimate(0.5, None, None)), bounds(estimate(0.5, None, None))) == ("50 %", "")
    assert (per_cent(NONE), bounds(NONE)) == ("–", "")


def test_agreement_names_everybodys_where_it_is_known() -> None:
    known = measures(agreement=estimate(0.7, 0.6, 0.8))
    everybody = project_of(agreement=estimate(0.65, 0.6, 0.7))
    for lines in (own_lines(known, everybody), lines_about(known, everybody)):
        assert "Everybody in the project: 65 %." in by_title(lines)["Agreement with others"].words
