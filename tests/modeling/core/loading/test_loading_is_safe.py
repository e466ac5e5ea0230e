"""A model's folder is data: nothing in it is run, and it leads to no other folder."""

import json
import os
import pickle
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from modeling.core.loading import pretrained as loading
from modeling.core.program.errors import ProgramError

LOADERS = [loading.load_causal_model, loading.load_classifier, loading.load_trunk]


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.mark,)


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_pickled_weights_run_no_code(folder: Path, load: Any, bare: bool) -> None:
    mark = folder.parent / "ran"
    (folder / "model.safetensors").unlink()
    weights = folder / "pytorch_model.bin"
    if bare:
        weights.write_bytes(pickle.dumps({"weight": Evil(mark)}))
    else:
        torch.save({"weight": Evil(mark)}, weights)
    with pytest.raises(ProgramError) as caught:
        load(str(folder))
    assert "which could run code" in caught.value.message
    assert "weights_only" not in caught.value.message
    assert not mark.exists()


@pytest.mark.parametrize("load", [*LOADERS, loading.load_tokenizer])
def test_code_in_the_folder_is_not_run(folder: Path, load: Any) -> None:
    mark = folder.parent / "ran"
    for name in ("config.json", "tokenizer_config.json"):
        declared = json.loads((folder / name).read_text())
        classes = ("AutoConfig", "AutoModel", "AutoModelForCausalLM")
        declared["model_type"] = "of-its-own"
        declared["auto_map"] = dict.fromkeys(classes, "evil.Evil") | {
            "AutoModelForSequenceClassification": "evil.Evil",
            "AutoTokenizer": ["evil.Evil", "evil.Evil"],
        }
        (folder / name).write_text(json.dumps(declared))
    (folder / "evil.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n")
    with suppress(ProgramError):  # a tokenizer of a known kind is read without the code
        load(str(folder))
    assert not mark.exists()


@pytest.mark.parametrize("base", ["/srv/secret/model", "../other", "a/b/c", "{here}", None, 7])
def test_an_adapter_on_the_hub_names_no_folder_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: Any
) -> None:
    """transformers would load what it names."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    base = "here" if base == "{here}" else base
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps({"base_model_name_or_path": base}))
    monkeypatch.setattr(loading, "find_adapter_config_file", lambda source: str(path))
    with pytest.raises(ProgramError, match="adapter of a model that is not on the Hugging Face"):
        loading.check_source("org/adapter", weights=True)
    path.write_text(json.dumps({"base_model_name_or_path": "org/base"}))
    loading.check_source("org/adapter", weights=True)
