"""A run that improves the policy: what it is asked to do, and what its result means.

The training itself is the program modeling/core/train_policy.py; the rules that start it are in
modeling/loop/improvement_rules.py; who takes over is decided in promotion.py.
"""

import math
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from labeling.models import Project
from modeling.core.program.seal import Notes
from modeling.measures.limits import LENGTH_RATIO, VARIANCE_RATIO, is_beyond
from modeling.models import Metric, Policy, RewardModel, Round, Run
from modeling.models.deciding import deciding
from modeling.models.versions import loop_of, next_version
from modeling.policies import guard
from modeling.policies.comparing import Verdict
from modeling.reward_models.training_options import aggregation_options
from modeling.run_data.asked import EstimateAsked, ImprovementAsked, TrainPolicyAsked
from modeling.run_data.stored import PolicyFigures
from modeling.runs.files import rows_left
from modeling.settings.choices import Improvement, KlEstimator, PolicyAdapter

ONLINE = (Improvement.PPO, Improvement.RLOO)
# What is kept of a run's result.json beside the policy.
KEPT = (
    "algorithm", "kl", "kl_error", "reward_before", "reward_after", "reward_std_before",
    "reward_std_after", "reward_mean_reference", "reward_std_reference",
    "reward_variance_before", "reward_variance_after",
    "length_before", "length_after", "ended_share_before", "ended_share_after", "best_of_n",
    "steps", "stopped", "exported",
    "seconds", "held_out_prompts", "warnings",
)  # fmt: skip


def improvement_asked(
    project: Project, policy: Policy, reward_model: RewardModel | None
) -> ImprovementAsked:
    """What a run is asked that improves this policy."""
    return _asked(project, policy, reward_model, train_policy_asked(project, policy))


def estimate_asked(project: Project, policy: Policy, reward_model: RewardModel) -> ImprovementAsked:
    """What a run is asked that only estimates what the best of n responses would bring. Of the
    project's settings it takes those that say how the pool is drawn and rated."""
    settings = project.loop_settings
    program = EstimateAsked(
        temperature=settings.temperature,
        max_new_tokens=settings.max_new_tokens,
        algorithm=Improvement.BEST_OF_N.value,
        best_of=settings.best_of,
        pool_prompts=settings.improve_prompts,
        **aggregation_options(project),
    )
    return _asked(project, policy, reward_model, program)


def _asked(
    project: Project,
    policy: Policy,
    reward_model: RewardModel | None,
    program: TrainPolicyAsked | EstimateAsked,
) -> ImprovementAsked:
    return ImprovementAsked(
        train_policy=program,
        prompts=project.loop_settings.improve_prompts,
        policy=policy.pk,
        reference=reference_of(policy).pk,
        reward_model=reward_model.pk if reward_model else None,
    )


def train_policy_asked(project: Project, policy: Policy) -> TrainPolicyAsked:
    """The program's part, as the project's settings have it: what this algorithm has a use for, and
    what differs from the program's own defaults."""
    settings = project.loop_settings
    is_online = settings.improvement in ONLINE
    is_best_of_n = settings.improvement == Improvement.BEST_OF_N
    has_adapter = settings.improve_adapter != PolicyAdapter.NONE
    history = history_of(project, policy, loop_of(project).guarded_from)
    return TrainPolicyAsked(
        algorithm=settings.improvement,
        kl_coefficient=settings.kl_coefficient,
        kl_budget=settings.kl_budget or None,
        temperature=settings.temperature,
        max_new_tokens=settings.max_new_tokens,
        adapter=settings.improve_adapter if has_adapter else None,
        kl_estimator=settings.kl_estimator if settings.kl_estimator != KlEstimator.K1 else None,
        steps=settings.improve_steps if is_online else None,
        kl_target=(settings.kl_target or None) if is_online else None,
        best_of=settings.best_of if is_best_of_n else None,
        pool_prompts=settings.improve_prompts if is_best_of_n else None,
        # The guard's limits, kept within the run: what goes beyond them is not trained to the end.
        length_ratio=LENGTH_RATIO,
        length_start=(history[0].length_before or None) if history else None,
        variance_ratio=VARIANCE_RATIO,
        **aggregation_options(project),
    )


def is_estimate(run: Run) -> bool:
    """Whether the run only estimates: it makes no policy and belongs to no round."""
    return run.asked.only_estimates


def estimates_of(project: Project) -> QuerySet[Run]:
    """The project's estimates that have come to their end, the newest first."""
    runs = Run.objects.filter(
        project=project, kind=Run.Kind.TRAIN_POLICY, state=Run.State.SUCCEEDED
    )
    return runs.filter(config__train_policy__distill=False).select_related("policy").order_by("-pk")


def reference_of(policy: Policy) -> Policy:
    """The policy that the KL is measured to: the one that improvement began with."""
    return policy.reference or policy


def add_candidate(run: Run, results: Mapping[str, Any], made: Notes) -> Policy | None:
    """The policy that a run has made, with the notes of its files; None when it made none (best of
    n without distillation). Call in the transaction that ends the run."""
    figures = PolicyFigures.read_stored(dict(results))
    if not figures.model_dir:
        return None
    parent = run.policy
    assert parent is not None
    algorithm = figures.algorithm or str(run.asked.train_policy["algorithm"])
    with deciding(run.project):
        candidate = Policy.objects.create(
            project=run.project,
            version=next_version(Policy.objects.filter(project=run.project)),
            name=parent.name,
            location=f"runs/{run.pk}/{figures.model_dir}",
            parent=parent,
            reference=reference_of(parent),
            run=run,
            status=Policy.Status.CANDIDATE,
            algorithm=algorithm,
            kl=_finite(figures.kl),
            results={name: results[name] for name in KEPT if name in results},
            created_by=run.created_by,
            files=made,
        )
    if run.round is not None:
        in_hand = Round.objects.filter(pk=run.round.pk, state=Round.State.IMPROVING)
        in_hand.update(candidate=candidate)
    return candidate


def trained_on(policy: Policy) -> set[int]:
    """Ids of the prompts that a run of ours has improved this policy with; empty for others."""
    if policy.run is None:
        return set()
    return {int(row["id"]) for row in rows_left(policy.run.folder, "prompts.jsonl")}


def record_of(policy: Policy) -> guard.VersionRecord | None:
    """What the guard looks at; None for a policy that no run of ours has made."""
    if not policy.results:
        return None
    figures = policy.figures
    round_ = round_of(policy)
    blind = round_.figures.blind if round_ else None
    return guard.VersionRecord(
        version=policy.version,
        reward=_finite(figures.reward_after),
        reward_before=_finite(figures.reward_before),
        kl=policy.kl,
        kl_error=_finite(figures.kl_error) or 0.0,
        spread=_root(figures.reward_variance_after),
        spread_before=_root(figures.reward_variance_before),
        length=_finite(figures.length_after),
        length_before=_finite(figures.length_before),
        win_rate=blind.win_rate if blind else None,
        is_preferred=blind is not None and blind.verdict == Verdict.BETTER,
        stopped=why_stopped(policy),
    )


def round_of(policy: Policy) -> Round | None:
    """The last one that has compared it."""
    return policy.candidate_rounds.exclude(results={}).order_by("-number").first()


def why_stopped(policy: Policy) -> str:
    """Why its training stopped itself, unless it was only the KL budget: the weights that it kept
    are within that."""
    stopped = policy.figures.why_stopped
    if not stopped or policy.run is None:
        return ""
    budget = policy.run.asked.train_policy.get("kl_budget")
    kl, error = (_last(policy.run, name) for name in ("objective/kl", "objective/kl_error"))
    if kl is not None and is_beyond(kl, error or 0.0, budget):
        return ""
    return stopped


def _last(run: Run, name: str) -> float | None:
    last = Metric.objects.filter(run=run, name=name).order_by("-step").first()
    return last.value if last else None


def history_of(project: Project, upto: Policy, after: int = 0) -> list[guard.VersionRecord]:
    """The records of the versions that lead to this one, the oldest first; those up to version
    `after` are over and done with."""
    line: list[Policy] = []
    by_pk = {policy.pk: policy for policy in Policy.objects.filter(project=project)}
    at: Policy | None = upto
    while at is not None and at.version > after and len(line) < len(by_pk):
        line.append(at)
        at = by_pk.get(at.parent_id) if at.parent_id else None
    rejected = [
        policy
        for policy in by_pk.values()
        if policy.status == Policy.Status.REJECTED and after < policy.version < upto.version
    ]
    versions = sorted({*line, *rejected}, key=lambda policy: policy.version)
    records = [record_of(policy) for policy in versions]
    return [record for record in records if record is not None]


def policy_alarms(candidate: Policy) -> list[guard.GuardAlarm]:
    """What the guard has against this version."""
    loop = candidate.project.loop
    limits = guard.Limits(kl_budget=candidate.project.loop_settings.kl_budget or None)
    history = history_of(candidate.project, candidate, loop.guarded_from)
    if not history or history[-1].version != candidate.version:
        return []
    return guard.alarms_of(history, limits)


def _root(variance: Any) -> float | None:
    value = _finite(variance)
    return math.sqrt(value) if value and value > 0 else None


def _finite(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if is_number else None
