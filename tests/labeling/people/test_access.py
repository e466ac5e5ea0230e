"""What a role opens, and who may work."""

import pytest
from django.core.exceptions import PermissionDenied

from labeling.models import Membership, Role, User
from labeling.people.access import may_work, require

ACTIVE, PAUSED = Membership(), Membership(is_paused=True)


@pytest.mark.parametrize(
    ("is_superuser", "membership", "may"),
    [
        (False, ACTIVE, True),
        (False, PAUSED, False),
        (False, None, False),
        (True, PAUSED, True),
        (True, None, True),
    ],
)
def test_members_whose_work_is_not_paused_may_work_and_superusers(
    is_superuser: bool, membership: Membership | None, may: bool
) -> None:
    assert may_work(User(is_superuser=is_superuser), membership) is may


@pytest.mark.parametrize("role", [Role.LABELER, Role.CURATOR])
def test_who_is_refused_reads_which_role_is_needed(role: Role) -> None:
    words = f"This page is for admins of the project; you are a {role}."
    with pytest.raises(PermissionDenied, match=words):
        require(role, Role.ADMIN)
