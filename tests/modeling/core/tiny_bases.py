"""Tiny base models of many architectures: two layers, 32 wide, random, with the tiny tokenizer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    PretrainedConfig,
    PreTrainedModel,
)

from tests.tiny_model import build_tiny_tokenizer

WIDE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
GROUPED = WIDE | {"num_key_value_heads": 2}
GPT: dict[str, Any] = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
DENSE = {"hidden_size": 32, "num_hidden_layers": 2}
DEEP = {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4, "max_position_embeddings": 128}
MAMBA = DENSE | {"state_size": 8}
# Name of the config class (without "Config"), what builds its base, and its sizes.
BASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "Albert": (AutoModelForMaskedLM, WIDE | {"embedding_size": 16}),
    "Bart": (
        AutoModel,
        {
            "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
            "max_position_embeddings": 128, "decoder_start_token_id": 0,
        },
    ),
    "Bert": (AutoModelForMaskedLM, WIDE),
    "BigBird": (AutoModelForMaskedLM, WIDE | {"block_size": 8, "num_random_blocks": 1}),
    "Bloom": (AutoModelForCausalLM, {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "Cohere": (AutoModelForCausalLM, GROUPED),
    "ConvBert": (AutoModelForMaskedLM, WIDE | {"embedding_size": 16}),
    "DebertaV2": (AutoModelForMaskedLM, WIDE),
    "DistilBert": (AutoModelForMaskedLM, DEEP),
    "Doge": (AutoModelForCausalLM, GROUPED),
    "Electra": (AutoModelForMaskedLM, WIDE | {"embedding_size": 16}),
    "Falcon": (AutoModelForCausalLM, WIDE),
    "Gemma2": (AutoModelForCausalLM, GROUPED | {"head_dim": 8}),
    "GPT2": (AutoModelForCausalLM, GPT),
    "GPTNeoX": (AutoModelForCausalLM, WIDE),
    "Granite": (AutoModelForCausalLM, GROUPED),
    "Longformer": (AutoModelForMaskedLM, WIDE | {"attention_window": 16, "pad_token_id": 1}),
    "Mamba": (AutoModelForCausalLM, MAMBA),
    "MPNet": (AutoModelForMaskedLM, WIDE | {"pad_token_id": 1}),
    "ModernBert": (AutoModel, WIDE),
    "OPT": (
        AutoModelForCausalLM,
        DENSE
        | {"ffn_dim": 64, "num_attention_heads": 4, "word_embed_proj_dim": 16}
        | {"max_position_embeddings": 128, "do_layer_norm_before": False},
    ),
    "Phimoe": (
        AutoModelForCausalLM,
        GROUPED | {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 16},
    ),
    "Qwen2": (AutoModelForCausalLM, GROUPED),
    "Roberta": (AutoModelForMaskedLM, WIDE | {"pad_token_id": 1}),
    "Rwkv": (AutoModelForCausalLM, DENSE | {"context_length": 128}),
    "XLMRoberta": (AutoModelForMaskedLM, WIDE | {"pad_token_id": 1}),
    "XLNet": (AutoModelForCausalLM, {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64}),
}  # fmt: skip


def make_config(name: str, **changes: Any) -> PretrainedConfig:
    """Of the tiny tokenizer's vocabulary and special tokens."""
    tokenizer = build_tiny_tokenizer()
    tokens = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config: PretrainedConfig = getattr(transformers, f"{name}Config")(
        **(tokens | BASES[name][1] | changes)
    )
    return config


def build_base(name: str, folder: Path, **changes: Any) -> Path:
    """A base model as the Hub has them: with the head of its pretraining, or with none."""
    make: Callable[[PretrainedConfig], PreTrainedModel] = BASES[name][0].from_config
    with torch.random.fork_rng():
        torch.manual_seed(0)
        make(make_config(name, **changes)).save_pretrained(folder)
    tokenizer = build_tiny_tokenizer()
    tokenizer.model_max_length = int(1e30)  # as for tokenizers that do not say
    tokenizer.save_pretrained(folder)
    return folder
