"""The frozen reward of policy improvement: one reward model, or several made one.

Rewards are brought to one scale (Ziegler et al. 2019, section 2.1): mean 0 and standard deviation 1
over the reference's responses. So a KL coefficient means the same whatever the reward model, whose
own level and scale say nothing, and however far the policy has come already.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from modeling.core.loading.scorer import Scorer
from modeling.core.messages import PromptResponse, text_of
from modeling.core.program.errors import ProgramError
from modeling.measures.noise import has_spread


class FrozenReward:
    """Rewards of texts by the models named in the config, kept in memory."""

    def __init__(
        self, sources: Sequence[str], *, aggregate: str, uwo_weight: float, device: str
    ) -> None:
        self.scorer = Scorer(sources, device=device, aggregate=aggregate, uwo_weight=uwo_weight)

    @property
    def tokenizers(self) -> list[PreTrainedTokenizerBase]:
        """The tokenizers of its models: each has its own chat template."""
        return [one.tokenizer for one in self.scorer.loaded]

    def score(self, texts: Sequence[PromptResponse]) -> tuple[list[float], list[float]]:
        """Score texts: rewards, and the variance over the members, in the order of the texts.

        Raises ProgramError when a reward is no finite number.
        """
        scores = self.scorer.scores(texts)
        finite = torch.isfinite(scores.rewards)
        if not finite.all():
            raise not_finite(texts[int((~finite).nonzero()[0])])
        return scores.rewards.tolist(), scores.spread().square().tolist()


@dataclass(frozen=True)
class Shaping:
    """What the policy is trained on: the reward on its scale, less a penalty for a missing end."""

    mean: float = 0.0
    std: float = 1.0
    penalty: float = 0.0

    def __call__(self, reward: float, ended: bool) -> float:
        return (reward - self.mean) / self.std - (0.0 if ended else self.penalty)

    def scaled_to(self, rewards: Sequence[float]) -> "Shaping":
        """Scale to mean 0 and standard deviation 1 over these rewards. Rewards that are all equal,
        but for rounding, have no scale: they are only centred."""
        spread = statistics.pstdev(rewards) if has_spread(rewards) else 1.0
        return Shaping(statistics.fmean(rewards), spread, self.penalty)


def flat_rewards_warning(rewards: Sequence[float]) -> str | None:
    """Say that rewards differ by rounding alone, so that they have no scale; None where they
    differ."""
    if not rewards or has_spread(rewards):
        return None
    return (
        f"The reward model gives all {len(rewards)} responses to held-out prompts the same reward, "
        f"{statistics.fmean(rewards):.3g} (they differ by {max(rewards) - min(rewards):.1g}, which "
        "is rounding): rewards are centred and not scaled. A reward that tells no responses apart "
        "teaches nothing."
    )


def not_finite(text: PromptResponse) -> ProgramError:
    """The error of a text whose reward is no finite number."""
    prompt, response = text
    return ProgramError(
        "The reward model gives a reward that is not a finite number.",
        where=f"prompt {prompt[-1][1][:80]!r}, response {text_of(response)[:80]!r}",
        hint="Do not use this reward model: train it again with a lower learning rate.",
    )
