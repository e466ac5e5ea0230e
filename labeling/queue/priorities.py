"""Puts the fresh line in order: comparisons with a higher priority are handed out first."""

from django.db import connection

from labeling.database.transactions import let_others_write, retried
from labeling.models import Comparison

# Who claims steps over what is locked: few rows, for a few milliseconds. Where nothing can be
# stepped over, on SQLite, there is a pause after each part instead, so the parts are larger.
REORDERED_AT_ONCE = 50
REORDERED_BEFORE_A_PAUSE = 500


def set_priorities(priorities: dict[int, float]) -> None:
    """Reorders the fresh line by comparison id -> priority, higher first.

    It writes some rows at a time. So no answer waits for the whole line, and a part that has to be
    tried again loses nothing of the others.
    """
    rows = sorted(priorities.items())
    can_skip = connection.features.has_select_for_update_skip_locked
    size = REORDERED_AT_ONCE if can_skip else REORDERED_BEFORE_A_PAUSE
    for start in range(0, len(rows), size):
        if start:
            let_others_write()
        _set_some_priorities(rows[start : start + size])


@retried
def _set_some_priorities(rows: list[tuple[int, float]]) -> None:
    """Writes these priorities, and locks the comparisons in the order of ids first, as everybody
    does who locks several."""
    ids = [pk for pk, _ in rows]
    locked = Comparison.objects.select_for_update(no_key=True).filter(pk__in=ids)
    existing = set(locked.order_by("pk").values_list("pk", flat=True))
    values = [(value, pk) for pk, value in rows if pk in existing]
    with connection.cursor() as database:
        database.executemany("UPDATE labeling_comparison SET priority = %s WHERE id = %s", values)
