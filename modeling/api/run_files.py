"""What a run leaves behind: its log, its metrics, the preferences that it learned from, and what
its model says of each."""

from collections.abc import Iterator
from typing import Any

from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.api.conventions.errors import problems
from labeling.api.conventions.parameters import MAX_PAGE, MOST_ROWS, Parameters, WordListField
from labeling.api.conventions.ranges import answer_text
from labeling.api.conventions.streams import JSONL, answer_rows
from labeling.preferences.snapshots import SnapshotDamaged, verify
from modeling.api.runs import run_of
from modeling.models import Metric, Run
from modeling.runs import lifecycle
from modeling.runs.files import predictions_of

PLAIN = "text/plain; charset=utf-8"
MOST_LINES = 100_000
RANGE = OpenApiParameter(
    "Range",
    str,
    OpenApiParameter.HEADER,
    description="One range of bytes, such as `bytes=2000-`: goes on where an earlier answer ended.",
)


class LogParameters(Parameters):
    tail = serializers.IntegerField(
        min_value=1, max_value=MOST_LINES, required=False, help_text="Only the last lines."
    )


class RunLogView(APIView):
    @extend_schema(
        summary="The log of a run",
        description="For curators and admins. Whole lines, as its programs have written them, but "
        "for the paths of the server. Of a log that grew beyond 8 MB the beginning and the end are "
        "there. Empty where there is none yet.",
        parameters=[LogParameters, RANGE],
        responses={
            (200, "text/plain"): OpenApiTypes.STR,
            (206, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "The part that was asked for."),
            **problems(416),
        },
    )
    def get(self, request: Request, slug: str, pk: int) -> HttpResponse:
        run = run_of(request, slug, pk)
        given = LogParameters.of(request)
        if "tail" in given:
            text = lifecycle.log_tail(run, given["tail"])
        else:
            text = lifecycle.whole_log(run)
        return answer_text(request, text.encode(), PLAIN)


class MetricParameters(Parameters):
    format = serializers.ChoiceField(
        choices=["json", "jsonl"],
        default="json",
        help_text="`json`: one page and the address of the next. `jsonl`: all rows as a stream.",
    )
    name = WordListField(required=False, help_text="One or more metrics, with commas between them.")
    after = serializers.IntegerField(
        min_value=0,
        max_value=MOST_ROWS,
        default=0,
        help_text="Only rows with a higher id: goes on where an earlier answer ended.",
    )
    limit = serializers.IntegerField(
        min_value=1,
        max_value=MOST_ROWS,
        required=False,
        help_text=f"Rows on a page (100, at most {MAX_PAGE}), or rows of a stream (all).",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["format"] == "json" and attrs.setdefault("limit", 100) > MAX_PAGE:
            problem = f"A page has at most {MAX_PAGE} rows. Use format=jsonl for more."
            raise serializers.ValidationError({"limit": problem})
        return attrs


class MetricSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField(help_text="As in docs/metrics.md.")
    step = serializers.IntegerField()
    value = serializers.FloatField()
    logged_at = serializers.DateTimeField()


class MetricPageSerializer(serializers.Serializer[Any]):
    results = MetricSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class RunMetricsView(APIView):
    @extend_schema(
        summary="The metrics of a run, as rows",
        description="For curators and admins. In the order in which they were logged.",
        parameters=[MetricParameters],
        responses={
            (200, "application/json"): MetricPageSerializer,
            (200, JSONL): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, slug: str, pk: int) -> HttpResponseBase:
        run = run_of(request, slug, pk)
        given = MetricParameters.of(request)
        rows = metric_rows(run, given["after"], given.get("name", []))
        return answer_rows(request, rows, given, f"{slug}-run-{run.pk}-metrics")


def metric_rows(run: Run, after: int, names: list[str]) -> Iterator[dict[str, Any]]:
    metrics = Metric.objects.filter(run=run, pk__gt=after)
    if names:
        metrics = metrics.filter(name__in=names)
    columns = ("id", "name", "step", "value", "logged_at")
    for row in metrics.order_by("pk").values(*columns).iterator(chunk_size=2000):
        yield row | {"logged_at": row["logged_at"].isoformat()}


class RunSnapshotView(APIView):
    @extend_schema(
        summary="The preferences that a run learned from, as they were",
        description="For curators and admins. 404: it learned from none, or they are damaged.",
        responses={(200, JSONL): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, slug: str, pk: int) -> HttpResponseBase:
        run = run_of(request, slug, pk)
        if run.snapshot is None:
            raise NotFound("The run has no snapshot.")
        try:
            path = verify(run.snapshot)
        except SnapshotDamaged as problem:
            raise NotFound(str(problem)) from problem
        return _sent(path.open("rb"), f"{slug}-snapshot-{run.snapshot.sha256[:12]}.jsonl")


class RunPredictionsView(APIView):
    @extend_schema(
        summary="What a training's model says of each preference",
        description="For curators and admins. docs/learning-programs.md has the columns. 404: the "
        "run has left none.",
        responses={(200, JSONL): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, slug: str, pk: int) -> HttpResponseBase:
        run = run_of(request, slug, pk)
        path = predictions_of(run)
        if path is None:
            raise NotFound("The run has left no predictions.")
        return _sent(path.open("rb"), f"{slug}-run-{run.pk}-predictions.jsonl")


def _sent(file: Any, name: str) -> FileResponse:
    return FileResponse(file, as_attachment=True, filename=name, content_type=JSONL)
