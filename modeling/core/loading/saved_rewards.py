"""A saved reward model made ready to score: the one place that knows the kinds of folders.

A folder is a plain AutoModelForSequenceClassification, with heads.safetensors it gives one reward
per head; or it is a trunk with a head that only we read (own_head.py). Used by
modeling/core/score.py (many texts, one model in memory at a time), scorer.py (kept in memory) and
the training of policies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.loading.aggregation import (
    RewardScale,
    aggregate,
    on_one_scale,
    read_scales,
    variance,
)
from modeling.core.loading.bases import make_steady
from modeling.core.loading.foreign import (
    complete_foreign,
    encode_as_written,
    is_foreign,
    load_judge,
    skipped_token,
)
from modeling.core.loading.heads import load_heads
from modeling.core.loading.own_head import has_own_head, load_own_head
from modeling.core.loading.pretrained import load_tokenizer
from modeling.core.messages import Prompt, PromptResponse
from modeling.core.program.device import choose_threads, move_to
from modeling.core.reading.padding import choose_forward, choose_padding
from modeling.core.reading.reader import Reader, choose_batch_tokens, choose_reader
from modeling.core.texts.tables import count_rows
from modeling.core.texts.template_check import check_template
from modeling.core.texts.text import Encoded, choose_max_length, complete_tokenizer, encode_texts
from modeling.run_data.shared import DEFAULT_DATE

T = TypeVar("T")


@dataclass(frozen=True)
class LoadedReward:
    """One folder's reward model. `scales`: of its members, where the folder tells; `skipped`: the
    token that a foreign one does not read at a text's end; `notes`: sentences on how it is read."""

    source: str
    tokenizer: PreTrainedTokenizerBase
    reader: Reader
    max_length: int
    device: torch.device
    members: int = 1
    scales: list[RewardScale] | None = None
    is_foreign: bool = False
    skipped: int | None = None
    notes: tuple[str, ...] = ()

    def encode(self, texts: Sequence[PromptResponse]) -> list[Encoded]:
        if self.is_foreign:
            return encode_as_written(self.tokenizer, texts, self.max_length, self.skipped)
        return encode_texts(self.tokenizer, texts, self.max_length)

    def score(
        self,
        texts: Sequence[PromptResponse],
        encoded: Sequence[Encoded] | None = None,
        batch_tokens: int | None = None,
        each_batch: Callable[[int], None] = lambda done: None,
    ) -> Tensor:
        """Score texts: (R, M) by each member, in the order of the texts. Those of a prompt are read
        together. `encoded`: the same texts as tokens, where they are there already."""
        encoded = self.encode(texts) if encoded is None else encoded
        numbers = by_prompt(texts, range(len(texts)))
        groups = [[encoded[at] for at in which] for which in numbers]
        budget = choose_batch_tokens(batch_tokens, self.device)
        by_prompt_rewards = self.reader.score_members(groups, budget, each_batch)
        if not by_prompt_rewards:
            return torch.empty(0, self.members)
        order = torch.tensor([at for which in numbers for at in which])
        rewards = torch.empty(len(texts), self.members)
        rewards[order] = torch.cat(by_prompt_rewards)
        return rewards


def by_prompt(texts: Sequence[PromptResponse], values: Sequence[T]) -> list[list[T]]:
    """Group one value per text by the texts' prompts, in the order in which prompts first come."""
    groups: dict[Prompt, list[T]] = {}
    for (prompt, _), value in zip(texts, values, strict=True):
        groups.setdefault(prompt, []).append(value)
    return list(groups.values())


def load_scorer(
    source: str,
    device: torch.device,
    *,
    attention: str = "auto",
    max_length: int | None = None,
    threads: int | None = None,
    day: str = DEFAULT_DATE,
) -> LoadedReward:
    """`day`: what a chat template that was saved without one prints as today's date.

    Raises ProgramError for a folder that is no reward model or cannot be read.
    """
    tokenizer, notes = load_completed(source, day)
    check_template(tokenizer, source)
    foreign = is_foreign(source)
    readout, skipped = None, None
    if has_own_head(source):
        model, readout, heads = load_own_head(source)
    else:
        model, said = load_judge(source)
        notes += said
        heads = load_heads(Path(source), model)
        skipped = skipped_token(model)
    make_steady(model)
    config = model.config.get_text_config()
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = row_of_padding(model, tokenizer)
    torch.set_num_threads(choose_threads(threads, model.num_parameters()))
    move_to(model.eval(), device)
    length = choose_max_length(max_length, tokenizer, model)
    reader = choose_padding(choose_reader(model, attention, length), readout)
    if readout is None:
        reader = choose_forward(reader)
    return LoadedReward(
        source,
        tokenizer,
        replace(reader, readout=readout),
        length,
        device,
        heads,
        read_scales(Path(source), heads),
        is_foreign=foreign,
        skipped=skipped,
        notes=tuple(notes),
    )


def load_completed(
    source: str, day: str = DEFAULT_DATE
) -> tuple[PreTrainedTokenizerBase, list[str]]:
    """Load the folder's tokenizer, ready to write texts, and sentences on what it lacked."""
    tokenizer = load_tokenizer(source)
    if is_foreign(source):
        return tokenizer, complete_foreign(tokenizer, day)
    complete_tokenizer(tokenizer, day)
    return tokenizer, []


def row_of_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The tokenizer's padding token if the model has a row for it, else None: padding then stands
    behind the place where the reward is read, whatever it is written with."""
    pad = tokenizer.pad_token_id
    return pad if isinstance(pad, int) and pad < count_rows(model) else None


@dataclass(frozen=True)
class Scores:
    """Of R texts: the aggregated rewards (R,), and the members' (R, M) on one scale."""

    rewards: Tensor
    members: Tensor

    def spread(self) -> Tensor:
        """(R,) the standard deviation over the members, 0 for a single one."""
        return variance(self.members).sqrt()


def combine(
    rewards: Sequence[Tensor],
    scales: Sequence[list[RewardScale] | None],
    way: str,
    uwo_weight: float,
) -> Scores:
    """Combine several folders' rewards into one score; `rewards` and `scales` are of each folder.

    Where one of several folders does not tell its members' scale, all are taken as they are.
    """
    member_scales = [scale for folder in scales if folder is not None for scale in folder]
    known = all(folder is not None for folder in scales)
    members = on_one_scale(torch.cat(list(rewards), 1), member_scales if known else None)
    return Scores(aggregate(members, way, uwo_weight), members)


def scale_warning(sources: Sequence[str], scales: Sequence[list[RewardScale] | None]) -> str | None:
    """Say that members are combined although the scale of some is not known; None where all are."""
    without = [
        source for source, of_folder in zip(sources, scales, strict=True) if of_folder is None
    ]
    if len(sources) == 1 or not without:
        return None
    return (
        f"{', '.join(without)} has no reward_scale.json: the members' rewards are combined as "
        "they are, and one with larger rewards counts for more."
    )
