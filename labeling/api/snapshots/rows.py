"""Snapshots, what is under way and what differs, as the API writes and describes them."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import APIException

from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import row_of
from labeling.curation.finding import PreferenceFilter
from labeling.models import Project, Snapshot, SnapshotPush, SnapshotTaking
from labeling.models.snapshots import DESCRIPTION_LENGTH, LICENCE_LENGTH, NAME_LENGTH
from labeling.preferences.snapshots import SnapshotDamaged
from labeling.snapshots import comparing
from labeling.snapshots.counting import counts_of
from labeling.snapshots.keeping import why_not_delete
from labeling.snapshots.shaping import names_of
from labeling.snapshots.uses import uses_of
from labeling.texts.limits import BIGGEST_ID
from labeling.texts.moments import timestamp

CARD = "README.md"
FILTERS = list(PreferenceFilter.__dataclass_fields__)


class Damaged(APIException):
    status_code = 410


class SnapshotBody(Body):
    """What a snapshot is to be."""

    name = serializers.CharField(max_length=NAME_LENGTH)
    description = serializers.CharField(
        max_length=DESCRIPTION_LENGTH, required=False, allow_blank=True, default=""
    )
    licence = serializers.CharField(
        max_length=LICENCE_LENGTH,
        required=False,
        allow_blank=True,
        default="",
        help_text="As the hub writes it, such as `cc-by-4.0`.",
    )
    filters = serializers.DictField(
        child=serializers.CharField(max_length=300),
        required=False,
        default=dict,
        help_text=f"Those of the page Preferences: {', '.join(FILTERS)}. Empty: all.",
    )
    include_excluded = serializers.BooleanField(
        default=False, help_text="Also what curators have excluded."
    )

    def validate_filters(self, filters: dict[str, str]) -> dict[str, str]:
        unknown = sorted(filters.keys() - set(FILTERS))
        if unknown:
            raise serializers.ValidationError(
                f"There is no filter {', '.join(unknown)}. Known are: {', '.join(FILTERS)}."
            )
        return filters


class SnapshotSerializer(serializers.Serializer[Any]):
    """Describes the rows of `snapshot_row` for the schema."""

    id = serializers.IntegerField()
    name = serializers.CharField(help_text="Empty where nobody has named a training's.")
    origin = serializers.ChoiceField(choices=Snapshot.Origin.choices)
    description = serializers.CharField()
    licence = serializers.CharField()
    sha256 = serializers.CharField(help_text="Of all rows.")
    judgments_sha256 = serializers.CharField(
        help_text="Of the file with the judgments behind each row; empty of a training's."
    )
    preferences = serializers.IntegerField()
    filters = serializers.DictField()
    guidelines = serializers.ListField(child=serializers.IntegerField())
    created_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class WholeSnapshotSerializer(SnapshotSerializer):
    counts = serializers.DictField(help_text="By split, provenance and kind; agreement.")
    damage = serializers.CharField(
        help_text="Empty where its file is as it was written; else what is wrong with it."
    )
    files = serializers.ListField(child=serializers.CharField())
    uses = serializers.ListField(
        child=serializers.CharField(), help_text="Runs and reward models that learnt from it."
    )
    why_not_delete = serializers.CharField(help_text="Empty where it may be deleted.")


class TakingSerializer(serializers.Serializer[Any]):
    """A snapshot that is being written. It is gone when the snapshot is there."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=SnapshotTaking.State.choices)
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    problem = serializers.CharField()


class PushSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    repo_id = serializers.CharField()
    private = serializers.BooleanField()
    state = serializers.ChoiceField(choices=SnapshotPush.State.choices)
    done = serializers.IntegerField(help_text="Files that have been sent.")
    total = serializers.IntegerField()
    problem = serializers.CharField()
    commit = serializers.CharField(help_text="Of the hub; empty until it is done.")
    url = serializers.CharField()


class PushBody(Body):
    repo_id = serializers.CharField(max_length=200, help_text="owner/name")
    private = serializers.BooleanField(default=True)
    token = serializers.CharField(
        max_length=300,
        required=False,
        allow_blank=True,
        default="",
        write_only=True,
        help_text="Of the hub, with the right to write. Empty: the server's own, where it has one.",
    )


class NameBody(Body):
    name = serializers.CharField(max_length=NAME_LENGTH)


class DifferenceSerializer(serializers.Serializer[Any]):
    """Describes `Difference.as_row`."""

    id = serializers.IntegerField()
    what = serializers.ChoiceField(choices=["added", "removed", "changed"])
    ways = serializers.ListField(child=serializers.ChoiceField(choices=list(comparing.WAYS)))
    prompt = serializers.ListField(child=serializers.DictField())
    old = serializers.DictField(allow_null=True)
    new = serializers.DictField(allow_null=True)


class DiffSerializer(serializers.Serializer[Any]):
    counts = serializers.DictField(child=serializers.IntegerField())
    ways = serializers.DictField(child=serializers.IntegerField())
    results = DifferenceSerializer(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="For `after`; null on the last.")


def snapshot_of(project: Project, pk: int) -> Snapshot:
    rows = Snapshot.objects.filter(project=project).select_related("project", "created_by")
    return row_of(rows, "snapshot", min(pk, BIGGEST_ID))


def snapshot_row(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": snapshot.pk,
        "name": snapshot.name,
        "origin": snapshot.origin,
        "description": snapshot.description,
        "licence": snapshot.licence,
        "sha256": snapshot.sha256,
        "judgments_sha256": snapshot.votes_sha256,
        "preferences": snapshot.count,
        "filters": snapshot.filters,
        "guidelines": snapshot.guidelines,
        "created_by": snapshot.created_by.username if snapshot.created_by else None,
        "created_at": timestamp(snapshot.created_at),
    }


def whole_row(snapshot: Snapshot) -> dict[str, Any]:
    try:
        counts, damage = counts_of(snapshot), ""
    except SnapshotDamaged as fault:
        counts, damage = {}, str(fault)
    return snapshot_row(snapshot) | {
        "counts": counts,
        "damage": damage,
        "files": [*names_of(snapshot), CARD],
        "uses": [use.words for use in uses_of(snapshot)],
        "why_not_delete": why_not_delete(snapshot),
    }


def taking_row(wish: SnapshotTaking) -> dict[str, Any]:
    names = ("id", "name", "state", "done", "total", "problem")
    return {name: getattr(wish, name) for name in names}


def push_row(push: SnapshotPush) -> dict[str, Any]:
    names = ("id", "repo_id", "state", "done", "total", "problem", "commit", "url")
    return {name: getattr(push, name) for name in names} | {"private": push.is_private}
