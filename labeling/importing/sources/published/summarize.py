"""Summarize from feedback: two summaries of a post, or ratings of single ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    key_of,
    number,
    objects_in,
    plain_text,
    ranked,
    required,
    said_by,
    to_compare,
    triple,
    without,
)
from labeling.importing.sources.source import Data, Row, Source, columns


def _prompt(info: Any) -> str:
    if not isinstance(info, Mapping):
        raise Wrong("info", "Must be an object.")
    text = info.get("post") or info.get("article")
    if not isinstance(text, str):
        raise Wrong("info.post", "Is missing.")
    title, board = info.get("title"), info.get("subreddit")
    parts = [f"SUBREDDIT: r/{board}"] if board else []
    parts += [f"TITLE: {title}"] if title else []
    name = "POST" if info.get("post") else "ARTICLE"
    return "\n\n".join([*parts, f"{name}: {text}", "TL;DR:"])


def _comparison(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    summaries = objects_in(data["summaries"], "summaries")
    if len(summaries) != 2:
        raise Wrong("summaries", f"Holds {len(summaries)} summaries, not two.")
    choice = number(data["choice"], "choice")
    if choice not in (0, 1):
        raise Wrong("choice", f"{choice:g} is neither 0 nor 1.")
    answers = [
        Answer(
            required(one, "text", f"summaries[{index}]"),
            one.get("policy"),
            metadata=without(one, "text", "policy"),
        )
        for index, one in enumerate(summaries)
    ]
    verdict = Verdict.SECOND if choice else Verdict.FIRST
    info, by = data["info"], said_by(data.get("worker"))
    yield triple(_prompt(info), answers[0], answers[1], verdict, metadata=_about(info), **by)


def _about(info: Mapping[str, Any]) -> Data:
    """What else is known of a post."""
    return without(info, "post", "article", "title")


def _ratings(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    """The mean of what each summary was given, by whoever rated it."""
    axes: dict[str, dict[str, list[float]]] = {}
    models: dict[str, Any] = {}
    for data in records:
        text = plain_text(required(data["summary"], "text", "summary"), "summary.text")
        models[text] = data["summary"].get("policy")
        ratings = axes.setdefault(text, {})
        for axis, value in data["summary"]["axes"].items():
            if axis == "overall" and value is not None:
                value = number(value, "summary.axes.overall")
            if isinstance(value, int | float):
                ratings.setdefault(axis, []).append(float(value))
    answers = []
    for text, ratings in axes.items():
        means = {axis: sum(given) / len(given) for axis, given in ratings.items()}
        overall = means.get("overall")
        answers.append(Answer(text, models[text], None if overall is None else -overall, means))
    info = records[0]["info"]
    prompt = _prompt(info)
    if any(one.rank is not None for one in answers):
        yield from ranked(prompt, answers, tell, metadata=_about(info))
    else:
        yield to_compare(prompt, answers, metadata=_about(info))


SOURCES = (
    Source(
        name="Summarize from feedback, comparisons",
        meaning="the summary that choice counts to, from 0, is the better one, for its worker",
        needs=columns("info summaries choice"),
        uses=columns("worker"),
        rows=_comparison,
    ),
    Source(
        name="Summarize from feedback, ratings",
        meaning="of the summaries of one post the one with the higher mean overall rating is "
        "better, equal is a tie",
        needs=columns("info summary"),
        fits=lambda data: (
            isinstance(data["summary"], dict) and isinstance(data["summary"].get("axes"), dict)
        ),
        rows=_ratings,
        group=lambda data: key_of(data["info"]),
    ),
)
