"""What an undo of an import takes back and what stays: conditions that its preview counts and its
steps obey.

A comparison that the import brought is, in this order: *judged* (people have answered it, hold it
now, or use it as gold), *begun* (people had it and gave it back), *told* (a snapshot or a reader of
changes has its preference), or free.
"""

from functools import cached_property
from typing import Any

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from labeling.importing.undoing.links import kind_of
from labeling.models import (
    Assignment,
    Comparison,
    ComparisonResponse,
    Gold,
    Import,
    ImportedAgain,
    Judgment,
    Preference,
    Project,
    Prompt,
    Response,
    Snapshot,
)

GONE = (Import.State.UNDOING, Import.State.UNDONE)


class Rules:
    def __init__(self, project: Project, import_id: int) -> None:
        self.project, self.import_id = project, import_id

    @cached_property
    def newest_in_snapshot(self) -> Any:
        """What was settled up to then may be in a snapshot."""
        snapshots = Snapshot.objects.filter(project=self.project)
        return snapshots.aggregate(newest=Max("last_settled_at"))["newest"]

    # Of comparisons

    def judged(self) -> Q:
        of_this = Judgment.objects.filter(comparison=OuterRef("pk"))
        holding = Assignment.objects.filter(
            comparison=OuterRef("pk"), state=Assignment.State.LEASED
        )
        gold = Gold.objects.filter(comparison=OuterRef("pk"))
        return Q(Exists(self._of_people(of_this)) | Exists(holding) | Exists(gold))

    def begun(self) -> Q:
        """Whoever had it may still have it on screen, and a late answer is kept."""
        by_import = Judgment.objects.filter(assignment=OuterRef("pk"), brought_by=self.import_id)
        of_this = Assignment.objects.filter(~Exists(by_import), comparison=OuterRef("pk"))
        return Q(Exists(of_this))

    def told(self) -> Q:
        of_this = Preference.objects.filter(comparison=OuterRef("pk"))
        return Q(Exists(of_this.filter(self.told_preference())))

    def untouched(self) -> Q:
        return ~self.judged() & ~self.begun()

    def free(self) -> Q:
        """Brought by the import, and gone with it."""
        mine = Q(brought_by=self.import_id)
        return mine & ~self.shared(Comparison) & self.untouched() & ~self.told()

    # Of preferences

    def told_preference(self) -> Q:
        told = Q(change_number__isnull=False)
        if self.newest_in_snapshot is not None:
            told |= Q(settled_at__lte=self.newest_in_snapshot)
        return told

    def settled_by_people(self) -> Q:
        of_this = Judgment.objects.filter(comparison=OuterRef("comparison"))
        return ~Q(provenance=Preference.Provenance.IMPORTED) & Q(Exists(self._of_people(of_this)))

    # Of responses and prompts

    def response_used(self) -> Q:
        places = ComparisonResponse.objects.filter(response=OuterRef("pk"))
        rewrites = Judgment.objects.filter(rewrite=OuterRef("pk"))
        chosen = Preference.objects.filter(chosen=OuterRef("pk"))
        rejected = Preference.objects.filter(rejected=OuterRef("pk"))
        return Q(Exists(places) | Exists(rewrites) | Exists(chosen) | Exists(rejected))

    def response_stays(self) -> Q:
        """The same before comparisons are gone."""
        staying = Comparison.objects.filter(
            ~self.free(), comparison_responses__response=OuterRef("pk")
        )
        rewrites = Judgment.objects.filter(rewrite=OuterRef("pk"))
        return Q(Exists(staying) | Exists(rewrites))

    def prompt_used(self) -> Q:
        responses = Response.objects.filter(prompt=OuterRef("pk"))
        comparisons = Comparison.objects.filter(prompt=OuterRef("pk"))
        return Q(Exists(responses) | Exists(comparisons))

    def prompt_stays(self) -> Q:
        """The same before responses are gone."""
        staying = Response.objects.filter(
            ~Q(brought_by=self.import_id) | Q(brought_by__isnull=True)
            | self.response_stays() | self.shared(Response),
            prompt=OuterRef("pk"),
        )  # fmt: skip
        return Q(Exists(staying))

    def shared(self, model: type[Comparison | Preference | Prompt | Response]) -> Q:
        """Rows that a later import has as well."""
        again = ImportedAgain.objects.filter(kind=kind_of(model), row_id=OuterRef("pk"))
        return Q(Exists(again.exclude(of__state__in=GONE)))

    def _of_people(self, judgments: QuerySet[Judgment]) -> QuerySet[Judgment]:
        return judgments.filter(Q(brought_by__isnull=True) | ~Q(brought_by=self.import_id))


def foresee(project: Project, job: Import) -> dict[str, int]:
    """Counts what an undo would do now, by the names of the counts that it leaves."""
    rules = Rules(project, job.pk)
    mine: dict[type[Any], QuerySet[Any]] = {
        model: model._default_manager.filter(~rules.shared(model), brought_by=job)
        for model in (Comparison, Preference, Response, Prompt)
    }
    comparisons, free = mine[Comparison], Comparison.objects.filter(rules.free())
    told = comparisons.filter(rules.told(), rules.untouched())
    # Preferences of comparisons that stay: of other imports, or in use.
    others = mine[Preference].exclude(comparison__in=free).exclude(comparison__in=told)
    others = others.exclude(rules.settled_by_people())
    deleted = others.exclude(rules.told_preference())
    excluded = [
        Preference.objects.filter(comparison__in=told, excluded=False),
        others.filter(rules.told_preference(), excluded=False),
    ]
    asked_again = Comparison.objects.filter(rules.untouched(), state=Comparison.State.FINISHED)
    judgments = Judgment.objects.filter(brought_by=job, superseded_at__isnull=True)
    responses_kept = mine[Response].filter(rules.response_stays()).count()
    prompts_kept = mine[Prompt].filter(rules.prompt_stays()).count()
    counts = {
        "prompts": mine[Prompt].count() - prompts_kept,
        "responses": mine[Response].count() - responses_kept,
        "comparisons": free.count(),
        "preferences": Preference.objects.filter(comparison__in=free).count() + deleted.count(),
        "judgments": judgments.exclude(comparison__in=free).count(),
        "comparisons_judged": comparisons.filter(rules.judged()).count(),
        "comparisons_withdrawn": comparisons.filter(~rules.judged(), rules.begun()).count(),
        "preferences_excluded": sum(rows.count() for rows in excluded),
        "comparisons_asked_again": asked_again.filter(preferences__in=deleted).distinct().count(),
        "responses_kept": responses_kept,
        "prompts_kept": prompts_kept,
        "handed_over": sum(
            model._default_manager.filter(rules.shared(model), brought_by=job).count()
            for model in mine
        ),
    }
    return {name: count for name, count in counts.items() if count}
