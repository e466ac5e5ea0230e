"""The queue follows every judgment: the instant head learns, the line gets its new order.

A worker does this, nudged by a judgment; the click itself only reads priorities. A worker keeps
what it knows of a project in memory, so that a judgment costs milliseconds and not a replay.
"""

import logging
import threading
import time
from collections import OrderedDict
from functools import partial

import numpy as np
from django.db.models import Count, Max
from django.utils import timezone

from labeling.models import Comparison, Project
from labeling.preferences.settling import settled
from labeling.queue.priorities import set_priorities
from modeling.models import EarlyPair, Loop, QueueOrder, RewardModel, Run
from modeling.selection.fallback import fall_back_if_useless, order_of_project, strategy_of
from modeling.selection.features import first_vector, forget_features
from modeling.selection.learner import TRIES, Follower, Outdated, follow_anew
from modeling.selection.lift_record import record_lift
from modeling.selection.queue_arrays import load_queue, rankable
from modeling.selection.reasons import summary_of_order
from modeling.selection.strategies import PLACES, order_of, worth_of
from modeling.settings.choices import Selection

log = logging.getLogger(__name__)

MOST_PROJECTS = 8  # whose queues a worker keeps in memory
# The head of the line has priorities above this and below 1, the rest lower ones. Blind
# comparisons have 1 and go first (modeling/policies/blind.py).
HEAD = 0.5

Signature = tuple[object, ...]
# Of this process; every access holds the lock. A follower is taken out while it is at work, so
# that no two threads ever teach the same one, and one that failed halfway is never met again.
_lock = threading.Lock()
_followers: "OrderedDict[int, tuple[Signature, Follower]]" = OrderedDict()
_news: dict[int, Signature] = {}


def follow(project: Project) -> bool:
    """Learns from new judgments and puts the line in order; False when there is nothing new. Safe
    to call any number of times, by any number of threads."""
    for _ in range(TRIES):
        try:
            return _follow_once(project)
        except Outdated as problem:
            log.info("the queue of project %s is read anew: %s", project.slug, problem)
    log.warning("the queue of project %s changed too often to be put in order", project.slug)
    return False


def _follow_once(project: Project) -> bool:
    """Raises Outdated, with nothing written, when what it has read was replaced meanwhile."""
    model = _model_in_service(project)
    if model is None:
        return False
    material = _material(project, model)
    news = (*material, *_judged(model))
    if _is_known(project, news):
        return False
    started = time.perf_counter()
    follower = _take(project, material)
    is_new = follower is None
    if follower is None:
        follower = Follower(model, load_queue(project, model))
    strategy = Selection(str(material[1]))
    follower.catch_up()
    if _model_in_service(project) != model or follower.space.first != first_vector(model):
        raise Outdated("another model is in service, or its features were replaced")
    rank(project, follower, strategy, started)
    record_lift(follower, strategy)
    if is_new:
        forget_features(project, but=model)
    _keep(project, material, news, follower)
    return True


def _model_in_service(project: Project) -> RewardModel | None:
    loop = Loop.objects.filter(project=project).select_related("reward_model__snapshot").first()
    return loop.reward_model if loop else None


def follow_all() -> None:
    """Follows every project that is not paused. Trouble in one is logged and does not hold up the
    others."""
    for project in Project.objects.filter(is_paused=False).order_by("pk"):
        try:
            follow(project)
        except Exception:
            log.exception("the queue of project %s could not be put in order", project.slug)


def rank_queue(project: Project, model: RewardModel) -> int:
    """The whole line anew, once a model has scored it; how many comparisons were ranked."""
    fall_back_if_useless(project, model)
    started = time.perf_counter()
    follower = follow_anew(model, partial(load_queue, project, model))
    rank(project, follower, strategy_of(project), started, everything=True)
    return len(follower.queue.ids)


def _material(project: Project, model: RewardModel) -> Signature:
    """Changes with what a follower is built from: model, strategy, comparisons, scores and
    features."""
    ranked = (Run.Kind.SAMPLE, Run.Kind.SCORE, Run.Kind.COMPARE)
    runs = Run.objects.filter(project=project, kind__in=ranked, state=Run.State.SUCCEEDED)
    # What a sampling has queued before its end has no scores yet, and is no reason to begin anew.
    early = EarlyPair.objects.filter(run__project=project, run__state__in=Run.ACTIVE)
    comparisons = Comparison.objects.filter(project=project).exclude(
        pk__in=early.values("comparison")
    )
    newest = comparisons.aggregate(last=Max("pk"))["last"]
    last_run = runs.order_by("-finished_at").values_list("pk", flat=True).first()
    return (model.pk, strategy_of(project).value, newest, last_run, first_vector(model))


def _judged(model: RewardModel) -> Signature:
    """Changes with every preference that is settled since the training, taken back or changed."""
    rows = settled(model.project, since=model.snapshot.last_settled_at)
    totals = rows.aggregate(count=Count("pk"), last=Max("settled_at"))
    return (totals["count"], totals["last"])


def _is_known(project: Project, news: Signature) -> bool:
    with _lock:
        return _news.get(project.pk) == news


def _take(project: Project, material: Signature) -> Follower | None:
    """Takes the follower of this material out, for the caller alone until `_keep` puts it back.
    None when there is none, or one of other material."""
    with _lock:
        known = _followers.pop(project.pk, None)
    return known[1] if known is not None and known[0] == material else None


def _keep(project: Project, material: Signature, news: Signature, follower: Follower) -> None:
    with _lock:
        _news[project.pk] = news
        _followers[project.pk] = (material, follower)
        _followers.move_to_end(project.pk)
        while len(_followers) > MOST_PROJECTS:
            _followers.popitem(last=False)


def follower_of(project: Project) -> Follower | None:
    """What this process has learnt of the project's queue, to be looked at and not taught."""
    with _lock:
        known = _followers.get(project.pk)
    return known[1] if known is not None else None


def look_again() -> None:
    """Takes every queue for changed; what was learnt of it stays."""
    with _lock:
        _news.clear()


def forget() -> None:
    """Knows nothing of any project, as a worker that has just started."""
    with _lock:
        _news.clear()
        _followers.clear()


def rank(
    project: Project,
    follower: Follower,
    strategy: Selection,
    started: float,
    *,
    everything: bool = False,
) -> None:
    """Writes the priorities of the head of the line, or of everything, and why."""
    queue, beliefs = follower.queue, follower.beliefs()
    waiting = np.fromiter(rankable(project).values_list("pk", flat=True), dtype=np.int64)
    worth = queue.mean(worth_of(strategy, beliefs, np.random.default_rng(follower.model.pk)))
    worth = np.where(np.isin(queue.ids, waiting), worth, -1.0)
    spread = follower.features and strategy != Selection.RANDOM
    order = order_of(worth, queue.prompts, queue.vectors() if spread else None)
    order = order[worth[order] >= 0]
    priorities = plain_priorities(project, follower, worth, everything=everything)
    steps = 1.0 - (1.0 - HEAD) * np.arange(1, PLACES + 1) / (PLACES + 1)
    head = queue.ids[order[:PLACES]].tolist()
    priorities |= dict(zip(head, steps.tolist(), strict=False))
    set_priorities(changed(priorities))
    order_of_project(project)
    QueueOrder.objects.filter(project=project).update(
        reward_model=follower.model,
        strategy=strategy,
        ranked=len(order),
        learnt=len(follower.learnt),
        summary=summary_of_order(queue, beliefs, worth, order),
        milliseconds=1000.0 * (time.perf_counter() - started),
        updated_at=timezone.now(),
    )


def plain_priorities(
    project: Project, follower: Follower, worth: np.ndarray, *, everything: bool
) -> dict[int, float]:
    """What comparisons are worth, below the head of the line: of everything, or of those that are
    in the head now, whoever put them there, and may leave it."""
    ids = follower.queue.ids
    wanted = worth >= 0
    if not everything:
        at_head = rankable(project).filter(priority__gt=HEAD, priority__lt=1.0)
        wanted &= np.isin(ids, list(at_head.values_list("pk", flat=True)))
    return dict(zip(ids[wanted].tolist(), (HEAD * worth[wanted]).tolist(), strict=True))


def changed(priorities: dict[int, float]) -> dict[int, float]:
    """The priorities that differ from what is stored."""
    stored: dict[int, float] = {}
    ids = sorted(priorities)
    for start in range(0, len(ids), 500):
        rows = Comparison.objects.filter(pk__in=ids[start : start + 500])
        stored |= dict(rows.values_list("pk", "priority"))
    return {pk: value for pk, value in priorities.items() if stored.get(pk) != value}
