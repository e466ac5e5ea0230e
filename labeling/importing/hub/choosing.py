"""Which files of a repository hold the rows that are wanted: as its card says, else by their
names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from labeling.importing.hub.naming import HubDataset, HubRefused

SUFFIXES = frozenset({".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".arrow", ".zip"})
PACKED = frozenset({".gz", ".bz2", ".xz", ".zst", ".lz4"})
NO_ROWS = frozenset({"dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json"})
# Other names that a split has in the names of files.
CALLED = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
SHOWN = 12


def choose_files(names: Iterable[str], card: Mapping[str, Any], wanted: HubDataset) -> list[str]:
    """The names of the files to read, in order; raises HubRefused where there are none."""
    files = sorted(name for name in names if _holds_rows(name))
    if not files:
        raise HubRefused(
            f"{wanted.id} holds no files of rows that can be read (Parquet, JSON lines, CSV). "
            "Code of a repository is not run."
        )
    configs = [one for one in card.get("configs") or [] if isinstance(one, Mapping)]
    listed = [one for one in configs if one.get("data_files") or one.get("data_dir")]
    if listed:
        return _by_card(files, listed, wanted)
    return _by_name(files, wanted)


def _by_card(files: list[str], configs: list[Mapping[str, Any]], wanted: HubDataset) -> list[str]:
    names = [str(one.get("config_name", "default")) for one in configs]
    if wanted.config:
        chosen = [one for one, name in zip(configs, names, strict=True) if name == wanted.config]
    else:
        chosen = [one for one in configs if one.get("default") is True]
        chosen = chosen or [
            one for one, name in zip(configs, names, strict=True) if name == "default"
        ]
        chosen = chosen or (configs if len(configs) == 1 else [])
    if not chosen:
        word = f"no configuration “{wanted.config}”" if wanted.config else "several configurations"
        raise HubRefused(f"{wanted.id} has {word}: choose one of {_list(names)}.")
    splits = _splits_of(files, chosen[0])
    if not wanted.split:
        return list(dict.fromkeys(name for several in splits.values() for name in several))
    if not splits.get(wanted.split):
        raise HubRefused(
            f"{wanted.id} has no split “{wanted.split}”: choose one of {_list(splits)}."
        )
    return splits[wanted.split]


def _splits_of(files: list[str], config: Mapping[str, Any]) -> dict[str, list[str]]:
    folder = str(config.get("data_dir") or "").strip("/")
    given = config.get("data_files")
    if not given:
        return _splits_by_name([name for name in files if name.startswith(f"{folder}/")])
    entries = given if isinstance(given, list) else [given]
    splits: dict[str, list[str]] = {}
    for entry in entries:
        split, paths = "train", entry
        if isinstance(entry, Mapping):
            split, paths = str(entry.get("split", "train")), entry.get("path", [])
        for path in paths if isinstance(paths, list) else [paths]:
            pattern = _pattern_of(f"{folder}/{path}".lstrip("/"))
            known = splits.setdefault(split, [])
            known += [name for name in files if pattern.fullmatch(name) and name not in known]
    return splits


def _by_name(files: list[str], wanted: HubDataset) -> list[str]:
    folders = sorted({name.split("/")[0] for name in files if "/" in name} - {"data"})
    if wanted.config and wanted.config != "default":
        files = [name for name in files if wanted.config in PurePosixPath(name).parts[:-1]]
        if not files:
            known = f": choose one of {_list(folders)}" if folders else ""
            raise HubRefused(f"{wanted.id} has no configuration “{wanted.config}”{known}.")
    splits = _splits_by_name(files)
    if not wanted.split:
        return files
    if not splits.get(wanted.split):
        raise HubRefused(
            f"{wanted.id} has no split “{wanted.split}”: choose one of {_list(splits)}."
        )
    return splits[wanted.split]


def _splits_by_name(files: Sequence[str]) -> dict[str, list[str]]:
    """Files by the split that their names tell. Where none tells one, all are of `train`."""
    splits: dict[str, list[str]] = {}
    for name in files:
        words = set(re.split(r"[^a-z]+", name.lower()))
        for split, called in CALLED.items():
            if words & set(called):
                splits.setdefault(split, []).append(name)
                break
        else:
            stem = PurePosixPath(name).name.split(".")[0]
            splits.setdefault(re.split(r"-\d", stem)[0], []).append(name)
    if not splits.keys() & CALLED.keys():
        splits["train"] = list(files)
    return splits


def _holds_rows(name: str) -> bool:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or any(part.startswith(".") for part in path.parts):
        return False
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in SUFFIXES and path.name.lower() not in NO_ROWS


def _pattern_of(path: str) -> re.Pattern[str]:
    """A card's pattern: `*` stands for anything within one folder, `**` across folders."""
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", path)
    return re.compile("".join(signs.get(part, re.escape(part)) for part in parts))


def _list(names: Iterable[str]) -> str:
    names = [name[:60] for name in names]
    more = ", …" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
