"""Where models lie: a folder on the server or a hub id, and what can be seen to be wrong with it.

Only names of files are looked at; nothing is loaded or downloaded here.
"""

import re
from pathlib import Path

from django.conf import settings

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")


class NotUsable(ValueError):
    """The model cannot be used as asked. The message is a sentence for people."""


def resolve(location: str) -> str:
    """The absolute folder that `location` names, or else the hub id as it is.

    Relative folders lie below the program's folder (the demo policy) or DATA_DIR (what runs
    have made), so that both can be moved."""
    path = Path(location).expanduser()
    if path.is_absolute():
        return str(path)
    for root in (Path(settings.BASE_DIR), Path(settings.DATA_DIR)):
        if (root / path).is_dir():
            return str(root / path)
    return location


def check_model(location: str) -> Path | None:
    """The folder, with everything in it that a model needs; None for a hub id, of which only the
    form is checked. Raises NotUsable."""
    folder = Path(resolve(location))
    if not folder.is_absolute():
        if not HUB_ID.fullmatch(location):
            raise NotUsable(f"“{location}” is neither a folder nor a hub id such as org/name.")
        return None
    if not folder.is_dir():
        raise NotUsable(f"There is no folder {folder}.")
    if not (folder / "config.json").is_file():
        raise NotUsable(f"{folder} has no config.json: it is not a model folder.")
    if not any(any(folder.glob(pattern)) for pattern in WEIGHTS):
        raise NotUsable(f"{folder} has no weights (model.safetensors): the model is incomplete.")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise NotUsable(f"{folder} has no tokenizer (tokenizer.json): save it beside the model.")
    return folder
