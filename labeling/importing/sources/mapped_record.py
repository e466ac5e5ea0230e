"""A record as a mapping reads it, and the rows that it becomes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import Answer, Verdict, ranked, to_compare, triple
from labeling.importing.sources.source import Data, Row


@dataclass(frozen=True, kw_only=True)
class MappedRecord:
    """A record as a mapping reads it: what was asked, the responses in their order, and votes."""

    prompt: Any
    system: Any
    answers: Sequence[Answer]
    verdicts: Sequence[Verdict]
    labelers: Sequence[Any]  # who gave them, in the same order; None where nobody is named
    tags: Sequence[str]
    metadata: Data = field(default_factory=dict)

    def rows(self, tell: Tell = lambda _: None) -> Iterator[Row]:
        """The rows of ours: one for each vote, or for every two of the scored responses."""
        more = self._more
        if self.verdicts:
            first, second = self.answers
            for verdict, labeler in zip(self.verdicts, self.labelers, strict=True):
                yield triple(self.prompt, first, second, verdict, annotator=labeler, **more)
        elif any(one.rank is not None for one in self.answers):
            yield from ranked(self.prompt, self.answers, tell, **more)
        else:
            yield self.without_verdicts()

    def without_verdicts(self) -> Row:
        """The prompt with its responses, as they are compared."""
        return to_compare(self.prompt, self.answers, **self._more)

    @property
    def _more(self) -> dict[str, Any]:
        """What the row has beside prompt and answers; None is left out."""
        metadata = self.metadata or None
        return {"system": self.system, "tags": list(self.tags) or None, "metadata": metadata}
