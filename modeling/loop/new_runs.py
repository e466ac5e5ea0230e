"""Runs as rows: what each kind is asked to do, and that no input is run twice.

A run is named by a digest of what its result depends on; two workers that decide the same get one
run between them.
"""

import hashlib
import json
from dataclasses import replace
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from config.nudges import nudge
from labeling.models import Project, User
from labeling.people.audit import write_entry
from labeling.preferences.snapshots import take_snapshot
from modeling.loop.round_states import move
from modeling.loop.situation import Situation, open_comparisons
from modeling.models import RewardModel, Round, Run
from modeling.policies import improving
from modeling.reward_models import service
from modeling.reward_models.training_options import training_options
from modeling.run_data.asked import (
    ComparisonAsked,
    ImprovementAsked,
    RankingAsked,
    SampleAsked,
    SamplingAsked,
    TrainingAsked,
)
from modeling.run_data.result import Stored
from modeling.runs.lifecycle import code_version
from modeling.settings.choices import Improvement


def training(situation: Situation, by: User | None = None) -> Run | None:
    """Queues a training on all that is settled now, and moves the round on to it."""
    project = situation.project
    snapshot = take_snapshot(project)
    asked = training_asked(situation)
    digest = digest_of("train_reward", snapshot.sha256, asked.as_json())
    with transaction.atomic():
        # A worker that decided long ago finds the round elsewhere by now, and queues nothing.
        if not move(situation.round, Round.State.TRAINING):
            return None
        run = queue(
            situation,
            Run.Kind.TRAIN_REWARD,
            digest,
            # The model in service also says what it thinks of the new preferences, for the gate.
            # It is no part of the digest: the same preferences make the same model, whoever is in
            # service.
            replace(asked, seed=seed_of(digest), incumbent=pk_of(situation.reward_model)),
            by,
            snapshot=snapshot,
            policy=situation.policy,
        )
        if run is None:
            transaction.set_rollback(True)
        return run


def shadow_of(situation: Situation) -> int | None:
    """The predecessor of the model in service, which reads what that reads, for a while. No part of
    any digest: it changes nothing of what is sampled or queued."""
    shadow = service.shadow_of(situation.project)
    return shadow.pk if shadow and situation.reward_model else None


def sampling(situation: Situation, by: User | None = None) -> Run | None:
    """Queues a sampling of the policy in service, for as many prompts as the queue has room for."""
    project, policy = situation.project, situation.policy
    assert policy is not None
    settings = project.loop_settings
    room = max(settings.queue_target - open_comparisons(project), 0)
    reward_model = pk_of(situation.reward_model)
    digest = digest_of("sample", situation.sampling_runs, policy.pk, reward_model)
    asked = SamplingAsked(
        # By hand a full queue is no reason to sample nothing.
        prompts=min(settings.sample_prompts, room) if by is None else settings.sample_prompts,
        reward_model=reward_model,
        sample=sample_asked(project, digest, settings.samples_per_prompt, policy.location),
        shadow=shadow_of(situation),
    )
    return queue(situation, Run.Kind.SAMPLE, digest, asked, by, policy=policy)


def sample_asked(
    project: Project, digest: str, per_prompt: int, policy: str | None = None
) -> SampleAsked:
    """How policies are drawn from."""
    return SampleAsked(
        temperature=project.loop_settings.temperature,
        top_p=project.loop_settings.top_p,
        max_new_tokens=project.loop_settings.max_new_tokens,
        policy=policy,
        n=per_prompt,
        seed=seed_of(digest),
    )


def ranking(situation: Situation) -> Run | None:
    """Queues the ranking of the queue by the model in service, once per round."""
    assert situation.round is not None
    assert situation.reward_model is not None
    asked = RankingAsked(reward_model=situation.reward_model.pk)
    digest = digest_of("score", situation.round.number, asked.as_json())
    asked = replace(asked, shadow=shadow_of(situation))
    return queue(situation, Run.Kind.SCORE, digest, asked, None)


def improvement(situation: Situation, by: User | None = None) -> Run | None:
    """Queues the run that improves the policy, one per round.

    DPO learns from the preferences that the round's reward model has learnt from, whether or not
    that model is in service; where the round has none, from those of the model in service; where
    there is none either, from all."""
    project, round_, model = situation.project, situation.round, situation.reward_model
    policy = situation.policy
    assert round_ is not None and policy is not None
    asked = improving.improvement_asked(project, policy, model)
    digest = digest_of("train_policy", round_.number, asked.as_json())
    is_dpo = project.loop_settings.improvement == Improvement.DPO
    taught = situation.model_of_round or model
    return queue(
        situation,
        Run.Kind.TRAIN_POLICY,
        digest,
        with_seed(asked, digest),
        by,
        policy=policy,
        snapshot=(taught.snapshot if taught else take_snapshot(project)) if is_dpo else None,
    )


def estimate(situation: Situation, by: User) -> Run | None:
    """Queues an estimate of the best of n, without training.

    It belongs to no round, so that no round waits for it or ends with it. The same policy, reward
    model and settings are estimated once."""
    policy, model = situation.policy, situation.reward_model
    assert policy is not None and model is not None
    asked = improving.estimate_asked(situation.project, policy, model)
    digest = digest_of("estimate", asked.as_json())
    asked = with_seed(asked, digest)
    return queue(situation, Run.Kind.TRAIN_POLICY, digest, asked, by, policy=policy, round=None)


def with_seed(asked: ImprovementAsked, digest: str) -> ImprovementAsked:
    return replace(asked, train_policy=replace(asked.train_policy, seed=seed_of(digest)))


def comparison(situation: Situation) -> Run | None:
    """Queues the run in which both policies answer the same prompts, once each."""
    project, round_ = situation.project, situation.round
    assert round_ is not None and round_.policy is not None and round_.candidate is not None
    asked = ComparisonAsked(
        pairs=project.loop_settings.comparison_size,
        candidate=round_.candidate.pk,
        reward_model=pk_of(situation.reward_model),
    )
    digest = digest_of("compare", round_.number, round_.policy.pk, asked.as_json())
    asked = replace(asked, sample=sample_asked(project, digest, 1))
    return queue(situation, Run.Kind.COMPARE, digest, asked, None, policy=round_.policy)


def pk_of(model: RewardModel | None) -> int | None:
    return model.pk if model else None


def queue(
    situation: Situation,
    kind: str,
    digest: str,
    asked: Stored,
    by: User | None,
    **values: Any,
) -> Run | None:
    """A new run, or None when these inputs were run already or one of its kind is active: two
    workers that decide the same get one run between them."""
    try:
        with transaction.atomic():
            run = Run.objects.create(
                project=situation.project,
                kind=kind,
                input_digest=digest,
                config=asked.as_json(),
                seed=seed_of(digest),
                code_version=code_version(),
                created_by=by,
                **({"round": situation.round} | values),
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


def training_asked(situation: Situation) -> TrainingAsked:
    """What a training that is started now is asked to do."""
    return TrainingAsked(base_model=situation.base_model, **training_options(situation.project))


def has_other_settings(run: Run) -> bool:
    """Whether a training that is started now would be another one than this run's."""
    return TrainingAsked.settings_in(run.config) != training_asked(Situation(run.project)).as_json()
