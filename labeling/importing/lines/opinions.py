"""What a triple says beyond its texts: which is better, how much, how surely; and what of that
contradicts itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from labeling.importing.lines.message_fields import text_in
from labeling.importing.lines.named_votes import ANNOTATOR, NamedVote, named_vote_in
from labeling.importing.lines.reading import name_of_type
from labeling.importing.reports import Wrong
from labeling.models import Preference
from labeling.models.material import MAX_REASON, Split

Data: TypeAlias = Mapping[str, Any]
Tell: TypeAlias = Callable[[str], None]
VoteCounts: TypeAlias = tuple[int, int, int, int]  # for chosen, for rejected, ties, both bad

NO_VOTES: VoteCounts = (0, 0, 0, 0)
MOST_VOTES = 2**15 - 1  # what the columns hold
# Asking an enumeration for its values takes longer than all the rest of a row.
KINDS = tuple(Preference.Kind.values)
SPLITS = frozenset(Split.values)
PREFER, TIE = str(Preference.Kind.PREFER), str(Preference.Kind.TIE)
PROVENANCES = frozenset(Preference.Provenance.values)
VOTES = ("votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad")
# Ratings of the two, under the names that public data sets give them.
SCORES = (
    ("score_chosen", "score_rejected"),
    ("chosen_score", "rejected_score"),
    ("chosen_rating", "rejected_rating"),
    ("chosen-rating", "rejected-rating"),
)
FIELDS = frozenset({"kind", "strength", "weight", "target", "excluded", "excluded_reason"}).union(
    *SCORES
)
# Columns that an export writes beside the fields of a triple, and `agreement`, as earlier ones
# called the vote share. On other lines they are fields like any other.
EXPORTED = frozenset(
    {
        "id", "vote_share", "agreement", "judgments", "split", "provenance", "arm", "round",
        "settled_at", "fingerprint", "ids", "votes", *VOTES,
    }
)  # fmt: skip
EXCLUDED = "Was excluded in the export that it came with."
# As far as a sum of rounded weights is from a half.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a triple says beyond its two responses."""

    kind: str = Preference.Kind.PREFER
    strength: float | None = None
    weight: float = 1.0
    target: float = 1.0
    vote_share: float | None = None
    votes: VoteCounts = NO_VOTES
    split: str = ""
    excluded_reason: str = ""  # empty: not excluded
    is_settled: bool = False  # a line of an export: what people's votes came to, not a vote
    is_counted: bool = False  # a vote that an earlier row of the file carries already
    # What named people said: the row's own, and in a pair's first row all of the file's.
    said: tuple[NamedVote, ...] = ()
    is_gathered: bool = False  # the row's own stands in an earlier row
    said_before: tuple[NamedVote, ...] = ()  # earlier answers of the same people, in order
    is_unnamed: bool = False  # a vote that names nobody, of a pair that named people judged


def is_line_of_export(data: Data) -> bool:
    """Whether our own export wrote this line: nothing else has both `provenance` and
    `settled_at`."""
    provenance = data.get("provenance")
    return "settled_at" in data and isinstance(provenance, str) and provenance in PROVENANCES


def opinion_in(data: Data, tell: Tell) -> Opinion:
    """What the row says; raises Wrong where it contradicts itself. `data` holds no nulls."""
    for pair in SCORES:
        if any(name in data for name in pair):
            tell(f"{' and '.join(pair)} read to tell ties, kept as metadata of the responses")
    target = _number(data, "target", 0.0, 1.0)
    kind = _kind(data, target, tell)
    if target is None:
        target = 1.0 if kind == PREFER else 0.5
    _refuse_other_target(kind, target)
    weight = _number(data, "weight", 0.0001, 1.0)
    is_settled = is_line_of_export(data)
    votes = _votes(data) if is_settled else NO_VOTES
    strength = _strength(data, kind)
    said = None
    if ANNOTATOR in data:
        said = named_vote_in(data, kind, strength, is_exported=is_settled)
    judgments = sum(votes) or (is_settled and _number(data, "judgments", 0, 1e9))
    split = data.get("split")
    return Opinion(
        kind=kind,
        strength=strength,
        weight=1.0 if weight is None else weight,
        target=target,
        vote_share=_vote_share(data) if judgments else None,
        votes=votes,
        split=split if is_settled and isinstance(split, str) and split in SPLITS else "",
        excluded_reason=_exclusion(data, tell),
        is_settled=is_settled,
        said=(said,) if said else (),
    )


def _vote_share(data: Data) -> float | None:
    """The share of votes that say what was settled. Older exports called it `agreement`."""
    return _number(data, "vote_share" if "vote_share" in data else "agreement", 0.0, 1.0)


def _kind(data: Data, target: float | None, tell: Tell) -> str:
    kind = data.get("kind", "")
    if kind in KINDS:
        return str(kind)
    if kind != "":
        known = ", ".join(KINDS)
        raise Wrong("kind", f"{kind!r:.60} is no known kind.", f"Use {known}.")
    if target == 0.5:
        tell("targets of 0.5, taken as ties")
        return TIE
    for chosen, rejected in SCORES:
        scores = _score(data, chosen), _score(data, rejected)
        if None in scores:
            continue
        if scores[0] == scores[1] and target is None:
            tell(f"equal {chosen} and {rejected}, taken as ties")
            return TIE
        if scores[0] < scores[1]:  # type: ignore[operator]
            tell(f"{rejected} above {chosen}, taken as chosen and rejected say")
    return PREFER


def _score(data: Data, key: str) -> float | None:
    value = data.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]


def _refuse_other_target(kind: str, target: float) -> None:
    """Raises Wrong where the target, the share of votes for chosen, contradicts the kind."""
    if kind == PREFER and target <= 0.5:
        says = "that rejected is better" if target < 0.5 else "that neither is better"
        advice = (
            f"Swap chosen and rejected and write {1 - target:g}, or leave the target out."
            if target < 0.5
            else 'Write kind "tie", or leave the target out.'
        )
        raise Wrong("target", f"{target:g} says {says}, and kind prefer that chosen is.", advice)
    if kind == TIE and abs(target - 0.5) > ROUNDING:
        advice = "Leave the target out: that of a tie is 0.5."
        raise Wrong("target", f"{target:g} says that one is better, and kind tie not.", advice)
    if kind not in (PREFER, TIE) and not 0.25 - ROUNDING <= target <= 0.75 + ROUNDING:
        advice = "Leave the target out, or write kind prefer."
        raise Wrong("target", f"{target:g} says that one is good, and kind {kind} not.", advice)


def _strength(data: Data, kind: str) -> float | None:
    """How much better chosen is, 0 to 3; None where nobody was asked, which exports write as 0."""
    value = data.get("strength")
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        problem = f"{value:g} is negative, which says that rejected is the better one."
        advice = f"Swap chosen and rejected and write {-value:g}: 0 to 3 says how much better."
        raise Wrong("strength", problem, advice)
    strength = _number(data, "strength", 0.0, 3.0) or None
    if strength and kind != PREFER and not is_line_of_export(data):
        problem = f"{strength:g} says that chosen is better, and kind {kind} that it is not."
        raise Wrong("strength", problem, "Leave the strength out, or write kind prefer.")
    return strength


def _votes(data: Data) -> VoteCounts:
    votes = [_number(data, name, 0, MOST_VOTES) or 0 for name in VOTES]
    for name, count in zip(VOTES, votes, strict=True):
        if count != int(count):
            raise Wrong(name, f"{count} is no number of votes.")
    first, second, ties, both_bad = map(int, votes)
    return (first, second, ties, both_bad)


def _exclusion(data: Data, tell: Tell) -> str:
    """Why this preference stays out of training, where it does."""
    excluded = data.get("excluded", False)
    if not isinstance(excluded, bool):
        raise Wrong("excluded", f"Must be true or false, not {name_of_type(excluded)}.")
    reason = text_in(data.get("excluded_reason", ""), "excluded_reason").strip()
    if not excluded:
        return ""
    if len(reason) > MAX_REASON:
        raise Wrong("excluded_reason", f"{len(reason)} characters; at most {MAX_REASON} are kept.")
    tell("marked as excluded, so kept out of training and exports")
    return reason or EXCLUDED


def _number(data: Data, key: str, low: float, high: float) -> float | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(key, f"Must be a number, not {name_of_type(value)}.")
    if not low <= value <= high:
        raise Wrong(key, f"{value} is not between {low:g} and {high:g}.")
    return float(value)
