"""Data sets by their id: which files hold the rows, and a download from a hub on loopback."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labeling.importing.files import read_records
from labeling.importing.hub.choosing import choose_files
from labeling.importing.hub.downloading import download
from labeling.importing.hub.naming import HubDataset, HubRefused
from labeling.importing.reports import Problem
from tests.labeling.importing.hub.fake_hub import FakeHub, fake_hub

ROWS = b'{"prompt": "One?", "chosen": "a", "rejected": "b"}\n'


@pytest.mark.parametrize(
    "name",
    [
        "", "..", "../x", "org/..", "a/b/c", "/etc/passwd", "org/na me", "http://x/y", "org/a..b",
        "org/name?x=1", "org/name#x", "org\\name", "org/n\u00e4me", "org/name\n", "@x/y", "x/",
    ],
)  # fmt: skip
def test_what_is_no_id_is_never_asked_for(name: str) -> None:
    with pytest.raises(HubRefused, match="is no id of a data set"):
        HubDataset(name)


@pytest.mark.parametrize("field", ["config", "split", "revision"])
@pytest.mark.parametrize("value", ["../x", "a b", "x?y", "/x", "a\x00", "a" * 200])
def test_no_other_name_leads_elsewhere(field: str, value: str) -> None:
    with pytest.raises(HubRefused, match=f"no name of a {field}"):
        HubDataset("org/name", **{field: value})


def choose(*names: str, card: dict[str, Any] | None = None, **wanted: str) -> list[str]:
    return choose_files(names, card or {}, HubDataset("org/name", **wanted))


def test_splits_follow_the_names_of_files() -> None:
    names = [
        "README.md", "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet",
        "data/test-00000-of-00001.parquet", "data/train_sft-00000-of-00001.parquet", "run.py",
    ]  # fmt: skip
    assert choose(*names, split="test") == ["data/test-00000-of-00001.parquet"]
    assert choose("rows.jsonl", "dataset_info.json") == ["rows.jsonl"]
    assert choose("rows.jsonl", split="train") == ["rows.jsonl"]
    assert choose("a/train.jsonl", "b/train.jsonl", config="b") == ["b/train.jsonl"]
    assert choose("dev.csv.gz", "train.csv.gz", split="validation") == ["dev.csv.gz"]


CARD = {
    "configs": [
        {
            "config_name": "default",
            "data_files": [
                {"split": "train_prefs", "path": "data/train_prefs-*"},
                {"split": "test_prefs", "path": ["data/test_prefs-*"]},
            ],
        },
        {"config_name": "raw", "data_files": "raw/**/*.jsonl"},
    ]
}
FILES = ("data/train_prefs-00000.parquet", "data/test_prefs-00000.parquet", "raw/x/y/1.jsonl")


def test_a_card_says_which_files_make_a_split() -> None:
    assert choose(*FILES, card=CARD, split="train_prefs") == [FILES[0]]
    assert choose(*FILES, card=CARD) == [FILES[0], FILES[1]]
    assert choose(*FILES, card=CARD, config="raw", split="train") == [FILES[2]]


@pytest.mark.parametrize(
    ("path", "chosen"),
    [
        ("**/1.jsonl", ["1.jsonl", "a/1.jsonl", "a/b/1.jsonl"]),
        ("a/**", ["a/1.jsonl", "a/2.csv", "a/b/1.jsonl"]),
        ("a/*", ["a/1.jsonl", "a/2.csv"]),
        ("**b*l", []),
        ("a/?.*", ["a/1.jsonl", "a/2.csv"]),
        ("**a**b/*.jsonl", ["a/b/1.jsonl"]),
        ("[a]/(1).jsonl", []),
    ],
)
def test_a_cards_patterns_stay_in_a_folder_or_cross_it(path: str, chosen: list[str]) -> None:
    names = ("1.jsonl", "a/1.jsonl", "a/2.csv", "a/b/1.jsonl")
    card = {"configs": [{"config_name": "default", "data_files": path}]}
    assert choose(*names, card=card) == chosen


def test_a_card_of_many_stars_holds_no_worker() -> None:
    """Tried one after the other, the readings of this pattern take longer than a life."""
    path = "*a" * 30 + "b"
    card = {"configs": [{"config_name": "default", "data_files": path}]}
    assert choose("a" * 200 + ".jsonl", card=card) == []
    card["configs"][0]["data_files"] = "*" * 501
    with pytest.raises(HubRefused, match="more than 500 characters"):
        choose("a.jsonl", card=card)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"split": "train"}, "no split “train”: choose one of train_prefs, test_prefs"),
        ({"config": "x"}, "no configuration “x”: choose one of default, raw"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(wanted: dict[str, str], words: str) -> None:
    with pytest.raises(HubRefused, match=words):
        choose(*FILES, card=CARD, **wanted)


@pytest.mark.parametrize("names", [[], ["script.py"], ["../x.jsonl"], ["/x.jsonl"], [".x/y.jsonl"]])
def test_a_repository_without_rows_is_refused(names: list[str]) -> None:
    with pytest.raises(HubRefused, match="no files of rows"):
        choose(*names)


# With a hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    from huggingface_hub import constants

    with fake_hub() as hub:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        yield hub


def test_the_files_of_a_split_come_and_no_others(hub: FakeHub, tmp_path: Path) -> None:
    hub.files["org/name"] = {"train.jsonl": ROWS * 3, "test.jsonl": ROWS, "evil.py": b"raise"}
    told: list[tuple[int, int]] = []
    upload = download(
        HubDataset("org/name", split="train"), tmp_path / "x", lambda *at: told.append(at)
    )
    assert upload.names == ["train.jsonl"]
    with upload.open() as file:
        assert len(list(read_records(file, "train.jsonl"))) == 3
    assert told[-1] == (len(ROWS) * 3, len(ROWS) * 3)
    asked = {path for _, path in hub.requests}
    assert not any("evil" in path or "test.jsonl" in path for path in asked)
    assert hub.tokens == {"Bearer hf_secret"}


def test_several_files_are_one_import_with_their_names(hub: FakeHub, tmp_path: Path) -> None:
    hub.files["org/name"] = {"data/train-0.jsonl": ROWS, "data/train-1.jsonl": b"nonsense\n"}
    upload = download(HubDataset("org/name"), tmp_path / "x")
    with upload.open() as source:
        (_, first), (place, fault) = read_records(source)
    assert isinstance(first, dict) and isinstance(fault, Problem)
    assert first["prompt"] == "One?"
    assert f"{place}" == "line 1 of data/train-1.jsonl"
    assert fault.field == "line"


def test_code_is_not_run_and_what_the_hub_converted_is_read(hub: FakeHub, tmp_path: Path) -> None:
    hub.files["org/name"] = {"name.py": b"raise SystemExit"}
    hub.files["org/name@refs/convert/parquet"] = {"default/train/0000.parquet": b"PAR1"}
    upload = download(HubDataset("org/name", split="train"), tmp_path / "x")
    assert upload.names == ["default/train/0000.parquet"]


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "RepoNotFound", "There is no data set org/name, or it is private"),
        (403, "GatedRepo", "is gated: accept its terms"),
        (404, "RepoNotFound", "There is no data set"),
        (418, "", "The hub answered 418"),
    ],
)
def test_a_refusal_of_the_hub_is_said_in_words(
    hub: FakeHub, tmp_path: Path, status: int, code: str, words: str
) -> None:
    hub.refused["org/name"] = (status, code)
    with pytest.raises(HubRefused, match=words):
        download(HubDataset("org/name"), tmp_path / "x")


def test_a_revision_that_is_not_there_is_named(hub: FakeHub, tmp_path: Path) -> None:
    hub.files["org/name"] = {"train.jsonl": ROWS}
    with pytest.raises(HubRefused, match="no revision “v9”"):
        download(HubDataset("org/name", revision="v9"), tmp_path / "x")


def test_a_hub_that_cannot_be_reached_is_said_to_be(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(HubRefused, match="cannot be reached"):
            download(HubDataset("org/name"), tmp_path / "x")


def test_offline_says_so(tmp_path: Path) -> None:
    with pytest.raises(HubRefused, match="HF_HUB_OFFLINE is set"):
        download(HubDataset("org/name"), tmp_path / "x")


def test_the_hubs_library_loads_no_torch() -> None:
    code = "import sys, huggingface_hub; from huggingface_hub import HfApi, hf_hub_download; "
    code += "print([name for name in ('torch', 'transformers', 'datasets') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=os.environ
    )
    assert json.loads(done.stdout.decode().replace("'", '"')) == []
