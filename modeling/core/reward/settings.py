"""What null stands for in the settings of a reward model's training."""

import math

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.program.device import TINY_PARAMETERS, choose_autocast, choose_threads
from modeling.core.reading.reader import choose_batch_tokens
from modeling.core.texts.text import choose_max_length
from modeling.run_data.train_reward import TrainRewardConfig, TrainRewardResolved


def resolve(
    config: TrainRewardConfig,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    comparisons: int,
    device: torch.device,
) -> TrainRewardResolved:
    """Replace every null by what it stands for. `comparisons`: in the train split."""
    parameters = sum(p.numel() for p in model.parameters())
    tiny = parameters < TINY_PARAMETERS
    # Low-rank updates want about ten times the rate of full ones.
    rate = 1e-3 if tiny else 1e-5 if config.adapter == "none" else 1e-4
    few = math.ceil(160 / comparisons)  # passes over a small set until 10 batches of 16 are seen
    epochs = min(10 if tiny else 3, few)
    if tiny and config.pooling == "mean":  # gains by smaller and more steps: decision 12
        rate, epochs = 5e-4, max(epochs, min(4, math.ceil(2000 / comparisons)))
    half = choose_autocast(config.dtype, device, parameters)
    resolved = {
        "learning_rate": config.learning_rate or rate,
        "lora_alpha": config.lora_alpha or 2 * config.lora_rank,
        "epochs": config.epochs or epochs,
        "max_length": choose_max_length(config.max_length, tokenizer, model),
        "batch_tokens": choose_batch_tokens(config.batch_tokens, device),
        "threads": choose_threads(config.threads, parameters),
        "device": device.type,
        "dtype": "bfloat16" if half else "float32",
    }
    return TrainRewardResolved(**{**vars(config), **resolved})
