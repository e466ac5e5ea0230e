"""Runs as JSON: one row of a list, and all of one run."""

from collections.abc import Sequence
from typing import Any

from django.db.models import OuterRef, Subquery
from rest_framework import serializers

from labeling.texts.shown_paths import details_without_paths
from modeling.loop.run_outcomes import INPUT_KEYS, failure_of, outcome_of, warnings_of
from modeling.models import Metric, Policy, RewardModel, Run
from modeling.runs import lifecycle

BESIDE_RUN = ("round", "snapshot", "reward_model", "policy", "created_by")


class RunSerializer(serializers.Serializer[Any]):
    """Describes run_rows for the schema; a test compares the two."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Run.Kind.choices)
    state = serializers.ChoiceField(choices=Run.State.choices)
    outcome = serializers.CharField(help_text="What it has come to, or does, in a few words.")
    progress = serializers.FloatField(help_text="From 0 to 1.")
    seconds_left = serializers.FloatField(allow_null=True)
    attempt = serializers.IntegerField(help_text="0 before the first.")
    cancel_requested = serializers.BooleanField()
    round = serializers.IntegerField(allow_null=True, help_text="Its number.")
    policy = serializers.IntegerField(allow_null=True, help_text="The version that it used.")
    snapshot = serializers.CharField(
        allow_null=True, help_text="SHA-256 of the preferences that it learned from."
    )
    made_reward_model = serializers.IntegerField(allow_null=True, help_text="Its version.")
    made_policy = serializers.IntegerField(allow_null=True, help_text="Its version.")
    created_by = serializers.CharField(allow_null=True, help_text="Null: the loop itself.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class RunFailureSerializer(serializers.Serializer[Any]):
    words = serializers.CharField(help_text="What was wrong.")
    hint = serializers.CharField(help_text="What to do about it.")
    where = serializers.CharField()
    log = serializers.CharField(help_text="The last lines of its log.")


class LastMetricSerializer(serializers.Serializer[Any]):
    step = serializers.IntegerField()
    value = serializers.FloatField()


class RunInputsSerializer(serializers.Serializer[Any]):
    """The versions that a run works with; each is null where it needs none, or is gone."""

    policy = serializers.IntegerField(allow_null=True)
    reference = serializers.IntegerField(
        allow_null=True, help_text="The policy that the KL is measured to."
    )
    candidate = serializers.IntegerField(allow_null=True, help_text="The policy that is compared.")
    reward_model = serializers.IntegerField(allow_null=True)
    incumbent = serializers.IntegerField(
        allow_null=True, help_text="The reward model that the new one is measured against."
    )
    shadow = serializers.IntegerField(
        allow_null=True, help_text="The reward model before the one in service."
    )


class RunDetailSerializer(RunSerializer):
    inputs = RunInputsSerializer()
    config = serializers.DictField(help_text="All that it was asked; models by their keys.")
    results = serializers.DictField(help_text="What its programs measured (docs/metrics.md).")
    metrics = serializers.DictField(
        child=LastMetricSerializer(), help_text="The last value of each; `…/metrics/` has all."
    )
    warnings = serializers.ListField(child=serializers.CharField())
    failure = RunFailureSerializer(allow_null=True)
    seed = serializers.IntegerField()
    code_version = serializers.CharField()
    can_cancel = serializers.BooleanField(help_text="For admins.")
    can_retry = serializers.BooleanField(help_text="For admins.")
    why_not_retry = serializers.CharField(help_text="Why it cannot be started again now.")


def run_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Rows of runs that were read with BESIDE_RUN."""
    return [_row(run) for run in runs]


def _row(run: Run) -> dict[str, Any]:
    made = getattr(run, "reward_model", None)
    return {
        "id": run.pk,
        "kind": run.kind,
        "state": run.state,
        "outcome": outcome_of(run),
        "progress": run.progress,
        "seconds_left": run.seconds_left,
        "attempt": run.attempt,
        "cancel_requested": run.cancel_requested,
        "round": run.round.number if run.round else None,
        "policy": run.policy.version if run.policy else None,
        "snapshot": run.snapshot.sha256 if run.snapshot else None,
        "made_reward_model": made.version if made else None,
        "made_policy": run.figures.policy if run.kind == Run.Kind.TRAIN_POLICY else None,
        "created_by": run.created_by.username if run.created_by else None,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def run_detail(run: Run) -> dict[str, Any]:
    failure = failure_of(run) if run.state == Run.State.FAILED else None
    can_retry = lifecycle.can_retry(run)
    return _row(run) | {
        "inputs": _inputs(run),
        "config": details_without_paths(run.config),
        "results": details_without_paths(run.results),
        "metrics": _last_metrics(run),
        "warnings": warnings_of(run),
        "failure": vars(failure) if failure else None,
        "seed": run.seed,
        "code_version": run.code_version,
        "can_cancel": lifecycle.can_cancel(run),
        "can_retry": can_retry,
        "why_not_retry": lifecycle.why_not_retry(run) if can_retry else "",
    }


def _inputs(run: Run) -> dict[str, int | None]:
    """Versions in place of the keys that the configuration holds."""
    keys = {name: run.config.get(name) for name in INPUT_KEYS}
    keys = {name: key if isinstance(key, int) else None for name, key in keys.items()}
    wanted = [key for key in keys.values() if key is not None]
    versions = {
        kind: dict(
            model._default_manager.filter(project=run.project_id, pk__in=wanted).values_list(
                "pk", "version"
            )
        )
        for kind, model in (("rewardmodel", RewardModel), ("policy", Policy))
    }
    return {name: versions[INPUT_KEYS[name]].get(key) for name, key in keys.items()}


def _last_metrics(run: Run) -> dict[str, dict[str, Any]]:
    metrics = Metric.objects.filter(run=run)
    last = metrics.filter(name=OuterRef("name")).order_by("-step").values("step")[:1]
    rows = metrics.filter(step=Subquery(last)).order_by("name")
    return {
        name: {"step": step, "value": value}
        for name, step, value in rows.values_list("name", "step", "value")
    }
