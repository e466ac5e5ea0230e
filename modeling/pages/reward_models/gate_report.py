"""What a reward model's page says first: how it stands, what was not checked, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modeling.reward_models.accuracy import Accuracy, Against

NO_CHECKS = ("First", "Folder")  # the rule for a first model; trouble that is told only when it is


class ModelStanding(StrEnum):
    FAILED = "failed"
    BELOW_CHANCE = "below chance"
    UNKNOWN = "unknown"
    PARTLY = "partly"
    CLEAR = "clear"


HEADLINES = {
    ModelStanding.FAILED: ("danger", "It did not pass the gate"),
    ModelStanding.BELOW_CHANCE: ("danger", "It is worse than tossing a coin"),
    ModelStanding.UNKNOWN: ("warning", "Not known yet whether it is good"),
    ModelStanding.PARTLY: ("neutral", "Nothing spoke against it, as far as it was checked"),
    ModelStanding.CLEAR: ("success", "Nothing spoke against it"),
}


@dataclass(frozen=True)
class GateReport:
    """What the gate decided about a model. `checks` are those that modeling/reward_models/gates.py
    has noted; there are none before the gate has looked."""

    checks: list[Mapping[str, Any]]
    passed: bool | None
    reason: str
    accuracy: Accuracy | None

    @property
    def judgeable(self) -> list[Mapping[str, Any]]:
        return [check for check in self.checks if check["name"] not in NO_CHECKS]

    @property
    def not_judged(self) -> list[Mapping[str, Any]]:
        return [check for check in self.judgeable if check["passed"] is None]

    @property
    def standing(self) -> ModelStanding:
        """How the model stands. It is good when it certainly beats a coin and was compared with the
        model before it, if there was one."""
        if self.passed is False:
            return ModelStanding.FAILED
        against = self.accuracy.against_chance if self.accuracy else Against.UNKNOWN
        if against == Against.WORSE:
            return ModelStanding.BELOW_CHANCE
        is_compared = all(check["name"] != "Test split" for check in self.not_judged)
        if against == Against.UNKNOWN or not is_compared or self.passed is None:
            return ModelStanding.UNKNOWN
        return ModelStanding.PARTLY if self.not_judged or not self.checks else ModelStanding.CLEAR

    @property
    def tone(self) -> str:
        return HEADLINES[self.standing][0]

    @property
    def headline(self) -> str:
        return HEADLINES[self.standing][1]

    @property
    def sentences(self) -> list[str]:
        sentences = [self._about_chance]
        if self.passed is None:
            sentences.append("The gate has not looked at it yet.")
        if self.not_judged:
            names = ", ".join(str(check["name"]) for check in self.not_judged)
            sentences.append(
                f"{len(self.not_judged)} of {len(self.judgeable)} checks could not be judged: "
                f"{names}."
            )
            if self.passed:
                sentences.append("What cannot be judged lets a model pass.")
        return sentences

    @property
    def _about_chance(self) -> str:
        if self.accuracy is None:
            return "Nothing was held out to measure it on."
        one = self.accuracy
        share = f"{one.value:.1%}".replace("%", " %")
        return f"{share} right on {one.n:,} {one.split} comparisons: {one.chance_words}."


def gate_report(gate: Mapping[str, Any] | None, accuracy: Accuracy | None) -> GateReport:
    stored = gate or {}
    return GateReport(
        checks=list(stored.get("checks") or []),
        passed=stored.get("passed"),
        reason=str(stored.get("reason") or ""),
        accuracy=accuracy,
    )
