"""The blind comparison of a round's new policy with the one in service.

Both answer the same prompts; pairs of their responses join the labeling queue among all others,
ahead of them, and nothing that a labeler's page reads says that they are special. Which response
is whose is in `BlindPair` alone. The test itself is in comparing.py.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import repeat

from django.db.models import Count, Q
from django.utils import timezone

from labeling.material.adding import add_pairs, responses_key
from labeling.models import (
    Assignment,
    Comparison,
    Membership,
    Preference,
    Project,
    Prompt,
    Response,
    Role,
)
from labeling.models.material import Split
from labeling.models.people import Qualification
from labeling.preferences import counts
from modeling.models import BlindPair, Round
from modeling.policies.comparing import Outcome, Verdict, WinRate, judge

# Above the entropy of any other comparison (at most ln 2), so that the answer comes soon.
PRIORITY = 1.0
PRIORITY_AFTERWARDS = 0.0
# More prompts are sampled than are compared: some get the same response from both.
PROMPTS_PER_PAIR = 1.3
BATCH = 500
# Whoever has taken no comparison for so long is not waited for.
LABELED_LATELY = timedelta(days=7)


@dataclass(frozen=True)
class BlindStanding:
    """How a blind comparison stands. `pairs` were queued, `judged` of them are settled and count,
    `still_open` can still be judged by one of those who label."""

    pairs: int
    judged: int
    still_open: int
    outcome: Outcome

    @property
    def win_rate(self) -> WinRate | None:
        return self.outcome.win_rate

    @property
    def in_words(self) -> str:
        """What people said, and what follows, as the reason of the round's end."""
        if not self.pairs:
            return "The two policies wrote the same responses: there was nothing to compare."
        rate = self.win_rate
        if rate is None:
            return "None of the blind comparisons was judged."
        sentence = (
            f"The new policy's response won {rate.value:.0%} of {rate.n} blind comparisons "
            f"[{rate.low:.0%}, {rate.high:.0%}]"
        )
        match self.outcome.verdict:
            case Verdict.BETTER:
                return f"{sentence}: better."
            case Verdict.WORSE:
                return f"{sentence}: worse."
        return f"{sentence}: not enough to tell which is better, so the current policy stays."


def standing(round_: Round) -> BlindStanding:
    """The comparison as it is now, from the settled preferences."""
    pairs = BlindPair.objects.filter(round=round_)
    states = pairs.values_list("comparison__state").annotate(Count("pk")).order_by()
    count = dict(states)
    points = points_of(round_)
    outcome = judge(points, cap=max(1, sum(count.values())))
    still_open = count.get(Comparison.State.OPEN, 0)
    still_open -= _out_of_reach(round_) if still_open else 0
    if count and not still_open and outcome.verdict == Verdict.OPEN:
        outcome = replace(outcome, verdict=Verdict.UNDECIDED, decided_at=len(points))
    return BlindStanding(sum(count.values()), len(points), still_open, outcome)


def _out_of_reach(round_: Round) -> int:
    """How many open pairs wait for a judgment that nobody is left to give: everybody who labels has
    had them, as when the only labeler has skipped one. 0 while nobody labels at all."""
    labelers = _labelers(round_.project)
    if not labelers:
        return 0
    State = Assignment.State
    has_had_it = Q(assignments__labeler__in=labelers) & ~Q(
        assignments__state__in=(State.EXPIRED, State.RELEASED)
    )
    waiting = Comparison.objects.filter(
        blind_pair__round=round_, state=Comparison.State.OPEN, slots_left__gt=0
    )
    had = Count("assignments__labeler", filter=has_had_it, distinct=True)
    return waiting.annotate(had=had).filter(had__gte=len(labelers)).count()


def _labelers(project: Project) -> list[int]:
    """Members who have labeled lately and get work: neither paused, excluded, nor still in the
    first round."""
    lately = Assignment.objects.filter(
        project=project, leased_at__gte=timezone.now() - LABELED_LATELY
    )
    members = Membership.objects.filter(
        project=project,
        is_paused=False,
        excluded_at__isnull=True,
        user__in=lately.values("labeler"),
    )
    if project.qualification_items:
        members = members.exclude(role=Role.LABELER, qualification=Qualification.OPEN)
    return list(members.values_list("user_id", flat=True))


def points_of(round_: Round) -> list[float]:
    """1 for the new policy's response, 0 for the current one's, in the order they were settled.

    A comparison that a curator has excluded, or whose judgment was undone, does not count."""
    settled = Preference.objects.filter(
        comparison__blind_pair__round=round_, settled_at__isnull=False, excluded=False
    )
    rows = settled.order_by("settled_at", "pk").values_list(
        "target", "chosen_id", "comparison__blind_pair__candidate_response_id"
    )
    return [target if chosen == candidate else 1.0 - target for target, chosen, candidate in rows]


def choose_prompts(project: Project, pairs: int, seed: int, trained_on: set[int]) -> list[int]:
    """Enough prompts for `pairs` pairs: those held out from training first, then others that the
    new policy was not trained on, then the rest. Within each, those least often compared come
    first, then chance decides."""
    prompts = list(
        Prompt.objects.filter(project=project)
        .annotate(compared=Count("comparisons__blind_pair"))
        .order_by("pk")
        .values_list("pk", "split", "compared")
    )
    random.Random(seed).shuffle(prompts)
    prompts.sort(key=lambda row: (row[0] in trained_on, row[1] == Split.TRAIN, row[2]))
    return [pk for pk, _, _ in prompts[: round(pairs * PROMPTS_PER_PAIR)]]


def queue_pairs(
    round_: Round,
    current: Mapping[int, Sequence[str]],
    candidate: Mapping[int, Sequence[str]],
    most: int,
) -> dict[str, int]:
    """Queues a comparison for each prompt to which the two wrote different responses that have
    not been compared yet, `most` at most; says how many, and how many prompts got the same.

    The arguments are digests of responses by prompt; the responses are stored already. Call in a
    transaction."""
    chosen: list[tuple[int, int, int]] = []
    ids = _ids_by_digest([*current])
    taken = set(
        Comparison.objects.filter(prompt__in=[*current]).values_list("prompt_id", "responses_key")
    )
    identical = 0
    for prompt_id, digests in current.items():
        ours = [ids[prompt_id, digest] for digest in digests]
        theirs = [ids[prompt_id, digest] for digest in candidate.get(prompt_id, ())]
        pairs = list(zip(theirs, ours, strict=False))
        different = [(new, old) for new, old in pairs if new != old]
        identical += bool(pairs) and not different
        free = [p for p in different if (prompt_id, responses_key(p)) not in taken]
        if free and len(chosen) < most:
            chosen.append((prompt_id, *free[0]))
    _add(round_, chosen)
    return {"comparisons": len(chosen), "prompts": len(current), "identical": identical}


def _ids_by_digest(prompt_ids: Sequence[int]) -> dict[tuple[int, str], int]:
    rows = Response.objects.filter(prompt__in=prompt_ids).values_list("prompt_id", "digest", "pk")
    return {(prompt_id, digest): pk for prompt_id, digest, pk in rows}


def _add(round_: Round, chosen: Sequence[tuple[int, int, int]]) -> None:
    # Which stands first is drawn where it is written: a place must not tell whose response it is.
    pairs = {prompt_id: pair for prompt_id, *pair in chosen}
    ids = add_pairs(round_.project, pairs, repeat(PRIORITY), round_.number)
    BlindPair.objects.bulk_create(
        (
            BlindPair(
                round=round_,
                comparison_id=ids[prompt_id],
                candidate_response_id=new,
                current_response_id=old,
            )
            for prompt_id, new, old in chosen
        ),
        BATCH,
    )


def release(round_: Round) -> int:
    """Pairs that nobody has seen when the comparison is over wait behind all others from now on:
    they still teach the reward model. Gives their number. Call in a transaction."""
    fresh = counts.fresh(round_.project).filter(blind_pair__round=round_)
    left = fresh.select_for_update(of=("self",), no_key=True)
    # Locked in the order of ids, as everywhere: in another one, two could wait for each other.
    ids = list(left.order_by("pk").values_list("pk", flat=True))
    return Comparison.objects.filter(pk__in=ids).update(priority=PRIORITY_AFTERWARDS)
