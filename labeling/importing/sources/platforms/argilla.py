"""Argilla's records, of both versions: fields, and what each person answered to a question."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.lines.reading import name_of_type
from labeling.importing.reports import Wrong
from labeling.importing.sources.answers import split_fields, verdict_of
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    list_in,
    number,
    objects_in,
    ranked,
    said_by,
    to_compare,
    triple,
)
from labeling.importing.sources.source import Data, Row, Source, columns

# Whose answers do not count.
NOT_SUBMITTED = frozenset({"discarded", "draft", "pending"})
USERS = ".responses.users"
ABOUT = columns("id status _server_id external_id metadata vectors inserted_at updated_at")
KEPT = ABOUT - {"_server_id", "vectors"}


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    if not isinstance(data["fields"], Mapping):
        raise Wrong("fields", f"Must be an object, not {name_of_type(data['fields'])}.")
    prompt, fields, more = split_fields(data["fields"], "fields")
    names = list(fields)
    answers = [Answer(text) for text in fields.values()]
    given = [*_answers_of(data.get("responses") or {})]
    rows: list[Row] = []
    unread: dict[str, None] = {}
    for question, value, user in given:
        of_one = {**more, **said_by(user)}
        opinions = [*_opinions(prompt, names, answers, value, tell, of_one)]
        rows += opinions
        if not opinions:
            unread[question] = None
    if rows:
        for question in unread:
            tell(f"answers to “{question:.40}” left out: they name none of the responses")
        yield from rows
    elif unread:
        problem = f"Answers to {', '.join(unread)[:100]} name none of {', '.join(names)[:200]}."
        raise Wrong("responses", problem, "Write there the name of the better field.")
    else:
        yield to_compare(prompt, answers, **more)


def _flat(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    """A record as `to_datasets` writes it: a column for each field, and for each question columns
    of what was answered, by whom, and with which status."""
    (data,) = records
    questions = [name.removesuffix(USERS) for name in data if name.endswith(USERS)]
    fields = {
        name: value
        for name, value in data.items()
        if name not in ABOUT and not name.startswith(tuple(f"{one}." for one in questions))
    }
    responses = {}
    for question in questions:
        name = f"{question}.responses"
        values = list_in(data.get(name) or [], name)
        states = list_in(data.get(f"{name}.status") or ["submitted"] * len(values), name)
        users = list_in(data[f"{question}{USERS}"] or [], f"{question}{USERS}")
        users += [None] * (len(values) - len(users))
        answered = zip(values, states, users, strict=False)
        responses[question] = [
            {"value": value, "status": state, "user_id": user} for value, state, user in answered
        ]
    yield from _rows([{"fields": fields, "responses": responses}], tell)


def _answers_of(responses: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each question with what one person answered, and who it was."""
    if isinstance(responses, Mapping):
        for question, given in responses.items():
            for one in objects_in(given, f"responses.{question:.40}"):
                if str(one.get("status")) not in NOT_SUBMITTED and one.get("value") is not None:
                    yield question, one["value"], one.get("user_id")
        return
    for one in objects_in(responses, "responses"):
        values = one.get("values")
        if str(one.get("status")) in NOT_SUBMITTED or not isinstance(values, Mapping):
            continue
        for question, answer in values.items():
            value = answer.get("value") if isinstance(answer, Mapping) else answer
            if value is not None:
                yield question, value, one.get("user_id")


def _opinions(
    prompt: Any, names: list[str], answers: list[Answer], value: Any, tell: Tell, more: Row
) -> Iterator[Row]:
    """What one answer says: a ranking, or the name of the better one. Nothing where it says
    neither."""
    if isinstance(value, list) and value and all(_is_rank(one, names) for one in value):
        ranks = {one["value"]: number(one["rank"], "rank") for one in value}
        known = [
            Answer(answer.content, rank=ranks.get(name))
            for name, answer in zip(names, answers, strict=True)
        ]
        if len(ranks) > 1:
            yield from ranked(prompt, known, tell, **more)
        return
    if isinstance(value, list) and sorted(map(str, value)) == sorted(names) and len(names) > 1:
        places = {name: index for index, name in enumerate(value)}  # all of them, the best first
        known = [
            Answer(answer.content, rank=places[name])
            for name, answer in zip(names, answers, strict=True)
        ]
        yield from ranked(prompt, known, tell, **more)
        return
    if len(answers) == 2:
        verdict = verdict_of(value, names)
        if verdict is not None:
            yield triple(prompt, answers[0], answers[1], verdict, **more)
    elif isinstance(value, str) and value in names:
        best = names.index(value)
        for index, answer in enumerate(answers):
            if index != best:
                yield triple(prompt, answers[best], answer, Verdict.FIRST, **more)


def _is_rank(value: Any, names: list[str]) -> bool:
    return isinstance(value, Mapping) and value.get("value") in names and "rank" in value


MEANING = "the field that an answer names is better; a ranking is a preference for every two"

SOURCES = (
    Source(
        name="Argilla records",
        meaning=MEANING,
        needs=columns("fields"),
        uses=columns("id status responses suggestions vectors metadata external_id"),
        fits=lambda data: (
            isinstance(data["fields"], Mapping)
            and not data.keys().isdisjoint({"responses", "suggestions", "metadata", "vectors"})
        ),
        rows=_rows,
        keeps=columns("id status external_id metadata"),
    ),
    Source(
        name="Argilla records, as a data set",
        meaning=MEANING,
        needs=columns("id status"),
        fits=lambda data: any(name.endswith(USERS) for name in data),
        rows=_flat,
        keeps=KEPT,
        others=lambda data: {name: data[name] for name in data if name in KEPT},
    ),
)
