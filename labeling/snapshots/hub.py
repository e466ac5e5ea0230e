"""Puts a folder into a dataset repository of the hub in one commit, by the hub's own client.

What the hub has already is not sent again, so a push that was cut off anywhere, even after the
commit and before its answer, can simply be done again.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

# What the client makes by itself, and what says that a repository was pushed from here.
OF_THE_HUB = {".gitattributes"}
MANIFEST = "preferable.json"
BUSY = (408, 409, 412, 425, 429)


class HubRefused(Exception):
    """The hub says no, and would say so again. The message is a sentence for people."""


class HubAway(Exception):
    """The hub did not answer, or not as it should: worth another try."""


@dataclass(frozen=True)
class Pushed:
    commit: str
    url: str


def is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def check_repo_id(repo_id: str) -> str:
    """Why this names no repository, in words; empty where it does."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if repo_id.count("/") != 1:
        return "Write it as owner/name, such as my-team/tea-preferences."
    try:
        validate_repo_id(repo_id)
    except HFValidationError:
        return (
            "The hub takes letters, digits, “-”, “_” and “.” in owner and name, at most 96 "
            "characters, no “--” or “..”, and none of these signs at the ends."
        )
    return ""


def push_folder(
    folder: Path,
    repo_id: str,
    token: str,
    *,
    is_private: bool,
    own: tuple[str, ...],
    message: str,
    tell: Callable[[int, int], None],
) -> Pushed:
    """Makes the repository hold what the folder holds; of what an earlier push left there, that
    which begins with one of `own` goes. Raises HubRefused or HubAway; then the hub has nothing of
    it, or all."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        return _Push(folder, repo_id, token, is_private, own, message, tell).run()
    except OfflineModeIsEnabled as fault:
        raise HubRefused(OFFLINE) from fault
    except HfHubHTTPError as fault:
        raise _in_words(fault, repo_id) from fault
    except ValueError as fault:
        # The client's word for what it or the hub finds wrong with the files themselves.
        said = " ".join(str(fault).split())[:200]
        raise HubRefused(f"The hub did not take the files: {said}") from fault
    # The client has a RuntimeError for a file that could not be sent, with its reason as cause.
    except (httpx2.HTTPError, OSError, RuntimeError) as fault:
        reason: BaseException = fault
        while isinstance(reason, RuntimeError) and reason.__cause__ is not None:
            reason = reason.__cause__
        if isinstance(reason, HfHubHTTPError):
            raise _in_words(reason, repo_id) from fault
        if not isinstance(reason, (httpx2.HTTPError, OSError, RuntimeError)):
            raise
        raise HubAway(f"The connection to the hub was lost ({type(reason).__name__}).") from fault


OFFLINE = (
    "This server is kept offline (HF_HUB_OFFLINE is set), so nothing is sent to the hub: "
    "unset it and start again to push."
)


class _Push:
    def __init__(
        self,
        folder: Path,
        repo_id: str,
        token: str,
        is_private: bool,
        own: tuple[str, ...],
        message: str,
        tell: Callable[[int, int], None],
    ) -> None:
        from huggingface_hub import HfApi

        self.api = HfApi(endpoint=settings.HF_ENDPOINT, token=token, library_name="preferable")
        self.files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        self.repo_id = repo_id
        self.is_private = is_private
        self.own = own
        self.message = message
        self.tell = tell

    def run(self) -> Pushed:
        there = self._repository()
        url = f"{settings.HF_ENDPOINT}/datasets/{self.repo_id}"
        wrong = {
            name: path for name, path in self.files.items() if not _is_same(there.get(name), path)
        }
        stale = [name for name in there if name not in self.files and name.startswith(self.own)]
        if self.parent and not wrong and not stale:
            return Pushed(self.parent, url)
        commit = self._commit(wrong, stale)
        return Pushed(str(commit.oid), url)

    def _repository(self) -> Mapping[str, Any]:
        """The files of the repository by name; it is made where there is none."""
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            info = self.api.dataset_info(self.repo_id, files_metadata=True)
        except RepositoryNotFoundError:
            self.api.create_repo(
                self.repo_id, repo_type="dataset", private=self.is_private, exist_ok=True
            )
            info = self.api.dataset_info(self.repo_id, files_metadata=True)
        self.parent = info.sha
        there = {sibling.rfilename: sibling for sibling in info.siblings or []}
        self._check(bool(info.private), there)
        return there

    def _check(self, is_private: bool, there: Mapping[str, Any]) -> None:
        if is_private != self.is_private:
            is_now, asked = ("private", "public") if is_private else ("public", "private")
            raise HubRefused(
                f"{self.repo_id} exists and is {is_now}, and this was to be {asked}. Change it on "
                "the hub, or choose another name. Nothing was sent."
            )
        if MANIFEST not in there and there.keys() - OF_THE_HUB:
            raise HubRefused(
                f"{self.repo_id} exists and holds files that do not come from here. Choose another "
                "name. Nothing was sent."
            )

    def _commit(self, wrong: Mapping[str, Path], stale: list[str]) -> Any:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        additions = [CommitOperationAdd(name, str(path)) for name, path in wrong.items()]
        for number, addition in enumerate(additions, start=1):
            self.api.preupload_lfs_files(
                self.repo_id, additions=[addition], repo_type="dataset", free_memory=False
            )
            self.tell(number, len(additions))
        return self.api.create_commit(
            self.repo_id,
            [*additions, *(CommitOperationDelete(name) for name in stale)],
            commit_message=self.message,
            repo_type="dataset",
            parent_commit=self.parent,
        )


def _is_same(sibling: Any, path: Path) -> bool:
    """Whether the hub's file is this one, by the hash that the hub knows of it."""
    if sibling is None or sibling.size != path.stat().st_size:
        return False
    with path.open("rb") as file:
        if sibling.lfs is not None:
            return bool(hashlib.file_digest(file, "sha256").hexdigest() == sibling.lfs.sha256)
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        while chunk := file.read(2**20):
            digest.update(chunk)
    return bool(digest.hexdigest() == sibling.blob_id)


def _in_words(fault: Any, repo_id: str) -> HubRefused | HubAway:
    status = getattr(fault.response, "status_code", 0)
    if status in BUSY or status >= 500:
        return HubAway(f"The hub answered with {status}.")
    if status == 401:
        return HubRefused("The hub does not know this token. Make one that may write, and use it.")
    if status == 403:
        return HubRefused(
            f"This token may not write to {repo_id}. It needs the right to write, and its owner "
            "has to be allowed to there."
        )
    if status == 404:
        return HubRefused(
            f"{repo_id} exists, and this token may not see it. Choose another name, or use a token "
            "of its owner."
        )
    said = " ".join(str(getattr(fault, "server_message", "") or "").split())[:200]
    return HubRefused(f"The hub refused it ({status}{': ' + said if said else ''}).")
