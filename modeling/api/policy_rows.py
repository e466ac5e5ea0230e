"""Policies as JSON: one row of a list, and all figures of one."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from labeling.projects.model_locations import NotUsable
from labeling.texts.shown_paths import details_without_paths, without_paths
from modeling.models import Loop, Policy
from modeling.policies import improving, promotion

BESIDE_POLICY = ("project", "created_by", "run", "parent", "reference")


class PolicySerializer(serializers.Serializer[Any]):
    """Describes policy_rows for the schema; a test compares the two."""

    version = serializers.IntegerField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=Policy.Status.choices)
    in_service = serializers.BooleanField(help_text="Whether it writes the responses now.")
    location = serializers.CharField(help_text="Folder, hub id or address of a server.")
    verdict = serializers.CharField(help_text="Why it was accepted or rejected.")
    algorithm = serializers.CharField(help_text="Empty: it was made elsewhere.")
    kl = serializers.FloatField(allow_null=True, help_text="Nats to the reference.")
    parent = serializers.IntegerField(  # type: ignore[assignment]
        allow_null=True, help_text="The version before it."
    )
    reference = serializers.IntegerField(
        allow_null=True, help_text="The version that its KL is measured to."
    )
    run = serializers.IntegerField(allow_null=True, help_text="The run that made it.")
    notes = serializers.CharField()
    created_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class WinRateSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField(help_text="A tie counts half.")
    low = serializers.FloatField(help_text="Of the 95 % interval, valid whenever it is looked at.")
    high = serializers.FloatField()
    n = serializers.IntegerField(help_text="Judgments.")


class GuardRecordSerializer(serializers.Serializer[Any]):
    """What the guard sees of a version that a run has made; `…_before`: of the one it began as."""

    version = serializers.IntegerField()
    reward = serializers.FloatField(allow_null=True)
    reward_before = serializers.FloatField(allow_null=True)
    kl = serializers.FloatField(allow_null=True)
    kl_error = serializers.FloatField()
    spread = serializers.FloatField(allow_null=True, help_text="Among the ensemble's members.")
    spread_before = serializers.FloatField(allow_null=True)
    length = serializers.FloatField(allow_null=True, help_text="Mean tokens.")
    length_before = serializers.FloatField(allow_null=True)
    win_rate = WinRateSerializer(allow_null=True, help_text="Blind, against the version before.")
    is_preferred = serializers.BooleanField()
    stopped = serializers.CharField(help_text="Why its training stopped itself; empty: it did not.")


class PolicyDetailSerializer(PolicySerializer):
    guard = GuardRecordSerializer(allow_null=True, help_text="Null: no run of ours has made it.")
    alarms = serializers.ListField(
        child=serializers.CharField(), help_text="What the guard objects to."
    )
    results = serializers.DictField(help_text="What its run measured (docs/metrics.md).")
    why_not_usable = serializers.CharField(help_text="Why it cannot take over; empty: it can.")


def policy_rows(policies: Sequence[Policy], current: int | None) -> list[dict[str, Any]]:
    """Rows of policies that were read with BESIDE_POLICY. `current` is the key of the one in
    service."""
    return [
        {
            "version": policy.version,
            "name": policy.name,
            "status": policy.status,
            "in_service": policy.pk == current,
            "location": without_paths(policy.location),
            "verdict": without_paths(policy.verdict),
            "algorithm": policy.algorithm,
            "kl": policy.kl,
            "parent": policy.parent.version if policy.parent else None,
            "reference": policy.reference.version if policy.reference else None,
            "run": policy.run_id,
            "notes": policy.notes,
            "created_by": policy.created_by.username if policy.created_by else None,
            "created_at": policy.created_at,
        }
        for policy in policies
    ]


def policy_detail(policy: Policy, current: int | None) -> dict[str, Any]:
    (row,) = policy_rows([policy], current)
    record = improving.record_of(policy)
    # Only what the guard looks at can have an alarm, and that only where a loop has begun.
    is_watched = record is not None and Loop.objects.filter(project=policy.project_id).exists()
    alarms = improving.policy_alarms(policy) if is_watched else []
    return row | {
        "guard": asdict(record) if record else None,
        "alarms": [without_paths(alarm.text) for alarm in alarms],
        "results": details_without_paths(policy.results),
        "why_not_usable": _why_not_usable(policy),
    }


def _why_not_usable(policy: Policy) -> str:
    try:
        promotion.check_usable(policy)
    except NotUsable as problem:
        return without_paths(str(problem))
    return ""
