"""Reward models as JSON: one row of a list, and all figures of one."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from labeling.texts.shown_paths import details_without_paths, without_paths
from modeling.models import RewardModel
from modeling.reward_models import drift
from modeling.reward_models.accuracy import accuracy_of, yardsticks_of
from modeling.reward_models.service import shadow_of
from modeling.reward_models.shadow_comparison import ShadowComparison, compare_with_shadow

# Figures of its results that have fields of their own.
APART = {"accuracy", "config", "evaluation", "gate", "learning_curve", "margin", "warnings"}


class FigureSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField()
    low = serializers.FloatField(
        allow_null=True, help_text="Of the 95 % interval; null where none was measured."
    )
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField(help_text="Comparisons.")


class AccuracySerializer(FigureSerializer):
    split = serializers.CharField()


class RewardModelSerializer(serializers.Serializer[Any]):
    """Describes model_row for the schema; a test compares the two."""

    version = serializers.IntegerField()
    status = serializers.ChoiceField(choices=RewardModel.Status.choices)
    accuracy = AccuracySerializer(allow_null=True, help_text="On what was held out.")
    agreement = serializers.FloatField(
        allow_null=True, help_text="Of pairs of judgments of these comparisons: the same answer."
    )
    longer_wins = serializers.FloatField(
        allow_null=True, help_text="What the longer response always winning would score on them."
    )
    members = serializers.IntegerField(help_text="How many opinions it has of a text.")
    is_plain = serializers.BooleanField(
        help_text="Whether its folder loads as AutoModelForSequenceClassification."
    )
    base_model = serializers.CharField()
    preferences = serializers.IntegerField(help_text="In the snapshot it was trained on.")
    snapshot = serializers.CharField(help_text="SHA-256.")
    created_at = serializers.DateTimeField()


class GateSerializer(serializers.Serializer[Any]):
    passed = serializers.BooleanField(allow_null=True, help_text="Null: it has not looked yet.")
    reason = serializers.CharField()
    checks = serializers.ListField(
        child=serializers.DictField(),
        help_text="Each with its `name`, whether it `passed` (null: it could not be judged) and "
        "what it saw.",
    )


class ForetoldSerializer(serializers.Serializer[Any]):
    policy_version = serializers.IntegerField(
        allow_null=True, help_text="Null: of all policies together; 0: of none of ours."
    )
    accuracy = FigureSerializer()
    loss = FigureSerializer()


class BesideSerializer(serializers.Serializer[Any]):
    """Two versions on the judgments that both have foretold."""

    new = serializers.IntegerField(help_text="The version in service.")
    old = serializers.IntegerField(help_text="Its predecessor.")
    n = serializers.IntegerField(help_text="Judgments.")
    accuracy_new = serializers.FloatField()
    accuracy_old = serializers.FloatField()
    difference_low = serializers.FloatField(help_text="New less old, whenever it is looked at.")
    difference_high = serializers.FloatField()
    verdict = serializers.CharField()


class ModelFileSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Below the folder of its run.")
    size = serializers.IntegerField()
    sha256 = serializers.CharField()


class RewardModelDetailSerializer(RewardModelSerializer):
    run = serializers.IntegerField(help_text="The run that trained it.")
    is_here = serializers.BooleanField(help_text="Whether its folders are there.")
    why_not_plain = serializers.CharField()
    accuracy_by_split = serializers.DictField(child=FigureSerializer())
    margin = serializers.FloatField(
        allow_null=True, help_text="Mean reward of chosen less rejected."
    )
    evaluation = serializers.DictField(
        help_text="On what was held out: accuracy, slices, calibration, margins, length, agreement "
        "of labelers, and `contradicted`, the preferences that it denies (docs/metrics.md)."
    )
    learning_curve = serializers.ListField(child=serializers.DictField())
    gate = GateSerializer()
    foretold = ForetoldSerializer(many=True, help_text="What it foretold of new random judgments.")
    beside = BesideSerializer(many=True)
    is_shadow = serializers.BooleanField(
        help_text="Whether it goes on foretelling beside its successor."
    )
    drift = serializers.CharField(help_text="Of the one in service: the alarm; empty for none.")
    warnings = serializers.ListField(child=serializers.CharField())
    config = serializers.DictField(help_text="What its training was asked.")
    results = serializers.DictField(help_text="What else its training measured.")
    files = ModelFileSerializer(many=True, help_text="As they were when it was made.")


def model_row(model: RewardModel) -> dict[str, Any]:
    yardsticks = yardsticks_of(model)
    accuracy = accuracy_of(model)
    return {
        "version": model.version,
        "status": model.status,
        "accuracy": asdict(accuracy) if accuracy else None,
        "agreement": yardsticks.agreement,
        "longer_wins": yardsticks.longer_wins,
        "members": model.member_count,
        "is_plain": not model.why_not_plain,
        "base_model": without_paths(model.base_model),
        "preferences": model.snapshot.count,
        "snapshot": model.snapshot.sha256,
        "created_at": model.created_at,
    }


def model_detail(model: RewardModel) -> dict[str, Any]:
    figures = model.figures
    gate = figures.gate
    is_live = model.status == RewardModel.Status.LIVE
    return model_row(model) | {
        "run": model.run_id,
        "is_here": model.is_here,
        "why_not_plain": without_paths(model.why_not_plain),
        "accuracy_by_split": {
            split: _figure(one) for split, one in figures.accuracy.items() if _is_figure(one)
        },
        "margin": figures.margin,
        "evaluation": details_without_paths(asdict(figures.evaluation)),
        "learning_curve": details_without_paths(list(figures.learning_curve or [])),
        "gate": {
            "passed": gate.get("passed"),
            "reason": without_paths(str(gate.get("reason") or "")),
            "checks": details_without_paths(list(gate.get("checks") or [])),
        },
        "foretold": [asdict(one) for one in drift.prequential(model)],
        "beside": [_beside(one) for one in compare_with_shadow(model)],
        "is_shadow": shadow_of(model.project) == model,
        "drift": drift.alarm_of(model) if is_live else "",
        "warnings": details_without_paths([str(one) for one in figures.warnings or []]),
        "config": details_without_paths(figures.config),
        "results": details_without_paths(
            {name: one for name, one in model.results.items() if name not in APART}
        ),
        "files": [
            {"name": name, "size": noted.get("bytes", 0), "sha256": noted.get("sha256", "")}
            for name, noted in sorted(model.files.items())
        ],
    }


def _is_figure(stored: Any) -> bool:
    return isinstance(stored, dict) and stored.get("value") is not None


def _figure(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: stored.get(name) for name in ("value", "low", "high")} | {
        "n": int(stored.get("n") or 0)
    }


def _beside(one: ShadowComparison) -> dict[str, Any]:
    return {
        "new": one.new.version,
        "old": one.old.version,
        "n": one.count,
        "accuracy_new": one.accuracy_new,
        "accuracy_old": one.accuracy_old,
        "difference_low": one.low,
        "difference_high": one.high,
        "verdict": one.verdict,
    }
