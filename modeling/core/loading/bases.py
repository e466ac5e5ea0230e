"""What a base model brings along: a trunk, and perhaps a classifier whose head is new.

Transformers has no sequence classifier for some architectures (Granite, Cohere, Mamba, RWKV, …);
their trunk gets a head of ours (own_head.py). Which weights may be missing in a checkpoint follows
from what from_pretrained reports and from where in the model they lie, never from their names'
likeness to others: `pre_classifier`, `logits_proj` or `head.dense` are parts of a new head.
"""

from collections.abc import Iterable

from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_MAPPING,
)

from modeling.core.loading.pretrained import refuse_missing
from modeling.core.program.errors import ProgramError
from modeling.core.texts.tables import count_positions, count_rows


def has_classifier(config: PretrainedConfig) -> bool:
    """Whether transformers can load this architecture as a sequence classifier."""
    return type(config) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING


def is_classifier(model: PreTrainedModel) -> bool:
    """Whether the model has a head of transformers' own; False for a trunk with a head of ours."""
    return type(model).__name__.endswith("ForSequenceClassification")


def check_architecture(source: str, config: PretrainedConfig) -> None:
    """Raises ProgramError for a base that holds no model of texts which could bear a head."""
    reads_texts = type(config) in MODEL_MAPPING and not config.is_encoder_decoder
    if has_classifier(config) or reads_texts:
        return
    raise ProgramError(
        f"{source} is of the architecture {config.model_type!r}, which gives neither a sequence "
        "classifier nor, of a text alone, a state for each of its tokens.",
        where=source,
        hint="Use a causal language model or an encoder of the BERT family as base model.",
    )


def refuse_gaps(source: str, model: PreTrainedModel, new: Iterable[str], *, is_new: bool) -> None:
    """Raises ProgramError where the checkpoint lacks weights that no new head replaces.

    `new`: the weights that the checkpoint did not have. `is_new`: the head's last layer is among
    them. Then everything outside of the trunk may be new, and a pooler, which belongs to the
    classifier of encoders although it lies in their trunk. A head that is kept must be whole.
    """
    if not is_new:
        refuse_missing(source, list(new))
        return
    trunk = model.base_model_prefix + "."
    whole = model.base_model is model
    refuse_missing(
        source,
        [key for key in new if (whole or key.startswith(trunk)) and "pooler" not in key],
    )


def fit_embeddings(model: PreTrainedModel, words: int) -> None:
    """Lengthen the embeddings, if need be, so that every id of a tokenizer with `words` tokens has
    a row."""
    if words > count_rows(model):
        model.resize_token_embeddings(words, mean_resizing=False)


def make_steady(model: PreTrainedModel) -> None:
    """Switch off what makes a reward depend on the texts read before, or a saved weight on them.

    BigBird's attention is sparse, by chance, until the first short text makes it full for good;
    RWKV halves its weights every few layers when it is first evaluated, and once more when they are
    loaded again.
    """
    is_sparse = getattr(model.config, "attention_type", None) == "block_sparse"
    if is_sparse and hasattr(model.base_model, "set_attention_type"):
        model.base_model.set_attention_type("original_full")
        model.config.attention_type = "original_full"
    if getattr(model.config, "rescale_every", 0):
        model.config.rescale_every = 0


def fit_padding(model: PreTrainedModel, pad: int | None) -> None:
    """Name the tokenizer's padding token in the config, for the classifier's own forward. Models
    that count positions from behind their padding's row keep theirs: another would move them all
    when the model is loaded again."""
    config = model.config.get_text_config()
    if count_positions(model) is None or getattr(config, "pad_token_id", None) is None:
        model.config.pad_token_id = config.pad_token_id = pad
