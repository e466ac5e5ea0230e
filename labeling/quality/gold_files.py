"""Gold that a project brings itself: a file of prompts, responses, the right answer and its reason.

A file is taken whole or not at all, and what it brings waits for its release like any other gold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from labeling.database.transactions import retried
from labeling.importing.files import read_records
from labeling.importing.lines.checking import check_row
from labeling.importing.lines.columns import UnknownColumns
from labeling.importing.lines.message_fields import text_in
from labeling.importing.lines.reading import name_of_type
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.reports import SHOWN_PROBLEMS, ImportRefused, NoticeCounter, Problem, Wrong
from labeling.material.adding import Adding, NewPrompt
from labeling.models import Comparison, Gold, Preference, Project, Prompt, Response, User
from labeling.quality.gold import check_of, one_at_a_time, store_golds
from labeling.texts.limits import MAX_COMPARED, UPLOADED, FileLimits
from labeling.texts.sameness import response_digest

# One transaction adds a file, and a curator looks at each row of it.
MOST_ROWS = 300
MOST_CHARACTERS = 20_000_000
MOST_REASON = 2_000
OWN_FIELDS = ("expected", "reason")


@dataclass(frozen=True)
class OwnGold:
    """One line, checked. `order` has the places of its responses, the best first."""

    row: CheckedRow
    order: list[int]
    reason: str


@dataclass(frozen=True)
class GoldReport:
    """How many gold comparisons a file has brought, and how many were known."""

    made: int
    known: int
    dropped: int
    notices: list[str]

    @property
    def sentences(self) -> list[str]:
        sentences = [f"{_counted(self.made)} brought. Nobody gets them before they are released."]
        if self.made == 0:
            sentences = ["Nothing new was in the file."]
        if self.known:
            sentences.append(f"{_counted(self.known)} in it were there already.")
        if self.dropped:
            sentences.append(
                f"{_counted(self.dropped)} in it were dropped or retired before: they stay so."
            )
        return [*sentences, *self.notices]


def _counted(number: int) -> str:
    return f"{number:,} gold comparison{'s' * (number != 1)}"


def add_gold_file(
    project: Project,
    actor: User | None,
    file: IO[bytes],
    *,
    name: str,
    limits: FileLimits = UPLOADED,
) -> GoldReport:
    """Takes the whole file. Raises ImportRefused, and stores nothing, where anything is wrong with
    it."""
    notices = NoticeCounter()
    rows = _checked(file, name, limits, notices)
    made, known, dropped = _add(project, actor, rows, name)
    return GoldReport(made, known, dropped, notices.sentences())


def _checked(
    file: IO[bytes], name: str, limits: FileLimits, notices: NoticeCounter
) -> list[OwnGold]:
    rows: list[OwnGold] = []
    problems: list[Problem] = []
    columns = UnknownColumns()
    characters = 0
    for line, value in read_records(file, name, limits=limits):
        if not isinstance(value, Problem) and not columns.look(line, _without_own(value)):
            continue
        result = [value] if isinstance(value, Problem) else _check(line, value, notices)
        if not isinstance(result, OwnGold):
            problems += result
            if len(problems) > SHOWN_PROBLEMS:
                raise ImportRefused(problems[:SHOWN_PROBLEMS], SHOWN_PROBLEMS, read_on=False)
            continue
        characters += result.row.size_with_prompt
        rows.append(result)
        if len(rows) > MOST_ROWS or characters > MOST_CHARACTERS:
            most = f"{MOST_ROWS:,} rows or {MOST_CHARACTERS:,} characters"
            advice = "Split it: somebody has to read each of them."
            problem = Problem(line, "file", f"The file has more than {most}.", advice)
            raise ImportRefused([*problems, problem], len(problems) + 1, read_on=False)
    problems = columns.problems() + problems
    if not rows and not problems:
        problems = [Problem(0, "file", "Holds no rows.", "Give one JSON object on each line.")]
    if problems:
        raise ImportRefused(problems, len(problems))
    return rows


def _check(line: int, data: dict[str, Any], notices: NoticeCounter) -> OwnGold | list[Problem]:
    """The row, or every problem found in it."""
    row = check_row(line, _without_own(data), notices)
    problems = list(row) if isinstance(row, list) else []
    order, reason = [], ""
    try:
        reason = _reason_in(data.get("reason"))
    except Wrong as fault:
        problems.append(Problem(line, fault.field, fault.problem, fault.advice))
    if isinstance(row, CheckedRow):
        try:
            order = _order_in(row, data)
        except Wrong as fault:
            problems.append(Problem(line, fault.field, fault.problem, fault.advice))
    return problems if problems or isinstance(row, list) else OwnGold(row, order, reason)


def _without_own(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in OWN_FIELDS}


def _reason_in(value: Any) -> str:
    advice = (
        "Say in a sentence why this is the right answer: a curator reads it before the release."
    )
    if value is None:
        raise Wrong("reason", "Is missing.", advice)
    reason = text_in(value, "reason").strip()
    if not reason:
        raise Wrong("reason", "Is empty.", advice)
    if len(reason) > MOST_REASON:
        raise Wrong("reason", f"{len(reason):,} characters; at most {MOST_REASON:,} are kept.")
    return reason


def _order_in(row: CheckedRow, data: dict[str, Any]) -> list[int]:
    texts = [response.text for response in row.responses]
    where = "rejected" if row.opinion else "responses"
    if not 2 <= len(texts) <= MAX_COMPARED:
        advice = f"Give 2 to {MAX_COMPARED} responses, or chosen and rejected."
        raise Wrong("responses", f"{len(texts)} responses cannot be compared.", advice)
    if len({response_digest(one.text, one.extra) for one in row.responses}) < len(texts):
        raise Wrong(where, "Two of the responses are the same.", "Then neither is better.")
    if row.opinion is None:
        return _places(data.get("expected"), texts)
    if row.opinion.kind != Preference.Kind.PREFER:
        raise Wrong("kind", f"“{row.opinion.kind}” names no better response.", "Leave it out.")
    if data.get("expected") is not None:
        advice = "Leave it out: chosen is what is expected."
        raise Wrong("expected", "Stands beside chosen and rejected.", advice)
    return [0, 1]


def _places(value: Any, texts: list[str]) -> list[int]:
    """Where the responses stand in the row, the best first."""
    advice = "Write the number of the right response, counted from 1, or its text."
    if len(texts) > 2:
        advice = "Write the numbers of all responses, counted from 1, the best first: [2, 1, 3]."
    if value is None:
        raise Wrong("expected", "Is missing.", advice)
    if isinstance(value, list):
        order = [_place(one, texts, advice) for one in value]
    else:
        best = _place(value, texts, advice)
        order = [best, 1 - best] if len(texts) == 2 else [best]
    if sorted(order) != list(range(len(texts))):
        raise Wrong("expected", "Does not put every response in its place once.", advice)
    return order


def _place(value: Any, texts: list[str], advice: str) -> int:
    if isinstance(value, str):
        if texts.count(value) == 1:
            return texts.index(value)
        raise Wrong("expected", f"“{value:.60}” is none of the responses, or several.", advice)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong("expected", f"Must be a number or a text, not {name_of_type(value)}.", advice)
    if not 1 <= value <= len(texts):
        raise Wrong("expected", f"There is no response {value} of {len(texts)}.", advice)
    return value - 1


@retried
def _add(
    project: Project, actor: User | None, rows: list[OwnGold], name: str
) -> tuple[int, int, int]:
    """Stores the gold. Returns how many were made, how many were there, and how many had been
    dropped or retired."""
    one_at_a_time(project)
    made: dict[int, Gold] = {}
    problems: list[Problem] = []
    known = dropped = 0
    for own in rows:
        gold = _gold_of(project, actor, own)
        before = made.get(gold.comparison_id) or _known(gold)
        if before is not None and before.expected != gold.expected:
            problems.append(_contradicts(own, before))
        elif before is not None:
            known += before.retired_at is None
            dropped += before.retired_at is not None
        elif gold.comparison.state == Comparison.State.OPEN:
            advice = "It can be gold when people have judged it, or after it was withdrawn."
            problem = "These responses are in the queue: people judge them as work."
            problems.append(Problem(own.row.line, "responses", problem, advice))
        else:
            made[gold.comparison_id] = gold
    if problems:
        # Undoes what was stored on the way.
        raise ImportRefused(problems[:SHOWN_PROBLEMS], len(problems))
    store_golds(project, actor, list(made.values()), file=name[:200])
    return len(made), known, dropped


def _known(gold: Gold) -> Gold | None:
    return Gold.objects.filter(comparison=gold.comparison_id).first()


def _contradicts(own: OwnGold, before: Gold) -> Problem:
    whose = f"gold {before.pk}" if before.pk else "an earlier line"
    advice = "Mend the line, or leave it out."
    return Problem(own.row.line, "expected", f"Is another answer than that of {whose}.", advice)


def _gold_of(project: Project, actor: User | None, own: OwnGold) -> Gold:
    adding = Adding(project)
    prompt = adding.add_prompt(
        NewPrompt(own.row.messages, own.row.extra, own.row.tags, source="gold")
    )
    responses = list(_responses(adding, prompt, own))
    comparison = check_of(project, prompt, responses)
    return Gold(
        project=project,
        comparison=comparison,
        expected=[[responses[place].pk] for place in own.order],
        origin=Gold.Origin.OWN,
        reason=own.reason,
        created_by=actor,
    )


def _responses(adding: Adding, prompt: Prompt, own: OwnGold) -> Iterator[Response]:
    for response in own.row.responses:
        yield adding.add_response(
            prompt,
            response.text,
            extra=response.extra,
            origin=Response.Origin.CHECK,
            source=response.source,
        )
