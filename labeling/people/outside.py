"""Outside labelers: people whose judgments a file brings, under the names that it gives them.

Each is an account of one project that nobody can sign in to, and a paused member of it. So all
that is said of labelers holds for them (agreement, weight, taking judgments out of training), and
nothing of what is done with people at work (hand-outs, mail, roles). Why is in
docs/decisions/023-outside-labelers.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.hashers import make_password
from django.utils.crypto import salted_hmac

from labeling.material.adding import Adding
from labeling.models import Membership, User
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


@dataclass(frozen=True)
class Labeler:
    """An outside labeler as they stand in the project."""

    id: int
    reliability: float = 1.0
    is_excluded: bool = False


@dataclass(frozen=True)
class OutsideLabelers(Adding):
    """Finds and adds the outside labelers of a project, whose row is locked."""

    number_labelers: bool = field(default=False, kw_only=True)

    def labelers(self, names: Iterable[str]) -> tuple[dict[str, Labeler], int]:
        """The labelers of these names, and how many of them the project had not met before."""
        keys = {name: key_of(self.project.pk, name) for name in names}
        ids = self.labeler_ids(keys.values())
        missing = {key: name for name, key in keys.items() if key not in ids}
        if missing:
            known = self.count_labelers()
            accounts = new_accounts(
                self.project.pk, missing, known, are_numbered=self.number_labelers
            )
            self.insert(User, [account.columns() for account in accounts], or_fail=True)
            ids |= self.labeler_ids(missing)
        members = self.lock_members(ids.values())
        others = sorted(pk for pk in ids.values() if pk not in members)
        # Paused: nothing is ever handed to them.
        self.insert(
            Membership,
            [{"project_id": self.project.pk, "user_id": pk, "is_paused": True} for pk in others],
        )
        people = {name: members.get(ids[key]) or Labeler(ids[key]) for name, key in keys.items()}
        return people, len(missing)

    def labeler_ids(self, keys: Iterable[str]) -> dict[str, int]:
        """Ids of those of these labelers that the project knows, by key."""
        rows = User.objects.filter(outside_project=self.project, outside_key__in=list(keys))
        return dict(rows.values_list("outside_key", "pk"))

    def count_labelers(self) -> int:
        return User.objects.filter(outside_project=self.project).count()

    def lock_members(self, user_ids: Iterable[int]) -> dict[int, Labeler]:
        """How these labelers stand, by id. Whoever takes their judgments out of training at this
        moment waits for the lock, and then sees the new ones too."""
        members = Membership.objects.filter(project=self.project, user__in=list(user_ids))
        # In two statements: what the first one reads may be that of before the wait.
        locked = members.select_for_update(no_key=True).order_by("pk")
        return self.members(list(locked.values_list("user_id", flat=True)))

    def members(self, user_ids: Iterable[int]) -> dict[int, Labeler]:
        rows = Membership.objects.filter(project=self.project, user__in=list(user_ids))
        return {
            user_id: Labeler(user_id, reliability, excluded_at is not None)
            for user_id, reliability, excluded_at in rows.values_list(
                "user_id", "reliability", "excluded_at"
            )
        }
