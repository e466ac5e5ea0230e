"""Outside labelers: people whose judgments a file brings, under the names that it gives them.

Each is an account of one project that nobody can sign in to, and a paused member of it. So all
that is said of labelers holds for them (agreement, weight, taking judgments out of training), and
nothing of what is done with people at work (hand-outs, mail, roles). Why is in
docs/decisions/023-outside-labelers.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import make_password
from django.utils.crypto import salted_hmac

from labeling.models.folding import fold

LONGEST_NAME = 150
# Of the key, so much stands in the user name: enough that two never meet.
CODE = 12
# A name of the user name's own, of which no sign-up form takes the blank and the brackets.
USERNAME = "{name} (outside {code})"
SHOWN_OF_NAME = 150 - len(USERNAME.format(name="", code="x" * CODE))


@dataclass(frozen=True)
class OutsideAccount:
    """An account to be made for a name of a file."""

    project_id: int
    key: str
    name: str

    def columns(self) -> dict[str, Any]:
        username = USERNAME.format(name=self.name[:SHOWN_OF_NAME].strip(), code=self.key[:CODE])
        return {
            "username": username,
            "username_key": fold(username),
            "first_name": self.name,
            "password": make_password(None),
            "is_active": False,
            "outside_project_id": self.project_id,
            "outside_key": self.key,
        }


def key_of(project_id: int, name: str) -> str:
    """The key of a labeler by their name in a file: the same in every file of the project. Where
    names are replaced by numbers it does not give them away, without the installation's secret
    key."""
    return salted_hmac(
        "labeling.people.outside", f"{project_id}:{name}", algorithm="sha256"
    ).hexdigest()


def new_accounts(
    project_id: int, keys: Mapping[str, str], known: int, *, are_numbered: bool
) -> list[OutsideAccount]:
    """An account for each of these keys, which have the names of a file. With `are_numbered` they
    are called annotator 1, 2, … after the `known` ones that the project has."""
    return [
        OutsideAccount(project_id, key, f"annotator {number}" if are_numbered else name)
        for number, (key, name) in enumerate(keys.items(), known + 1)
    ]


def memberships_of(project_id: int, user_ids: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of paused members: nothing is ever handed to them."""
    return [
        {"project_id": project_id, "user_id": user_id, "is_paused": True} for user_id in user_ids
    ]
