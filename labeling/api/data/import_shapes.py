"""What the API takes of an import, and what it tells of one."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.reverse import reverse

from labeling.api.conventions.parameters import Parameters, WordListField
from labeling.importing import MAX_PAIRS, ImportReport
from labeling.importing.skipping import SHOWN_SKIPPED
from labeling.importing.sources.mapping import LONGEST_JSON
from labeling.importing.undoing.taking_back import MAX_REASON, WORDS, counts_of
from labeling.models import Import


class ImportParameters(Parameters):
    pairs = serializers.IntegerField(
        min_value=0,
        max_value=MAX_PAIRS,
        default=1,
        help_text="Comparisons to queue for each prompt that comes with two or more responses.",
    )
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=120, default="", help_text="Where the rows are from; the file's name if empty."
    )
    tags = WordListField(
        required=False, help_text="For every new prompt; with commas between them."
    )
    dry_run = serializers.BooleanField(
        default=False, help_text="Say what would happen and store nothing."
    )
    skip_bad = serializers.BooleanField(
        default=False,
        help_text="Leave out rows with errors, and say how many and which, instead of refusing the "
        "file.",
    )
    number_labelers = serializers.BooleanField(
        default=False,
        help_text="Call labelers whom the file names annotator 1, 2, … and do not store the names.",
    )
    mapping = serializers.CharField(
        max_length=LONGEST_JSON,
        default="",
        help_text="JSON that says what each column is (docs/data-formats.md), for a shape that is "
        "not known. A form may hold it as its part `mapping` instead.",
    )

    background = serializers.BooleanField(
        default=False,
        help_text="A worker reads the files and takes them if they are sound: the answer comes at "
        "once and is the import, whose `state` tells how far it is.",
    )
    hub = serializers.CharField(
        max_length=200,
        default="",
        help_text="Instead of rows, the id of a data set of the hub, which a worker downloads.",
    )
    config = serializers.CharField(max_length=100, default="", help_text="With `hub`.")
    split = serializers.CharField(
        max_length=100, default="", help_text="With `hub`; all where it is empty."
    )
    revision = serializers.CharField(
        max_length=100, default="", help_text="With `hub`: a branch, tag or commit."
    )


class UploadSerializer(serializers.Serializer[Any]):
    file = serializers.ListField(
        child=serializers.FileField(),
        help_text="JSONL, JSON, CSV, Parquet or Arrow; plain, packed, or in a .zip or .tar. The "
        "part may be repeated.",
    )
    mapping = serializers.CharField(
        required=False, help_text="A mapping as JSON: a text, or a file of it."
    )


class SkippedLineSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="The number of the record in all that was sent.")
    place = serializers.CharField(help_text="In words: “line 7”, “row 7 of part.csv”.")
    field = serializers.CharField()
    problem = serializers.CharField()


class ReportSerializer(serializers.Serializer[Any]):
    """Describes importing.ImportReport for the schema; a test compares the two."""

    import_id = serializers.IntegerField(help_text="The import that holds it; 0 of a dry run.")
    rows = serializers.IntegerField()
    prompts_new = serializers.IntegerField()
    prompts_merged = serializers.IntegerField()
    prompts_known = serializers.IntegerField(
        help_text="Of `prompts_merged`, those that the project had before."
    )
    responses_new = serializers.IntegerField()
    responses_merged = serializers.IntegerField()
    comparisons_new = serializers.IntegerField()
    comparisons_merged = serializers.IntegerField()
    preferences_new = serializers.IntegerField()
    preferences_merged = serializers.IntegerField()
    votes_counted = serializers.IntegerField(
        help_text="Triples beyond the first of a pair: together they are its votes."
    )
    labelers_new = serializers.IntegerField(
        help_text="Outside labelers: whom the file names, and the project did not know."
    )
    judgments_new = serializers.IntegerField(help_text="Of outside labelers.")
    judgments_merged = serializers.IntegerField()
    judgments_replaced = serializers.IntegerField(
        help_text="Earlier ones of a labeler about a pair, in whose place the last one stands."
    )
    preferences_resettled = serializers.IntegerField()
    votes_unnamed = serializers.IntegerField(
        help_text="Left out: they name nobody, and named labelers judged their pairs."
    )
    skipped = serializers.IntegerField(help_text="Rows with errors, with `skip_bad`.")
    identical_pairs = serializers.IntegerField()
    contradictory = serializers.IntegerField()
    left_to_people = serializers.IntegerField()
    other_split = serializers.IntegerField()
    metadata_left_out = serializers.IntegerField(
        help_text="Values that differ from what was known of the prompt or response already."
    )
    dry_run = serializers.BooleanField()
    seconds = serializers.FloatField()
    splits = serializers.DictField(
        child=serializers.IntegerField(), help_text="The new prompts by their split."
    )
    notices = serializers.ListField(child=serializers.CharField())
    skipped_lines = SkippedLineSerializer(
        many=True, help_text=f"Of the rows with errors the first {SHOWN_SKIPPED}."
    )


class ProgressSerializer(serializers.Serializer[Any]):
    what = serializers.CharField(help_text="downloading, reading, counting or read.")
    at = serializers.IntegerField(help_text="Bytes of `of`; while counting, rows.")
    of = serializers.IntegerField()
    rows = serializers.IntegerField(help_text="Rows read so far.")


class RefusalSerializer(serializers.Serializer[Any]):
    summary = serializers.CharField()
    problems = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="The first faults of the rows."
    )


class ImportSerializer(serializers.ModelSerializer[Import]):
    """One import: who, when, what, how far it is, and what it brought."""

    url = serializers.SerializerMethodField()
    actor = serializers.CharField(
        source="actor.username", default=None, allow_null=True, help_text="null: a command."
    )
    progress = serializers.SerializerMethodField()
    report = serializers.SerializerMethodField()
    refusal = serializers.SerializerMethodField()
    undone = serializers.SerializerMethodField()

    class Meta:
        model = Import
        fields = [
            "id", "url", "name", "state", "actor", "created_at", "touched_at", "progress",
            "report", "refusal", "undone",
        ]  # fmt: skip

    def get_url(self, job: Import) -> str:
        request: Request = self.context["request"]
        parts = {"slug": job.project.slug, "pk": job.pk}
        return reverse("api-import", kwargs=parts, request=request)

    @extend_schema_field(ProgressSerializer(allow_null=True))
    def get_progress(self, job: Import) -> dict[str, Any] | None:
        return job.progress or None

    @extend_schema_field(ReportSerializer(allow_null=True))
    def get_report(self, job: Import) -> dict[str, Any] | None:
        return ImportReport(**job.report).as_dict() if job.report else None

    @extend_schema_field(RefusalSerializer(allow_null=True))
    def get_refusal(self, job: Import) -> dict[str, Any] | None:
        return job.refusal or None

    @extend_schema_field(
        {"type": "object", "additionalProperties": {"type": "integer"}}
        | {"description": f"What was taken back and what stays: {', '.join(WORDS)}."}
    )
    def get_undone(self, job: Import) -> dict[str, int]:
        return counts_of(job)


class UndoParameters(Parameters):
    dry_run = serializers.BooleanField(
        default=False, help_text="Only say what would be taken back now."
    )
    reason = serializers.CharField(
        max_length=MAX_REASON, default="", allow_blank=True, help_text="For the audit log."
    )


class UndoSerializer(serializers.Serializer[Any]):
    """The counts of an undo; what does not occur is left out."""

    counts = serializers.DictField(child=serializers.IntegerField())
    dry_run = serializers.BooleanField()
    state = serializers.CharField(help_text="`undone`, or `undoing` while it goes on by itself.")
