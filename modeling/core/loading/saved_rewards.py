"""A saved reward model made ready to score: the one place that knows the kinds of folders.

A folder is a plain AutoModelForSequenceClassification, with heads.safetensors it gives one reward
per head; or it is a trunk with a head that only we read (own_head.py). Used by score.py (many
texts, one model in memory at a time), scorer.py (kept in memory) and the training of policies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from modeling.core.aggregation import Scale, aggregate, on_one_scale, read_scales, variance
from modeling.core.device import choose_threads, move_to
from modeling.core.heads import load_heads
from modeling.core.loading import load_classifier, load_tokenizer, refuse_missing
from modeling.core.own_head import has_own_head, load_own_head
from modeling.core.reading import Reader, choose_batch_tokens, choose_reader
from modeling.core.text import Encoded, Prompt, choose_max_length, complete_tokenizer, encode_texts

Text = tuple[Prompt, str]  # prompt and response


@dataclass(frozen=True)
class LoadedReward:
    """One folder's reward model. `scales`: of its members, where the folder tells."""

    source: str
    tokenizer: PreTrainedTokenizerBase
    reader: Reader
    max_length: int
    device: torch.device
    members: int = 1
    scales: list[Scale] | None = None

    def encode(self, texts: Sequence[Text]) -> list[Encoded]:
        return encode_texts(self.tokenizer, texts, self.max_length)

    def score(
        self,
        texts: Sequence[Text],
        encoded: Sequence[Encoded] | None = None,
        batch_tokens: int | None = None,
        each_batch: Callable[[int], None] = lambda done: None,
    ) -> Tensor:
        """(R, M) by each member, in the order of the texts; those of a prompt are read together."""
        encoded = self.encode(texts) if encoded is None else encoded
        by_prompt: dict[Prompt, list[int]] = {}
        for at, (prompt, _) in enumerate(texts):
            by_prompt.setdefault(prompt, []).append(at)
        groups = [[encoded[at] for at in which] for which in by_prompt.values()]
        budget = choose_batch_tokens(batch_tokens, self.device)
        found = self.reader.score_members(groups, budget, each_batch)
        if not found:
            return torch.empty(0, self.members)
        order = torch.tensor([at for which in by_prompt.values() for at in which])
        rewards = torch.empty(len(texts), self.members)
        rewards[order] = torch.cat(found)
        return rewards


def load_scorer(
    source: str,
    device: torch.device,
    *,
    attention: str = "auto",
    max_length: int | None = None,
    threads: int | None = None,
) -> LoadedReward:
    """Raises ProgramError for a folder that is no reward model or cannot be read."""
    tokenizer = load_tokenizer(source)
    complete_tokenizer(tokenizer)
    readout = None
    if has_own_head(source):
        model, readout, heads = load_own_head(source)
    else:
        model, new = load_classifier(source)
        refuse_missing(source, new)
        heads = load_heads(Path(source), model)
    config = model.config.get_text_config()
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
    torch.set_num_threads(choose_threads(threads, model.num_parameters()))
    move_to(model.eval(), device)
    length = choose_max_length(max_length, tokenizer, model)
    reader = replace(choose_reader(model, attention, length), readout=readout)
    scales = read_scales(Path(source), heads)
    return LoadedReward(source, tokenizer, reader, length, device, heads, scales)


@dataclass(frozen=True)
class Scores:
    """Of R texts: the aggregated rewards (R,), and the members' (R, M) on one scale."""

    rewards: Tensor
    members: Tensor

    def spread(self) -> Tensor:
        """(R,) the standard deviation over the members, 0 for a single one."""
        return variance(self.members).sqrt()


def combine(
    rewards: Sequence[Tensor], scales: Sequence[list[Scale] | None], way: str, uwo_weight: float
) -> Scores:
    """One score of several folders': `rewards` and `scales` of each, as `LoadedReward` has them.

    Where one of several folders does not tell its members' scale, all are taken as they are.
    """
    told = [scale for folder in scales if folder is not None for scale in folder]
    known = all(folder is not None for folder in scales)
    members = on_one_scale(torch.cat(list(rewards), 1), told if known else None)
    return Scores(aggregate(members, way, uwo_weight), members)


def scale_warning(sources: Sequence[str], scales: Sequence[list[Scale] | None]) -> str | None:
    """A sentence where members are combined although their scales are not known."""
    without = [source for source, found in zip(sources, scales, strict=True) if found is None]
    if len(sources) == 1 or not without:
        return None
    return (
        f"{', '.join(without)} has no reward_scale.json: the members' rewards are combined as "
        "they are, and one with larger rewards counts for more."
    )
