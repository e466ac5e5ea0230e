"""A line that was checked, and what makes its texts other texts."""

from dataclasses import dataclass, field

from labeling.importing.lines.answer_fields import NewResponse
from labeling.importing.lines.opinions import Opinion
from labeling.importing.lines.turns import Messages
from labeling.texts.messages import Extra, size_of
from labeling.texts.metadata import Metadata, as_json
from labeling.texts.sameness import prompt_digest, response_digest


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One line, checked. With an `opinion`, the responses are the chosen and the rejected."""

    line: int
    messages: Messages
    responses: list[NewResponse] = field(default_factory=list)
    opinion: Opinion | None = None
    tags: list[str] = field(default_factory=list)
    extra: Extra = field(default_factory=dict)  # of the prompt
    metadata: Metadata = field(default_factory=dict)  # of the prompt

    @property
    def shape(self) -> str:
        if self.opinion:
            return "triples"
        return "prompts with responses" if self.responses else "prompts alone"

    @property
    def size(self) -> int:
        """Characters of its responses."""
        return sum(response.size for response in self.responses)

    @property
    def size_with_prompt(self) -> int:
        beside = len(as_json(self.metadata)) if self.metadata else 0
        return self.size + size_of(self.messages, self.extra) + beside


def digests_of(row: CheckedRow) -> tuple[str, list[str]]:
    """The digests of its prompt and of its responses."""
    answers = [response_digest(one.text, one.extra) for one in row.responses]
    return prompt_digest(row.messages, row.extra), answers
