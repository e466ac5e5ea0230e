"""Adds what a curator's program sends: prompts, responses and comparisons, all of them or none.

Files of any size go through labeling/importing, which adds them in short transactions; this is one
transaction for a request of limited size, and it returns the id of each row.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from django.db import transaction

from config.nudges import nudge
from labeling.database.transactions import retried
from labeling.importing.lines.answer_fields import NewResponse
from labeling.importing.lines.rows import CheckedRow, digests_of
from labeling.material.adding import Adding, ComparisonName, NewPrompt, ResponseName, responses_key
from labeling.models import Project, Prompt, Response, User
from labeling.people.audit import write_entry
from labeling.texts.sameness import response_digest

T = TypeVar("T")

# Look-ups name so many prompts at once: a database takes only so many parameters.
BATCH = 500


class MaterialGone(ValueError):
    """What was to be added to is there no more; nothing was stored."""


@dataclass(frozen=True)
class AddedRow:
    """The id that a row has now. `is_new`: it was not there before."""

    id: int
    is_new: bool


@dataclass(frozen=True)
class NewComparison:
    """Responses to compare. Either `row` brings them, or they are there already: `response_ids`, to
    the prompt `prompt_id`. `wanted` None asks for the project's overlap."""

    row: CheckedRow | None = None
    prompt_id: int = 0
    response_ids: tuple[int, ...] = ()
    priority: float = 0.0
    wanted: int | None = None


@dataclass(frozen=True)
class AddedComparison:
    id: int
    is_new: bool
    prompt_id: int
    response_ids: tuple[int, ...]


@dataclass(frozen=True)
class _Named:
    """A row with the digests of its prompt and responses. They are made before the transaction: on
    SQLite nobody else writes while it lasts."""

    row: CheckedRow
    digest: str
    response_digests: list[str]

    @classmethod
    def of(cls, row: CheckedRow) -> "_Named":
        return cls(row, *digests_of(row))


def add_prompts(
    project: Project, actor: User, rows: Sequence[CheckedRow], source: str = ""
) -> list[AddedRow]:
    """Adds the prompts that the project does not have, and returns the id of each."""
    add = partial(_add_prompts, [_Named.of(row) for row in rows], source)
    return _all_or_none(project, actor, "add prompts", add)


def add_responses(prompt: Prompt, actor: User, responses: Sequence[NewResponse]) -> list[AddedRow]:
    """Adds the responses that the prompt does not have, and returns the id of each. Raises
    MaterialGone."""
    named = [(response_digest(one.text, one.extra), one) for one in responses]
    add = partial(_add_responses, [(prompt.pk, *one) for one in named])
    return _all_or_none(prompt.project, actor, "add responses", add)


def add_comparisons(
    project: Project, actor: User, new: Sequence[NewComparison], source: str = ""
) -> list[AddedComparison]:
    """Queues comparisons for people, with prompts and responses that are not there yet. One that
    exists stays as it is, whatever has become of it. Raises MaterialGone."""
    named = [_Named.of(one.row) if one.row else None for one in new]
    add = partial(_add_comparisons, new, named, source)
    return _all_or_none(project, actor, "add comparisons", add)


@retried
def _all_or_none(
    project: Project, actor: User, action: str, add: Callable[[Adding], list[T]]
) -> list[T]:
    """Adds rows under the project's lock: one that is made while the overlap is being changed would
    keep the old overlap for ever."""
    locked = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    added = add(Adding(locked))
    new = sum(row.is_new for row in added)  # type: ignore[attr-defined]
    if new:
        write_entry(project, actor, action, project, added=new)
        transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return added


def _add_prompts(rows: Sequence[_Named], source: str, adding: Adding) -> list[AddedRow]:
    added: list[AddedRow] = []
    for batch in _batches(rows):
        known = adding.prompt_ids({named.digest for named in batch})
        wanted: dict[str, NewPrompt] = {}
        for named in batch:
            row = named.row
            new = NewPrompt(row.messages, row.extra, row.tags, source)
            wanted.setdefault(named.digest, new)
        ids = adding.add_prompts(wanted).ids
        for named in batch:
            added.append(AddedRow(ids[named.digest], named.digest not in known))
            known[named.digest] = ids[named.digest]  # of two rows alike the first is the new one
    return added


def _add_responses(
    responses: Sequence[tuple[int, str, NewResponse]], adding: Adding
) -> list[AddedRow]:
    """Adds responses, each with its prompt's id and its digest."""
    added: list[AddedRow] = []
    for batch in _batches(responses):
        _require(Prompt, {prompt_id for prompt_id, _, _ in batch})
        names: list[ResponseName] = [(prompt_id, digest) for prompt_id, digest, _ in batch]
        known = adding.response_ids(set(names))
        wanted: dict[ResponseName, dict[str, Any]] = {}
        for name, (_, _, one) in zip(names, batch, strict=True):
            columns = {"text": one.text, "extra": one.extra, "source": one.source}
            wanted.setdefault(name, columns | {"origin": str(Response.Origin.IMPORTED)})
        ids = adding.add_responses(wanted).ids
        for name in names:
            added.append(AddedRow(ids[name], name not in known))
            known[name] = ids[name]
    return added


def _add_comparisons(
    new: Sequence[NewComparison], named: Sequence[_Named | None], source: str, adding: Adding
) -> list[AddedComparison]:
    groups = list(_groups(new, named, source, adding))
    names: list[ComparisonName] = [(prompt, responses_key(ids)) for prompt, ids in groups]
    ids: dict[ComparisonName, int] = {}
    are_new: list[bool] = []
    for batch in _batches(list(zip(names, groups, new, strict=True))):
        _require(Response, {pk for _, (_, responses), _ in batch for pk in responses})
        ids |= adding.comparison_ids({name for name, _, _ in batch})
        by_wanted: dict[int, dict[ComparisonName, tuple[Sequence[int], float]]] = {}
        for name, (_, responses), one in batch:
            are_new.append(name not in ids)
            if are_new[-1]:
                ids[name] = 0  # of two rows alike the first is the new one
                wanted = one.wanted or adding.project.overlap
                by_wanted.setdefault(wanted, {})[name] = (responses, one.priority)
        for wanted, rows in by_wanted.items():
            ids |= _queue(adding, wanted, rows)
    return [
        AddedComparison(ids[name], is_new, prompt, responses)
        for name, is_new, (prompt, responses) in zip(names, are_new, groups, strict=True)
    ]


def _require(model: type[Prompt] | type[Response], ids: set[int]) -> None:
    """Raises MaterialGone where somebody has deleted one since the request was read."""
    there = model._default_manager.filter(pk__in=ids).count()
    if there < len(ids):
        raise MaterialGone(f"A {model._meta.model_name} was deleted meanwhile. Nothing was stored.")


def _queue(
    adding: Adding, wanted: int, rows: Mapping[ComparisonName, tuple[Sequence[int], float]]
) -> dict[ComparisonName, int]:
    """Adds comparisons that want as many judgments; returns their ids."""
    added = adding.add_comparisons(
        {name: responses for name, (responses, _) in rows.items()},
        {"wanted": wanted, "slots_left": wanted},
        priorities=[priority for _, priority in rows.values()],
    )
    return added.ids


def _groups(
    new: Sequence[NewComparison], named: Sequence[_Named | None], source: str, adding: Adding
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The prompt and the responses of each comparison, by their ids."""
    rows = [one for one in named if one is not None]
    prompts = [row.id for row in _add_prompts(rows, source, adding)]
    responses = [
        (prompt_id, digest, response)
        for prompt_id, one in zip(prompts, rows, strict=True)
        for digest, response in zip(one.response_digests, one.row.responses, strict=True)
    ]
    prompt_ids = iter(prompts)
    ids = iter(row.id for row in _add_responses(responses, adding))
    for one in new:
        if one.row is None:
            yield one.prompt_id, one.response_ids
        else:
            yield next(prompt_ids), tuple(islice(ids, len(one.row.responses)))


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
