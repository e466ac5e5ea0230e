"""Judgments become settled preferences, the (prompt, chosen, rejected) triples.

Which response was on which side is forgotten in labeling/judging/recording.py; which of two
responses was chosen is decided here, once, for every pair of a comparison.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from labeling.material.adding import responses_key
from labeling.models import Comparison, FormerMember, Judgment, Membership, Preference, Project
from labeling.webhooks import events

Kind = Preference.Kind
Provenance = Preference.Provenance

# Weights are fractions: sums of the same ones in another order may differ in their last digits.
EVEN = 1e-9
# What a reward model learns from.
USABLE = (Preference.Kind.PREFER, Preference.Kind.TIE)
# All that follows from judgments. The split and a curator's exclusion stay what they were.
REWRITTEN = [
    "chosen", "rejected", "kind", "target", "strength", "weight", "vote_share", "votes_chosen",
    "votes_rejected", "votes_tie", "votes_both_bad", "provenance", "arm", "settled_at",
]  # fmt: skip


@dataclass(frozen=True)
class Vote:
    """What one judgment says about a pair: +1 first, −1 second, 0 a tie, None both bad."""

    direction: int | None
    strength: int | None
    weight: float


@dataclass(frozen=True)
class Settlement:
    """What the votes on a pair come to. `direction` is +1 when the first response is chosen,
    −1 when the second is, 0 when there is no direction."""

    kind: str
    direction: int
    target: float
    strength: float | None
    weight: float
    vote_share: float
    votes_first: int
    votes_second: int
    votes_tie: int
    votes_both_bad: int
    provenance: str


def settled(project: Project, since: datetime | None = None) -> QuerySet[Preference]:
    """The preferences that count: settled, after `since` if that is given, and not excluded."""
    rows = Preference.objects.filter(project=project, settled_at__isnull=False, excluded=False)
    return rows.filter(settled_at__gt=since) if since is not None else rows


def settle(comparison: Comparison, judgments: Sequence[Judgment] | None = None) -> list[Preference]:
    """Writes the comparison's preferences once it has all its judgments; before that, none.

    The caller holds the comparison's lock, and has seen that nobody is judging it at the moment
    (labeling/preferences/slots.py). `judgments` saves reading them when they are at hand; each then
    carries its labeler's `reliability`.
    """
    judgments = counted_judgments(comparison) if judgments is None else judgments
    if len(judgments) < comparison.wanted:
        return []
    now = timezone.now()
    preferences = draw_up(comparison, judgments, now)
    store_preferences(preferences)
    comparison.state, comparison.finished_at = Comparison.State.FINISHED, now
    Comparison.objects.filter(pk=comparison.pk).update(
        state=comparison.state,
        finished_at=now,
        slots_left=0,
        wanted=comparison.wanted,
        planned=comparison.planned,
    )
    events.preferences_settled(comparison.project, preferences)
    return preferences


def draw_up(
    comparison: Comparison, judgments: Sequence[Judgment], now: datetime
) -> list[Preference]:
    """Makes the comparison's preferences out of these judgments, without storing them."""
    response_ids = sorted(response_id for tier in judgments[0].tiers for response_id in tier)
    return [
        _preference(comparison, pair, [vote_on(pair, judgment) for judgment in judgments], now)
        for pair in combinations(response_ids, 2)
    ]


def store_preferences(preferences: Sequence[Preference]) -> None:
    """Inserts the preferences, or writes them over those settled before. A curator's exclusion
    stays."""
    Preference.objects.bulk_create(
        preferences,
        update_conflicts=True,
        unique_fields=["comparison", "pair_key"],
        update_fields=REWRITTEN,
    )


def unsettle(comparison: Comparison) -> None:
    """Takes the comparison's preferences out of use until its judgments are complete again."""
    Preference.objects.filter(comparison=comparison).update(settled_at=None)
    if comparison.state == Comparison.State.FINISHED:
        comparison.state, comparison.finished_at = Comparison.State.OPEN, None
        comparison.save(update_fields=["state", "finished_at"])


def counted_judgments(comparison: Comparison) -> list[Judgment]:
    """The current answers that fill the comparison's slots, with their labelers' reliability."""
    return list(counted(comparison.project_id).filter(comparison=comparison))


def counted(project_id: int) -> QuerySet[Judgment]:
    """The answers of a project that preferences are made of. Each has its labeler's `reliability`:
    of now, or of when they left."""
    by_labeler = {"project_id": project_id, "user_id": OuterRef("labeler_id")}
    now, before = (
        Subquery(people.objects.filter(**by_labeler).values("reliability")[:1])
        for people in (Membership, FormerMember)
    )
    return (
        Judgment.objects.filter(
            project_id=project_id,
            superseded_at__isnull=True,
            is_surplus=False,
            excluded_at__isnull=True,
            kind__in=Judgment.ANSWERS,
        )
        .annotate(reliability=Coalesce(now, before, 1.0))  # type: ignore[no-redef]
        .order_by("id")
    )


def vote_on(pair: tuple[int, int], judgment: Judgment) -> Vote:
    """What a judgment, which may rank many responses, says about these two."""
    weight = judgment.reliability
    if judgment.kind == Judgment.Kind.BOTH_BAD:
        return Vote(None, None, weight)
    tier_of = {
        response_id: place for place, tier in enumerate(judgment.tiers) for response_id in tier
    }
    first, second = tier_of[pair[0]], tier_of[pair[1]]
    direction = (second > first) - (second < first)
    return Vote(direction, judgment.strength if direction else None, weight)


def weigh(votes: Sequence[Vote]) -> Settlement:
    """Settles one pair by the weighted majority of its votes.

    Both-bad votes have no direction and count half for each response in `target`. When neither
    response has more weight, the pair is a tie (contested, if the votes contradict each other),
    or both-bad where most of the weight says so.
    """
    total = sum(vote.weight for vote in votes)
    balance = sum(vote.weight * (vote.direction or 0) for vote in votes)
    bad = sum(vote.weight for vote in votes if vote.direction is None)
    share_first = sum(vote.weight * (1 + (vote.direction or 0)) / 2 for vote in votes) / total
    counts = {
        value: sum(1 for vote in votes if vote.direction == value) for value in (1, -1, 0, None)
    }
    if bad * 2 > total + EVEN:
        kind, direction, agreeing = Kind.BOTH_BAD, 0, counts[None]
    elif abs(balance) < EVEN:
        kind, direction, agreeing = Kind.TIE, 0, counts[0]
    else:
        direction = 1 if balance > 0 else -1
        kind, agreeing = Kind.PREFER, counts[direction]
    strengths = [
        (vote.direction or 0) * vote.strength if vote.strength else 0
        for vote in votes
        if vote.strength is not None or vote.direction == 0
    ]
    graded = any(vote.strength is not None for vote in votes)
    return Settlement(
        kind=kind,
        direction=direction,
        target=share_first if direction >= 0 else 1 - share_first,
        strength=abs(sum(strengths) / len(strengths)) if graded and direction else None,
        weight=min(1.0, total / len(votes)),
        vote_share=agreeing / len(votes),
        votes_first=counts[1],
        votes_second=counts[-1],
        votes_tie=counts[0],
        votes_both_bad=counts[None],
        provenance=_provenance(direction, kind, agreeing, len(votes)),
    )


def _provenance(direction: int, kind: str, agreeing: int, count: int) -> str:
    if agreeing == count:
        return Provenance.UNANIMOUS
    return Provenance.WEIGHTED if direction or kind == Kind.BOTH_BAD else Provenance.CONTESTED


def _preference(
    comparison: Comparison, pair: tuple[int, int], votes: Sequence[Vote], now: datetime
) -> Preference:
    verdict = weigh(votes)
    first_chosen = verdict.direction >= 0
    return Preference(
        project_id=comparison.project_id,
        comparison=comparison,
        prompt_id=comparison.prompt_id,
        chosen_id=pair[0] if first_chosen else pair[1],
        rejected_id=pair[1] if first_chosen else pair[0],
        pair_key=responses_key(pair),
        kind=verdict.kind,
        target=verdict.target,
        strength=verdict.strength,
        weight=verdict.weight,
        vote_share=verdict.vote_share,
        votes_chosen=verdict.votes_first if first_chosen else verdict.votes_second,
        votes_rejected=verdict.votes_second if first_chosen else verdict.votes_first,
        votes_tie=verdict.votes_tie,
        votes_both_bad=verdict.votes_both_bad,
        provenance=verdict.provenance,
        split=comparison.prompt.split,
        arm=comparison.arm,
        round_number=comparison.round_number,
        settled_at=now,
    )
