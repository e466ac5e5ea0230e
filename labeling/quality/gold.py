"""Makes gold: comparisons whose answer is known, to check labelers with.

From what labelers agreed on, with a curator's approval, or by rule from a response and a worse
copy of it (labeling/quality/worse_copies.py). That of a file is in labeling/quality/gold_files.py.
How it is looked through before anybody gets it is in labeling/quality/gold_release.py, how it is
handed out in labeling/queue/handout.py, and what follows from its answers in
labeling/judging/checks.py.
"""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from labeling.database.transactions import retried
from labeling.material.adding import Adding, responses_key
from labeling.models import (
    AuditEntry,
    Comparison,
    Gold,
    Judgment,
    Preference,
    Project,
    Prompt,
    Response,
    User,
)
from labeling.people.audit import new_entry, write_entry
from labeling.quality import worse_copies

MOST_AT_ONCE = 100
# Responses of other prompts to draw off-topic ones from: more would not make better ones.
OTHERS_READ = 200
# Prompts looked at where few responses are fit, in batches: a look must end within a request.
PROMPTS_READ = 20_000
BATCH = 500
RULES = (Gold.Origin.TRUNCATED, Gold.Origin.SHUFFLED, Gold.Origin.OFF_TOPIC)


class CannotMakeGold(ValueError):
    """Nothing was made; the message says why."""


@dataclass(frozen=True)
class WorseCopyPair:
    """A pair made by rule, before it is stored."""

    source: Response
    worse: str
    origin: str


def candidates(project: Project) -> QuerySet[Preference]:
    """Pairs on which at least two labelers agreed without exception, not yet gold, surest first."""
    has_gold = Gold.objects.filter(comparison_id=OuterRef("comparison_id"))
    return (
        Preference.objects.filter(
            project=project,
            kind=Preference.Kind.PREFER,
            provenance=Preference.Provenance.UNANIMOUS,
            excluded=False,
            settled_at__isnull=False,
            votes_chosen__gte=2,
            comparison__size=2,
            comparison__state=Comparison.State.FINISHED,
        )
        .filter(~Exists(has_gold))
        .select_related("prompt", "chosen", "rejected")
        .order_by("-votes_chosen", "id")
    )


@retried
def approve(project: Project, actor: User, preference_ids: Collection[int]) -> int:
    """Makes gold of these unanimous preferences, and releases it: who ticks them has looked at
    them. Returns how many. Those that are no candidates any more are left out."""
    one_at_a_time(project)
    now = timezone.now()
    golds = [
        Gold(
            project=project,
            comparison_id=preference.comparison_id,
            expected=[[preference.chosen_id], [preference.rejected_id]],
            origin=Gold.Origin.UNANIMOUS,
            created_by=actor,
            released_at=now,
            released_by=actor,
        )
        for preference in candidates(project).filter(pk__in=preference_ids)
    ]
    store_golds(project, actor, golds)
    return len(golds)


def one_at_a_time(project: Project) -> None:
    """Locks the project's row. Of two curators who approve the same pairs at the same moment, the
    second then reads what the first has made."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)


@retried
def construct(
    project: Project, actor: User, count: int, *, rules: Sequence[str] = RULES, seed: int = 0
) -> list[Gold]:
    """Makes up to `count` gold comparisons by the rules in turn. They wait for their release.

    The same seed on the same data gives the same pairs. A prompt gets one at most, be it dropped or
    retired since.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise CannotMakeGold(f"Between 1 and {MOST_AT_ONCE} can be made at once.")
    unknown = set(rules) - set(RULES)
    if unknown or not rules:
        raise CannotMakeGold("Choose at least one of: cut off, shuffled, off topic.")
    one_at_a_time(project)
    built = _build(project, count, rules, seed)
    if not built:
        raise CannotMakeGold(
            "No response is fit for it: they are too short, mostly code, or all used already. "
            "Import longer responses, or approve pairs that labelers agreed on."
        )
    golds = [_gold_of(project, actor, pair) for pair in built]
    store_golds(project, actor, golds)
    return golds


def _build(project: Project, count: int, rules: Sequence[str], seed: int) -> list[WorseCopyPair]:
    sources = _sources(project, seed)
    others = list(
        Response.objects.filter(prompt__project=project)
        .exclude(origin=Response.Origin.CHECK)
        .filter(extra={})
        .order_by("pk")
        .values_list("prompt_id", "text")[:OTHERS_READ]
    )
    built: list[WorseCopyPair] = []
    for source in sources:
        if len(built) == count:
            break
        turn = len(built) % len(rules)
        for rule in [*rules[turn:], *rules[:turn]]:
            foreign = [text for prompt_id, text in others if prompt_id != source.prompt_id]
            worse = _corrupted(source.text, rule, foreign, seed + source.pk)
            if worse is not None:
                built.append(WorseCopyPair(source, worse, rule))
                break
    return built


def _sources(project: Project, seed: int) -> Iterator[Response]:
    """Yields one response to make a worse copy of for each prompt without constructed gold; one
    that people chose, if there is one."""
    used = Gold.objects.filter(project=project).exclude(origin=Gold.Origin.UNANIMOUS)
    free = Prompt.objects.filter(project=project).exclude(
        pk__in=used.values("comparison__prompt_id")
    )
    prompt_ids = list(free.order_by("pk").values_list("pk", flat=True))
    random.Random(seed).shuffle(prompt_ids)
    for start in range(0, min(len(prompt_ids), PROMPTS_READ), BATCH):
        yield from _best_of(prompt_ids[start : start + BATCH])


def _best_of(prompt_ids: list[int]) -> list[Response]:
    """For each prompt, in this order, a response that people chose, else its first."""
    chosen = Preference.objects.filter(
        chosen_id=OuterRef("pk"), kind=Preference.Kind.PREFER, settled_at__isnull=False
    )
    responses = (
        # A worse copy is made of a text: a tool call would be lost, and the copy known by it.
        Response.objects.filter(prompt_id__in=prompt_ids, finished=True, extra={})
        .exclude(origin=Response.Origin.CHECK)
        .annotate(was_chosen=Exists(chosen))
        .select_related("prompt")
        .order_by("-was_chosen", "pk")
    )
    best: dict[int, Response] = {}
    for response in responses:
        best.setdefault(response.prompt_id, response)
    return [best[prompt_id] for prompt_id in prompt_ids if prompt_id in best]


def _corrupted(text: str, rule: str, foreign: list[str], seed: int) -> str | None:
    if rule == Gold.Origin.TRUNCATED:
        return worse_copies.truncated(text, seed)
    if rule == Gold.Origin.SHUFFLED:
        return worse_copies.shuffled(text, seed)
    return worse_copies.off_topic(text, foreign, seed)


def _gold_of(project: Project, actor: User, pair: WorseCopyPair) -> Gold:
    """Stores the pair as a comparison that is nobody's work."""
    worse = Adding(project).add_response(
        pair.source.prompt, pair.worse, origin=Response.Origin.CHECK
    )
    comparison = check_of(project, pair.source.prompt, (pair.source, worse))
    expected = [[pair.source.pk], [worse.pk]]
    return Gold(
        project=project,
        comparison=comparison,
        expected=expected,
        origin=pair.origin,
        created_by=actor,
    )


def check_of(project: Project, prompt: Prompt, responses: Sequence[Response]) -> Comparison:
    """Finds or makes the comparison of these responses. A new one is a check, and nobody's work."""
    ids = [response.pk for response in responses]
    name = (prompt.pk, responses_key(ids))
    is_check = {"state": Comparison.State.CHECK, "wanted": 0, "slots_left": 0}
    added = Adding(project).add_comparisons({name: ids}, is_check)
    return Comparison.objects.get(pk=added.ids[name])


def store_golds(project: Project, actor: User | None, golds: list[Gold], **details: str) -> None:
    Gold.objects.bulk_create(golds)
    AuditEntry.objects.bulk_create(
        new_entry(project, actor, "make gold", gold, origin=str(gold.origin), **details)
        for gold in golds
    )


def retire(gold: Gold, actor: User, reason: str = "") -> bool:
    """Stops handing out this gold; its answers so far stay. False when it was retired already."""
    with transaction.atomic():
        in_use = Gold.objects.filter(released_at__isnull=False, retired_at__isnull=True)
        changed = in_use.filter(pk=gold.pk).update(retired_at=timezone.now())
        if changed:
            write_entry(gold.project, actor, "retire gold", gold, reason=reason)
    return bool(changed)


def golds_of(project: Project) -> QuerySet[Gold]:
    """Gold in use, newest first. `answered` and `right` count its answers: gold that most get wrong
    is itself in doubt."""
    standing = Q(
        comparison__judgments__purpose=Judgment.Purpose.GOLD,
        comparison__judgments__superseded_at__isnull=True,
        comparison__judgments__is_right__isnull=False,
    )
    right = standing & Q(comparison__judgments__is_right=True)
    return (
        Gold.objects.filter(project=project, released_at__isnull=False, retired_at__isnull=True)
        .select_related("comparison__prompt")
        .annotate(
            answered=Count("comparison__judgments", filter=standing),
            right=Count("comparison__judgments", filter=right),
        )
        .order_by("-id")
    )
