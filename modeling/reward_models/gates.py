"""Whether a newly trained reward model goes into service: a list of checks, each with its reason.

A check that has too few comparisons to go by says so and lets the model pass: on a handful chance
decides more than quality does.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from labeling.database.transactions import retried
from labeling.models import Project, User
from labeling.people.audit import write_entry
from labeling.quality.measures.intervals import Z
from modeling.measures.predictions import (
    Prediction,
    by_slice,
    compare,
    length_correlation,
    newest_slice,
)
from modeling.models import RewardModel, deciding, versions
from modeling.reward_models import service
from modeling.reward_models.evaluating import on_same_rows
from modeling.run_data.stored import RewardModelFigures
from modeling.runs import model_files

Status = RewardModel.Status
Pairs = Sequence[tuple[Prediction, Prediction]]

FEWEST_TO_JUDGE = 30
FEWEST_TO_CALIBRATE = 100
PARITY = 1e-4  # of the reward, or of 1 where that is smaller: what train_reward refuses beyond
MISCALIBRATED = 0.05  # ECE; less is of no consequence even when it is more than chance
SLICE_LOSS = 0.05  # accuracy that a slice may lose
LENGTH_RISE = 0.1  # correlation that may be added
SLICED_BY = ("strength", "length", "arm", "tag", "policy")
MARGIN_ALLOWED = "The margin is a number of points from 0 to 100."


class MarginRefused(ValueError):
    """No such margin can be set. The message is a sentence for people."""


@dataclass(frozen=True)
class Check:
    """One rule with its outcome. `passed` is None where there were too few comparisons to tell."""

    name: str
    passed: bool | None
    text: str


@dataclass(frozen=True)
class GateResult:
    checks: list[Check]

    @property
    def passed(self) -> bool:
        return all(check.passed is not False for check in self.checks)

    @property
    def reason(self) -> str:
        """The sentences that decided. For a model that passes, also what could not be judged."""
        failed = [check.text for check in self.checks if check.passed is False]
        if failed:
            return " ".join(failed)
        sentences = [check.text for check in self.checks if check.name in ("First", "Test split")]
        unjudged = [check.name for check in self.checks if check.passed is None]
        if unjudged:
            sentences.append(f"Let pass unjudged: {', '.join(unjudged)}.")
        return " ".join(sentences)

    def as_json(self) -> dict[str, Any]:
        checks = [asdict(check) for check in self.checks]
        return {"passed": self.passed, "reason": self.reason, "checks": checks}


def apply(candidate: RewardModel | None) -> bool:
    """Puts the candidate into service or rejects it. False when another worker has done so."""
    if candidate is None:
        return False
    live = RewardModel.objects.filter(project=candidate.project, status=Status.LIVE).first()
    verdict = judge(candidate, live)
    noted = candidate.results | {"gate": verdict.as_json()}
    with deciding.deciding(candidate.project) as loop:
        if loop.reward_model_id != (live.pk if live else None):
            return False  # it was judged against another one: the next look judges it anew
        # One model is live at a time, so one that has passed stays out of service here:
        # `point_at_model` retires the model that is live and makes this one live.
        mine = RewardModel.objects.filter(pk=candidate.pk, status=Status.CANDIDATE).update(
            status=Status.RETIRED if verdict.passed else Status.REJECTED, results=noted
        )
        if mine and verdict.passed:
            service.point_at_model(candidate, None, verdict.reason, loop)
    return bool(mine)


def judge(candidate: RewardModel, live: RewardModel | None) -> GateResult:
    """Runs every check against the model in service on the comparisons that both have scored."""
    checks = [check_parity(candidate.figures), check_calibration(candidate.figures)]
    if problem := problem_of_folder(candidate):
        checks.insert(0, Check("Folder", False, problem))
    if live is None:
        first = Check("First", True, "It is the first reward model of the project.")
        return GateResult([first, *checks])
    margin = versions.loop_of(candidate.project).gate_margin
    pairs = on_same_rows(candidate, live)
    on_test = [pair for pair in pairs if pair[0].split == "test"]
    return GateResult(
        [
            check_test(on_test, margin),
            check_newest(pairs),
            check_slices(on_test),
            check_length(on_test),
            *checks,
        ]
    )


@retried
def change_margin(project: Project, by: User, points: float) -> None:
    """Sets how many points of accuracy a new model may lose on the test split. Raises
    MarginRefused. The margin is a column of Loop, not one of the settings, and its audit entry is
    its own."""
    if not 0 <= points <= 100:  # NaN is not, either
        raise MarginRefused(MARGIN_ALLOWED)
    with deciding.deciding(project) as loop:
        before, loop.gate_margin = loop.gate_margin, points / 100
        loop.save(update_fields=["gate_margin"])
        write_entry(project, by, "gate margin changed", loop, before=before, after=loop.gate_margin)


def problem_of_folder(model: RewardModel) -> str:
    """Gives a sentence when the folder is gone or is not what the training has written; ""
    otherwise."""
    if model.gone:
        return f"Its folder {model.gone[0]} is gone."
    try:
        model_files.check(model)
    except model_files.Changed as problem:
        return str(problem)
    return ""


def check_test(pairs: Pairs, margin: float) -> Check:
    """Checks that the model is not clearly worse, and not worse than the margin by more than a
    standard error."""
    name, difference = "Test split", compare(pairs)
    shared = int(difference["n"]) if difference else 0
    if difference is None or shared < FEWEST_TO_JUDGE:
        return Check(
            name,
            None,
            f"Only {shared} test comparisons are shared with the model in service: "
            "too few to tell which is better.",
        )
    sentence = (
        f"On {shared} shared test comparisons its accuracy differs by {difference['value']:+.1%} "
        f"[{difference['low']:+.1%}, {difference['high']:+.1%}] from that of the model in service"
    )
    if difference["high"] < 0:
        return Check(name, False, f"{sentence}: clearly worse.")
    if difference["value"] + difference["error"] < -margin:
        return Check(name, False, f"{sentence}: worse by more than the {margin:.1%} allowed.")
    return Check(name, True, f"{sentence}: not clearly worse.")


def check_newest(pairs: Pairs) -> Check:
    """Checks that the model is not worse where it counts next: on held-out random comparisons of
    the newest round."""
    name = "Newest round"
    newest = {row.id for row in newest_slice([new for new, _ in pairs])}
    difference = compare([pair for pair in pairs if pair[0].id in newest])
    shared = int(difference["n"]) if difference else 0
    if not newest:
        return Check(
            name, None, "No held-out comparison that both have scored was drawn at random."
        )
    if difference is None or shared < FEWEST_TO_JUDGE:
        return Check(
            name, None, f"Only {shared} held-out random comparisons of the newest round: too few."
        )
    sentence = (
        f"On {shared} held-out random comparisons of the newest round: {difference['value']:+.1%} "
        f"[{difference['low']:+.1%}, {difference['high']:+.1%}]"
    )
    if difference["value"] + difference["error"] < 0:
        return Check(name, False, f"{sentence}: worse.")
    return Check(name, True, f"{sentence}: not worse.")


def check_slices(pairs: Pairs) -> Check:
    """Checks that no slice is worse by more than five points, and clearly so among all slices. Of
    twenty slices, each at 95 %, one would look worse by chance for two models alike; so each is
    held to 1 - 0.05 / slices (Bonferroni)."""
    name, judged = "Slices", []
    old_of = {new.id: old for new, old in pairs}
    for kind, named in by_slice([new for new, _ in pairs]).items():
        for value, rows in named.items() if kind in SLICED_BY else ():
            difference = compare([(row, old_of[row.id]) for row in rows])
            if difference is not None and difference["n"] >= FEWEST_TO_JUDGE:
                judged.append((f"{kind} “{value}”", difference))
    if not judged:
        return Check(name, None, f"No slice has {FEWEST_TO_JUDGE} shared test comparisons.")
    reach = NormalDist().inv_cdf(1.0 - 0.025 / len(judged))
    worse = [
        f"{slice_} by {-loss['value']:.1%} of {loss['n']:.0f}"
        for slice_, loss in judged
        if loss["value"] < -SLICE_LOSS and loss["value"] + reach * loss["error"] < 0
    ]
    if worse:
        return Check(name, False, f"It has become much worse for {'; '.join(worse)}.")
    return Check(name, True, f"None of {len(judged)} slices has become much worse.")


def check_length(pairs: Pairs) -> Check:
    """Checks that the reward does not follow length more than it did, by more than chance brings
    about: on n pairs a correlation has a standard error of about 1 / sqrt(n)."""
    name = "Length"
    now = length_correlation([new for new, _ in pairs])
    before = length_correlation([old for _, old in pairs])
    if len(pairs) < FEWEST_TO_JUDGE:
        return Check(name, None, f"Only {len(pairs)} shared test comparisons: too few.")
    if now is None or before is None:
        return Check(name, None, "All responses are of one length, or all rewards are the same.")
    sentence = f"The reward's correlation with length goes from {before:+.2f} to {now:+.2f}"
    if abs(now) > abs(before) + LENGTH_RISE + Z / math.sqrt(len(pairs)):
        kind = "length" if now > 0 else "brevity"
        return Check(name, False, f"{sentence}: it rewards {kind} as such.")
    return Check(name, True, f"{sentence}.")


def check_calibration(figures: RewardModelFigures) -> Check:
    """Checks that the model's claims come true, after the temperature, within what chance does to
    so few comparisons."""
    name, calibration = "Calibration", figures.evaluation.calibration
    rows = sum(part["n"] for part in calibration.get("reliability", []))
    if not calibration or rows < FEWEST_TO_CALIBRATE:
        return Check(name, None, f"Only {rows} held-out comparisons: too few to tell.")
    error = (calibration.get("after") or calibration["before"])["ece"]
    chance = calibration["ece_by_chance"]
    sentence = (
        f"Its claims are off by {error:.1%} on average; a perfect model stays below {chance:.1%}"
        f" on {rows} comparisons"
    )
    if error > max(chance, MISCALIBRATED):
        return Check(name, False, f"{sentence}: not calibrated.")
    return Check(name, True, f"{sentence}.")


def check_parity(figures: RewardModelFigures) -> Check:
    """Checks that the saved folder gives the rewards that the trained model gave."""
    name, error = "Reload", figures.parity_max_error
    if error is None:
        return Check(name, None, "The run did not say whether its folder reloads exactly.")
    scale = max(1.0, abs(figures.reward_mean or 0) + (figures.reward_std or 0))
    sentence = f"Loaded again, its rewards differ by at most {error:.1e}"
    if not error <= PARITY * scale:
        return Check(name, False, f"{sentence}: the folder is not the model.")
    return Check(name, True, f"{sentence}.")
