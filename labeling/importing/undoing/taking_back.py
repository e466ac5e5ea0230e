"""Takes an import back as a whole: what it brought and nobody has used since.

Gone are comparisons that nobody was ever handed, the preferences that the file settled, and the
responses and prompts that nothing else needs. What people have judged or are judging stays as it
is; what was begun and given back is withdrawn, so that nobody is asked any more. A preference that
a snapshot holds, or that a reader of changes was told of, is excluded instead of deleted: runs and
readers find it, and it counts no more. A row that a later import has as well is handed over to it.

The work goes table by table in the order of ids, in short transactions under the project's lock;
how far it is stands in the import's row. Whoever finds an undo that nobody goes on with finishes it
(labeling.tasks.finish_changes). Rules are conditions (rules.py), so that the preview counts
what the undo does.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, Model
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import SHORT_SECONDS, let_others_write, retried
from labeling.importing import staging
from labeling.importing.undoing.links import kind_of
from labeling.importing.undoing.rules import Rules
from labeling.models import (
    Comparison,
    Import,
    ImportedAgain,
    Judgment,
    Preference,
    Project,
    Prompt,
    Response,
    User,
)
from labeling.people.audit import write_entry
from labeling.preferences.resettling import resettle

log = logging.getLogger(__name__)
State = Import.State
# An undo that left something may be done again, when that is no longer used.
CAN_BE_UNDONE = (State.DONE, State.FAILED, State.UNDONE)
PHASES: tuple[type[Model], ...] = (Comparison, Preference, Judgment, Response, Prompt)
# By these one can tell how far an undo is: preferences go with their comparisons.
MATERIAL = (Comparison, Response, Prompt)
BATCH = 300
MAX_REASON = 200
# Each count of an undo in words, in the order in which they are told.
WORDS = {
    "prompts": "prompts taken back",
    "responses": "responses taken back",
    "comparisons": "comparisons taken back",
    "preferences": "preferences taken back",
    "judgments": "judgments of outside labelers that count no more",
    "comparisons_judged": "comparisons that stay, since people have judged or hold them",
    "comparisons_withdrawn": "comparisons withdrawn, since people had begun them",
    "preferences_excluded": "preferences excluded instead, since a snapshot or a reader has them",
    "comparisons_asked_again": "comparisons that wait for people again, as before the import",
    "responses_kept": "responses that stay, since something else needs them",
    "prompts_kept": "prompts that stay, since something else needs them",
    "handed_over": "rows that a later import has as well and keeps",
}


class CannotUndo(ValueError):
    """The import is in a state in which there is nothing to take back, or not yet."""


@retried
def begin_undo(job: Import, actor: User | None, reason: str = "") -> None:
    """Marks the import as being taken back. Whoever asks second is told that it is under way."""
    Project.objects.select_for_update(no_key=True).get(pk=job.project_id)
    jobs = Import.objects.filter(pk=job.pk, state__in=CAN_BE_UNDONE)
    begun = {"by": actor.pk if actor else None}
    if not jobs.update(state=State.UNDOING, undone=begun, touched_at=timezone.now()):
        job.refresh_from_db()
        raise CannotUndo(_why_not(job))
    write_entry(job.project, actor, "undo import", job, reason[:MAX_REASON], file=job.name)
    transaction.on_commit(partial(nudge, "labeling.tasks.go_on_with_import", job.pk))


def _why_not(job: Import) -> str:
    if job.state == State.UNDOING:
        return "This import is being taken back already."
    if job.state == State.IN_FORCE:
        return "Its rows are still being added: wait until it is done."
    return "It has not been taken, so there is nothing to take back."


def go_on(job: Import, *, seconds: float | None = None) -> bool:
    """Takes back until all is done, or for so long. True: it is done."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        started = time.monotonic()
        if _step(job.pk):
            return True
        let_others_write(time.monotonic() - started)
        if deadline is not None and time.monotonic() > deadline:
            return False


def finish_undos() -> None:
    """Goes on with undos that were begun and then left alone."""
    left_alone = staging.untouched_for(staging.LEFT_ALONE_AFTER)
    for job in Import.objects.filter(left_alone, state=State.UNDOING):
        try:
            go_on(job)
        except Exception:
            log.exception("the undo of %s goes on later", job)


@retried
def _step(pk: int) -> bool:
    """Does one short transaction. True: nothing is left to do."""
    deadline = time.monotonic() + SHORT_SECONDS
    project_id = Import.objects.values_list("project_id", flat=True).get(pk=pk)
    project = Project.objects.select_for_update(no_key=True).get(pk=project_id)
    job = Import.objects.get(pk=pk)
    if job.state != State.UNDOING:
        return True
    undoing = _Undoing(project, job)
    while not (is_done := undoing.batch()):
        if time.monotonic() > deadline:
            break
    job.undone = undoing.counts
    if is_done:
        job.state = State.UNDONE
        by = User.objects.filter(pk=job.undone.get("by")).first()
        counts: dict[str, Any] = {"file": job.name, **counts_of(job)}
        write_entry(project, by, "import undone", job, **counts)
        transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    job.touched_at = timezone.now()
    job.save(update_fields=["undone", "state", "touched_at"])
    return is_done


def counts_of(job: Import) -> dict[str, int]:
    """What was taken back so far and what stays, without how far the work is."""
    return {name: job.undone[name] for name in WORDS if job.undone.get(name)}


def share_of(job: Import) -> float | None:
    """How much of what the import brought has been looked at so far; None where nobody knows."""
    names = ("prompts_new", "responses_new", "comparisons_new", "preferences_new")
    brought = sum(job.report.get(name, 0) for name in names)
    return min(1.0, job.undone.get("rows", 0) / brought) if brought else None


class _Undoing:
    """One transaction of an undo. The project's row is locked."""

    def __init__(self, project: Project, job: Import) -> None:
        self.project, self.job = project, job
        self.rules = Rules(project, job.pk)
        self.reason = f"Import {job.pk} was undone."
        self.counts: dict[str, Any] = {"phase": 0, "after": 0, **job.undone}
        self.steps: dict[type[Model], Callable[[list[int]], None]] = {
            Comparison: self._comparisons,
            Preference: self._preferences,
            Judgment: self._judgments,
            Response: self._responses,
            Prompt: self._prompts,
        }

    def batch(self) -> bool:
        """Takes back the next rows. True when there are none left."""
        if self.counts["phase"] >= len(PHASES):
            ImportedAgain.objects.filter(of=self.job).delete()
            return True
        model = PHASES[self.counts["phase"]]
        rows = model._default_manager.filter(brought_by=self.job, pk__gt=self.counts["after"])
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if ids:
            self.steps[model](ids)
            self.counts["after"] = ids[-1]
            if model in MATERIAL:
                self.counts["rows"] = self.counts.get("rows", 0) + len(ids)
        else:
            self.counts |= {"phase": self.counts["phase"] + 1, "after": 0}
        return False

    def _count(self, name: str, number: int) -> None:
        if number:
            self.counts[name] = self.counts.get(name, 0) + number

    def _comparisons(self, ids: list[int]) -> None:
        rows = self._locked(Comparison, ids)
        ids = self._hand_over(Comparison, ids)
        judged = self._those(rows.filter(self.rules.judged()), ids)
        begun = self._those(rows.filter(self.rules.begun()), ids) - judged
        told = self._those(rows.filter(self.rules.told()), ids) - judged - begun
        Comparison.objects.filter(pk__in=begun, state=Comparison.State.OPEN).update(
            state=Comparison.State.WITHDRAWN, slots_left=0, waiting_since=None
        )
        self._exclude(Preference.objects.filter(comparison__in=told))
        free = set(ids) - judged - begun - told
        self._count("preferences", Preference.objects.filter(comparison__in=free).count())
        Comparison.objects.filter(pk__in=free).delete()
        self._count("comparisons", len(free))
        self._count("comparisons_judged", len(judged))
        self._count("comparisons_withdrawn", len(begun))

    def _preferences(self, ids: list[int]) -> None:
        """Those that the file gave to comparisons which stay: of other imports, or in use."""
        comparisons = Comparison.objects.filter(preferences__in=ids).values_list("pk", flat=True)
        self._locked(Comparison, sorted(set(comparisons)))
        ids = self._hand_over(Preference, ids)
        rows = Preference.objects.filter(pk__in=ids)
        settled = self._those(rows.filter(self.rules.settled_by_people()), ids)
        told = self._those(rows.filter(self.rules.told_preference()), ids) - settled
        withdrawn = self._those(rows.filter(excluded_reason=self.reason), ids)
        self._exclude(rows.filter(pk__in=told))
        free = Preference.objects.filter(pk__in=set(ids) - settled - told - withdrawn)
        left = list(free.values_list("comparison_id", flat=True))
        free.delete()
        self._count("preferences", len(left))
        # They were taken out of the queue when the file settled them: nobody had been asked.
        asked_again = Comparison.objects.filter(
            self.rules.untouched(), pk__in=left, state=Comparison.State.FINISHED
        ).update(
            state=Comparison.State.OPEN,
            slots_left=F("wanted"),
            arm=str(Comparison.Arm.UNDECIDED),
            finished_at=None,
        )
        self._count("comparisons_asked_again", asked_again)

    def _judgments(self, ids: list[int]) -> None:
        """Those of outside labelers on comparisons that stay: they count no more."""
        comparisons = Comparison.objects.filter(judgments__in=ids).values_list("pk", flat=True)
        of_these = sorted(set(comparisons))
        self._locked(Comparison, of_these)
        standing = Judgment.objects.filter(pk__in=ids, superseded_at__isnull=True)
        self._count("judgments", standing.update(superseded_at=timezone.now()))
        resettle(self.project, of_these)

    def _responses(self, ids: list[int]) -> None:
        rows = self._locked(Response, ids)
        ids = self._hand_over(Response, ids)
        used = self._those(rows.filter(self.rules.response_used()), ids)
        Response.objects.filter(pk__in=set(ids) - used).delete()
        self._count("responses", len(ids) - len(used))
        self._count("responses_kept", len(used))

    def _prompts(self, ids: list[int]) -> None:
        rows = self._locked(Prompt, ids)
        ids = self._hand_over(Prompt, ids)
        used = self._those(rows.filter(self.rules.prompt_used()), ids)
        Prompt.objects.filter(pk__in=set(ids) - used).delete()
        self._count("prompts", len(ids) - len(used))
        self._count("prompts_kept", len(used))

    def _locked(self, model: type[Model], ids: Sequence[int]) -> Any:
        """Locks these rows, by id, and returns the query of them. What a decision rests on is read
        by it afterwards, in statements of their own."""
        rows = model._default_manager.filter(pk__in=ids)
        list(rows.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        return rows

    def _those(self, rows: Any, ids: Collection[int]) -> set[int]:
        return set(rows.filter(pk__in=ids).values_list("pk", flat=True))

    def _exclude(self, preferences: Any) -> None:
        counting = preferences.filter(excluded=False)
        excluded = counting.update(excluded=True, excluded_reason=self.reason)
        self._count("preferences_excluded", excluded)

    def _hand_over(self, model: type[Model], ids: list[int]) -> list[int]:
        """Gives those rows that later imports have as well to the first of these; returns the
        others."""
        again = ImportedAgain.objects.filter(kind=kind_of(model), row_id__in=ids)
        again = again.exclude(of__state__in=(State.UNDOING, State.UNDONE)).order_by("-of_id")
        heirs = {row.row_id: row for row in again}  # the last one written is the first import
        for row_id, heir in heirs.items():
            model._default_manager.filter(pk=row_id).update(brought_by=heir.of_id)
        ImportedAgain.objects.filter(pk__in=[heir.pk for heir in heirs.values()]).delete()
        self._count("handed_over", len(heirs))
        return [pk for pk in ids if pk not in heirs]
