"""Adds prompts, responses and comparisons; what is there already is found again.

Every row of these tables comes through here, whoever brings it: a file, a policy's samples, gold,
a labeler's rewrite. A group of rows costs a fixed number of look-ups, whatever the project's size.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Generic, TypeAlias, TypeVar

from django.db.models import Count, Model, QuerySet

from labeling.database.inserting import insert_rows
from labeling.database.looking_up import rows_where_in
from labeling.models import Comparison, ComparisonResponse, Project, Prompt, Response
from labeling.texts.metadata import Metadata, merged
from labeling.texts.sameness import near_digest, prompt_digest, response_digest, split_of

T = TypeVar("T")
Name = TypeVar("Name")

ResponseName: TypeAlias = tuple[int, str]  # prompt id, digest
ComparisonName: TypeAlias = tuple[int, str]  # prompt id, responses_key
ColumnValues: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Added(Generic[Name]):
    """The ids of all rows that were to be there, by name. `new` is how many of them were added, and
    `known` are the names of those that were there already."""

    ids: dict[Name, int]
    new: int
    known: Collection[Name] = ()


@dataclass(frozen=True)
class NewPrompt:
    """A prompt as it is given. `split` is what its own export said; the split of near copies goes
    before it."""

    messages: Sequence[Mapping[str, Any]]
    extra: Mapping[str, Any] = field(default_factory=dict)
    tags: Iterable[str] = ()
    source: str = ""
    split: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Adding:
    """Adds to one project. Looking rows up and writing them are methods of their own, because a dry
    run (labeling/importing/rehearsing.py) does both elsewhere."""

    project: Project
    # What was added last: no response is theirs yet, so none has to be looked up.
    new_prompts: set[int] = field(default_factory=set, kw_only=True, compare=False)

    def insert(
        self, model: type[Model], rows: Iterable[ColumnValues], *, or_fail: bool = False
    ) -> None:
        insert_rows(model, rows, or_fail=or_fail)

    def prompt_ids(self, digests: Iterable[str]) -> dict[str, int]:
        """Ids of those of these prompts that the project has."""
        project = self.project.pk
        return dict(
            rows_where_in(Prompt, ("digest", "id"), "digest", list(digests), project_id=project)
        )

    def splits_of_near(self, digests: Iterable[str]) -> dict[str, str]:
        """The splits in which prompts with these near digests stand already; of several, that of
        the first."""
        columns, name = ("id", "near_digest", "split"), "near_digest"
        rows = rows_where_in(Prompt, columns, name, set(digests), project_id=self.project.pk)
        return {near: split for _, near, split in sorted(rows, reverse=True)}

    # The two look-ups below name prompts only: with two long IN lists a database may try every
    # combination of them. A prompt has few rows in either table.

    def response_ids(self, names: Collection[ResponseName]) -> dict[ResponseName, int]:
        """Ids of those of these responses that exist."""
        return self._ids_of(Response, "digest", names)

    def comparison_ids(self, names: Collection[ComparisonName]) -> dict[ComparisonName, int]:
        """Ids of those of these comparisons that exist."""
        return self._ids_of(Comparison, "responses_key", names)

    def _ids_of(
        self, model: type[Response | Comparison], name: str, names: Collection[tuple[int, str]]
    ) -> dict[tuple[int, str], int]:
        prompts = {prompt_id for prompt_id, _ in names}
        rows = rows_where_in(model, ("prompt_id", name, "id"), "prompt_id", prompts)
        return {(prompt, key): pk for prompt, key, pk in rows if (prompt, key) in names}

    def add_prompts(self, prompts: Mapping[str, NewPrompt]) -> Added[str]:
        """Adds those of these prompts, each by its digest, that the project does not have."""
        self.new_prompts.clear()
        known = self.prompt_ids(prompts)
        missing = {digest: prompt for digest, prompt in prompts.items() if digest not in known}
        if not missing:
            return Added(known, 0, known)
        near = {digest: near_digest(prompt.messages) for digest, prompt in missing.items()}
        splits = self._splits(near, missing)
        rows = [
            {
                "project_id": self.project.pk,
                "messages": list(prompt.messages),
                "extra": dict(prompt.extra),
                "digest": digest,
                "near_digest": near[digest],
                "split": splits[near[digest]],
                "tags": list(dict.fromkeys(prompt.tags)),
                "source": prompt.source,
                "metadata": dict(prompt.metadata),
            }
            for digest, prompt in missing.items()
        ]
        self.insert(Prompt, rows)
        ids = self.prompt_ids(missing)
        self.new_prompts.update(ids.values())
        return Added(known | ids, len(missing), known)

    def _splits(self, near: Mapping[str, str], prompts: Mapping[str, NewPrompt]) -> dict[str, str]:
        """The split for each near digest: that of near copies in the project, else what the first
        prompt's own export said, else what the digest says."""
        standing = self.splits_of_near(near.values())
        given: dict[str, str] = {}
        for digest, name in near.items():
            given.setdefault(name, prompts[digest].split)
        return {
            name: standing.get(name) or split or split_of(name) for name, split in given.items()
        }

    def add_prompt(self, prompt: NewPrompt) -> Prompt:
        digest = prompt_digest(prompt.messages, prompt.extra)
        added = Prompt.objects.get(pk=self.add_prompts({digest: prompt}).ids[digest])
        added.project = self.project
        return added

    def add_responses(self, responses: Mapping[ResponseName, ColumnValues]) -> Added[ResponseName]:
        """Adds those of these responses that their prompts do not have. Each comes with its other
        columns: `text`, `origin` and so on."""
        earlier = {name for name in responses if name[0] not in self.new_prompts}
        known = self.response_ids(earlier) if earlier else {}
        self.new_prompts.clear()
        missing = {name: row for name, row in responses.items() if name not in known}
        if not missing:
            return Added(known, 0, known)
        rows = [
            {**row, "prompt_id": prompt_id, "digest": digest}
            for (prompt_id, digest), row in missing.items()
        ]
        self.insert(Response, rows)
        return Added(known | self.response_ids(missing.keys()), len(missing), known)

    def add_response(
        self, prompt: Prompt, text: str, *, extra: ColumnValues | None = None, **columns: Any
    ) -> Response:
        """One response; `columns` names at least its `origin`."""
        extra = dict(extra or {})
        name = (prompt.pk, response_digest(text, extra))
        added = self.add_responses({name: {"text": text, "extra": extra, **columns}})
        response = Response.objects.get(pk=added.ids[name])
        response.prompt = prompt
        return response

    def metadata_of(self, model: type[Prompt | Response], ids: Collection[int]) -> dict[int, Any]:
        """The metadata of these prompts or responses, by id."""
        return dict(model.objects.filter(pk__in=ids).values_list("pk", "metadata"))

    def write_metadata(self, model: type[Prompt | Response], rows: Mapping[int, Metadata]) -> None:
        for pk, metadata in sorted(rows.items()):
            model.objects.filter(pk=pk).update(metadata=metadata)

    def add_metadata(
        self, model: type[Prompt | Response], given: Mapping[int, Mapping[str, Any]]
    ) -> int:
        """Adds what was not known yet of these rows, by id, and returns how many values were left
        out: where two say something else of one key, the first counts."""
        if not given:
            return 0
        left_out = 0
        changed: dict[int, Metadata] = {}
        for pk, known in self.metadata_of(model, given.keys()).items():
            metadata, number = merged(known, given[pk])
            left_out += number
            if metadata != known:
                changed[pk] = metadata
        self.write_metadata(model, changed)
        return left_out

    def add_comparisons(
        self,
        groups: Mapping[ComparisonName, Sequence[int]],
        columns: ColumnValues,
        *,
        priorities: Iterable[float] = repeat(0.0),
        all_are_new: bool = False,
    ) -> Added[ComparisonName]:
        """Adds those of these comparisons that do not exist, each by its name with the ids of its
        responses.

        `columns` are the same for all. With `all_are_new`, one that exists is an IntegrityError.
        """
        known = {} if all_are_new else self.comparison_ids(groups.keys())
        missing = {name: group for name, group in groups.items() if name not in known}
        if not missing:
            return Added(known, 0)
        shared = {"project_id": self.project.pk, **columns}
        rows = [
            {
                **shared,
                "prompt_id": prompt_id,
                "responses_key": key,
                "size": len(group),
                "priority": priority,
            }
            for ((prompt_id, key), group), priority in zip(
                missing.items(), priorities, strict=False
            )
        ]
        self.insert(Comparison, rows, or_fail=all_are_new)
        ids = self.comparison_ids(missing.keys())
        self._add_places({ids[name]: group for name, group in missing.items()})
        return Added(known | ids, len(missing))

    def _add_places(self, groups: Mapping[int, Sequence[int]]) -> None:
        rows = [
            {"comparison_id": comparison_id, "response_id": response_id, "position": position}
            for comparison_id, group in groups.items()
            for position, response_id in _in_places(group)
        ]
        self.insert(ComparisonResponse, rows)

    def queue_comparisons(
        self,
        groups: Mapping[ComparisonName, Sequence[int]],
        *,
        priorities: Iterable[float] = repeat(0.0),
        round_number: int | None = None,
        all_are_new: bool = False,
    ) -> Added[ComparisonName]:
        """Adds comparisons for people, fresh in the queue. Each asks for the project's overlap."""
        overlap = self.project.overlap
        columns = {"wanted": overlap, "slots_left": overlap, "round_number": round_number}
        return self.add_comparisons(groups, columns, priorities=priorities, all_are_new=all_are_new)


def add_pairs(
    project: Project,
    pairs: Mapping[int, Sequence[int]],
    priorities: Iterable[float],
    round_number: int | None,
) -> dict[int, int]:
    """Queues a new comparison for each prompt's responses, and returns the comparisons' ids by
    prompt. The caller leaves out pairs that have a comparison already."""
    names = {prompt_id: (prompt_id, responses_key(pair)) for prompt_id, pair in pairs.items()}
    groups = {names[prompt_id]: pair for prompt_id, pair in pairs.items()}
    added = Adding(project).queue_comparisons(
        groups, priorities=priorities, round_number=round_number, all_are_new=True
    )
    return {prompt_id: added.ids[name] for prompt_id, name in names.items()}


def prompts_with_near_copies(project: Project) -> QuerySet[Prompt]:
    """Prompts beside which another one stands that differs in white space or capitals only."""
    prompts = Prompt.objects.filter(project=project).exclude(near_digest="")
    several = prompts.order_by().values("near_digest").annotate(copies=Count("id"))
    repeated = several.filter(copies__gt=1).values("near_digest")
    return Prompt.objects.filter(project=project, near_digest__in=repeated)


def responses_key(response_ids: Iterable[int]) -> str:
    """The name of a set of responses: their ids, ascending."""
    return "-".join(str(response_id) for response_id in sorted(response_ids))


def _in_places(responses: Sequence[T]) -> Iterable[tuple[int, T]]:
    """Numbers the responses in an order drawn by chance: a place tells nothing of who wrote what,
    or when."""
    if len(responses) == 2:  # one bit says it all
        return enumerate(responses[::-1] if secrets.randbits(1) else responses)
    return enumerate(secrets.SystemRandom().sample(responses, len(responses)))
