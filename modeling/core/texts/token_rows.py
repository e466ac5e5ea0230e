"""A row in the model for every token of its tokenizer, and a generation config that says the same.

A token that was added to a tokenizer alone has an id beyond the model's embeddings: whoever uses it
(a padded batch of `generate` or of another trainer does) gets an IndexError.
"""

from collections.abc import Iterable
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase


@torch.no_grad()
def give_rows(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Lengthen the embeddings, and the output layer, to the tokenizer's highest id. Returns how
    many rows are new.

    A new row is the mean of the old ones. No chance enters, so a policy and its reference, loaded
    one after the other, stay the same model; and the token is as likely as an average one.
    """
    needed = max(tokenizer.get_vocab().values(), default=-1) + 1
    inputs: Any = model.get_input_embeddings()
    rows = int(inputs.weight.shape[0])
    if needed <= rows:
        return 0
    model.resize_token_embeddings(needed, mean_resizing=False)
    for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
        for name in ("weight", "bias"):
            values = getattr(layer, name, None)  # (V, D), or (V,)
            if isinstance(values, torch.Tensor) and len(values) == needed:
                values[rows:] = values[:rows].mean(0)
    return needed - rows


def declare_tokens(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, stop_ids: Iterable[int]
) -> None:
    """Write the tokenizer's pad and the tokens that end a response into the model's configs, and
    mend a generation config that could be loaded and cannot be saved."""
    end = tokenizer.eos_token_id
    others = sorted(set(stop_ids) - {end})
    for config in {id(one): one for one in (model.config, model.config.get_text_config())}.values():
        config.pad_token_id = tokenizer.pad_token_id
        if config.eos_token_id is None:
            config.eos_token_id = end
    generation = model.generation_config or GenerationConfig.from_model_config(model.config)
    generation.pad_token_id = tokenizer.pad_token_id
    generation.eos_token_id = [end, *others] if others else end
    model.generation_config = _savable(generation)


def _savable(generation: GenerationConfig) -> GenerationConfig:
    """Mend a config that transformers loads and refuses to save, such as a temperature without
    `do_sample`: whoever wrote one meant to sample. What is wrong beyond that is left out."""
    try:
        generation.validate(strict=True)
        return generation
    except ValueError:
        generation.do_sample = True
    try:
        generation.validate(strict=True)
        return generation
    except ValueError:
        return GenerationConfig(
            bos_token_id=generation.bos_token_id,
            eos_token_id=generation.eos_token_id,
            pad_token_id=generation.pad_token_id,
        )
