"""LoRA (Hu et al. 2021) and QLoRA (Dettmers et al. 2023) by peft: a few weights are trained beside
a frozen model, and merged into it at the end.

The adapters are put into the model's own layers, so that everything else, the shared prompts
included, goes on as with plain weights. The head is trained in full. Left out: adapters saved as
such; the run's folder holds plain weights.
"""

from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from modeling.core.program.errors import ProgramError


def check_adapter(adapter: str, device: torch.device) -> None:
    """Refuse QLoRA where it cannot run: its 4-bit kernels are CUDA's, from a package of their own.
    Raises ProgramError."""
    if adapter != "qlora":
        return
    missing = [] if device.type == "cuda" else ["a CUDA GPU"]
    if find_spec("bitsandbytes") is None:
        missing.append("the package bitsandbytes")
    if missing:
        raise ProgramError(
            f"QLoRA needs {' and '.join(missing)}, which this machine does not have.",
            where="config.json: adapter",
            hint='Use "lora", which trains the same adapters on weights that are not quantised.',
        )


def quantisation() -> Any:
    """The settings by which QLoRA loads the frozen model: 4-bit NormalFloat, scales quantised too,
    computed in bf16. The head is not quantised: it is trained."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=["score", "classifier"],
    )


def linear_names(model: PreTrainedModel, head: str) -> list[str]:
    """List every linear layer of the trunk, and none of the head."""
    root = head.split(".")[0]
    return [name for name in _linear_layers(model) if name.split(".")[0] != root]


def inner_names(model: PreTrainedModel) -> list[str]:
    """List every linear layer of a language model but its output."""
    output = model.get_output_embeddings()
    return [name for name, layer in _linear_layers(model).items() if layer is not output]


def _linear_layers(model: PreTrainedModel) -> dict[str, nn.Module]:
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear | Conv1D)
    }


def add_adapter(model: PreTrainedModel, head: str, *, rank: int, alpha: int, seed: int) -> Any:
    """Put adapters of this rank into the model, freeze all but them and the head.

    They begin as no change at all (B = 0). Returns peft's handle, for `merge_adapter`.
    """
    handle = put_adapters(model, linear_names(model, head), rank=rank, alpha=alpha, seed=seed)
    model.get_submodule(head.split(".")[0]).requires_grad_(True)
    return handle


def put_adapters(
    model: PreTrainedModel, names: list[str], *, rank: int, alpha: int, seed: int
) -> Any:
    """Adapters at these layers, put into `model` itself, which goes on to be called as before;
    all its own weights are frozen."""
    from peft import LoraConfig, LoraModel  # seconds that runs without adapters need not pay

    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=names)
    config.fan_in_fan_out = any(isinstance(model.get_submodule(n), Conv1D) for n in names)
    return LoraModel(model, {"default": config}, "default")


def merge_adapter(handle: Any) -> None:
    """Put W + (alpha / rank) B A in the place of W and its adapter, everywhere. Raises on NaN."""
    handle.merge_and_unload(safe_merge=True)
