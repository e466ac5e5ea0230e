"""Puts the measures of a labeler into plain words, for their own page and for curators."""

from dataclasses import dataclass

from labeling.quality.labelers import ProjectMeasures
from labeling.quality.measures.intervals import Estimate, Refusal
from labeling.quality.measures.one_labeler import LabelerMeasures, Measure

NO_HABIT = 0.5  # share of left sides chosen, since sides are shuffled


@dataclass(frozen=True)
class MeasureLine:
    """One measure: the figure with its interval, or why there is none, and what it means."""

    title: str
    figure: str
    interval: str
    words: str
    tone: str = ""


def own_lines(measures: LabelerMeasures, everybody: ProjectMeasures) -> list[MeasureLine]:
    """Returns the measures as the labeler reads them. How they did on known answers is not among
    them: it would help to find out which comparisons those are."""
    return [
        _pace(measures.pace),
        _line(
            "Agreement with others",
            measures.agreement,
            "So often others who judged the same pairs say what you say. People who judge with "
            "care agree in 60 to 80 % of such comparisons: less is no fault of its own."
            + _everybody(everybody.agreement),
        ),
        _line(
            "The same again",
            measures.repeats,
            "So often you said the same when a comparison came again with its sides swapped.",
        ),
        _left(measures.left, "you"),
        _longer(measures.longer, everybody.longer, "you"),
    ]


def lines_about(measures: LabelerMeasures, everybody: ProjectMeasures) -> list[MeasureLine]:
    """Returns the measures as a curator reads them about a labeler."""
    return [
        _line(
            "Agreement with others",
            measures.agreement,
            "Of the judgments by others on the same pairs, the share that says the same."
            + _everybody(everybody.agreement),
        ),
        _line(
            "Known answers",
            measures.gold,
            "Gold comparisons answered as expected.",
        ),
        _line(
            "The same again",
            measures.repeats,
            "Mirrored repeats answered as the first time.",
        ),
        _left(measures.left, "they"),
        _longer(measures.longer, everybody.longer, "they"),
        _pace(measures.pace),
    ]


def per_cent(measure: Measure) -> str:
    return "–" if isinstance(measure, Refusal) else f"{measure.percent} %"


def bounds(measure: Measure) -> str:
    if isinstance(measure, Refusal) or measure.low is None:
        return ""
    return f"{measure.percent_low} to {measure.percent_high} %"


def _line(title: str, measure: Measure, words: str, tone: str = "") -> MeasureLine:
    if isinstance(measure, Refusal):
        return MeasureLine(title, "–", "", f"Too little to say yet. {measure.reason}")
    return MeasureLine(title, per_cent(measure), bounds(measure), words, tone)


def _everybody(estimate: Estimate | None) -> str:
    return "" if estimate is None else f" Everybody in the project: {estimate.percent} %."


def _pace(measure: Measure) -> MeasureLine:
    title = "Time for an answer"
    if isinstance(measure, Refusal):
        return MeasureLine(title, "–", "", f"Too little to say yet. {measure.reason}")
    low, high = measure.low or 0.0, measure.high or 0.0
    return MeasureLine(
        title,
        _time(measure.value),
        f"{_time(low)} to {_time(high)}",
        "Half of the answers took less, half took longer. Long comparisons may take long.",
    )


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def _left(measure: Measure, who: str) -> MeasureLine:
    verdict = (
        "Sides are shuffled, so without a habit it is about half. No habit shows in what "
        f"{who} chose."
    )
    tone = ""
    if isinstance(measure, Estimate) and measure.excludes(NO_HABIT):
        side = "left" if measure.value > NO_HABIT else "right"
        verdict = (
            f"Sides are shuffled, so without a habit it is about half: {who} choose the {side} "
            "side more often than chance explains."
        )
        if who == "you":
            verdict += " Reading the other side first can help."
        tone = "warning"
    return _line("Left side chosen", measure, verdict, tone)


def _longer(measure: Measure, everybody: Estimate | None, who: str) -> MeasureLine:
    words = f"Of the pairs in which one response is longer, {who} chose the longer one so often."
    tone = ""
    if everybody is not None:
        words += f" Everybody: {everybody.percent} %."
        if isinstance(measure, Estimate) and measure.excludes(everybody.value):
            more = "more" if measure.value > everybody.value else "less"
            words += f" That is {more} often than others: length alone should not decide."
            tone = "warning"
    return _line("Longer response chosen", measure, words, tone)
