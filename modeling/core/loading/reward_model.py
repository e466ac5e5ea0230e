"""A reward model: any AutoModelForSequenceClassification with one label.

What is loaded, how it is saved, and the proof that it reloads to the same rewards. How rewards are
read while it trains is in reading.py, adapters in adapters.py, several heads in heads.py.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.adapters import quantisation
from modeling.core.chat_end import ending_template
from modeling.core.device import move_to
from modeling.core.errors import ProgramError
from modeling.core.features import apply_readout
from modeling.core.heads import find_head, load_heads, widen_head
from modeling.core.loading import load_classifier, load_tokenizer, refuse_missing
from modeling.core.own_head import has_own_head, load_own_head
from modeling.core.packing import pad_batch
from modeling.core.text import Encoded, Prompt, complete_tokenizer, encode_texts

# Rewards begin all but equal: at 1 they would begin a random order with a loss of 0.9, and a few
# hundred comparisons are spent on forgetting it. At 0 the trunk would learn nothing in step one.
HEAD_SCALE = 0.05
PARITY_TEXTS = 32
PARITY_TOLERANCE = 1e-4  # in fp32; padding alone moves a reward by about 1e-6


def load_reward_model(
    source: str, seed: int, heads: int = 1, quantised: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, list[str]]:
    """Model (fp32, `quantised`: its trunk in 4 bit; no dropout), tokenizer, and sentences on what
    had to be added.

    A base model gets a new head, or several, from `seed`; a reward model keeps its own and is
    trained further.
    """
    tokenizer = load_tokenizer(source)
    notes = complete_tokenizer(tokenizer)
    torch.manual_seed(seed)  # weights the checkpoint lacks come from the seed too
    options = {"quantization_config": quantisation()} if quantised else {}
    model, new = load_classifier(source, **options)
    name, head = find_head(model)
    std = HEAD_SCALE / math.sqrt(head.in_features + 1)
    is_new = any(key.startswith(name + ".") for key in new)
    if is_new:
        nn.init.normal_(head.weight, std=std)
        if head.bias is not None:
            nn.init.zeros_(head.bias)
    else:
        notes.append("The base model is a reward model already: its head is kept.")
    if heads > 1 and (is_new or load_heads(Path(source), model, heads) != heads):
        widen_head(model, heads, seed, std if is_new else None)
    root = name.split(".")[0]
    refuse_missing(source, [k for k in new if not k.startswith(root + ".") and "pooler" not in k])
    embeddings: Any = model.get_input_embeddings()
    if len(tokenizer) > embeddings.weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.config.pad_token_id = tokenizer.pad_token_id
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    switch_dropout_off(model)
    return model.eval(), tokenizer, notes


def switch_dropout_off(model: nn.Module) -> None:
    """Rewards of the two sides must differ by their texts, not by the luck of a mask."""
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        for name in ("attention_dropout", "attn_dropout", "dropout_prob"):
            if isinstance(getattr(layer, name, None), float):
                setattr(layer, name, 0.0)


def save_model(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, max_length: int
) -> None:
    """A plain folder: AutoModelForSequenceClassification.from_pretrained(folder) is all it takes.

    The tokenizer remembers the length the model was trained with, so that scoring truncates alike;
    its chat template ends where the reward is read.
    """
    tokenizer.model_max_length = max_length
    model.save_pretrained(folder)
    template, tokenizer.chat_template = tokenizer.chat_template, ending_template(tokenizer)
    tokenizer.save_pretrained(folder)
    tokenizer.chat_template = template


@torch.no_grad()
def check_reload(
    folder: Path,
    texts: Sequence[tuple[Prompt, str]],
    rewards: Sequence[float],
    max_length: int,
    device: torch.device,
) -> float:
    """Load the folder as a user would (one with a head of our own, as load_scorer does); compare
    its own forward's rewards, single and batched.

    Returns the largest absolute difference; raises if one is beyond the tolerance.
    """
    tokenizer = load_tokenizer(str(folder))
    own = has_own_head(str(folder))
    read = reload_own(folder, device) if own else reload_plain(folder, device)
    encoded = encode_texts(tokenizer, texts[:PARITY_TEXTS], max_length)
    expected = torch.tensor(list(rewards[:PARITY_TEXTS]))
    single = torch.cat([read([text]) for text in encoded])
    batched = read(encoded)
    scale = expected.abs().clamp(min=1.0)
    for way, found in (("one by one", single), ("in a batch", batched)):
        error = ((found - expected).abs() / scale).max().item()
        if not error <= PARITY_TOLERANCE:  # NaN must fail too
            raise ProgramError(
                f"The saved model, loaded again and read {way}, gives other rewards than the "
                f"trained one: they differ by up to {error:.2g}.",
                where=str(folder),
                hint="Do not use this model. Retry; if it happens again, report the base model.",
            )
    return max((single - expected).abs().max().item(), (batched - expected).abs().max().item())


def reload_plain(folder: Path, device: torch.device) -> Callable[[Sequence[Encoded]], Tensor]:
    """What gives the rewards (B,) of a padded batch, by the classifier's own forward."""
    model, new = load_classifier(str(folder))
    refuse_missing(str(folder), new)
    move_to(model.eval(), device)
    pad = model.config.get_text_config().pad_token_id

    def read(texts: Sequence[Encoded]) -> Tensor:
        ids, mask, _ = pad_batch(texts, pad, device)
        alone = {} if len(texts) == 1 else {"attention_mask": mask}
        return model(input_ids=ids, **alone).logits[:, 0].cpu()

    return read


def reload_own(folder: Path, device: torch.device) -> Callable[[Sequence[Encoded]], Tensor]:
    """The same for a head of our own, of several their mean."""
    model, readout, _ = load_own_head(str(folder))
    move_to(model, device)

    def read(texts: Sequence[Encoded]) -> Tensor:
        return apply_readout(model, "padded", [texts], readout).mean(1).cpu()

    return read
