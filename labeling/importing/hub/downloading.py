"""Downloads the files of a data set's split. Runs in a worker or a command, never in a request."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeling.importing.hub.choosing import choose_files
from labeling.importing.hub.naming import HubDataset, HubRefused
from labeling.importing.kept.uploads import KeptFiles
from labeling.texts.limits import ON_THE_SERVER

if TYPE_CHECKING:
    from huggingface_hub.hf_api import DatasetInfo

# Where the hub keeps what it has converted itself.
CONVERTED = "refs/convert/parquet"
ANSWER_SECONDS = 20.0
MOST_BYTES = ON_THE_SERVER.max_bytes
MOST_FILES = 1_000
# Called with the bytes that are there and those of all files; may raise to end the download.
Heard = Callable[[int, int], object]


def download(wanted: HubDataset, folder: Path, heard: Heard = lambda *_: None) -> KeptFiles:
    """Downloads the files into the folder, which is made anew; raises HubRefused."""
    # Loaded here: the web process asks no hub.
    import httpx2
    from huggingface_hub import errors

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return _download(wanted, folder, heard)
    except errors.OfflineModeIsEnabled:
        raise HubRefused(
            "The hub is not asked, since HF_HUB_OFFLINE is set. Unset it, or download the data "
            "set elsewhere and import its files."
        ) from None
    except errors.GatedRepoError:
        raise HubRefused(
            f"{wanted.id} is gated: accept its terms on its page, and set HF_TOKEN to a token of "
            "that account."
        ) from None
    except errors.RevisionNotFoundError:
        raise HubRefused(f"{wanted.id} has no revision “{wanted.revision}”.") from None
    except errors.RepositoryNotFoundError:
        raise HubRefused(
            f"There is no data set {wanted.id}, or it is private: then set HF_TOKEN to a token "
            "that may read it."
        ) from None
    except errors.HfHubHTTPError as fault:
        status = fault.response.status_code
        raise HubRefused(f"The hub answered {status} for {wanted.id}. Try again later.") from None
    except (httpx2.HTTPError, ConnectionError, TimeoutError, errors.LocalEntryNotFoundError):
        raise HubRefused(
            "The hub cannot be reached from here. Is there a network, and is HF_ENDPOINT right? "
            "The data set's files can also be imported as files."
        ) from None


def _download(wanted: HubDataset, folder: Path, heard: Heard) -> KeptFiles:
    from huggingface_hub import hf_hub_download

    info, names = _listed(wanted)
    sizes = {one.rfilename: one.size or 0 for one in info.siblings or []}
    of_all = sum(sizes[name] for name in names)
    if of_all > MOST_BYTES or len(names) > MOST_FILES:
        raise HubRefused(
            f"{wanted.name} has {len(names):,} files of {of_all / 2**30:,.1f} GB together; at most "
            f"{MOST_FILES:,} files of {MOST_BYTES // 2**30} GB are downloaded. Choose a split."
        )
    there = 0
    parts = folder / "parts"
    for number, name in enumerate(names):
        heard(there, of_all)
        path = hf_hub_download(
            wanted.id, name, repo_type="dataset", revision=info.sha, local_dir=parts,
            endpoint=_endpoint(), tqdm_class=_progress_class(heard, there, of_all),
        )  # fmt: skip
        os.replace(path, folder / str(number))
        there += sizes[name]
    shutil.rmtree(parts, ignore_errors=True)
    heard(there, of_all)
    return KeptFiles(folder, names)


def _listed(wanted: HubDataset) -> tuple["DatasetInfo", list[str]]:
    """The repository at one commit, and the names of the files to read. Where it holds no rows but
    code, what the hub has converted is read."""
    info = _info(wanted)
    try:
        return info, _choose(info, wanted)
    except HubRefused:
        if wanted.revision or any(_is_data(one.rfilename) for one in info.siblings or []):
            raise
        from huggingface_hub import errors

        try:
            info = _info(replace(wanted, revision=CONVERTED))
        except errors.HfHubHTTPError:
            pass
        else:
            return info, _choose(info, wanted)
        raise


def _is_data(name: str) -> bool:
    return name.endswith((".parquet", ".jsonl", ".csv", ".json"))


def _choose(info: "DatasetInfo", wanted: HubDataset) -> list[str]:
    card: dict[str, Any] = info.card_data.to_dict() if info.card_data else {}  # type: ignore[no-untyped-call]
    return choose_files([one.rfilename for one in info.siblings or []], card, wanted)


def _info(wanted: HubDataset) -> "DatasetInfo":
    from huggingface_hub import HfApi

    return HfApi(endpoint=_endpoint()).dataset_info(
        wanted.id, revision=wanted.revision or None, files_metadata=True, timeout=ANSWER_SECONDS
    )


def _endpoint() -> str | None:
    """The hub's address, as whoever runs the server has set it."""
    return os.environ.get("HF_ENDPOINT") or None


def _progress_class(heard: Heard, before: int, of_all: int) -> Any:
    """A progress bar that draws nothing and tells the bytes that are there: those of the files
    before, and what has come of this one."""
    from huggingface_hub.utils import tqdm

    class Silent(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]
            self.at = int(options.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            self.at += int(n or 0)
            heard(before + self.at, of_all)

    return Silent
