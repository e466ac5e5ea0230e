"""What a round came to: the JSON in its row's `results`.

Empty while nothing is known. `gold` comes with an improvement or a comparison, in projects that
have an oracle; the blind comparison comes when it ends, however it ends. Reading never refuses:
figures that are missing, or of another kind, are None, and what is not known by name is left out.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Self

from modeling.run_data.limits import is_number, is_whole


@dataclass(frozen=True)
class WinRate:
    """Mean of the points with its anytime-valid 95 % interval; all in [0, 1]."""

    value: float
    low: float
    high: float
    n: int

    def as_json(self) -> dict[str, Any]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}

    @classmethod
    def read_stored(cls, stored: object) -> Self | None:
        """None where it is not whole: without its interval a win rate says too much."""
        figures = _known(stored)
        value, low, high, n = (figures[name] for name in ("value", "low", "high", "n"))
        if is_number(value) and is_number(low) and is_number(high) and is_whole(n):
            return cls(float(value), float(low), float(high), int(n))
        return None


@dataclass(frozen=True)
class GoldMeans:
    """An oracle's mean scores of what the current policy and the new one wrote."""

    current: float
    new: float

    def as_json(self) -> dict[str, Any]:
        return {"current": self.current, "new": self.new}

    @classmethod
    def read_stored(cls, stored: object) -> Self | None:
        """None where it is not whole: one mean alone compares nothing."""
        figures = _known(stored)
        current, new = figures["current"], figures["new"]
        if is_number(current) and is_number(new):
            return cls(float(current), float(new))
        return None


@dataclass(frozen=True)
class BlindResult:
    """How a blind comparison stood when it ended. `win_rate` is None where nobody had judged;
    `decided_at` says how many judgments the verdict rests on, 0 where there was none."""

    verdict: str
    p_value: float | None
    decided_at: int | None
    win_rate: WinRate | None

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "p_value": self.p_value,
            "decided_at": self.decided_at,
            "win_rate": self.win_rate and self.win_rate.as_json(),
        }

    @classmethod
    def read_stored(cls, stored: object) -> Self | None:
        """None of a round that was not compared."""
        figures = _known(stored)
        verdict = figures["verdict"]
        if not isinstance(verdict, str):
            return None
        p_value, decided_at = figures["p_value"], figures["decided_at"]
        return cls(
            verdict,
            float(p_value) if is_number(p_value) else None,
            int(decided_at) if is_whole(decided_at) else None,
            WinRate.read_stored(figures["win_rate"]),
        )


@dataclass(frozen=True, kw_only=True)
class RoundResults:
    """Both are None while the round goes on."""

    gold: GoldMeans | None = None
    blind: BlindResult | None = None

    def as_json(self) -> dict[str, Any]:
        gold = {"gold": self.gold.as_json()} if self.gold else {}
        return gold | (self.blind.as_json() if self.blind else {})

    @classmethod
    def read_stored(cls, stored: object) -> Self:
        figures = _known(stored)
        return cls(
            gold=GoldMeans.read_stored(figures["gold"]), blind=BlindResult.read_stored(figures)
        )


def _known(stored: object) -> defaultdict[str, Any]:
    """By name; None for each name that is missing."""
    return defaultdict(lambda: None, stored if isinstance(stored, dict) else {})
