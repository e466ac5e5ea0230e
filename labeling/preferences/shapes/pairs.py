"""What a style is given of a settled preference, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from labeling.texts.messages import Extra, Message, extra_of, whole_message

Row: TypeAlias = dict[str, Any]
# str, int, float or bool; a list with the type of its items; a dictionary with those of its fields.
ColumnType: TypeAlias = Any

MESSAGES: ColumnType = [{"role": str, "content": str}]
SPEAKERS = {"system": "System", "user": "Human", "assistant": "Assistant"}


NOTHING: Extra = {}


class Answer(NamedTuple):
    """A response: its text, and the further keys of its message."""

    text: str
    extra: Extra = NOTHING

    @property
    def message(self) -> Message:
        return whole_message(self.text, self.extra)


@dataclass(frozen=True)
class VoteOfPair:
    """What one person said of a pair. `strength` is −1 where nobody was asked how much better,
    `shown_first` empty where nobody knows which of the two stood on the left, `seconds` 0 where the
    time is not known. `aspects` is JSON: chosen, rejected or null by aspect."""

    judgment: int
    annotator: str
    says: str
    strength: int
    shown_first: str
    aspects: str
    seconds: float
    judged_at: str


class Ranking(NamedTuple):
    """All responses of a comparison by what was settled between every two of them. `tiers` are
    their places in `responses`, best first."""

    responses: list[Answer]
    models: list[str]
    tiers: list[list[int]]


class Pair(NamedTuple):
    """A settled preference as styles see it. `is_both_bad`: neither response is any good."""

    prompt: list[Message]
    chosen: Answer
    rejected: Answer
    is_both_bad: bool = False
    prompt_id: int = 0
    project: str = ""
    split: str = ""
    votes: Sequence[VoteOfPair] = ()
    ranking: Ranking | None = None
    kind: str = "prefer"
    target: float = 1.0
    comparison: int = 0
    # Whether the chosen one stands second, where a trainer sees two sides: as if by a coin, and
    # the same for ever.
    is_turned: bool = False

    @property
    def messages(self) -> list[Message]:
        return [*map(_in_order, self.prompt)]

    @property
    def sides(self) -> tuple[Answer, Answer]:
        """Both responses as they stand side by side."""
        first, second = self.chosen, self.rejected
        return (second, first) if self.is_turned else (first, second)

    def named(self, first: str, second: str, tie: str, both_bad: str) -> str:
        """What was settled, in these words for the sides."""
        if self.kind == "prefer":
            return second if self.is_turned else first
        return tie if self.kind == "tie" else both_bad


def _in_order(message: Message) -> Message:
    """The message with role and content first: PostgreSQL keeps the keys of JSON in an order of its
    own."""
    plain = {"role": message["role"], "content": message["content"]}
    return plain if len(message) == 2 else {**plain, **extra_of(message)}
