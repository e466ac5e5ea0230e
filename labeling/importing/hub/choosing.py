"""Which files of a repository hold the rows that are wanted: as its card says, else by their
names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
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
# Of a card's patterns of files.
SIGNS = re.compile(r"(\*\*/|\*\*|\*|\?)")
LONGEST_PATTERN = 500


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
            pattern = f"{folder}/{path}".lstrip("/")
            if len(pattern) > LONGEST_PATTERN:
                raise HubRefused(f"Its card names files by more than {LONGEST_PATTERN} characters.")
            parts = [part for part in SIGNS.split(pattern) if part]
            known = dict.fromkeys(splits.get(split, []))
            splits[split] = [*(known | dict.fromkeys(n for n in files if _matches(parts, n)))]
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


def _matches(parts: Sequence[str], name: str) -> bool:
    """Whether a card's pattern names this file: `*` stands for anything within one folder, `**`
    across folders. The card is a stranger's, so all readings are followed side by side: tried one
    after the other, a name could take years."""
    ends = {0}
    for part in parts:
        if part == "**":
            ends = set(range(min(ends), len(name) + 1))
        elif part == "**/":
            ends |= {at for at in range(min(ends) + 1, len(name) + 1) if name[at - 1] == "/"}
        elif part == "*":
            ends = set(chain.from_iterable(_within_folder(name, at) for at in ends))
        elif part == "?":
            ends = {at + 1 for at in ends if at < len(name)}
        else:
            ends = {at + len(part) for at in ends if name.startswith(part, at)}
        if not ends:
            return False
    return len(name) in ends


def _within_folder(name: str, start: int) -> range:
    slash = name.find("/", start)
    return range(start, (len(name) if slash < 0 else slash) + 1)


def _list(names: Iterable[str]) -> str:
    names = [name[:60] for name in names]
    more = ", …" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
