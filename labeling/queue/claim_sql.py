"""The SQL of a claim: the lines from which a labeler's next comparison is taken.

Every line is one sub-select that reads the head of an index, whatever the size of the queue;
COALESCE asks one after the other until one has something. Literal conditions (`slots_left > 0`)
let SQLite use the partial indexes. Who calls it and why in this order: labeling/handout.py.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

NOT_MINE = """
    NOT EXISTS (
        SELECT 1 FROM labeling_assignment a
        WHERE a.comparison_id = c.id AND a.labeler_id = %(labeler)s
          AND a.state NOT IN ('expired', 'released'))
"""
WAITING = f"""
    (SELECT c.id FROM labeling_comparison c
     WHERE c.project_id = %(project)s AND c.slots_left > 0 AND c.waiting_since IS NOT NULL
       AND c.waiting_since >= %(cursor)s AND {NOT_MINE}
     ORDER BY c.waiting_since, c.id LIMIT 1 {{lock}})
"""
FRESH = f"""
    (SELECT c.id FROM labeling_comparison c
     WHERE c.project_id = %(project)s AND c.slots_left > 0 AND c.waiting_since IS NULL
       AND {NOT_MINE}
     ORDER BY c.priority DESC, c.id LIMIT 1 {{lock}})
"""
FRESH_RANDOM = FRESH.replace("ORDER BY c.priority DESC, c.id", "ORDER BY c.random_key")
FRESH_FROM_RANDOM_KEY = FRESH_RANDOM.replace(
    "ORDER BY", "AND c.random_key >= %(random_key)s ORDER BY"
)
# Gold of the project that this labeler has not seen, from a random place on. At most 50 are
# looked at, so that a long history of gold costs no more than a short one.
GOLD_FROM_RANDOM_KEY = f"""
    (SELECT c.id FROM (
         SELECT g.comparison_id, g.random_key FROM labeling_gold g
         WHERE g.project_id = %(project)s AND g.retired_at IS NULL
           AND g.random_key >= %(random_key)s
         ORDER BY g.random_key LIMIT 50) gold
     JOIN labeling_comparison c ON c.id = gold.comparison_id
     WHERE c.state <> 'open' AND {NOT_MINE}
     ORDER BY gold.random_key LIMIT 1 {{lock}})
"""
GOLD = GOLD_FROM_RANDOM_KEY.replace("AND g.random_key >= %(random_key)s", "")
# One's own answers that are due for a mirrored repeat, the latest first.
REPEAT = """
    (SELECT c.id FROM (
         SELECT r.comparison_id, r.repeat_at FROM labeling_assignment r
         WHERE r.labeler_id = %(labeler)s AND r.project_id = %(project)s
           AND r.repeat_at <= %(now)s AND r.state = 'judged'
         ORDER BY r.repeat_at DESC LIMIT 20) due
     JOIN labeling_comparison c ON c.id = due.comparison_id
     WHERE c.state <> 'open'
       AND NOT EXISTS (
           SELECT 1 FROM labeling_assignment a
           WHERE a.comparison_id = c.id AND a.labeler_id = %(labeler)s AND a.showing = 2
             AND a.state NOT IN ('expired', 'released'))
     ORDER BY due.repeat_at DESC LIMIT 1 {lock})
"""
# The order in which this labeler answered it before: only a mirrored repeat has one.
FIRST_ORDER = """
    (SELECT f."order" FROM labeling_assignment f
     WHERE f.comparison_id = labeling_comparison.id AND f.labeler_id = %(labeler)s
       AND f.showing = 1 AND f.state = 'judged')
"""
# A check (gold or repeat) is of a comparison that is not open: it takes no slot.
CLAIM = """
    UPDATE labeling_comparison
    SET slots_left = slots_left - CASE WHEN state = 'open' THEN 1 ELSE 0 END,
        waiting_since = CASE WHEN waiting_since IS NULL AND slots_left > 1
                             THEN %(now)s ELSE waiting_since END,
        arm = CASE WHEN arm = '' AND state = 'open' THEN %(arm)s ELSE arm END
    WHERE id = COALESCE({lines}) AND (slots_left > 0 OR state <> 'open')
    RETURNING id, waiting_since, state, {first_order}
"""
GOLD_LINES = (GOLD_FROM_RANDOM_KEY, GOLD)


@dataclass(frozen=True)
class Taken:
    """The row that a claim took."""

    comparison_id: int
    waiting_since: datetime | str | None
    state: str
    first_order: str | None


def take(lines: list[str], parameters: dict[str, Any]) -> Taken | None:
    """Takes the first comparison that one of the lines has, in one statement."""
    can_skip = connection.features.has_select_for_update_skip_locked
    first_order = FIRST_ORDER if REPEAT in lines else "NULL"
    sql = CLAIM.format(lines=", ".join([*lines, "NULL"]), first_order=first_order)
    sql = sql.replace("{lock}", "FOR UPDATE OF c SKIP LOCKED" if can_skip else "")
    with connection.cursor() as database:
        database.execute(sql, parameters)
        row = database.fetchone()
    return Taken(*row) if row else None
