"""Writes checked rows in bulk, by the rules of labeling/material.py: what is there already is
found again, and identical responses never become a comparison.

A chunk of rows costs a fixed number of look-ups, whatever the project's size.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from django.utils import timezone

from labeling.importing.checking import Opinion, Row
from labeling.importing.inserting import insert_rows
from labeling.importing.pairing import pick_groups
from labeling.importing.reports import ImportReport
from labeling.material import responses_key
from labeling.models import (
    Assignment,
    Comparison,
    ComparisonResponse,
    Preference,
    Project,
    Prompt,
    Response,
)
from labeling.texts import prompt_digest, response_digest, split_of

Pair: TypeAlias = tuple[int, int]  # response ids
Group: TypeAlias = tuple[int, ...]  # response ids to compare: two, or up to nine to rank
PairName: TypeAlias = tuple[int, str]  # prompt id, responses_key
ResponseName: TypeAlias = tuple[int, str]  # prompt id, digest of the text


@dataclass(frozen=True)
class Storing:
    """One import: where to, and the choices that hold for the whole file."""

    project: Project
    source: str  # of the prompts
    model: str  # that wrote the responses, where a row does not say
    tags: tuple[str, ...]
    pairs_per_prompt: int
    responses_per_comparison: int
    report: ImportReport
    now: datetime

    def store(self, rows: Sequence[Row]) -> None:
        digests = [prompt_digest(row.messages) for row in rows]
        prompts = self._store_prompts(rows, digests)
        prompt_ids = [prompts[digest] for digest in digests]
        keys = [
            [(prompt_id, response_digest(response.text)) for response in row.responses]
            for row, prompt_id in zip(rows, prompt_ids, strict=True)
        ]
        responses = self._store_responses(rows, keys)
        open_groups: dict[PairName, Group] = {}
        triples: dict[PairName, tuple[Pair, Opinion, str]] = {}
        for row, digest, prompt_id, row_keys in zip(rows, digests, prompt_ids, keys, strict=True):
            ids = [responses[key] for key in row_keys]
            if row.opinion:
                self._add_triple(triples, prompt_id, (ids[0], ids[1]), row.opinion, digest)
            else:
                self._add_open_groups(open_groups, prompt_id, ids, digest)
        self._store_triples(triples)
        self._queue(open_groups)
        self.report.rows += len(rows)

    def finish(self) -> None:
        """Call last in the transaction: the preferences count as settled when others can see them,
        or whoever asks for what is new since a moment during the import would never get them."""
        stored = Preference.objects.filter(project=self.project, settled_at=self.now)
        stored.filter(provenance=Preference.Provenance.IMPORTED).update(settled_at=timezone.now())

    def _store_prompts(self, rows: Sequence[Row], digests: Sequence[str]) -> dict[str, int]:
        """The ids of all these prompts by digest."""
        first_rows = dict(zip(reversed(digests), reversed(rows), strict=True))
        known = self._prompt_ids(first_rows)
        new = [
            {
                "project_id": self.project.pk,
                "messages": row.messages,
                "digest": digest,
                "split": split_of(digest),
                "tags": list(dict.fromkeys([*row.tags, *self.tags])),
                "source": self.source,
            }
            for digest, row in first_rows.items()
            if digest not in known
        ]
        insert_rows(Prompt, reversed(new))
        self.report.prompts_new += len(new)
        self.report.prompts_merged += len(rows) - len(new)
        return known | self._prompt_ids(first_rows.keys() - known.keys())

    def _prompt_ids(self, digests: Iterable[str]) -> dict[str, int]:
        found = Prompt.objects.filter(project=self.project, digest__in=list(digests))
        return dict(found.values_list("digest", "id"))

    def _store_responses(
        self, rows: Sequence[Row], keys: Sequence[Sequence[ResponseName]]
    ) -> dict[ResponseName, int]:
        """The ids of all these responses by prompt and digest."""
        count = 0
        wanted: dict[ResponseName, dict[str, object]] = {}
        for row, row_keys in zip(rows, keys, strict=True):
            for response, key in zip(row.responses, row_keys, strict=True):
                count += 1
                if key not in wanted:
                    wanted[key] = {
                        "prompt_id": key[0],
                        "text": response.text,
                        "digest": key[1],
                        "origin": str(Response.Origin.IMPORTED),
                        "source": response.source or self.model,
                    }
        known = _response_ids(wanted.keys())
        new = [response for key, response in wanted.items() if key not in known]
        insert_rows(Response, new)
        self.report.responses_new += len(new)
        self.report.responses_merged += count - len(new)
        return known | _response_ids(wanted.keys() - known.keys())

    def _add_triple(
        self,
        triples: dict[PairName, tuple[Pair, Opinion, str]],
        prompt_id: int,
        pair: Pair,
        opinion: Opinion,
        digest: str,
    ) -> None:
        if pair[0] == pair[1]:
            self.report.identical_pairs += 1
            return
        name = (prompt_id, responses_key(pair))
        if name not in triples:
            triples[name] = (pair, opinion, digest)
        else:
            earlier_pair, earlier, _ = triples[name]
            self._count_repeated(pair, opinion.kind, earlier_pair, earlier.kind)

    def _count_repeated(self, pair: Pair, kind: str, earlier: Pair, earlier_kind: str) -> None:
        directed = Preference.Kind.PREFER in (kind, earlier_kind)
        if kind != earlier_kind or (directed and pair != earlier):
            self.report.contradictory += 1
        else:
            self.report.preferences_merged += 1

    def _add_open_groups(
        self, groups: dict[PairName, Group], prompt_id: int, ids: Sequence[int], digest: str
    ) -> None:
        distinct = list(dict.fromkeys(ids))
        if len(ids) == 2 and len(distinct) == 1:
            self.report.identical_pairs += 1
        size = self.responses_per_comparison
        for group in pick_groups(distinct, self.pairs_per_prompt, size, seed=digest):
            name = (prompt_id, responses_key(group))
            if name in groups:
                self.report.comparisons_merged += 1
            groups[name] = group

    def _queue(self, groups: dict[PairName, Group]) -> None:
        """Comparisons for people, fresh in the queue."""
        known = _comparison_ids(groups.keys())
        new = {name: group for name, group in groups.items() if name not in known}
        overlap = self.project.overlap
        self._insert_comparisons(new, wanted=overlap, slots_left=overlap)
        self.report.comparisons_new += len(new)
        self.report.comparisons_merged += len(known)

    def _insert_comparisons(
        self, groups: Mapping[PairName, Group], **fields: object
    ) -> dict[PairName, int]:
        shared = {"project_id": self.project.pk, **fields}
        insert_rows(
            Comparison,
            [
                shared | {"prompt_id": prompt_id, "responses_key": key, "size": len(group)}
                for (prompt_id, key), group in groups.items()
            ],
        )
        ids = _comparison_ids(groups.keys())
        insert_rows(
            ComparisonResponse,
            [
                {"comparison_id": ids[name], "response_id": response_id, "position": position}
                for name, group in groups.items()
                for position, response_id in enumerate(group)
            ],
        )
        return ids

    def _store_triples(self, triples: dict[PairName, tuple[Pair, Opinion, str]]) -> None:
        """Finished comparisons with their imported preferences."""
        for name, (earlier, kind) in _preferences(triples.keys()).items():
            pair, opinion, _ = triples.pop(name)
            self._count_repeated(pair, opinion.kind, earlier, kind)
        known = _comparison_ids(triples.keys())
        taken = _take_from_queue(known.values(), self.now)
        ids = {name: found for name, found in known.items() if found in taken}
        for name in known.keys() - ids.keys():
            del triples[name]
            self.report.left_to_people += 1
        ids |= self._insert_comparisons(
            {name: triple[0] for name, triple in triples.items() if name not in ids},
            **_finished(self.now),
            wanted=1,
        )
        insert_rows(
            Preference,
            [
                self._preference(ids[name], name, pair, opinion, digest)
                for name, (pair, opinion, digest) in triples.items()
            ],
        )
        self.report.preferences_new += len(triples)

    def _preference(
        self, comparison_id: int, name: PairName, pair: Pair, opinion: Opinion, digest: str
    ) -> dict[str, object]:
        # Without a direction, the two stand in id order, as in labeling/preferences.py.
        directed = opinion.kind == Preference.Kind.PREFER
        chosen_id, rejected_id = pair if directed else sorted(pair)
        return {
            "project_id": self.project.pk,
            "comparison_id": comparison_id,
            "prompt_id": name[0],
            "chosen_id": chosen_id,
            "rejected_id": rejected_id,
            "pair_key": name[1],
            "kind": opinion.kind,
            "target": opinion.target,
            "strength": opinion.strength,
            "weight": opinion.weight,
            "provenance": str(Preference.Provenance.IMPORTED),
            "split": split_of(digest),
            "arm": str(Comparison.Arm.IMPORTED),
            "settled_at": self.now,
        }


# The three look-ups below name prompts only: with two long IN lists a database may try every
# combination of them. A prompt has few rows in each of these tables.


def _response_ids(keys: Collection[ResponseName]) -> dict[ResponseName, int]:
    found = Response.objects.filter(prompt_id__in={prompt_id for prompt_id, _ in keys})
    rows = found.values_list("prompt_id", "digest", "id")
    return {
        (prompt_id, digest): found_id
        for prompt_id, digest, found_id in rows
        if (prompt_id, digest) in keys
    }


def _comparison_ids(names: Collection[PairName]) -> dict[PairName, int]:
    """Ids of those of these comparisons that exist."""
    found = Comparison.objects.filter(prompt_id__in={prompt_id for prompt_id, _ in names})
    rows = found.values_list("prompt_id", "responses_key", "id")
    return {
        (prompt_id, key): found_id for prompt_id, key, found_id in rows if (prompt_id, key) in names
    }


def _preferences(names: Collection[PairName]) -> dict[PairName, tuple[Pair, str]]:
    """Chosen, rejected and kind of those of these pairs that have a preference already."""
    found = Preference.objects.filter(prompt_id__in={prompt_id for prompt_id, _ in names})
    rows = found.values_list("prompt_id", "pair_key", "chosen_id", "rejected_id", "kind")
    return {
        (prompt_id, key): ((chosen_id, rejected_id), kind)
        for prompt_id, key, chosen_id, rejected_id, kind in rows
        if (prompt_id, key) in names
    }


def _finished(now: datetime) -> dict[str, object]:
    return {
        "state": str(Comparison.State.FINISHED),
        "slots_left": 0,
        "arm": str(Comparison.Arm.IMPORTED),
        "finished_at": now,
    }


def _take_from_queue(comparison_ids: Collection[int], now: datetime) -> set[int]:
    """Finishes those of these comparisons that nobody was ever asked about: the file brings the
    answer. All others are left to the people who are judging or have judged them."""
    if not comparison_ids:
        return set()
    # The row lock is what a hand-out takes, so nobody can be handed one of these meanwhile.
    locked = Comparison.objects.select_for_update().filter(
        pk__in=comparison_ids, state=Comparison.State.OPEN
    )
    waiting = set(locked.order_by("pk").values_list("pk", flat=True))
    handed_out = Assignment.objects.filter(comparison_id__in=waiting)
    free = waiting - set(handed_out.values_list("comparison_id", flat=True))
    Comparison.objects.filter(pk__in=free).update(**_finished(now), waiting_since=None)
    return free
