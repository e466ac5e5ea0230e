"""What the answers say about each labeler of a project: the numbers for quality/measures."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from labeling.judging import checks
from labeling.models import Judgment, Project
from labeling.quality import votes as answers
from labeling.quality.measures import one_labeler
from labeling.quality.measures.intervals import Estimate, Refusal
from labeling.quality.measures.one_labeler import LabelerMeasures
from labeling.quality.votes import Votes

# The times of the latest answers say how fast somebody works now.
TIMED = 500


@dataclass(frozen=True)
class ProjectMeasures:
    """The measures of each labeler by id, and the whole project's for comparison."""

    of: dict[int, LabelerMeasures]
    longer: Estimate | None
    agreement: Estimate | None

    def measures_of(self, labeler_id: int) -> LabelerMeasures:
        return self.of.get(labeler_id) or _measure(labeler_id, _Columns.of(_nothing()), [], [], [])


def measure_everybody(
    project: Project,
    only: int | None = None,
    at: datetime | None = None,
    among: Collection[int] | None = None,
) -> ProjectMeasures:
    """Measures each labeler of the project, or those `among` them, of the same answers.

    With `only`, just this labeler, from what they judged lately and the others' answers to the same
    comparisons. With `at`, as it was at that moment.
    """
    votes = answers.read_votes(project, in_training=False, shared_with=only, at=at)
    columns = _Columns.of(votes)
    gold = list(checks.gold_results(project, at=at).values_list("labeler_id", "is_right"))
    repeats = [
        (repeat.second.labeler_id, repeat.agrees)
        for repeat in checks.repeat_results(project, at=at)
    ]
    labeler_ids = {*np.unique(votes.labeler).tolist(), *(pk for pk, _ in gold + repeats)}
    if only is not None:
        labeler_ids &= {only}
    if among is not None:
        labeler_ids &= set(among)
    of = {
        labeler_id: _measure(
            labeler_id,
            columns,
            _seconds(project, labeler_id, at),
            [bool(right) for labeler, right in gold if labeler == labeler_id],
            [same for labeler, same in repeats if labeler == labeler_id],
        )
        for labeler_id in sorted(labeler_ids)
    }
    longer = one_labeler.length_bias((votes.longer[votes.longer != 0] > 0).tolist())
    together = one_labeler.agreement_with_others(
        columns.agreeing.tolist(), columns.others.tolist(), votes.prompt.tolist()
    )
    return ProjectMeasures(of, _known(longer), _known(together))


@dataclass(frozen=True)
class _Columns:
    """The votes with, for each, how many others judged the pair and how many of them agree."""

    votes: Votes
    agreeing: answers.Ints
    others: answers.Ints

    @classmethod
    def of(cls, votes: Votes) -> "_Columns":
        if not len(votes):
            return cls(votes, votes.pair, votes.pair)
        table = np.zeros((int(votes.pair.max()) + 1, answers.PLAIN_VALUES), dtype=np.int64)
        np.add.at(table, (votes.pair, votes.plain), 1)
        return cls(votes, table[votes.pair, votes.plain] - 1, table[votes.pair].sum(axis=1) - 1)


def _measure(
    labeler_id: int, columns: _Columns, seconds: list[float], gold: list[bool], repeats: list[bool]
) -> LabelerMeasures:
    mine = columns.votes.labeler == labeler_id
    votes = columns.votes.where(mine)
    return LabelerMeasures(
        judgments=int(mine.sum()),
        pace=one_labeler.pace(seconds),
        agreement=one_labeler.agreement_with_others(
            columns.agreeing[mine].tolist(), columns.others[mine].tolist(), votes.prompt.tolist()
        ),
        gold=one_labeler.gold_accuracy(gold),
        repeats=one_labeler.retest(repeats),
        left=one_labeler.position_bias((votes.left[votes.left != 0] > 0).tolist()),
        longer=one_labeler.length_bias((votes.longer[votes.longer != 0] > 0).tolist()),
    )


def _seconds(project: Project, labeler_id: int, at: datetime | None) -> list[float]:
    """Times of the labeler's latest answers, read by the index of their judgments."""
    rows = Judgment.objects.filter(
        project=project, labeler_id=labeler_id, seconds__isnull=False, kind__in=Judgment.ANSWERS
    )
    if at is not None:
        rows = rows.filter(created_at__lt=at)
    return [
        seconds
        for seconds in rows.order_by("-created_at").values_list("seconds", flat=True)[:TIMED]
        if seconds is not None
    ]


def _known(measure: Estimate | Refusal) -> Estimate | None:
    return measure if isinstance(measure, Estimate) else None


def _nothing() -> Votes:
    return answers.votes_from([])
