"""What the answers say about each labeler of a project: the numbers for labeling/measures."""

from dataclasses import dataclass

import numpy as np

from labeling import answers, checks
from labeling.answers import Votes
from labeling.measures import labelers
from labeling.measures.bootstrap import Estimate, Refusal
from labeling.measures.labelers import LabelerMeasures
from labeling.models import Judgment, Project

# The times of the latest answers say how fast somebody works now.
TIMED = 500


@dataclass(frozen=True)
class Everybody:
    """Each labeler's measures, and the whole project's for comparison."""

    of: dict[int, LabelerMeasures]
    longer: Estimate | None
    agreement: Estimate | None

    def measures_of(self, labeler_id: int) -> LabelerMeasures:
        return self.of.get(labeler_id) or _measure(labeler_id, _Columns.of(_nothing()), [], [], [])


def measure_everybody(project: Project, only: int | None = None) -> Everybody:
    """`only`: whom to measure, from what they judged lately; the others' answers to the same
    comparisons are what they are compared with."""
    votes = answers.read_votes(project, in_training=False, shared_with=only)
    columns = _Columns.of(votes)
    gold = list(checks.gold_results(project).values_list("labeler_id", "is_right"))
    repeats = [
        (repeat.second.labeler_id, repeat.agrees) for repeat in checks.repeat_results(project)
    ]
    wanted = set(np.unique(votes.labeler).tolist()) | {who for who, _ in gold + repeats}
    if only is not None:
        wanted &= {only}
    of = {
        who: _measure(
            who,
            columns,
            _seconds(project, who),
            [bool(right) for labeler, right in gold if labeler == who],
            [same for labeler, same in repeats if labeler == who],
        )
        for who in sorted(wanted)
    }
    longer = labelers.length_bias((votes.longer[votes.longer != 0] > 0).tolist())
    together = labelers.agreement_with_others(
        columns.agreeing.tolist(), columns.others.tolist(), votes.prompt.tolist()
    )
    return Everybody(of, _known(longer), _known(together))


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
    who: int, columns: _Columns, seconds: list[float], gold: list[bool], repeats: list[bool]
) -> LabelerMeasures:
    mine = columns.votes.labeler == who
    votes = columns.votes.where(mine)
    return LabelerMeasures(
        judgments=int(mine.sum()),
        pace=labelers.pace(seconds),
        agreement=labelers.agreement_with_others(
            columns.agreeing[mine].tolist(), columns.others[mine].tolist(), votes.prompt.tolist()
        ),
        gold=labelers.gold_accuracy(gold),
        repeats=labelers.retest(repeats),
        left=labelers.position_bias((votes.left[votes.left != 0] > 0).tolist()),
        longer=labelers.length_bias((votes.longer[votes.longer != 0] > 0).tolist()),
    )


def _seconds(project: Project, who: int) -> list[float]:
    """Times of the latest answers, by the index of a labeler's judgments."""
    rows = Judgment.objects.filter(
        project=project, labeler_id=who, seconds__isnull=False, kind__in=Judgment.ANSWERS
    )
    return [
        seconds
        for seconds in rows.order_by("-created_at").values_list("seconds", flat=True)[:TIMED]
        if seconds is not None
    ]


def _known(measure: Estimate | Refusal) -> Estimate | None:
    return measure if isinstance(measure, Estimate) else None


def _nothing() -> Votes:
    return answers.votes_from([])
