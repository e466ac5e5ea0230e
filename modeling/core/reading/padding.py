"""Whether padding changes what a model gives, measured on made-up texts before anything is read.

It must not: a reward belongs to its text. ConvBERT's convolutions see the padding, XLNet reads the
last place of a row whatever stands there, BART wants equally many end tokens in all rows of a
batch. Such models read each text alone.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from modeling.core.program.errors import ProgramError
from modeling.core.reading.features import Readout, no_cache, padding_id, read_features
from modeling.core.reading.reader import TOLERANCE, Group, Reader
from modeling.core.reading.trying import apart, ended_texts, reason_of, rows_of, trial_groups
from modeling.core.texts.packing import pad_batch
from modeling.core.texts.text import Encoded


@torch.no_grad()
def choose_padding(reader: Reader, readout: Readout | None) -> Reader:
    """Choose this reader, or where padding would change what is read, one that reads each text
    alone.

    `readout`: of a head of ours, which may come later; None for a plain classifier. Raises
    ProgramError for a model that gives nothing for a text even alone.
    """
    if reader.packs:
        return reader
    texts = ended_texts(reader.model)
    try:
        expected = torch.cat([trial_read(reader, readout, batch) for batch in rows_of(texts)])
    except Exception as error:  # a foreign model, tried out
        raise ProgramError(
            f"{type(reader.model).__name__} gives no reward of a text: {reason_of(error)}",
            where="config.json: base_model",
            hint="Use a causal language model or an encoder of the BERT family as base model."
            if readout is None
            else 'Set pooling to "last", or use a causal language model or an encoder.',
        ) from error
    try:
        difference = apart(trial_read(reader, readout, [texts]), expected)
        reason = f"by {difference:.1g}" if not difference <= TOLERANCE else None
    except Exception as error:
        reason = reason_of(error)
    if reason is None or reader.way == "alone":
        return reader
    sentence = (
        f"Padding changes what {type(reader.model).__name__} gives ({reason}): each text is read "
        "alone, which is slower."
    )
    return replace(reader, way="alone", warning=sentence)


def trial_read(reader: Reader, readout: Readout | None, groups: Sequence[Group]) -> Tensor:
    """Read rewards of a plain classifier, else the features that a head of ours reads."""
    if readout is None:
        return reader.member_rewards(groups)
    return read_features(reader.model, reader.way, groups, readout).flatten(1)


@torch.no_grad()
def choose_forward(reader: Reader) -> Reader:
    """Choose this reader, or one that calls a foreign classifier's own forward, where that does
    more than apply a linear layer to the last token."""
    model = reader.model
    if not isinstance(getattr(model, "score", None), nn.Linear):
        return reader
    texts = [text for group in trial_groups(model) for text in group]
    rewards = reader.member_rewards([[text] for text in texts])
    expected = torch.cat([own_rewards(model, [text], padding_id(model), "right") for text in texts])
    if apart(rewards[:, 0], expected) <= TOLERANCE:
        return reader
    sentence = (
        f"{type(model).__name__} reads its rewards in its own way: each text is read alone, by its "
        "own forward, which is slower."
    )
    return replace(reader, way="alone", own_forward=True, warning=sentence)


@torch.no_grad()
def side_for(reader: Reader) -> str | None:
    """Find the side, "right" or "left", on which a plain batch has to be padded, so that the
    classifier's own forward gives what it gives of each text alone. None where neither does."""
    if reader.way != "alone":
        return "right"
    model, texts = reader.model, ended_texts(reader.model)
    pad = padding_id(model)
    expected = torch.cat([own_rewards(model, [text], pad, "right") for text in texts])
    for side in ("right", "left"):
        try:
            rewards = own_rewards(model, texts, pad, side)
        except Exception:  # a foreign model, tried out
            continue
        if apart(rewards, expected) <= TOLERANCE:
            return side
    return None


def own_rewards(model: PreTrainedModel, texts: Sequence[Encoded], pad: int, side: str) -> Tensor:
    """Read rewards (B,) by the classifier's own forward, of a batch padded on this side."""
    ids, mask, _ = pad_batch(texts, pad, model.device)
    if side == "left":
        shifts = [ids.shape[1] - len(text.ids) for text in texts]
        ids, mask = (
            torch.stack([row.roll(by) for row, by in zip(part, shifts, strict=True)])
            for part in (ids, mask)
        )
    alone = {} if len(texts) == 1 else {"attention_mask": mask}
    rewards: Tensor = model(input_ids=ids, **alone, **no_cache(model)).logits[:, 0]
    return rewards
