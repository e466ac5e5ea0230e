"""One preference as the API shows it to curators, with what is behind it."""

from typing import Any

from rest_framework import serializers

from labeling.api.conventions.whole_messages import MessageSerializer
from labeling.api.material.comparison_rows import JudgmentOfComparisonSerializer, judgment_row
from labeling.api.material.responses import ResponseSerializer, response_row
from labeling.api.projects.audit_rows import AuditEntrySerializer, entry_rows
from labeling.curation.decisions import history_of, judgments_behind
from labeling.curation.doubts import doubt_of
from labeling.models import Doubt, Preference
from labeling.models.material import Split


class DoubtSerializer(serializers.Serializer[Any]):
    preference = serializers.IntegerField(help_text="Its id.")
    strength = serializers.FloatField(help_text="Probability of the other answer, by the model.")
    against = serializers.IntegerField(help_text="Members of the model that contradict.")
    members = serializers.IntegerField()
    was_trained_on = serializers.BooleanField(
        help_text="Whether the model has learnt from the preference."
    )
    model_version = serializers.IntegerField()
    raised_at = serializers.DateTimeField()
    confirmed_at = serializers.DateTimeField(allow_null=True)
    confirmed_by = serializers.CharField(allow_null=True, help_text="A user name.")


class PreferenceDetailSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    comparison = serializers.IntegerField(help_text="Its id.")
    prompt = serializers.IntegerField(help_text="Its id.")
    messages = MessageSerializer(many=True, help_text="Of the prompt.")
    chosen = ResponseSerializer()
    rejected = ResponseSerializer()
    kind = serializers.ChoiceField(choices=Preference.Kind.choices)
    target = serializers.FloatField()
    strength = serializers.FloatField(allow_null=True)
    weight = serializers.FloatField()
    vote_share = serializers.FloatField(allow_null=True)
    votes_chosen = serializers.IntegerField()
    votes_rejected = serializers.IntegerField()
    votes_tie = serializers.IntegerField()
    votes_both_bad = serializers.IntegerField()
    provenance = serializers.ChoiceField(choices=Preference.Provenance.choices)
    split = serializers.ChoiceField(choices=Split.choices)
    excluded = serializers.BooleanField()
    excluded_reason = serializers.CharField()
    excluded_by = serializers.CharField(allow_null=True, help_text="A user name.")
    settled_at = serializers.DateTimeField(
        allow_null=True, help_text="Null while it is being judged anew."
    )
    judgments = JudgmentOfComparisonSerializer(many=True)
    doubt = DoubtSerializer(allow_null=True)
    history = AuditEntrySerializer(many=True, help_text="What was done to it, the newest first.")


def doubt_row(doubt: Doubt) -> dict[str, Any]:
    return {
        "preference": doubt.preference_id,
        "strength": doubt.strength,
        "against": doubt.against,
        "members": doubt.members,
        "was_trained_on": doubt.was_trained_on,
        "model_version": doubt.model_version,
        "raised_at": doubt.raised_at,
        "confirmed_at": doubt.confirmed_at,
        "confirmed_by": doubt.confirmed_by.username if doubt.confirmed_by else None,
    }


def preference_detail(row: Preference) -> dict[str, Any]:
    doubt = doubt_of(row)
    return {
        "id": row.pk,
        "comparison": row.comparison_id,
        "prompt": row.prompt_id,
        "messages": row.prompt.messages,
        "chosen": response_row(row.chosen),
        "rejected": response_row(row.rejected),
        "kind": row.kind,
        "target": row.target,
        "strength": row.strength,
        "weight": row.weight,
        "vote_share": row.vote_share,
        "votes_chosen": row.votes_chosen,
        "votes_rejected": row.votes_rejected,
        "votes_tie": row.votes_tie,
        "votes_both_bad": row.votes_both_bad,
        "provenance": row.provenance,
        "split": row.split,
        "excluded": row.excluded,
        "excluded_reason": row.excluded_reason,
        "excluded_by": row.excluded_by.username if row.excluded_by else None,
        "settled_at": row.settled_at,
        "judgments": [judgment_row(judgment) for judgment in judgments_behind(row)],
        "doubt": doubt and doubt_row(doubt),
        "history": entry_rows(history_of(row)),
    }
