"""What annotation tools call the two things that were compared: their fields, and people's words
for one of them."""

import re
from collections.abc import Mapping
from typing import Any

from labeling.importing.lines.columns import looks_like_content
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import Verdict

PROMPTS = (
    "prompt",
    "instruction",
    "question",
    "query",
    "input",
    "conversation",
    "history",
    "context",
    "dialogue",
    "dialog",
    "chat",
    "messages",
    "post",
)
SYSTEMS = ("system", "system_prompt")
ANSWER = re.compile(
    r"(response|answer|completion|output|generation|candidate|summary|reply|text|option|translation"
    r"|chosen|rejected|left|right)"
    r"s?[\s_-]*([0-9]+|[a-z])?",
    re.IGNORECASE,
)
FIRST = frozenset({"left", "first", "a"})
SECOND = frozenset({"right", "second", "b"})
# What people write after the name of the better one.
IS_BETTER = re.compile(
    r"\s*\b(is\s+)?((much|slightly|clearly|significantly)\s+)?better$", re.IGNORECASE
)
TIES = frozenset({"tie", "equal", "same", "draw", "both", "bothgood", "nopreference", "similar"})
BAD = frozenset({"bothbad", "neither", "none", "botharebad"})


def split_fields(
    fields: Mapping[str, Any], where: str
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The prompt, the answers by their fields, and what else the prompt comes with: a system text,
    and further fields as metadata. Raises Wrong for what is none of these."""
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    answers = {name: value for name, value in given.items() if ANSWER.fullmatch(name)}
    prompt = next((name for name in PROMPTS if name in given), None)
    system = next((name for name in SYSTEMS if name in given), None)
    if prompt is None:
        known = ", ".join(PROMPTS)
        raise Wrong(where, f"Holds no prompt: none of its fields is called {known}.")
    if not answers:
        raise Wrong(where, "Holds no answers: none of its fields is called response1, answer_a ….")
    others = [name for name in given if name not in answers and name not in (prompt, system)]
    lost = [name for name in others if _would_be_lost(name, given[name])]
    if lost:
        problem = f"Holds what is neither prompt nor answer: {', '.join(lost)[:200]}."
        raise Wrong(where, problem, "Take them out, or write them into the prompt.")
    more = {"system": given[system]} if system else {}
    if others:
        more["metadata"] = {name: given[name] for name in others}
    return given[prompt], answers, more


def _would_be_lost(name: str, value: Any) -> bool:
    """Whether a further field holds words, or something to look at or listen to."""
    is_prose = isinstance(value, str) and " " in value.strip()
    return is_prose or looks_like_content(name, value)


def verdict_of(value: Any, names: list[str]) -> Verdict | None:
    """Which of two answers a value names: by its field, by the number or letter of one, by its
    side, or neither; None where it names none."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str | int):
        return None
    said = IS_BETTER.sub("", f"{value}".strip())
    for written in (_bare, _mark):
        word, known = written(said), [written(name) for name in names]
        if word and known.count(word) == 1:
            return Verdict.SECOND if known.index(word) else Verdict.FIRST
    sides = (FIRST, Verdict.FIRST), (SECOND, Verdict.SECOND), (TIES, Verdict.TIE)
    for words, verdict in (*sides, (BAD, Verdict.BOTH_BAD)):
        if _bare(said) in words:
            return verdict
    return None


def _mark(name: str) -> str:
    """The number or letter by which an answer is told from others: 2 of “Response 2”."""
    match = ANSWER.fullmatch(name.strip())
    word = (match.group(2) or "") if match else name.strip()
    return word.lower() if word.isdigit() or len(word) == 1 else ""


def _bare(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
