"""Label Studio's exports: tasks with annotations, and the table of one annotation to a row."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.answers import ANSWER, PROMPTS, split_fields, verdict_of
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    flag,
    objects_in,
    said_by,
    to_compare,
    triple,
)
from labeling.importing.sources.source import Data, Row, Source, columns

ABOUT = columns(
    "id annotator annotation_id created_at updated_at lead_time agreement inner_id project "
    "file_upload drafts predictions meta total_annotations cancelled_annotations "
    "total_predictions comment_count unresolved_comment_count comment_authors "
    "last_comment_updated_at"
)


KEPT = columns("id inner_id project created_at updated_at lead_time agreement meta")


def _task(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    if not isinstance(data["data"], Mapping):
        raise Wrong("data", "Must be an object.")
    prompt, fields, more = split_fields(data["data"], "data")
    answers = [Answer(text) for text in fields.values()]
    names = list(fields)
    votes: list[tuple[Verdict, Row]] = []
    for index, one in enumerate(objects_in(data["annotations"], "annotations")):
        if flag(one.get("was_cancelled") or False, "was_cancelled"):
            continue
        where = f"annotations[{index}].result"
        results = objects_in(one.get("result") or [], where)
        named = [verdict for result in results if (verdict := _verdict(result, names)) is not None]
        if results and not named:
            kinds = ", ".join(sorted({str(result.get("type")) for result in results}))
            problem = f"Holds {kinds[:100]}, which names none of {', '.join(names)[:200]}."
            raise Wrong(where, problem, "Understood are pairwise and choices of a side.")
        by = said_by(
            one.get("completed_by"),
            judged_at=one.get("created_at"),
            seconds=one.get("lead_time"),
        )
        votes += [(verdict, by) for verdict in named[:1]]
    yield from _rows(prompt, answers, votes, more)


def _rows(
    prompt: Any, answers: list[Answer], votes: Sequence[tuple[Verdict, Row]], more: Row
) -> Iterator[Row]:
    if not votes:
        yield to_compare(prompt, answers, **more)
        return
    if len(answers) != 2:
        problem = f"Names the better one of two, and there are {len(answers)} answers."
        raise Wrong("annotations", problem)
    for verdict, by in votes:
        yield triple(prompt, answers[0], answers[1], verdict, is_first_left=True, **more, **by)


def _verdict(result: Data, names: list[str]) -> Verdict | None:
    value = result.get("value")
    if not isinstance(value, Mapping):
        return None
    return verdict_of(value.get("selected", value.get("choices")), names)


def _row_of_table(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    fields = {name: value for name, value in data.items() if name not in ABOUT}
    said: dict[str, Any] = {}
    for name, value in fields.items():
        if name in PROMPTS or ANSWER.fullmatch(name):
            continue  # a text may say “left” as well
        given = value.get("selected", value.get("choices")) if isinstance(value, dict) else value
        if verdict_of(given, []) is not None:
            said[name] = given
    prompt, answers, more = split_fields(
        {name: value for name, value in fields.items() if name not in said}, "data"
    )
    verdicts = [verdict_of(value, list(answers)) for value in said.values()]
    named = [verdict for verdict in verdicts if verdict is not None]
    by = said_by(
        data.get("annotator"), judged_at=data.get("created_at"), seconds=data.get("lead_time")
    )
    votes = [(verdict, by) for verdict in named[:1]]
    yield from _rows(prompt, [Answer(text) for text in answers.values()], votes, more)


MEANING = "the side that an annotation names is better: left is the first answer of the task's data"

SOURCES = (
    Source(
        name="Label Studio tasks",
        meaning=MEANING,
        needs=columns("annotations data"),
        uses=ABOUT,
        rows=_task,
        keeps=KEPT,
    ),
    Source(
        name="Label Studio, one annotation to a row",
        meaning=MEANING,
        needs=columns("annotation_id lead_time"),
        uses=ABOUT,
        fits=lambda data: any(name in data for name in ("annotator", "updated_at")),
        rows=_row_of_table,
        keeps=KEPT | {"annotation_id"},
        # What else a row has is a field of the task, which its reader keeps.
        others=lambda data: {name: data[name] for name in data if name in KEPT | {"annotation_id"}},
    ),
)
