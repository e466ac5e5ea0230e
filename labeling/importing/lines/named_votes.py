"""What a row says that a person is named for: who thought so, how much better, why, and when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from django.utils.dateparse import parse_datetime

from labeling.importing.lines.message_fields import tag_in, text_in
from labeling.importing.lines.reading import name_of_type
from labeling.importing.reports import Wrong
from labeling.people.outside import LONGEST_NAME

Data: TypeAlias = Mapping[str, Any]

ANNOTATOR = "annotator"
# Read where a row names its annotator; without one nobody said it.
FIELDS = frozenset({ANNOTATOR, "rationale", "seconds", "judged_at", "aspects", "shown_first"})
# Of our own export of judgments, relative to the pair's chosen and rejected.
EXPORTED = frozenset({"judgment", "vote", "vote_strength"})
# Which of the two: the row's first response, or its second.
FIRST, SECOND, NEITHER = 1, -1, 0
SIDES = {"chosen": FIRST, "rejected": SECOND}
VOTES = {**SIDES, "tie": NEITHER, "both_bad": NEITHER}
PREFER, TIE, BOTH_BAD = "prefer", "tie", "both_bad"
LONGEST_RATIONALE = 20_000
MOST_ASPECTS = 50
MOST_SECONDS = 1e7
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NamedVote:
    """What one named person said of the two responses of a row.

    `way` is +1 where the first is better, −1 where the second is. `shown_first` is the one of them
    that stood on the left, 0 where nobody knows. `aspects` name the better one, 0 for neither.
    """

    labeler: str
    kind: str
    way: int
    strength: int | None = None
    rationale: str = ""
    seconds: float | None = None
    judged_at: str = ""  # ISO, UTC; empty: not known
    shown_first: int = 0
    aspects: dict[str, int] = field(default_factory=dict)

    def turned(self) -> "NamedVote":
        """The same vote, of a row that has the two the other way round."""
        return replace(
            self,
            way=-self.way,
            shown_first=-self.shown_first,
            aspects={name: -way for name, way in self.aspects.items()},
        )


def names_annotator(data: Data) -> bool:
    """Whether the row says who thought so."""
    return data.get(ANNOTATOR) not in (None, "")


def named_vote_in(
    data: Data, kind: str, strength: float | None, *, is_exported: bool
) -> NamedVote | None:
    """The vote of the row's annotator; None where it names nobody. `data` holds no nulls."""
    if not names_annotator(data):
        return None
    labeler = labeler_in(data[ANNOTATOR], ANNOTATOR)
    if not labeler:
        return None
    way = FIRST if kind == PREFER else NEITHER
    if is_exported and "vote" in data:
        kind, way = _exported_vote(data["vote"])
        strength = _exported_strength(data.get("vote_strength"), kind)
    else:
        _refuse_shares(data, kind)
    return NamedVote(
        labeler=labeler,
        kind=kind,
        way=way,
        strength=_whole(strength),
        rationale=_rationale(data),
        seconds=_seconds(data),
        judged_at=_moment(data),
        shown_first=_shown_first(data),
        aspects=_aspects(data),
    )


def labeler_in(value: Any, where: str) -> str:
    """A labeler's name, or a number as their name."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as tables write a number where another row has none
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value}"
    if not isinstance(value, str):
        raise Wrong(where, f"A labeler's name is a text or a number, not {name_of_type(value)}.")
    return " ".join(tag_in(value, where, LONGEST_NAME).split())


def _exported_vote(vote: Any) -> tuple[str, int]:
    if not isinstance(vote, str) or vote not in VOTES:
        raise Wrong("vote", f"{vote!r:.60} is none of {', '.join(VOTES)}.")
    return (PREFER if vote in SIDES else vote), VOTES[vote]


def _exported_strength(value: Any, kind: str) -> float | None:
    if value is None or value == -1 or kind != PREFER:
        return None
    if isinstance(value, bool) or value not in (0, 1, 2, 3):
        raise Wrong("vote_strength", f"{value!r:.60} is none of -1, 0, 1, 2 and 3.")
    return float(value)


def _refuse_shares(data: Data, kind: str) -> None:
    """One person's answer has no share and no weight: these say what several came to."""
    target = data.get("target")
    sure = {PREFER: 1, TIE: 0.5, BOTH_BAD: 0.5}[kind]
    if target is not None and target != sure:
        problem = f"{target!r:.40} is a share of several votes, and the row names one annotator."
        raise Wrong("target", problem, "Leave it out, or leave the annotator out.")
    if data.get("weight") not in (None, 1):
        problem = "Weighs one person's judgment, whose weight is found from all judgments."
        raise Wrong("weight", problem, "Leave it out, or leave the annotator out.")


def _whole(strength: float | None) -> int | None:
    if strength is None:
        return None
    if strength != int(strength):
        problem = f"{strength:g} is no strength of one person's judgment: 0, 1, 2 or 3."
        raise Wrong("strength", problem, "A mean of several has no single annotator.")
    return int(strength)


def _rationale(data: Data) -> str:
    text = text_in(data.get("rationale", ""), "rationale")
    if len(text) > LONGEST_RATIONALE:
        problem = f"{len(text):,} characters; at most {LONGEST_RATIONALE:,} are kept."
        raise Wrong("rationale", problem)
    return text


def _seconds(data: Data) -> float | None:
    """Exports write 0 where the time is not known."""
    value = data.get("seconds")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong("seconds", f"Must be a number, not {name_of_type(value)}.")
    if not 0 <= value < MOST_SECONDS:
        raise Wrong("seconds", f"{value} is no sensible time for an answer.")
    return float(value) or None


def _moment(data: Data) -> str:
    value = data.get("judged_at")
    if value in (None, ""):
        return ""
    moment = moment_of(value)
    if moment is None:
        problem = f"{value!r:.60} is no time."
        raise Wrong("judged_at", problem, "Write it as 2026-01-31T12:00:00Z.")
    return moment.isoformat()


def moment_of(value: Any) -> datetime | None:
    """A moment as files write it: ISO, or seconds since 1970; UTC where no zone is named. None for
    anything else, and for one that has not come yet."""
    try:
        if isinstance(value, str):
            moment = parse_datetime(value.strip())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value, UTC)
        else:
            return None
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment and moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment and EARLIEST <= moment <= datetime.now(UTC) else None


def _shown_first(data: Data) -> int:
    value = data.get("shown_first", "")
    if value == "":
        return NEITHER
    if value not in SIDES:
        raise Wrong("shown_first", f"{value!r:.60} is neither chosen nor rejected.")
    return SIDES[value]


def _aspects(data: Data) -> dict[str, int]:
    """The better one of the two by aspect: `chosen`, `rejected`, or null for neither."""
    value = data.get("aspects") or {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Wrong("aspects", "Is no JSON object.") from None
    if not isinstance(value, dict):
        raise Wrong("aspects", f"Must be an object, not {name_of_type(value)}.")
    if len(value) > MOST_ASPECTS:
        raise Wrong("aspects", f"{len(value):,} aspects; at most {MOST_ASPECTS} are kept.")
    aspects = {}
    for name, better in value.items():
        if better is not None and better not in SIDES:
            problem = f"{better!r:.60} is neither chosen nor rejected."
            raise Wrong(f"aspects.{name:.40}", problem, "Write null for neither.")
        aspects[tag_in(name, "aspects")] = SIDES[better] if better else NEITHER
    return aspects
