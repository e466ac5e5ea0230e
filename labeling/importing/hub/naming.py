"""What names a data set of a hub: its id, and which of its rows are wanted."""

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
NAME = re.compile(r"[\w.+-]{1,100}")
REVISION = re.compile(r"[\w.-]{1,100}(/[\w.-]{1,100}){0,4}")


class HubRefused(ValueError):
    """What was asked for is no data set, or cannot be had; the message says why."""


@dataclass(frozen=True)
class HubDataset:
    """A data set's id, as on its page, and which of its rows: of one configuration, of one split
    (all where it is empty), as of a branch, tag or commit."""

    id: str
    config: str = ""
    split: str = ""
    revision: str = ""

    def __post_init__(self) -> None:
        if not _is(ID, self.id):
            raise HubRefused(
                f"“{self.id[:100]}” is no id of a data set: write it as on its page, "
                "such as HuggingFaceH4/ultrafeedback_binarized."
            )
        for field, pattern in (("config", NAME), ("split", NAME), ("revision", REVISION)):
            value = getattr(self, field)
            if value and not _is(pattern, value):
                raise HubRefused(f"“{value[:100]}” is no name of a {field}.")

    @property
    def name(self) -> str:
        """In words, for the list of imports."""
        more = [part for part in (self.config, self.split, self.revision) if part]
        return f"{self.id} ({', '.join(more)})" if more else self.id

    def as_dict(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> "HubDataset":
        return cls(**{field.name: values.get(field.name, "") for field in fields(cls)})


def _is(pattern: re.Pattern[str], text: str) -> bool:
    return bool(pattern.fullmatch(text)) and text.isascii() and ".." not in text
