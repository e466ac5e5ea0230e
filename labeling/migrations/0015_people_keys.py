"""Gives every account its keys. Of accounts whose names differ in case only, the one used last
keeps the name and the others get a number behind theirs; no account is lost or joined."""

from collections import Counter
from typing import Any

from django.db import migrations
from django.db.models import F

from labeling.models.folding import fold

LONGEST = 150


def fill(apps: Any, schema_editor: Any) -> None:
    User = apps.get_model("labeling", "User")
    users = list(User.objects.order_by(F("last_login").desc(nulls_last=True), "pk"))
    addresses = Counter(fold(user.email) for user in users if user.email)
    names = {fold(user.username) for user in users}
    taken: set[str] = set()
    for user in users:
        if fold(user.username) in taken:
            _rename(apps, user, names | taken)
        taken.add(fold(user.username))
        # Of two who have an address it is not known whose it is: it finds neither, as before.
        user.email_is_claimed = addresses[fold(user.email)] > 1
        user.save(update_fields=["username", "username_key", "email_key", "email_is_claimed"])


def _rename(apps: Any, user: Any, taken: set[str]) -> None:
    before, number = user.username, 2
    while fold(name := f"{before[: LONGEST - 5]}-{number}") in taken:
        number += 1
    user.username = name
    apps.get_model("labeling", "AuditEntry").objects.create(
        action="rename account",
        target_type="user",
        target_id=str(user.pk),
        reason="Another account had the same name in other letters.",
        details={"changes": {"username": [before, name]}},
    )
    print(f"\n  The account “{before}” is “{name}” now: another one had that name in other letters.")


def pause_excluded(apps: Any, schema_editor: Any) -> None:
    memberships = apps.get_model("labeling", "Membership").objects
    memberships.filter(excluded_at__isnull=False, is_paused=False).update(is_paused=True)


class Migration(migrations.Migration):
    dependencies = [("labeling", "0014_people_columns")]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(pause_excluded, migrations.RunPython.noop),
    ]
