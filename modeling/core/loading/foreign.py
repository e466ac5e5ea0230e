"""Reward models that somebody else has made, read as their own code reads them.

A folder of ours says so by its reward_scale.json, and its texts end in the end token. Of any other
the convention is its own: the text is what its chat template writes, to the last character, and a
classifier on a causal trunk reads the last token that is not the padding token of its config, which
may well be the end token. With two labels the reward is the difference of their logits.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.loading.aggregation import SCALE_FILE
from modeling.core.loading.heads import find_head, put_head
from modeling.core.loading.own_head import has_own_head
from modeling.core.loading.pretrained import load_classifier, load_config, refuse_missing
from modeling.core.messages import PromptResponse
from modeling.core.program.errors import ProgramError
from modeling.core.reading.trying import apart, trial_tokens
from modeling.core.texts.template_date import pin_date
from modeling.core.texts.text import (
    FALLBACK_TEMPLATE,
    Encoded,
    Tokenized,
    cut_texts,
    render_as_written,
    tokenize_texts,
)
from modeling.run_data.shared import DEFAULT_DATE

GOOD = frozenset({
    "accept", "accepted", "chosen", "correct", "good", "helpful", "label_1", "pos", "positive",
    "safe", "yes",
})  # fmt: skip


def is_foreign(source: str) -> bool:
    """Whether the folder or Hub id is not one that a training of ours has left."""
    return not (has_own_head(source) or (Path(source) / SCALE_FILE).is_file())


def complete_foreign(tokenizer: PreTrainedTokenizerBase, day: str = DEFAULT_DATE) -> list[str]:
    """Give the tokenizer a chat template where it has none, and say so. No token is added: the
    model has no row for it."""
    if tokenizer.eos_token is None and tokenizer.sep_token is not None:
        tokenizer.eos_token = tokenizer.sep_token
    if tokenizer.chat_template is not None:
        pin_date(tokenizer, day)
        return []
    tokenizer.chat_template = FALLBACK_TEMPLATE
    return [
        "The tokenizer has no chat template: texts are written in the plain fallback format, and "
        "rewards may differ from those in the format that the model was trained on."
    ]


def load_judge(source: str) -> tuple[PreTrainedModel, list[str]]:
    """Load a trained classifier that gives one reward, and sentences on how it does so.

    Raises ProgramError for one without a head and for one with more than two labels.
    """
    config = load_config(source)
    labels = config.num_labels
    if labels > 2:
        names = ", ".join(str(name) for name in list((config.id2label or {}).values())[:4])
        raise ProgramError(
            f"{source} gives {labels} labels ({names} …), and a reward is one number.",
            where=source,
            hint="Use a classifier with one label, or with two, of which one is the better.",
        )
    is_headless = not any("SequenceClassification" in name for name in config.architectures or [])
    # Whoever saved a base model has a config with two labels, transformers' default: that says
    # nothing of a head, and `refuse_missing` names what is lacking.
    model, new = load_classifier(source, labels=1 if is_headless else labels)
    refuse_missing(source, new)
    return model, [] if is_headless or labels == 1 else [join_labels(source, model, config)]


@torch.no_grad()
def join_labels(source: str, model: PreTrainedModel, config: PretrainedConfig) -> str:
    """Put one output, the difference of two labels' logits, in the place of both. Returns a
    sentence on which label is taken from which. Raises ProgramError where the difference of the
    weights is not that of the logits."""
    names = [str((config.id2label or {}).get(at, f"LABEL_{at}")) for at in (0, 1)]
    is_first_good = names[0].lower() in GOOD and names[1].lower() not in GOOD
    good, bad = (0, 1) if is_first_good else (1, 0)
    ids = torch.tensor([trial_tokens(model, 12)], device=model.device)
    logits = model(input_ids=ids).logits
    name, head = find_head(model, 2)
    weights = {key: (value[good] - value[bad])[None] for key, value in head.named_parameters()}
    put_head(model, name, weights)
    rewards = model(input_ids=ids).logits
    if apart(rewards, logits[:, good : good + 1] - logits[:, bad : bad + 1]) > 1e-3:
        raise ProgramError(
            f"The two labels of {source} do not come from a linear layer at its end.",
            where=source,
            hint="Use a classifier with one label.",
        )
    return (
        f"{source} gives two labels: a reward is the logit of {names[good]!r} less that of "
        f"{names[bad]!r}."
    )


def skipped_token(model: PreTrainedModel) -> int | None:
    """The token that the model's own code skips at a text's end, which is its padding; None where
    it skips none, or does not read there."""
    if not isinstance(getattr(model, "score", None), nn.Linear):
        return None
    pad: Any = getattr(model.config.get_text_config(), "pad_token_id", None)
    return pad if isinstance(pad, int) else None


def encode_as_written(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[PromptResponse],
    max_length: int,
    skipped: int | None,
) -> list[Encoded]:
    """Encode texts as the tokenizer's own template writes them, up to the token that is read."""
    whole = [
        up_to_read(text, skipped) for text in tokenize_texts(tokenizer, texts, render_as_written)
    ]
    return [cut_texts(tokenizer, [text], max_length, end=text.ids[-1])[0] for text in whole]


def up_to_read(text: Tokenized, skipped: int | None) -> Tokenized:
    """Cut off the tokens at the end that the model's own code skips; the first one stays."""
    length = len(text.ids)
    while length > 1 and text.ids[length - 1] == skipped:
        length -= 1
    return Tokenized(text.ids[:length], min(text.prompt_length, length))
