"""A program's config.json: how it is read, and how it is written.

Reading is strict: an unknown field, a missing one and a value that is not allowed are refused by
name, with what is allowed. What a field left out stands for is the default in the dataclass.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Self

from modeling.run_data.limits import Limit

FILE = "config.json"
DOCS = "docs/learning-programs.md explains each setting."


class ConfigRefused(ValueError):
    """A config that no program takes: what is wrong in a sentence, the file and the field, and
    what to do."""

    def __init__(self, message: str, *, where: str = FILE, hint: str = DOCS) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The settings of one program. Whatever makes one, its values are allowed: they are checked
    here, before anything slow happens."""

    limits: ClassVar[Mapping[str, Limit]] = {}  # of every field

    def __post_init__(self) -> None:
        for name, limit in self.limits.items():
            value = getattr(self, name)
            if not limit(value):
                raise ConfigRefused(
                    f"{name!r} must be {limit.words}, not {shown(value)}.", where=f"{FILE}: {name}"
                )
        self.check_together()

    def check_together(self) -> None:
        """Refuses values that are allowed alone and not together."""

    @classmethod
    def names(cls) -> list[str]:
        return [field.name for field in fields(cls)]

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """The defaults of the fields that may be left out."""
        return {f.name: f.default for f in fields(cls) if f.default is not MISSING}

    @classmethod
    def read(cls, given: object) -> Self:
        """Makes the config from what config.json holds. Raises ConfigRefused."""
        if not isinstance(given, dict):
            raise ConfigRefused("config.json is not a JSON object.", hint="Correct the file.")
        names, defaults = cls.names(), cls.defaults()
        for name in sorted(given.keys() - set(names)):
            known = ", ".join(sorted(names))
            raise ConfigRefused(
                f"config.json has the unknown key {name!r}.",
                where=f"{FILE}: {name}",
                hint=f"The known keys are: {known}.",
            )
        for name in names:
            if name not in given and name not in defaults:
                raise ConfigRefused(
                    f"config.json lacks {name!r}: it must be {cls.limits[name].words}.",
                    where=f"{FILE}: {name}",
                )
        return cls(**{name: _frozen(value) for name, value in given.items()})

    def as_json(self) -> dict[str, Any]:
        """Gives all settings as config.json and result.json have them."""
        return {name: as_plain(getattr(self, name)) for name in self.names()}

    def given(self) -> dict[str, Any]:
        """Gives the settings that are not at their defaults: what config.json has to hold."""
        defaults = self.defaults()
        return {
            name: value
            for name, value in self.as_json().items()
            if name not in defaults or value != as_plain(defaults[name])
        }


def shown(value: object) -> str:
    """Writes a value for a message: as JSON has it, and no longer than a line."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 80 else f"{text[:77]}..."


def as_plain(value: Any) -> Any:
    """Turns tuples into the lists of JSON."""
    return [as_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _frozen(value: Any) -> Any:
    """Turns lists of JSON into tuples."""
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value
