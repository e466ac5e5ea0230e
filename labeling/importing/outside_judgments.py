"""Writes what named people said in a file: as judgments of outside labelers, with the preferences
that they settle.

A pair that people of the project were asked about stays theirs: a file never speaks beside them.
Other pairs are finished with as many judgments as the file has, whatever the project's overlap is;
further files add theirs, and settle anew.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from labeling.importing.lines.named_votes import BOTH_BAD, PREFER, NamedVote
from labeling.importing.lines.opinions import MOST_VOTES, Opinion
from labeling.importing.reports import ImportReport
from labeling.material.adding import ComparisonName, responses_key
from labeling.models import Assignment, Comparison, Judgment, Preference, Prompt
from labeling.people.outside import Labeler, OutsideLabelers
from labeling.preferences.resettling import resettle
from labeling.preferences.settling import Vote, weigh

Pair: TypeAlias = tuple[int, int]  # response ids: those of the row's first and second response
Said: TypeAlias = Mapping[ComparisonName, tuple[Pair, Opinion]]
State = Comparison.State


@dataclass(frozen=True)
class Standing:
    """A judgment that stands already."""

    id: int
    assignment_id: int
    says: tuple[Any, ...]
    created_at: datetime


@dataclass(frozen=True)
class AskedAbout:
    """Known pairs that a file's judgments may be added to: `free` ones wait for people and nobody
    was asked; `judged` ones have judgments of outside labelers, or what an earlier file settled."""

    free: set[int]
    judged: set[int]


@dataclass(frozen=True)
class OutsideJudgments(OutsideLabelers):
    """Adds judgments of outside labelers to a project, whose row is locked."""

    report: ImportReport
    now: datetime

    def store_said(self, said: Said, beside: Collection[ComparisonName] = ()) -> bool:
        """Stores what was said of these pairs. True when it locked known pairs; those `beside` are
        locked with them, so that one transaction locks in the order of ids."""
        if not said:
            return False
        names = (vote.labeler for _, opinion in said.values() for vote in opinion.said)
        labelers, new = self.labelers(dict.fromkeys(names))
        self.report.labelers_new += new
        known = self.comparison_ids({*said, *beside})
        asked = self.lock_for_judgments(
            known.values(), {known[name] for name in said.keys() & known.keys()}
        )
        ids: dict[ComparisonName, int] = {}
        for name in said:
            if name not in known or known[name] in asked.free | asked.judged:
                ids[name] = known.get(name, 0)
            else:
                self.report.left_to_people += 1
        self._finish_free(
            {ids[name]: len(said[name][1].said) for name in ids if ids[name] in asked.free}
        )
        ids |= self._add_finished({name: said[name] for name, pk in ids.items() if not pk})
        changed = self._add_judgments({name: said[name] for name in ids}, ids, asked, labelers)
        self._settle({name: said[name] for name in changed}, ids, asked, labelers)
        return bool(known)

    # comparisons

    def lock_for_judgments(self, ids: Collection[int], asked: Collection[int]) -> AskedAbout:
        """Locks the comparisons `ids`, and says which of the `asked` ones judgments may be added
        to. The row lock is what a hand-out takes."""
        list(Comparison.objects.select_for_update().filter(pk__in=ids).order_by("pk").values("pk"))
        return self.may_be_judged(asked)

    def may_be_judged(self, ids: Collection[int]) -> AskedAbout:
        if not ids:
            return AskedAbout(set(), set())
        states = dict(Comparison.objects.filter(pk__in=ids).values_list("pk", "state"))
        handed_out = Assignment.objects.filter(comparison__in=ids)
        to_people = handed_out.filter(labeler__outside_project__isnull=True)
        of_people = set(to_people.values_list("comparison_id", flat=True))
        of_outside = set(handed_out.values_list("comparison_id", flat=True))
        imported = Preference.objects.filter(
            comparison__in=ids, provenance=Preference.Provenance.IMPORTED
        )
        of_files = of_outside | set(imported.values_list("comparison_id", flat=True))
        theirs = {pk for pk, state in states.items() if state != State.WITHDRAWN} - of_people
        waiting = {pk for pk in theirs - of_files if states[pk] == State.OPEN}
        return AskedAbout(free=waiting, judged=theirs & of_files)

    def _finish_free(self, counts: Mapping[int, int]) -> None:
        """Takes these comparisons out of the queue, each with so many judgments."""
        by_count: dict[int, list[int]] = defaultdict(list)
        for pk, count in counts.items():
            by_count[count].append(pk)
        for count, ids in by_count.items():
            self.finish_comparisons(ids, wanted=count)

    def finish_comparisons(self, ids: Collection[int], *, wanted: int) -> None:
        values = {**finished(self.now), "wanted": min(wanted, MOST_VOTES), "waiting_since": None}
        Comparison.objects.filter(pk__in=ids).update(**values)

    def _add_finished(self, said: Said) -> dict[ComparisonName, int]:
        """Adds finished comparisons that want as many judgments as the file has."""
        by_count: dict[int, dict[ComparisonName, Pair]] = defaultdict(dict)
        for name, (pair, opinion) in said.items():
            by_count[len(opinion.said)][name] = pair
        ids: dict[ComparisonName, int] = {}
        for count, pairs in by_count.items():
            columns = finished(self.now) | {"wanted": min(count, MOST_VOTES)}
            ids |= self.add_comparisons(pairs, columns).ids
        return ids

    # judgments

    def _add_judgments(
        self,
        said: Said,
        ids: Mapping[ComparisonName, int],
        asked: AskedAbout,
        labelers: Mapping[str, Labeler],
    ) -> set[ComparisonName]:
        """Adds the judgments that are not there yet. Returns the pairs that have new ones. What
        a new labeler of a pair has said of it before, in the same file, stays as superseded."""
        standing = self._standing([pk for pk in ids.values() if pk in asked.judged])
        changed: set[ComparisonName] = set()
        replaced: list[int] = []
        rows: list[dict[str, Any]] = []
        earlier: list[dict[str, Any]] = []
        for name, (pair, opinion) in said.items():
            self.report.judgments_replaced += len(opinion.said_before)
            for vote in opinion.said:
                labeler = labelers[vote.labeler]
                row = self._judgment(ids[name], labeler, pair, vote)
                before = standing.get((ids[name], labeler.id))
                if before is not None:
                    if before.says == _says(row):
                        self.report.judgments_merged += 1
                        continue
                    self.report.judgments_replaced += 1
                    if vote.judged_at and row["created_at"] < before.created_at:
                        continue
                    replaced.append(before.id)
                    row |= {"assignment_id": before.assignment_id, "supersedes_id": before.id}
                else:
                    earlier += [
                        self._judgment(ids[name], labeler, pair, other)
                        | {"superseded_at": self.now}
                        for other in opinion.said_before
                        if other.labeler == vote.labeler
                    ]
                self.report.judgments_new += 1
                changed.add(name)
                rows.append(row)
        self.supersede(replaced)
        self._insert_judgments(rows, earlier)
        return changed

    def supersede(self, judgment_ids: Collection[int]) -> None:
        if judgment_ids:
            Judgment.objects.filter(pk__in=judgment_ids).update(superseded_at=self.now)

    def _judgment(
        self, comparison_id: int, labeler: Labeler, pair: Pair, vote: NamedVote
    ) -> dict[str, Any]:
        first, second = pair
        by_way = {1: [[first], [second]], -1: [[second], [first]], 0: [sorted(pair)]}
        order = {1: [first, second], -1: [second, first], 0: []}
        better = {1: first, -1: second, 0: None}
        moment = datetime.fromisoformat(vote.judged_at) if vote.judged_at else self.now
        return {
            "project_id": self.project.pk,
            "comparison_id": comparison_id,
            "labeler_id": labeler.id,
            "kind": vote.kind,
            "tiers": by_way[vote.way],
            "strength": vote.strength,
            "aspects": {name: better[way] for name, way in vote.aspects.items()},
            "rationale": vote.rationale,
            "seconds": vote.seconds,
            "order": order[vote.shown_first],
            "created_at": moment,
            "excluded_at": self.now if labeler.is_excluded else None,
        }

    def _standing(self, comparison_ids: Collection[int]) -> dict[tuple[int, int], Standing]:
        """What outside labelers have said of these comparisons, by comparison and labeler."""
        if not comparison_ids:
            return {}
        rows = Judgment.objects.filter(
            comparison__in=comparison_ids, superseded_at__isnull=True
        ).values("pk", "assignment_id", "comparison_id", "labeler_id", "created_at", *SAYS)
        return {
            (row["comparison_id"], row["labeler_id"]): Standing(
                row["pk"], row["assignment_id"], _says(row), row["created_at"]
            )
            for row in rows
        }

    def _insert_judgments(
        self, rows: Sequence[dict[str, Any]], earlier: Sequence[dict[str, Any]]
    ) -> None:
        """Inserts the judgments, each with an assignment that was answered: a labeler has one for
        each comparison. The `earlier` ones are those that their labelers replaced in the same
        file."""
        new = [row for row in rows if "assignment_id" not in row]
        self.insert(
            Assignment,
            [
                {
                    # As both databases take it: SQLite keeps it as a text.
                    "uuid": uuid.uuid4().hex,
                    "state": str(Assignment.State.JUDGED),
                    **{
                        name: row[name]
                        for name in ("project_id", "comparison_id", "labeler_id", "order")
                    },
                    **dict.fromkeys(
                        ("leased_at", "expires_at", "finished_at", "queue_cursor"),
                        row["created_at"],
                    ),
                }
                for row in new
            ],
            or_fail=True,
        )
        ids = self.assignment_ids({row["comparison_id"] for row in new})
        for row in [*new, *earlier]:
            row["assignment_id"] = ids.get((row["comparison_id"], row["labeler_id"]), 0)
        if earlier:
            self.insert(Judgment, earlier, or_fail=True)
            last = self._chain({row["assignment_id"] for row in earlier})
            for row in new:
                row["supersedes_id"] = last.get(row["assignment_id"])
        self.insert(Judgment, rows, or_fail=True)

    def _chain(self, assignment_ids: Collection[int]) -> dict[int, int]:
        """Lets each superseded judgment of these assignments follow the one before it. Returns the
        last one's id by assignment."""
        last: dict[int, int] = {}
        followers: list[Judgment] = []
        judgments = Judgment.objects.filter(assignment__in=assignment_ids)
        for pk, assignment_id in judgments.order_by("pk").values_list("pk", "assignment_id"):
            if assignment_id in last:
                followers.append(Judgment(pk=pk, supersedes_id=last[assignment_id]))
            last[assignment_id] = pk
        Judgment.objects.bulk_update(followers, ["supersedes"], batch_size=200)
        return last

    def assignment_ids(self, comparison_ids: Collection[int]) -> dict[tuple[int, int], int]:
        rows = Assignment.objects.filter(comparison__in=comparison_ids, showing=1)
        return {
            (comparison_id, labeler_id): pk
            for comparison_id, labeler_id, pk in rows.values_list(
                "comparison_id", "labeler_id", "pk"
            )
        }

    # preferences

    def _settle(
        self,
        said: Said,
        ids: Mapping[ComparisonName, int],
        asked: AskedAbout,
        labelers: Mapping[str, Labeler],
    ) -> None:
        """Settles the pairs: new ones from what the file says, others from all that stands."""
        splits = self.splits({prompt_id for prompt_id, _ in said})
        rows, anew = [], []
        for name, (pair, opinion) in said.items():
            counting = [vote for vote in opinion.said if not labelers[vote.labeler].is_excluded]
            if ids[name] in asked.judged:
                self.report.preferences_resettled += 1
                anew.append(ids[name])
                continue
            self.report.preferences_new += bool(counting)
            self.report.other_split += opinion.split not in ("", splits[name[0]])
            if len(counting) < len(opinion.said):
                anew.append(ids[name])  # without those votes; without any it is asked
            if counting:
                weighed = [(vote, labelers[vote.labeler].reliability) for vote in counting]
                row = self._settled(ids[name], name, pair, weighed)
                excluded = opinion.excluded_reason
                row |= {
                    "split": splits[name[0]],
                    "excluded": bool(excluded),
                    "excluded_reason": excluded,
                }
                rows.append(row)
        self.insert(Preference, rows, or_fail=True)
        self.settle_anew(anew)

    def _settled(
        self,
        comparison_id: int,
        name: ComparisonName,
        pair: Pair,
        weighed: Sequence[tuple[NamedVote, float]],
    ) -> dict[str, Any]:
        """The preference that these votes come to, as labeling/preferences/settling.py has it."""
        first, second = sorted(pair)
        side = 1 if pair[0] == first else -1
        verdict = weigh(
            [
                Vote(
                    None if vote.kind == BOTH_BAD else side * vote.way,
                    vote.strength if vote.kind == PREFER else None,
                    weight,
                )
                for vote, weight in weighed
            ]
        )
        is_first_chosen = verdict.direction >= 0
        votes = (verdict.votes_first, verdict.votes_second)
        return {
            "project_id": self.project.pk,
            "comparison_id": comparison_id,
            "prompt_id": name[0],
            "chosen_id": first if is_first_chosen else second,
            "rejected_id": second if is_first_chosen else first,
            "pair_key": responses_key(pair),
            "kind": str(verdict.kind),
            "target": verdict.target,
            "strength": verdict.strength,
            "weight": verdict.weight,
            "vote_share": verdict.vote_share,
            "votes_chosen": votes[not is_first_chosen],
            "votes_rejected": votes[is_first_chosen],
            "votes_tie": verdict.votes_tie,
            "votes_both_bad": verdict.votes_both_bad,
            "provenance": str(verdict.provenance),
            "arm": str(Comparison.Arm.IMPORTED),
            "settled_at": self.now,
        }

    def settle_anew(self, comparison_ids: Sequence[int]) -> None:
        if comparison_ids:
            resettle(self.project, comparison_ids)

    def splits(self, prompt_ids: Collection[int]) -> dict[int, str]:
        """The splits of these prompts, by id. A prompt keeps the split that it was given first,
        whatever the rule says now."""
        return dict(Prompt.objects.filter(pk__in=prompt_ids).values_list("pk", "split"))


SAYS = ("kind", "tiers", "strength", "aspects", "rationale")


def _says(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in SAYS)


def finished(now: datetime) -> dict[str, object]:
    """The columns of a comparison that a file has finished."""
    return {
        "state": str(State.FINISHED),
        "slots_left": 0,
        "arm": str(Comparison.Arm.IMPORTED),
        "finished_at": now,
    }
