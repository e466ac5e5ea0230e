"""`from_pretrained` for models and tokenizers, with failures put in words.

A model's folder is data: whoever has made it, nothing in it is run. Its own code is never loaded,
pickled weights are read as tensors and nothing else, and an adapter names no folder of this machine
as its base.
"""

import json
import pickle
import re
from pathlib import Path
from typing import Any, cast

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import find_adapter_config_file
from transformers.utils import logging as transformers_logging

from modeling.core.loading.sound_weights import refuse_not_finite
from modeling.core.program.errors import ProgramError

# Its bars and load reports would bury the run's own log; what matters in them is checked below.
transformers_logging.disable_progress_bar()
transformers_logging.set_verbosity_error()

WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")
# As transformers has it by default; said all the same, for it must not change with a version.
AS_DATA: dict[str, Any] = {"trust_remote_code": False, "weights_only": True}
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


def load_tokenizer(source: str) -> PreTrainedTokenizerBase:
    """Load a tokenizer; no code of its folder is run. Raises ProgramError where there is none."""
    check_source(source)
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            source, trust_remote_code=False
        )
    except Exception as error:  # the library raises anything from OSError to bare Exception
        raise in_words(source, "tokenizer", error) from error
    if len(tokenizer) < 2:  # what transformers makes of a folder with no tokenizer files at all
        raise no_tokenizer(source)
    return tokenizer


def load_config(source: str) -> PretrainedConfig:
    """Read what the model's folder says of its architecture; no weights are read. Raises
    ProgramError."""
    check_source(source)
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(source, trust_remote_code=False)
    except Exception as error:
        raise in_words(source, "model", error) from error
    return config


def load_causal_model(source: str) -> PreTrainedModel:
    """Load a policy in fp32. Raises ProgramError, also where the checkpoint lacks a weight."""
    check_source(source, weights=True)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source, dtype=torch.float32, output_loading_info=True, **AS_DATA
        )
    except Exception as error:
        raise in_words(source, "model", error) from error
    model, report = loaded
    refuse_missing(source, report["missing_keys"])
    refuse_not_finite(source, model)
    return cast(PreTrainedModel, model.eval())


def load_classifier(
    source: str, *, labels: int = 1, **options: Any
) -> tuple[PreTrainedModel, set[str]]:
    """Load a sequence classifier in fp32, and the names of the weights that are new. `options` go
    to from_pretrained. Raises ProgramError."""
    check_source(source, weights=True)
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            source,
            num_labels=labels,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # a head with more labels is replaced, see below
            **AS_DATA,
            **options,
        )
    except Exception as error:
        raise in_words(source, "model", error) from error
    new = set(report["missing_keys"])
    refuse_not_finite(source, model)
    new |= {key if isinstance(key, str) else key[0] for key in report.get("mismatched_keys", ())}
    return model, new


def load_trunk(source: str, **options: Any) -> PreTrainedModel:
    """Load a model without any head, in fp32. `options` go to from_pretrained. Raises
    ProgramError."""
    check_source(source, weights=True)
    try:
        loaded: Any = AutoModel.from_pretrained(
            source, dtype=torch.float32, output_loading_info=True, **AS_DATA, **options
        )
    except Exception as error:
        raise in_words(source, "model", error) from error
    model, report = loaded
    refuse_missing(source, [key for key in report["missing_keys"] if "pooler" not in key])
    refuse_not_finite(source, model)
    return cast(PreTrainedModel, model.eval())


def refuse_missing(source: str, missing: Any) -> None:
    """Refuse a checkpoint that lacks weights: transformers fills them up with random numbers.
    Raises ProgramError."""
    if missing:
        some = ", ".join(sorted(missing)[:3])
        raise ProgramError(
            f"The weights of {source} lack {len(missing)} tensors of this model ({some} ...).",
            where=source,
            hint="The checkpoint is of another architecture or incomplete: fetch or save it anew.",
        )


def check_source(source: str, *, weights: bool = False) -> None:
    """Refuse a folder or Hub id that can be seen to be wrong before the library is asked. Raises
    ProgramError."""
    folder = Path(source)
    if not source or not isinstance(source, str):
        raise ProgramError(
            "No model is named.", where="config.json", hint="Give a folder or a Hub id."
        )
    if not folder.is_dir():
        if folder.is_absolute() or source.startswith((".", "~")) or source.count("/") > 1:
            raise ProgramError(
                f"There is no folder {source}.",
                where=source,
                hint="Check the path: the base model may have been moved or deleted.",
            )
        refuse_adapter_of_a_folder(source)
        return  # a Hub id
    if not (folder / "config.json").is_file():
        raise ProgramError(
            f"The folder {source} is not a model: it has no config.json.",
            where=source,
            hint="Name a folder that save_pretrained() wrote.",
        )
    if weights and not any(True for pattern in WEIGHT_FILES for _ in folder.glob(pattern)):
        raise ProgramError(
            f"The model folder {source} has no weights (no model.safetensors).",
            where=source,
            hint="Copy the weights there too; with git-lfs, run `git lfs pull`.",
        )


def refuse_adapter_of_a_folder(source: str) -> None:
    """Refuse an adapter whose base is no model on the Hub. transformers loads the base that an
    adapter names: it could be a folder of this machine that is somebody else's."""
    try:
        path = find_adapter_config_file(source)
        adapter = json.loads(Path(path).read_bytes()) if path else {}
    except (OSError, ValueError):
        return  # loading says what is wrong
    base = adapter.get("base_model_name_or_path", "") if isinstance(adapter, dict) else None
    if path and not (isinstance(base, str) and HUB_ID.fullmatch(base) and not Path(base).exists()):
        raise ProgramError(
            f"{source} is an adapter of a model that is not on the Hugging Face Hub.",
            where=source,
            hint="Merge it into its base model and name the folder or Hub id of the result.",
        )


def no_tokenizer(source: str) -> ProgramError:
    return ProgramError(
        f"{source} has no tokenizer that can be read.",
        where=source,
        hint="Save the tokenizer into the model's folder: tokenizer.save_pretrained(folder).",
    )


def in_words(source: str, part: str, error: Exception) -> ProgramError:
    """Turn a loading error of transformers into one for the person who named the model."""
    reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else repr(error)
    if isinstance(error, pickle.UnpicklingError):
        return ProgramError(
            f"The weights of {source} are pickled with more than tensors in them, which could run "
            "code: they were not loaded.",
            where=source,
            hint="Save the model as safetensors: model.save_pretrained(folder).",
        )
    if not Path(source).is_dir():
        return ProgramError(
            f"The {part} {source} could not be loaded from the Hugging Face Hub: {reason}",
            where=source,
            hint="Check the name and the network, or download the model and give its folder.",
        )
    if part == "tokenizer":
        return no_tokenizer(source)
    return ProgramError(
        f"The model in {source} could not be read: {type(error).__name__}: {reason}",
        where=source,
        hint="A file may be truncated or of a kind transformers does not know: copy it anew.",
    )
