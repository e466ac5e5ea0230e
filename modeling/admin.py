"""Django admin over policies, reward models, runs, metrics and rounds.

Runs, their metrics and what they made are written by workers only, so they are read-only here.
"""

from django.contrib import admin
from django.http import HttpRequest

from labeling.admin.kinds import LookupAdmin, ReadOnlyAdmin
from labeling.texts.shown_paths import without_paths
from modeling.models import (
    ArmLift,
    BlindPair,
    EarlyPair,
    Foretold,
    InstantGuess,
    Loop,
    LoopSettings,
    Metric,
    Policy,
    QueueOrder,
    ResponseFeatures,
    RewardModel,
    Round,
    Run,
    Score,
)


@admin.register(Policy)
class PolicyAdmin(LookupAdmin):
    list_display = ("name", "version", "project", "status", "algorithm", "kl", "where", "parent",
                    "created_by", "created_at")  # fmt: skip
    list_filter = ("status", "project")
    list_select_related = ("project", "parent", "created_by")
    search_fields = ("name", "location", "notes", "project__name")
    autocomplete_fields = ("project", "parent", "reference")
    raw_id_fields = ("run", "created_by")
    readonly_fields = ("created_at",)

    @admin.display(description="location")
    def where(self, policy: Policy) -> str:
        return without_paths(policy.location)


@admin.register(RewardModel)
class RewardModelAdmin(ReadOnlyAdmin):
    list_display = ("version", "project", "status", "base_model", "snapshot", "run_id",
                    "created_at")  # fmt: skip
    list_filter = ("status", "project")
    list_select_related = ("project", "snapshot")
    search_fields = ("base_model", "folder", "project__name", "=version")


@admin.register(LoopSettings)
class LoopSettingsAdmin(LookupAdmin):
    """Changing them on the settings pages also writes the audit log; prefer those."""

    list_display = ("project", "loop_enabled", "retrain_after", "selection", "improvement")
    list_filter = ("loop_enabled", "improvement")
    list_select_related = ("project",)
    search_fields = ("project__name", "project__slug")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # made with the project


@admin.register(Loop)
class LoopAdmin(LookupAdmin):
    """What is in service. Promoting on the pages also writes the audit log; prefer them."""

    list_display = ("project", "policy", "reward_model")
    list_select_related = ("project", "policy", "reward_model")
    search_fields = ("project__name", "project__slug")
    autocomplete_fields = ("project", "policy")
    raw_id_fields = ("reward_model",)

    def has_delete_permission(self, request: HttpRequest, obj: Loop | None = None) -> bool:
        return False


@admin.register(Round)
class RoundAdmin(ReadOnlyAdmin):
    list_display = ("number", "project", "state", "policy", "candidate", "reward_model",
                    "started_at", "finished_at")  # fmt: skip
    list_filter = ("state", "project")
    list_select_related = ("project", "policy", "candidate", "reward_model")
    search_fields = ("project__name", "=number")


@admin.register(BlindPair)
class BlindPairAdmin(ReadOnlyAdmin):
    list_display = ("comparison_id", "round", "candidate_response_id", "current_response_id")
    list_filter = ("round__project",)
    list_select_related = ("round",)
    search_fields = ("=comparison__id",)


@admin.register(EarlyPair)
class EarlyPairAdmin(ReadOnlyAdmin):
    list_display = ("comparison_id", "run", "prompt_id")
    list_filter = ("run__project",)
    list_select_related = ("run",)
    search_fields = ("=comparison__id",)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "state", "project", "round", "attempt", "progress", "worker",
                    "created_at", "started_at", "heartbeat_at", "finished_at")  # fmt: skip
    list_filter = ("state", "kind", "project")
    list_select_related = ("project", "round")
    search_fields = ("=id", "worker", "error", "input_digest", "project__name")
    date_hierarchy = "created_at"


@admin.register(Metric)
class MetricAdmin(ReadOnlyAdmin):
    list_display = ("run_id", "name", "step", "value", "logged_at")
    search_fields = ("=run__id", "name")


@admin.register(Score)
class ScoreAdmin(ReadOnlyAdmin):
    list_display = ("response", "reward_model", "value")
    list_filter = ("reward_model__project",)
    list_select_related = ("response", "reward_model")
    search_fields = ("=response__id",)


@admin.register(Foretold)
class ForetoldAdmin(ReadOnlyAdmin):
    list_display = ("preference_id", "reward_model", "policy_version", "margin", "point", "loss",
                    "created_at")  # fmt: skip
    list_filter = ("reward_model__project", "policy_version")
    list_select_related = ("reward_model",)
    search_fields = ("=preference__id",)


@admin.register(ResponseFeatures)
class ResponseFeaturesAdmin(ReadOnlyAdmin):
    list_display = ("response_id", "reward_model")
    list_filter = ("reward_model__project",)
    list_select_related = ("reward_model",)
    search_fields = ("=response__id",)


@admin.register(InstantGuess)
class InstantGuessAdmin(ReadOnlyAdmin):
    list_display = ("preference_id", "reward_model", "arm", "probability", "point", "loss",
                    "model_point", "model_loss", "created_at")  # fmt: skip
    list_filter = ("reward_model__project", "arm")
    list_select_related = ("reward_model",)
    search_fields = ("=preference__id",)


@admin.register(ArmLift)
class ArmLiftAdmin(ReadOnlyAdmin):
    list_display = ("reward_model", "strategy", "trained_on", "tested_on", "accuracy",
                    "accuracy_low", "accuracy_high", "loss", "measured_at")  # fmt: skip
    list_filter = ("reward_model__project", "strategy")
    list_select_related = ("reward_model",)
    search_fields = ("=reward_model__version",)


@admin.register(QueueOrder)
class QueueOrderAdmin(ReadOnlyAdmin):
    list_display = ("project", "strategy", "reward_model", "ranked", "learnt", "milliseconds",
                    "fallback_from", "updated_at")  # fmt: skip
    list_select_related = ("project", "reward_model")
    search_fields = ("project__name", "project__slug")
