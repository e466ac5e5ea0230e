"""Prompts that a model's chat template refuses: left out of a run, counted and named.

One such prompt must not cost the run, and none may go without a word. A run of which nothing is
left is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from modeling.core.program.errors import ProgramError
from modeling.core.program.files import read_jsonl
from modeling.core.texts.groups import PromptGroup
from modeling.core.texts.text import Prompt, is_refitted, render_prompt

NAMED = 5  # in a sentence; the result has all of them


@dataclass(frozen=True)
class Refusals:
    """`reasons`: what a template says, of each prompt that one refuses. `refitted`: the prompts
    that are written in other roles than their own."""

    reasons: dict[Prompt, str]
    refitted: frozenset[Prompt]

    def rows(self, path: Path, prompts: dict[str, Prompt]) -> list[dict[str, Any]]:
        """List line, id and reason of the input's rows that are left out, for result.json."""
        if not self.reasons:
            return []
        lines = {str(row.get("id")): number for number, row in read_jsonl(path)}
        return [
            {"line": lines.get(identifier), "id": identifier, "reason": self.reasons[prompt]}
            for identifier, prompt in prompts.items()
            if prompt in self.reasons
        ]


def find_refusals(
    tokenizers: Sequence[PreTrainedTokenizerBase], prompts: Iterable[Prompt]
) -> Refusals:
    """Render each distinct prompt with each tokenizer's template, and collect what is refused."""
    reasons: dict[Prompt, str] = {}
    refitted = set()
    for prompt in dict.fromkeys(prompts):
        try:
            for tokenizer in tokenizers:
                render_prompt(tokenizer, prompt)
        except ProgramError as problem:
            reasons[prompt] = problem.message.partition(": ")[2] or problem.message
        else:
            if any(is_refitted(tokenizer, prompt) for tokenizer in tokenizers):
                refitted.add(prompt)
    return Refusals(reasons, frozenset(refitted))


def sentences(
    refusals: Refusals, rows: Sequence[dict[str, Any]], total: int, what: str
) -> list[str]:
    """Say which rows were left out, and how many prompts are written in other roles.

    `rows` were left out of `total`; `what` names them in the plural ("comparisons"). Raises
    ProgramError where all were.
    """
    said = []
    if rows:
        few = ", ".join(f"{row['id']} in line {row['line']}" for row in rows[:NAMED])
        more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
        reason = rows[0]["reason"]
        were, their = ("was", "its prompt") if len(rows) == 1 else ("were", "their prompts")
        sentence = f"{len(rows)} of {total} {what} {were} left out, because the chat template "
        sentence += f"refuses {their} ({reason}): {few}{more}."
        if len(rows) == total:
            raise ProgramError(
                f"The chat template refuses every prompt: {reason}",
                where=f"{few}{more}",
                hint="Use a model whose template takes these roles.",
            )
        said.append(sentence)
    if refusals.refitted:
        count = len(refusals.refitted)
        are = "prompt is" if count == 1 else "prompts are"
        said.append(
            f"{count} {are} written in other roles than given, because the chat template refuses "
            "them as they are: a system message is put before the first "
            "user message, messages of the same role in a row become one."
        )
    return said


def without_refused(
    tokenizers: Sequence[PreTrainedTokenizerBase], groups: list[PromptGroup], path: Path
) -> tuple[list[PromptGroup], list[dict[str, Any]], list[str]]:
    """The groups that every template takes; rows for the result on the others' comparisons, and
    sentences. Raises ProgramError where none is left."""
    refusals = find_refusals(tokenizers, [group.prompt for group in groups])
    prompts = {c.id: group.prompt for group in groups for c in group.comparisons}
    rows = refusals.rows(path, prompts)
    said = sentences(refusals, rows, len(prompts), "comparisons")
    return [group for group in groups if group.prompt not in refusals.reasons], rows, said
