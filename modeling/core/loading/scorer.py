"""Reward models in memory, for callers that score a few texts at a time.

`modeling/core/score.py` is the program for many texts; this gives the same rewards without loading
the models anew. Not safe for several threads.
"""

from collections.abc import Sequence

from modeling.core.loading.saved_rewards import (
    LoadedReward,
    Scores,
    combine,
    load_scorer,
)
from modeling.core.messages import PromptResponse
from modeling.core.program.device import choose_device
from modeling.core.texts.text import Encoded
from modeling.core.texts.token_cache import fingerprint
from modeling.run_data.shared import UWO_WEIGHT


class Scorer:
    """One reward model, or several aggregated into one reward (aggregation.py says how)."""

    def __init__(
        self,
        sources: str | Sequence[str],
        *,
        device: str = "auto",
        threads: int | None = None,
        aggregate: str = "mean",
        uwo_weight: float = UWO_WEIGHT,
    ) -> None:
        """Raises ProgramError for a folder that is no reward model or cannot be read."""
        self.aggregate, self.uwo_weight = aggregate, uwo_weight
        self.loaded = [
            load_scorer(source, choose_device(device), threads=threads)
            for source in ([sources] if isinstance(sources, str) else sources)
        ]
        # The members of an ensemble mostly read texts alike: of these, the first one tokenises.
        first: dict[object, LoadedReward] = {}
        self.encoders = [first.setdefault(reads_as(one), one) for one in self.loaded]

    def score(self, texts: Sequence[PromptResponse]) -> list[float]:
        """Score (prompt, response) texts: one reward each, in their order. A prompt is read
        once."""
        rewards: list[float] = self.scores(texts).rewards.tolist()
        return rewards

    def scores(self, texts: Sequence[PromptResponse]) -> Scores:
        """As `score`, with each member's rewards on one scale."""
        return self.read(texts)[0]

    def read(self, texts: Sequence[PromptResponse]) -> tuple[Scores, list[bool]]:
        """As `scores`; beside it, of each text whether some model reads only a part, because the
        text is too long for it."""
        done: dict[str, list[Encoded]] = {}
        for one in self.encoders:
            if one.source not in done:
                done[one.source] = one.encode(texts)
        encoded = [done[one.source] for one in self.encoders]
        pairs = list(zip(self.loaded, encoded, strict=True))
        scores = combine(
            [one.score(texts, ids) for one, ids in pairs],
            [one.scales for one in self.loaded],
            self.aggregate,
            self.uwo_weight,
        )
        return scores, [any(ids[at].truncated for ids in encoded) for at in range(len(texts))]


def reads_as(loaded: LoadedReward) -> object:
    """A value that is equal for models that make the same tokens of a text."""
    known = fingerprint(loaded.tokenizer)
    way = (loaded.max_length, loaded.is_foreign, loaded.skipped)
    return loaded.source if known is None else (known, *way)
