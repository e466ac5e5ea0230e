"""MultiPref: four people's opinions of each pair."""

from collections.abc import Iterator, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import (
    Answer,
    about_side,
    objects_in,
    said_by,
    to_compare,
    votes,
)
from labeling.importing.sources.source import Data, Row, Source, columns

SCORES = {
    "a-is-clearly-better": -2.0,
    "a-is-slightly-better": -1.0,
    "a-is-better": -1.0,
    "tie": 0.0,
    "b-is-better": 1.0,
    "b-is-slightly-better": 1.0,
    "b-is-clearly-better": 2.0,
}
ANNOTATIONS = ("normal_worker_annotations", "expert_worker_annotations")


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    prompt = data.get("text", data.get("prompt"))
    first, second = (
        Answer(
            data[f"completion_{side}"],
            data.get(f"model_{side}"),
            None,
            about_side(data, side, ("a", "b"), READ),
        )
        for side in "ab"
    )
    scores, by = [], []
    for field in ANNOTATIONS:
        for index, one in enumerate(objects_in(data.get(field, []), field)):
            opinion = one.get("overall_pref")
            if opinion is None:
                continue
            score = SCORES.get(opinion.lower()) if isinstance(opinion, str) else None
            if score is None:
                known = ", ".join(SCORES)
                problem = f"{opinion!r:.60} is none of {known}."
                raise Wrong(f"{field}[{index}].overall_pref", problem)
            scores.append(score)
            moment, seconds = one.get("timestamp"), one.get("time_spent")
            by.append(said_by(one.get("evaluator"), judged_at=moment, seconds=seconds))
    if scores:
        yield from votes(prompt, first, second, scores, None, tell, by)
    else:
        yield to_compare(prompt, [first, second])


READ = columns("completion_a completion_b model_a model_b text prompt") | {*ANNOTATIONS}

SOURCES = (
    Source(
        name="MultiPref",
        meaning="each worker's overall_pref is a judgment: slightly better is strength 1, clearly "
        "better 2",
        needs=columns("completion_a completion_b normal_worker_annotations"),
        uses=columns("text prompt model_a model_b expert_worker_annotations"),
        rows=_rows,
        sides=("a", "b"),
    ),
)
