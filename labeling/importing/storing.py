"""Writes checked rows: their prompts, responses and comparisons by labeling/material/adding.py,
and the preferences that they bring; what named people said by outside_judgments.py. Identical
responses never become a comparison.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from django.db.models import Model
from django.utils import timezone

from labeling.importing.lines.opinions import Opinion
from labeling.importing.lines.rows import CheckedRow, digests_of
from labeling.importing.outside_judgments import OutsideJudgments, finished
from labeling.importing.pairing import pick_groups
from labeling.importing.undoing.links import BROUGHT, rows_from_before
from labeling.material.adding import (
    Added,
    ColumnValues,
    ComparisonName,
    NewPrompt,
    ResponseName,
    responses_key,
)
from labeling.models import (
    Assignment,
    Comparison,
    Preference,
    Prompt,
    Response,
)
from labeling.texts.metadata import Metadata, merged
from labeling.texts.sameness import pairing_seed

Pair: TypeAlias = tuple[int, int]  # response ids
Group: TypeAlias = tuple[int, ...]  # response ids to compare: two, or up to nine to rank
# Asking an enumeration for its values takes longer than the rest of a row.
IMPORTED = str(Response.Origin.IMPORTED)
Name = TypeVar("Name")

Earlier: TypeAlias = tuple[Pair, str]  # chosen and rejected of a preference, its kind


@dataclass(frozen=True)
class Storing(OutsideJudgments):
    """One transaction of an import: the project, and the choices that hold for the whole file.

    `project` is locked and as it is now. A comparison made while the overlap is being changed would
    keep the old overlap for ever.
    """

    source: str  # of the prompts
    model: str  # that wrote the responses, where a row does not say
    tags: Sequence[str]
    pairs_per_prompt: int
    responses_per_comparison: int
    import_id: int = 0

    def insert(
        self, model: type[Model], rows: Iterable[ColumnValues], *, or_fail: bool = False
    ) -> None:
        rows = list(rows)
        if model is Prompt:
            self.report.count_splits(row["split"] for row in rows)
        if model in BROUGHT:
            rows = [{**row, "brought_by_id": self.import_id} for row in rows]
        super().insert(model, rows, or_fail=or_fail)

    def from_before(self, model: type[Model], ids: Collection[int]) -> set[int]:
        """Those of these rows that the project had before the import."""
        return rows_from_before(model, ids, self.import_id)

    def store(self, rows: Sequence[CheckedRow]) -> bool:
        """Adds the rows. True when it locked pairs that were in the queue."""
        row_digests = [digests_of(row) for row in rows]
        prompts = self._store_prompts(rows, [digest for digest, _ in row_digests])
        prompt_ids = [prompts[digest] for digest, _ in row_digests]
        keys = [
            [(prompt_id, digest) for digest in digests]
            for (_, digests), prompt_id in zip(row_digests, prompt_ids, strict=True)
        ]
        responses = self._store_responses(rows, keys)
        open_groups: dict[ComparisonName, Group] = {}
        triples: dict[ComparisonName, tuple[Pair, Opinion]] = {}
        said: dict[ComparisonName, tuple[Pair, Opinion]] = {}
        for row, prompt_id, row_keys in zip(rows, prompt_ids, keys, strict=True):
            ids = [responses[key] for key in row_keys]
            if row.opinion:
                self._add_triple(triples, said, prompt_id, (ids[0], ids[1]), row.opinion)
            else:
                self._add_open_groups(open_groups, prompt_id, ids, row)
        has_locked = self.store_said(said, beside=triples.keys())
        has_locked = self._store_triples(triples) or has_locked
        self._queue(open_groups)
        self.report.rows += len(rows)
        return has_locked

    def finish(self) -> None:
        """Stamps the preferences as settled now, as near to the commit as can be: call it last in
        the transaction."""
        stored = Preference.objects.filter(project=self.project, settled_at=self.now)
        stored.filter(arm=Comparison.Arm.IMPORTED).update(settled_at=timezone.now())

    def _store_prompts(self, rows: Sequence[CheckedRow], digests: Sequence[str]) -> dict[str, int]:
        """Stores the prompts and returns their ids by digest. Of several rows alike, the first is
        stored, with the metadata of all."""
        prompts: dict[str, NewPrompt] = {}
        told: dict[str, Metadata] = {}
        for digest, row in zip(digests, rows, strict=True):
            if digest not in prompts:
                split = row.opinion.split if row.opinion else ""
                tags = [*row.tags, *self.tags]
                prompts[digest] = NewPrompt(row.messages, row.extra, tags, self.source, split)
            if row.metadata:
                self._gather(told, digest, row.metadata)
        for digest, metadata in told.items():
            prompts[digest] = replace(prompts[digest], metadata=metadata)
        added = self.add_prompts(prompts)
        self.report.prompts_new += added.new
        self.report.prompts_merged += len(rows) - added.new
        if added.new < len(prompts):
            before = self.from_before(Prompt, added.ids.values())
            self.report.prompts_known += sum(added.ids[digest] in before for digest in digests)
        self._add_metadata(Prompt, added, told)
        return added.ids

    def _store_responses(
        self, rows: Sequence[CheckedRow], keys: Sequence[Sequence[ResponseName]]
    ) -> dict[ResponseName, int]:
        """Stores the responses and returns their ids by prompt and digest."""
        count = 0
        wanted: dict[ResponseName, dict[str, object]] = {}
        told: dict[ResponseName, Metadata] = {}
        for row, row_keys in zip(rows, keys, strict=True):
            for response, key in zip(row.responses, row_keys, strict=True):
                count += 1
                if key not in wanted:
                    wanted[key] = {
                        "text": response.text,
                        "extra": response.extra,
                        "origin": IMPORTED,
                        "source": response.source or self.model,
                    }
                if response.metadata:
                    self._gather(told, key, response.metadata)
        for key, metadata in told.items():
            wanted[key]["metadata"] = metadata
        added = self.add_responses(wanted)
        self.report.responses_new += added.new
        self.report.responses_merged += count - added.new
        if added.new < len(wanted):
            self.from_before(Response, added.ids.values())
        self._add_metadata(Response, added, told)
        return added.ids

    def _gather(self, told: dict[Name, Metadata], name: Name, metadata: Metadata) -> None:
        """Adds metadata to what earlier rows of the chunk say of the same prompt or response."""
        told[name], left_out = merged(told.get(name, {}), metadata)
        self.report.metadata_left_out += left_out

    def _add_metadata(
        self, model: type[Prompt | Response], added: Added[Name], told: Mapping[Name, Metadata]
    ) -> None:
        """Adds the metadata of those that were there already: new ones were written with it."""
        earlier = {added.ids[name]: one for name, one in told.items() if name in added.known}
        self.report.metadata_left_out += self.add_metadata(model, earlier)

    def _add_triple(
        self,
        triples: dict[ComparisonName, tuple[Pair, Opinion]],
        said: dict[ComparisonName, tuple[Pair, Opinion]],
        prompt_id: int,
        pair: Pair,
        opinion: Opinion,
    ) -> None:
        if pair[0] == pair[1]:
            self.report.identical_pairs += 1
            return
        name = (prompt_id, responses_key(pair))
        if opinion.is_gathered:
            return
        if opinion.said:
            said[name] = (pair, opinion)
        elif opinion.is_unnamed:
            self.report.votes_unnamed += 1
        elif opinion.is_counted:
            self.report.votes_counted += 1
        elif name not in triples:
            triples[name] = (pair, opinion)
        else:
            earlier_pair, earlier = triples[name]
            self._count_repeated(pair, opinion.kind, earlier_pair, earlier.kind)

    def _count_repeated(self, pair: Pair, kind: str, earlier: Pair, earlier_kind: str) -> None:
        directed = Preference.Kind.PREFER in (kind, earlier_kind)
        if kind != earlier_kind or (directed and pair != earlier):
            self.report.contradictory += 1
        else:
            self.report.preferences_merged += 1

    def _add_open_groups(
        self,
        groups: dict[ComparisonName, Group],
        prompt_id: int,
        ids: Sequence[int],
        row: CheckedRow,
    ) -> None:
        distinct = list(dict.fromkeys(ids))
        # Of more responses some may be alike without a pair being lost.
        if len(ids) == 2 and len(distinct) == 1:
            self.report.identical_pairs += 1
        if len(distinct) < 2:
            return
        chosen: list[Group] = [(distinct[0], distinct[1])] if self.pairs_per_prompt else []
        if len(distinct) > 2:
            size, seed = self.responses_per_comparison, pairing_seed(row.messages)
            chosen = pick_groups(distinct, self.pairs_per_prompt, size, seed=seed)
        for group in chosen:
            name = (prompt_id, responses_key(group))
            if name in groups:
                self.report.comparisons_merged += 1
            groups[name] = group

    def _queue(self, groups: dict[ComparisonName, Group]) -> None:
        """Queues comparisons for people."""
        if not groups:
            return
        added = self.queue_comparisons(groups)
        self.report.comparisons_new += added.new
        self.report.comparisons_merged += len(groups) - added.new
        if added.new < len(groups):
            self.from_before(Comparison, added.ids.values())

    def _store_triples(self, triples: dict[ComparisonName, tuple[Pair, Opinion]]) -> bool:
        """Stores finished comparisons with their imported preferences. True when it locked pairs
        that were in the queue."""
        if not triples:
            return False
        settled = self.preferences(triples.keys())
        self.note_settled(settled)
        for name, (earlier, kind) in settled.items():
            pair, opinion = triples.pop(name)
            self._count_repeated(pair, opinion.kind, earlier, kind)
        known = self.comparison_ids(triples.keys())
        taken = self.take_from_queue(known.values())
        ids = {
            name: comparison_id for name, comparison_id in known.items() if comparison_id in taken
        }
        if ids:
            self.from_before(Comparison, ids.values())
        for name in known.keys() - ids.keys():
            del triples[name]
            self.report.left_to_people += 1
        pairs = {name: pair for name, (pair, _) in triples.items() if name not in ids}
        # One opinion settles them: a file's row asks for nothing more.
        ids |= self.add_comparisons(pairs, finished(self.now) | {"wanted": 1}).ids
        splits = self.splits({prompt_id for prompt_id, _ in triples})
        self.insert(
            Preference,
            [
                self._preference(ids[name], name, pair, opinion, splits[name[0]])
                for name, (pair, opinion) in triples.items()
            ],
        )
        self.report.preferences_new += len(triples)
        self.report.other_split += sum(
            opinion.split not in ("", splits[prompt_id])
            for (prompt_id, _), (_, opinion) in triples.items()
        )
        return bool(known)

    def _preference(
        self, comparison_id: int, name: ComparisonName, pair: Pair, opinion: Opinion, split: str
    ) -> dict[str, object]:
        # Without a direction, the two stand in id order, as in labeling/preferences/settling.py.
        directed = opinion.kind == Preference.Kind.PREFER
        is_turned = not directed and pair[0] > pair[1]
        first, second, tie, both_bad = opinion.votes
        return {
            "project_id": self.project.pk,
            "comparison_id": comparison_id,
            "prompt_id": name[0],
            "chosen_id": pair[is_turned],
            "rejected_id": pair[not is_turned],
            "pair_key": name[1],
            "kind": opinion.kind,
            "target": 1 - opinion.target if is_turned else opinion.target,
            "strength": opinion.strength,
            "weight": opinion.weight,
            "vote_share": opinion.vote_share,
            "votes_chosen": second if is_turned else first,
            "votes_rejected": first if is_turned else second,
            "votes_tie": tie,
            "votes_both_bad": both_bad,
            "provenance": str(Preference.Provenance.IMPORTED),
            "split": split,
            "arm": str(Comparison.Arm.IMPORTED),
            "excluded": bool(opinion.excluded_reason),
            "excluded_reason": opinion.excluded_reason,
            "settled_at": self.now,
        }

    # Names prompts only: with two long IN lists a database may try every combination of them. A
    # prompt has few preferences.
    def preferences(self, names: Collection[ComparisonName]) -> dict[ComparisonName, Earlier]:
        """What these pairs have been settled as already: chosen, rejected and kind, by the pair's
        name."""
        preferences = Preference.objects.filter(prompt_id__in={prompt_id for prompt_id, _ in names})
        rows = preferences.values_list("prompt_id", "pair_key", "chosen_id", "rejected_id", "kind")
        return {
            (prompt_id, key): ((chosen_id, rejected_id), kind)
            for prompt_id, key, chosen_id, rejected_id, kind in rows
            if (prompt_id, key) in names
        }

    def note_settled(self, names: Collection[ComparisonName]) -> None:
        """Notes that the import has these preferences, too, with their comparisons."""
        if not names:
            return
        rows = Preference.objects.filter(prompt_id__in={prompt_id for prompt_id, _ in names})
        ids = {
            pk: comparison_id
            for pk, comparison_id, prompt_id, key in rows.values_list(
                "pk", "comparison_id", "prompt_id", "pair_key"
            )
            if (prompt_id, key) in names
        }
        self.from_before(Preference, ids.keys())
        self.from_before(Comparison, ids.values())

    def take_from_queue(self, comparison_ids: Collection[int]) -> set[int]:
        """Finishes those of these comparisons that nobody was ever asked about, and returns their
        ids: the file brings the answer. All others are left to the people who are judging or have
        judged them."""
        if not comparison_ids:
            return set()
        # The row lock is what a hand-out takes, so nobody can be handed one of these meanwhile.
        locked = Comparison.objects.select_for_update().filter(
            pk__in=comparison_ids, state=Comparison.State.OPEN
        )
        waiting = set(locked.order_by("pk").values_list("pk", flat=True))
        handed_out = Assignment.objects.filter(comparison_id__in=waiting)
        free = waiting - set(handed_out.values_list("comparison_id", flat=True))
        Comparison.objects.filter(pk__in=free).update(**finished(self.now), waiting_since=None)
        return free
