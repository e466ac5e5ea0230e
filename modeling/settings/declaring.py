"""What a setting of the loop is: its kind, its limits, its words. Pure, so that the learning
programs can ask as well as the form and the database."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modeling.settings.choices import SettingChoice


class Section(StrEnum):
    """A part of the page, by subject."""

    TRAINING = "training"
    SELECTION = "selection"
    SAMPLING = "sampling"
    IMPROVEMENT = "improvement"


class Who(StrEnum):
    """The lowest role in a project that may change a setting; roles above it may as well. The
    values are those of labeling's roles, which this package does not import."""

    CURATOR = "curator"
    ADMIN = "admin"

    @property
    def in_words(self) -> str:
        return "curators and admins" if self is Who.CURATOR else "admins"


class LearningProgram(StrEnum):
    """A learning program, by its module in modeling/core."""

    TRAIN_REWARD = "train_reward"
    TRAIN_POLICY = "train_policy"
    SAMPLE = "sample"
    SCORE = "score"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One value that decides what the loop does. `is_first`: on the page it stands above the fold.
    `programs` read it from their config under the name `key`. `who` may change it, on the page and
    by the API; `modeling/loop/changing_settings.py` refuses everybody else."""

    name: str
    section: Section
    label: str
    help: str = ""
    default: Any
    is_first: bool = False
    may_be_empty: bool = False
    who: Who = Who.ADMIN
    programs: tuple[LearningProgram, ...] = ()
    key: str = ""

    @property
    def allowed(self) -> str:
        """What can be set on the page, as words that follow "It has to be"."""
        raise NotImplementedError

    @property
    def allowed_as_stored(self) -> str:
        """The same for programs, which write the value as the database stores it."""
        return self.allowed

    def is_allowed(self, value: Any) -> bool:
        """Whether the database and the form take this value."""
        return (value is None and self.may_be_empty) or self._fits(value)

    def is_allowed_in_program(self, value: Any) -> bool:
        """Whether a learning program takes this value from its config."""
        return self.is_allowed(value)

    def limits(self) -> Iterator[tuple[Any, bool]]:
        """Gives values at and just beyond the limits, each with whether it is allowed."""
        yield self.default, True

    def _fits(self, value: Any) -> bool:
        raise NotImplementedError


def _or_empty(setting: Setting, words: str) -> str:
    return f"{words}, or empty" if setting.may_be_empty else words


@dataclass(frozen=True, kw_only=True)
class WholeNumber(Setting):
    """A whole number; both limits are allowed."""

    low: int
    high: int

    @property
    def allowed(self) -> str:
        return _or_empty(self, f"a whole number from {self.low:,} to {self.high:,}")

    def limits(self) -> Iterator[tuple[Any, bool]]:
        yield from ((self.low, True), (self.high, True))
        yield from ((self.low - 1, False), (self.high + 1, False))
        yield None, self.may_be_empty

    def _fits(self, value: Any) -> bool:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True)
class Number(Setting):
    """A finite number; both limits are allowed. `as_percent`: people read and write per cent.
    `zero_is_none`: people set 0 for "no such thing", which programs are told as null."""

    low: float
    high: float
    as_percent: bool = False
    zero_is_none: bool = False

    @property
    def allowed(self) -> str:
        factor, sign = (100, " %") if self.as_percent else (1, "")
        return self._between(factor, sign)

    @property
    def allowed_as_stored(self) -> str:
        return self._between(1, "")

    def _between(self, factor: int, sign: str) -> str:
        low, high = (f"{limit * factor:.12g}{sign}" for limit in (self.low, self.high))
        return _or_empty(self, f"a number from {low} to {high}")

    def is_allowed_in_program(self, value: Any) -> bool:
        if self.zero_is_none and not value:
            return value is None
        return self.is_allowed(value)

    def limits(self) -> Iterator[tuple[Any, bool]]:
        yield from ((self.low, True), (self.high, True))
        # The step is coarse enough to survive the page's per cent with six digits.
        yield from ((self.low - self.high * 1e-3, False), (self.high * 1.001, False))
        yield None, self.may_be_empty

    def _fits(self, value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and self.low <= value <= self.high  # so neither NaN nor infinite


@dataclass(frozen=True, kw_only=True)
class YesNo(Setting):
    """A switch."""

    @property
    def allowed(self) -> str:
        return "on or off"

    def limits(self) -> Iterator[tuple[Any, bool]]:
        yield from ((True, True), (False, True), (None, False))

    def _fits(self, value: Any) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class OneOf(Setting):
    """One of a few words."""

    choices: type[SettingChoice]

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(f"“{choice}”" for choice in self.choices)

    def limits(self) -> Iterator[tuple[Any, bool]]:
        yield from ((choice.value, True) for choice in self.choices)
        yield from (("?", False), (None, False))  # short enough for every column

    def _fits(self, value: Any) -> bool:
        return isinstance(value, str) and value in list(self.choices)


@dataclass(frozen=True, kw_only=True)
class ShortText(Setting):
    """A line of text, which may be empty."""

    longest: int

    @property
    def allowed(self) -> str:
        return f"at most {self.longest:,} characters"

    def limits(self) -> Iterator[tuple[Any, bool]]:
        yield from (("", True), (None, False))

    def _fits(self, value: Any) -> bool:
        return isinstance(value, str) and len(value) <= self.longest
