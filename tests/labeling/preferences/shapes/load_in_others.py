"""Gives exported files to the loaders of those for whom they are written.

    python -m tests.labeling.preferences.shapes.load_in_others WHEELS NAME FILE

WHEELS is the folder with what requirements-consumers.txt names. Each loader's module is executed as
its wheel has it. What it imports and a loader of texts does not use (GPU packages, rendering,
logging) stands in as empty names. Prints one line of JSON: what the loader made of the file.
"""

import importlib.util
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar


class Nothing:
    """Stands in for what is imported and not used."""

    def __call__(self, *_: Any, **__: Any) -> None:
        """Does nothing, as a logger may."""

    def __or__(self, _: Any) -> "Nothing":
        return self  # in an annotation

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()


class Empty(types.ModuleType):
    """Stands in for a module."""

    __path__: ClassVar[list[str]] = []  # type: ignore[misc]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()


def standing_in(*names: str) -> None:
    for name in names:
        sys.modules[name] = Empty(name)


def loader(path: str) -> Any:
    """The module at this path of the wheels, without its package's own `__init__`."""
    file = Path(sys.argv[1]) / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tokenizer() -> Any:
    from tests.tiny_model import build_tiny_tokenizer

    return build_tiny_tokenizer()


def rows_of(path: str) -> Any:
    import datasets

    kind = "parquet" if path.endswith("parquet") else "json"
    return datasets.load_dataset(kind, data_files=path, split="train")


def openrlhf(path: str) -> Any:
    """The reward model's dataset, as its trainer makes it, with `--apply_chat_template`."""
    standing_in("openrlhf", "openrlhf.utils", "openrlhf.utils.utils", "openrlhf.datasets")
    utils = loader("openrlhf/datasets/utils.py")
    sys.modules["openrlhf.datasets.utils"] = utils
    reward = loader("openrlhf/datasets/reward_dataset.py")
    data = types.SimpleNamespace(
        prompt_key=None, chosen_key="chosen", rejected_key="rejected", apply_chat_template=True
    )
    strategy = types.SimpleNamespace(
        args=types.SimpleNamespace(data=data), print=lambda *_: None, is_rank_0=lambda: False
    )
    blended = utils.blending_datasets(path, None, strategy)
    made = reward.RewardDataset(blended, tokenizer(), 512, strategy, num_processors=1)
    return [[made.chosens[at], made.rejects[at], made.extras[at]] for at in range(len(made))]


def verl(path: str) -> Any:
    standing_in("PIL", "omegaconf", "verl", "verl.utils", "verl.utils.import_utils")
    standing_in("verl.utils.tokenizer", "verl.utils.fs")
    sys.modules["omegaconf"].ListConfig = list  # type: ignore[attr-defined]
    sys.modules["verl.utils.fs"].copy_to_local = lambda src, **_: src  # type: ignore[attr-defined]
    sys.modules["verl.utils.tokenizer"].normalize_token_ids = list  # type: ignore[attr-defined]
    module = loader("verl/utils/dataset/rl_dataset.py")
    config = {"filter_overlong_prompts_workers": 1, "return_raw_chat": True}
    made = module.RLHFDataset([path], tokenizer(), config)
    batch = module.collate_fn([made[at] for at in range(len(made))])
    return [
        [list(chat), dict(model), source]
        for chat, model, source in zip(
            batch["raw_prompt"], batch["reward_model"], batch["data_source"], strict=True
        )
    ]


def skyrl(path: str) -> Any:
    standing_in("loguru")
    module = loader("skyrl/train/dataset/dataset.py")
    made = module.PromptDataset(path, tokenizer(), 512, num_workers=1)
    inputs = made.collate_fn([made[at] for at in range(len(made))])
    return [[one["prompt"], one["env_class"], one["env_extras"]["reward_spec"]] for one in inputs]


def areal(path: str) -> Any:
    """What its fallback for any data set loads, after the line of the docs."""
    folder = str(Path(path).with_suffix(""))
    rows_of(path).save_to_disk(folder)
    standing_in("areal", "areal.api", "areal.api.cli_args", "areal.utils", "areal.utils.environ")
    module = loader("areal/dataset/__init__.py")
    made = module._get_custom_dataset(path=folder, type="rl", split="train")
    return [[row["messages"], row["answer"]] for row in made]


def hh(path: str) -> Any:
    """AReaL's reward model data, which are dialogues."""
    module = loader("areal/dataset/hhrlhf.py")
    module.load_dataset = lambda path, split: rows_of(path)
    made = module.get_hhrlhf_rw_dataset(path, "train", tokenizer())
    return [len(row["chosen_ids"]) > 1 and len(row["rejected_ids"]) > 1 for row in made]


def open_local(path: str, *_: Any, **__: Any) -> Any:
    return Path(path).open()


def tinker(path: str) -> Any:
    standing_in("tinker", "torch", "blobfile", "tinker_cookbook", "tinker_cookbook.renderers")
    standing_in("tinker_cookbook.tokenizer_utils", "tinker_cookbook.supervised")
    standing_in("tinker_cookbook.supervised.common", "tinker_cookbook.supervised.data")
    standing_in("tinker_cookbook.supervised.types", "tinker_cookbook.preference")
    del sys.modules["torch"]
    chz: Any = types.ModuleType("chz")
    chz.chz = lambda made: made
    sys.modules["chz"] = chz
    sys.modules["blobfile"].BlobFile = open_local  # type: ignore[attr-defined]
    sys.modules["tinker_cookbook.supervised.types"].ChatDatasetBuilder = object  # type: ignore[attr-defined]
    kinds = loader("tinker_cookbook/preference/types.py")
    sys.modules["tinker_cookbook.preference.types"] = kinds
    module = loader("tinker_cookbook/preference/preference_datasets.py")
    builder = module.ComparisonBuilderFromJsonl()
    builder.train_path, builder.test_path = path, None
    made, _ = builder.get_labeled_comparisons()
    return [
        [one.comparison.prompt_conversation, one.comparison.completion_A,
         one.comparison.completion_B, one.label]
        for one in made
    ]  # fmt: skip


LOADERS: dict[str, Callable[[str], Any]] = {
    "openrlhf": openrlhf,
    "verl": verl,
    "skyrl": skyrl,
    "areal": areal,
    "hh": hh,
    "tinker": tinker,
}


if __name__ == "__main__":
    print(json.dumps(LOADERS[sys.argv[2]](sys.argv[3])))
