"""What happens next in a project's loop, decided from rows alone.

`next_step` reads and says; `advance` does it, and again, until there is nothing left to do now.
A round is one turn: sampling → labeling → training (with the gate) → finished. Every change is a
compare-and-set or a row that a constraint allows once, so any number of workers may advance the
same project at the same moment.
"""

import hashlib
import json
import logging
from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from config.nudges import nudge
from labeling.audit import write_entry
from labeling.models import Project, User
from labeling.snapshots import take_snapshot
from modeling import drift, gates, registry
from modeling.models import Round, Run
from modeling.runs import code_version
from modeling.situation import NextStep, Situation, StepKind, decide, open_comparisons
from modeling.training_options import training_options

log = logging.getLogger(__name__)

MOST_STEPS_AT_ONCE = 10
QUEUEING = (StepKind.SAMPLE, StepKind.RANK, StepKind.TRAIN)

__all__ = ["CannotStart", "NextStep", "StepKind", "advance", "next_step"]


class CannotStart(ValueError):
    """The run cannot be started now. The message is a sentence for people."""


def next_step(project: Project) -> NextStep:
    """What happens next, when, and what a person has to do for it."""
    return decide(Situation(project))


def advance(project: Project, now: datetime | None = None) -> list[Run]:
    """Does what is due now; gives the runs that this call has queued. Doing it again, or twice at
    once, changes nothing."""
    now = now or timezone.now()
    queued: list[Run] = []
    drift.note_foretold(project, Situation(project).reward_model)
    for _ in range(MOST_STEPS_AT_ONCE):
        situation = Situation(project)
        step = decide(situation)
        if not step.is_due:
            break
        run = _do(step, situation, now)
        if run is not None:
            queued.append(run)
        elif step.kind in QUEUEING:
            break  # another worker has queued it, or these very inputs were run before
    return queued


def advance_all(now: datetime) -> list[Run]:
    """Every project; trouble in one is logged and does not hold up the others."""
    queued: list[Run] = []
    for project in Project.objects.order_by("pk"):
        try:
            queued += advance(project, now)
        except Exception:
            log.exception("project %s could not be advanced", project.slug)
    return queued


def _do(step: NextStep, situation: Situation, now: datetime) -> Run | None:
    match step.kind:
        case StepKind.GATE:
            gates.apply(situation.candidate)
        case StepKind.OPEN_ROUND:
            _open_round(situation, now)
        case StepKind.START_LABELING:
            _move(situation.round, Round.State.LABELING)
        case StepKind.CLOSE_ROUND:
            _close_round(situation, now)
        case StepKind.SAMPLE:
            return _queue_sampling(situation)
        case StepKind.RANK:
            return _queue_ranking(situation)
        case StepKind.TRAIN:
            return _queue_training(situation)
    return None


def _open_round(situation: Situation, now: datetime) -> None:
    project = situation.project
    last = Round.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0
    try:
        with transaction.atomic():
            Round.objects.create(
                project=project, number=last + 1, policy=situation.policy, started_at=now
            )
    except IntegrityError:
        pass  # another worker has just opened it: round_one_open_per_project


def _move(round_: Round | None, state: str, **values: Any) -> bool:
    """To another state, by compare-and-set: False when another worker was faster."""
    assert round_ is not None
    return bool(
        Round.objects.filter(pk=round_.pk, state=round_.state).update(state=state, **values)
    )


def _close_round(situation: Situation, now: datetime) -> None:
    training = situation.training_of_round
    succeeded = training is not None and training.state == Run.State.SUCCEEDED
    reward_model = getattr(training, "reward_model", None) if succeeded else None
    state = Round.State.FINISHED if succeeded else Round.State.FAILED
    _move(situation.round, state, reward_model=reward_model, finished_at=now)


def _queue_training(situation: Situation, by: User | None = None) -> Run | None:
    project = situation.project
    snapshot = take_snapshot(project)
    config = {"base_model": situation.base_model} | training_options(project)
    digest = digest_of("train_reward", snapshot.sha256, config)
    with transaction.atomic():
        # A worker that decided long ago finds the round elsewhere by now, and queues nothing.
        if not _move(situation.round, Round.State.TRAINING):
            return None
        run = _queue(
            situation,
            Run.Kind.TRAIN_REWARD,
            digest,
            config | {"seed": seed_of(digest)} | incumbent_of(situation),
            by,
            snapshot=snapshot,
            policy=situation.policy,
        )
        if run is None:
            transaction.set_rollback(True)
        return run


def incumbent_of(situation: Situation) -> dict[str, int]:
    """The model in service also says what it thinks of the new preferences, for the gate. It is no
    part of the digest: the same preferences make the same model, whoever is in service."""
    return {"incumbent": situation.reward_model.pk} if situation.reward_model else {}


def shadow_of(situation: Situation) -> dict[str, int]:
    """Its predecessor reads what the model in service reads, for a while. No part of the digest
    either: it changes nothing of what is sampled or queued."""
    shadow = registry.shadow_of(situation.project)
    return {"shadow": shadow.pk} if shadow and situation.reward_model else {}


def _queue_sampling(situation: Situation, by: User | None = None) -> Run | None:
    project, policy = situation.project, situation.policy
    assert policy is not None
    room = max(project.queue_target - open_comparisons(project), 0)
    sample = {
        "policy": policy.location,
        "n": project.samples_per_prompt,
        "temperature": project.temperature,
        "top_p": project.top_p,
        "max_new_tokens": project.max_new_tokens,
    }
    config: dict[str, Any] = {
        # By hand a full queue is no reason to sample nothing.
        "prompts": min(project.sample_prompts, room) if by is None else project.sample_prompts,
        "reward_model": situation.reward_model.pk if situation.reward_model else None,
    }
    digest = digest_of("sample", situation.sampling_runs, policy.pk, config["reward_model"])
    config["sample"] = sample | {"seed": seed_of(digest)}
    config |= shadow_of(situation)
    return _queue(situation, Run.Kind.SAMPLE, digest, config, by, policy=policy)


def _queue_ranking(situation: Situation) -> Run | None:
    assert situation.round is not None
    assert situation.reward_model is not None
    config = {"reward_model": situation.reward_model.pk}
    digest = digest_of("score", situation.round.number, config)
    return _queue(situation, Run.Kind.SCORE, digest, config | shadow_of(situation), None)


def _queue(
    situation: Situation,
    kind: str,
    digest: str,
    config: dict[str, Any],
    by: User | None,
    **values: Any,
) -> Run | None:
    """A new run, or None when these inputs were run already or one of its kind is active: two
    workers that decide the same get one run between them."""
    try:
        with transaction.atomic():
            run = Run.objects.create(
                project=situation.project,
                round=situation.round,
                kind=kind,
                input_digest=digest,
                config=config,
                seed=seed_of(digest),
                code_version=code_version(),
                created_by=by,
                **values,
            )
            if by is not None:
                write_entry(situation.project, by, "run started", run, kind=kind)
            transaction.on_commit(partial(nudge, "modeling.tasks.execute", run.pk))
    except IntegrityError:
        return None
    return run


def digest_of(*inputs: object) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def seed_of(digest: str) -> int:
    return int(digest[:8], 16) % 2**31


def start_training_now(project: Project, by: User) -> Run:
    """Trains on what there is, without waiting for more preferences."""
    situation = _ready_to_start(project, Run.Kind.TRAIN_REWARD)
    if not situation.base_model:
        raise CannotStart("Set a base model in the settings, or register a policy, first.")
    try:
        registry.check_model(situation.base_model)
    except registry.NotUsable as problem:
        raise CannotStart(f"The base model cannot be used. {problem}") from problem
    if not situation.usable_preferences:
        raise CannotStart("There are no preferences to train on yet.")
    run = _queue_training(situation, by)
    if run is None:
        raise CannotStart("A model was trained on exactly these preferences already.")
    return run


def start_sampling_now(project: Project, by: User) -> Run:
    """Samples new pairs from the current policy, even if the queue is full."""
    situation = _ready_to_start(project, Run.Kind.SAMPLE)
    if situation.policy is None:
        raise CannotStart("Register a policy first: it writes the responses.")
    if not situation.has_prompts:
        raise CannotStart("Import prompts first: there is nothing to respond to.")
    run = _queue_sampling(situation, by)
    if run is None:
        raise CannotStart("Sampling has just been started.")
    return run


def _ready_to_start(project: Project, kind: str) -> Situation:
    registry.loop_of(project)
    _open_round(Situation(project), timezone.now())
    situation = Situation(project)
    if any(run.kind == kind for run in situation.active_runs):
        raise CannotStart("Such a run is under way already.")
    return situation
