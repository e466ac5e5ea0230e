"""A reward model: any AutoModelForSequenceClassification with one label.

What is loaded, how it is saved, and the proof that it reloads to the same rewards. How rewards are
read while it trains is in modeling/core/reading/reader.py, adapters in adapters.py, several heads
in heads.py.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.loading.adapters import quantisation
from modeling.core.loading.bases import (
    check_architecture,
    fit_embeddings,
    fit_padding,
    has_classifier,
    make_steady,
    refuse_gaps,
)
from modeling.core.loading.heads import find_head, load_heads, widen_head
from modeling.core.loading.own_head import give_head, has_own_head, load_own_head
from modeling.core.loading.pretrained import (
    load_classifier,
    load_config,
    load_tokenizer,
    load_trunk,
    refuse_missing,
)
from modeling.core.messages import PromptResponse, text_of
from modeling.core.program.device import move_to
from modeling.core.program.errors import ProgramError
from modeling.core.reading.features import apply_readout, padding_id
from modeling.core.reading.padding import own_rewards
from modeling.core.texts.chat_end import ending_template
from modeling.core.texts.template_check import check_template
from modeling.core.texts.text import (
    Encoded,
    common_prefix,
    complete_tokenizer,
    encode_texts,
    pad_on,
)
from modeling.run_data.shared import DEFAULT_DATE

# Rewards begin all but equal: at 1 they would begin a random order with a loss of 0.9, and a few
# hundred comparisons are spent on forgetting it. At 0 the trunk would learn nothing in step one.
HEAD_SCALE = 0.05
PARITY_TEXTS = 32
PARITY_BATCH = 8
PARITY_TOLERANCE = 1e-4  # in fp32; padding alone moves a reward by about 1e-6


def load_reward_model(
    source: str,
    seed: int,
    heads: int = 1,
    quantised: bool = False,
    day: str = DEFAULT_DATE,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, list[str]]:
    """Load a model to be trained (fp32, `quantised`: its trunk in 4 bit; no dropout), its
    tokenizer, and sentences on what had to be added.

    A base model gets a new head, or several, from `seed`; a reward model keeps its own and is
    trained further.
    """
    tokenizer = load_tokenizer(source)
    notes = complete_tokenizer(tokenizer, day)
    check_template(tokenizer, source)
    config = load_config(source)
    check_architecture(source, config)
    torch.manual_seed(seed)  # weights the checkpoint lacks come from the seed too
    options = {"quantization_config": quantisation()} if quantised else {}
    if has_classifier(config):
        model, is_new = load_with_head(source, seed, heads, options)
    else:
        model, is_new = load_trunk(source, **options), True
        give_head(model, heads, seed, HEAD_SCALE)
    if not is_new:
        notes.append("The base model is a reward model already: its head is kept.")
    fit_embeddings(model, len(tokenizer))
    make_steady(model)
    fit_padding(model, tokenizer.pad_token_id)
    switch_dropout_off(model)
    return model.eval(), tokenizer, notes


def load_with_head(
    source: str, seed: int, heads: int, options: dict[str, Any]
) -> tuple[PreTrainedModel, bool]:
    """Load a classifier with `heads` heads, and whether they are new."""
    model, new = load_classifier(source, **options)
    name, head = find_head(model)
    std = HEAD_SCALE / math.sqrt(head.in_features + 1)
    is_new = any(key.startswith(name + ".") for key in new)
    if is_new:
        nn.init.normal_(head.weight, std=std)
        if head.bias is not None:
            nn.init.zeros_(head.bias)
    refuse_gaps(source, model, new, is_new=is_new)
    if heads > 1 and (is_new or load_heads(Path(source), model, heads) != heads):
        widen_head(model, heads, seed, std if is_new else None)
    return model, is_new


def switch_dropout_off(model: nn.Module) -> None:
    """Switch dropout off: rewards of two sides must differ by their texts, not by a mask's
    chance."""
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        for name in ("attention_dropout", "attn_dropout", "dropout_prob"):
            if isinstance(getattr(layer, name, None), float):
                setattr(layer, name, 0.0)


def save_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    max_length: int,
    side: str = "right",
) -> None:
    """A plain folder: AutoModelForSequenceClassification.from_pretrained(folder) is all it takes.

    The tokenizer remembers the length the model was trained with, so that scoring truncates alike;
    it pads on the `side` where padding changes no reward (with absolute positions on the right,
    whatever the base model's tokenizer did); its chat template ends where the reward is read.
    """
    tokenizer.model_max_length = max_length
    pad_on(tokenizer, side)
    model.save_pretrained(folder)
    # For the folder alone: the run goes on with the template its tokens were made by.
    template, tokenizer.chat_template = tokenizer.chat_template, ending_template(tokenizer)
    tokenizer.save_pretrained(folder)
    tokenizer.chat_template = template


@torch.no_grad()
def check_reload(
    folder: Path,
    texts: Sequence[PromptResponse],
    rewards: Sequence[float],
    max_length: int,
    device: torch.device,
    trained_on: Sequence[Encoded],
    *,
    batched: bool = True,
) -> float:
    """Load the folder as a user would (one with a head of our own, as load_scorer does); compare
    the tokens that its tokenizer makes of the texts with those it was trained on, and its own
    forward's rewards of them, single and, where the model can be, `batched` as its tokenizer pads.

    Returns the largest absolute difference; raises ProgramError for other tokens, and for a
    difference beyond the tolerance.
    """
    tokenizer = load_tokenizer(str(folder))
    own = has_own_head(str(folder))
    side = tokenizer.padding_side
    read = reload_own(folder, device) if own else reload_plain(folder, device, side)
    encoded = list(trained_on[:PARITY_TEXTS])
    expected = torch.tensor(list(rewards[:PARITY_TEXTS]))
    reread = {"one by one": torch.cat([read([text]) for text in encoded])}
    if batched:
        reread["in a batch"] = read_in_batches(read, encoded)
    # Relative beyond 1, absolute below: a reward near zero is a difference of larger numbers.
    scale = expected.abs().clamp(min=1.0)
    for way, rewards_again in reread.items():
        error = ((rewards_again - expected).abs() / scale).max().item()
        if not error <= PARITY_TOLERANCE:  # NaN must fail too
            raise ProgramError(
                f"The saved model, loaded again and read {way}, gives other rewards than the "
                f"trained one: they differ by up to {error:.2g}.",
                where=str(folder),
                hint="Retry; if it happens again, report the base model.",
            )
    refuse_other_tokens(folder, tokenizer, texts[:PARITY_TEXTS], encoded, max_length)
    return max((again - expected).abs().max().item() for again in reread.values())


def read_in_batches(
    read: Callable[[Sequence[Encoded]], Tensor], texts: Sequence[Encoded]
) -> Tensor:
    """Read rewards (B,), in the order of the texts.

    The shortest text is read beside the longest, which pads it most; the others in batches of about
    one length. One batch of all, padded to the longest, took minutes and gigabytes on a processor.
    """
    by_length = sorted(range(len(texts)), key=lambda at: len(texts[at].ids))
    rest = by_length[1:-1]
    batches = [[by_length[0], by_length[-1]] if len(texts) > 1 else by_length]
    batches += [rest[start : start + PARITY_BATCH] for start in range(0, len(rest), PARITY_BATCH)]
    rewards = torch.empty(len(texts))
    for batch in batches:
        rewards[batch] = read([texts[at] for at in batch]).cpu()
    return rewards


def refuse_other_tokens(
    folder: Path,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[PromptResponse],
    trained_on: Sequence[Encoded],
    max_length: int,
) -> None:
    """Refuse a saved tokenizer that makes other tokens than the model was trained on: whoever
    scores with the folder goes by its tokenizer and template. Raises ProgramError."""
    reencoded = encode_texts(tokenizer, texts, max_length)
    for (_, response), text, original in zip(texts, reencoded, trained_on, strict=True):
        if text.ids != original.ids:
            at = common_prefix(text.ids, original.ids)
            raise ProgramError(
                "The saved tokenizer makes other tokens of a text than the model was trained on: "
                f"from token {at} on it reads {tokenizer.decode(text.ids[at : at + 8])!r} and "
                f"not {tokenizer.decode(original.ids[at : at + 8])!r}.",
                where=f"{folder}, the response that begins {text_of(response)[:60]!r}",
                hint="Retry. If it happens again, the base model's chat template depends on more "
                "than the messages, or its tokenizer is saved otherwise than it was loaded.",
            )


def reload_plain(
    folder: Path, device: torch.device, side: str
) -> Callable[[Sequence[Encoded]], Tensor]:
    """Load a saved classifier. Returns the function that gives the rewards (B,) of a padded batch,
    by the classifier's own forward."""
    model, new = load_classifier(str(folder))
    refuse_missing(str(folder), new)
    move_to(model.eval(), device)
    pad = padding_id(model)
    return lambda texts: own_rewards(model, texts, pad, side).cpu()


def reload_own(folder: Path, device: torch.device) -> Callable[[Sequence[Encoded]], Tensor]:
    """As `reload_plain` for a head of our own; of several heads it is their mean."""
    model, readout, _ = load_own_head(str(folder))
    move_to(model, device)

    def read(texts: Sequence[Encoded]) -> Tensor:
        return apply_readout(model, "padded", [texts], readout).mean(1).cpu()

    return read
