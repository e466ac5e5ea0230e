"""The SQL of a claim: the lines from which a labeler's next comparison is taken.

Every line is one sub-select that reads the head of an index, whatever the size of the queue;
COALESCE asks one after the other until one has something. Literal conditions (`slots_left > 0`)
let SQLite use the partial indexes. Who calls it and why in this order: labeling/queue/handout.py.
"""

import json
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
# Open ones that cannot are withdrawn; see labeling/curation/set_aside.py.
CAN_BE_SHOWN = "c.set_aside_at IS NULL"
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
# At most the 20 latest are looked at: a long history of leases costs no more than a short one.
# What this labeler was handed out, has not answered, and could be asked again: work and checks
# alike come back before anything new. If work alone did, as it waits in the line, then letting go
# of a comparison and looking what comes next would tell a check, and be a way around it.
BEGUN = f"""
    (SELECT c.id FROM (
         SELECT b.comparison_id, b.purpose, b.leased_at FROM labeling_assignment b
         WHERE b.labeler_id = %(labeler)s AND b.project_id = %(project)s
           AND b.state IN ('expired', 'released') {{only}}
         ORDER BY b.leased_at DESC LIMIT 20) begun
     JOIN labeling_comparison c ON c.id = begun.comparison_id
     WHERE {CAN_BE_SHOWN} AND (
         begun.purpose = 'work' AND c.slots_left > 0
         OR begun.purpose = 'gold' AND c.state <> 'open' AND EXISTS (
             SELECT 1 FROM labeling_gold g
             WHERE g.comparison_id = c.id AND g.retired_at IS NULL
               AND g.released_at IS NOT NULL)
         OR begun.purpose = 'repeat' AND c.state <> 'open' AND EXISTS (
             SELECT 1 FROM labeling_assignment f
             WHERE f.comparison_id = c.id AND f.labeler_id = %(labeler)s AND f.showing = 1
               AND f.state = 'judged' AND f.repeat_at IS NOT NULL))
     ORDER BY begun.leased_at LIMIT 1 {{lock}})
"""
BEGUN_GOLD = BEGUN.replace("{only}", "AND b.purpose = 'gold'")
BEGUN = BEGUN.replace("{only}", "")
# Gold of the project that this labeler has not seen, from a random place on. At most 50 are
# looked at, so that a long history of gold costs no more than a short one.
GOLD_FROM_RANDOM_KEY = f"""
    (SELECT c.id FROM (
         SELECT g.comparison_id, g.random_key FROM labeling_gold g
         WHERE g.project_id = %(project)s AND g.retired_at IS NULL
           AND g.released_at IS NOT NULL
           AND g.random_key >= %(random_key)s
         ORDER BY g.random_key LIMIT 50) gold
     JOIN labeling_comparison c ON c.id = gold.comparison_id
     WHERE c.state <> 'open' AND {CAN_BE_SHOWN} AND {NOT_MINE}
     ORDER BY gold.random_key LIMIT 1 {{lock}})
"""
GOLD = GOLD_FROM_RANDOM_KEY.replace("AND g.random_key >= %(random_key)s", "")
# One's own answers that are due for a mirrored repeat, the latest first.
REPEAT = f"""
    (SELECT c.id FROM (
         SELECT r.comparison_id, r.repeat_at FROM labeling_assignment r
         WHERE r.labeler_id = %(labeler)s AND r.project_id = %(project)s
           AND r.repeat_at <= %(now)s AND r.state = 'judged'
         ORDER BY r.repeat_at DESC LIMIT 20) due
     JOIN labeling_comparison c ON c.id = due.comparison_id
     WHERE c.state <> 'open' AND {CAN_BE_SHOWN}
       AND NOT EXISTS (
           SELECT 1 FROM labeling_assignment a
           WHERE a.comparison_id = c.id AND a.labeler_id = %(labeler)s AND a.showing = 2
             AND a.state NOT IN ('expired', 'released'))
     ORDER BY due.repeat_at DESC LIMIT 1 {{lock}})
"""
# The order in which this labeler answered it before: only a mirrored repeat has one.
FIRST_ORDER = """
    (SELECT f."order" FROM labeling_assignment f
     WHERE f.comparison_id = labeling_comparison.id AND f.labeler_id = %(labeler)s
       AND f.showing = 1 AND f.state = 'judged')
"""
# Whether it comes again: then it says nothing of how far the waiting line has been read.
COMES_AGAIN = """
    EXISTS (
        SELECT 1 FROM labeling_assignment h
        WHERE h.comparison_id = labeling_comparison.id AND h.labeler_id = %(labeler)s
          AND h.state IN ('expired', 'released'))
"""
# A check (gold or repeat) is of a comparison that is not open: it takes no slot.
CLAIM = """
    UPDATE labeling_comparison
    SET slots_left = slots_left - CASE WHEN state = 'open' THEN 1 ELSE 0 END,
        waiting_since = CASE WHEN waiting_since IS NULL AND slots_left > 1
                             THEN %(now)s ELSE waiting_since END,
        arm = CASE WHEN arm = '' AND state = 'open' THEN %(arm)s ELSE arm END
    WHERE id = COALESCE({lines}) AND (slots_left > 0 OR state <> 'open')
    RETURNING id, waiting_since, state, {first_order}, {comes_again}, {responses}
"""
# The responses with their prompt come with the claim: one question less to the database.
RESPONSES = """
    (SELECT {group}({object}(
        'id', r.id, 'prompt_id', r.prompt_id, 'text', r.text, 'extra', {extra},
        'digest', r.digest, 'finished', r.finished, 'messages', {messages},
        'prompt_extra', {prompt_extra}))
     FROM labeling_comparisonresponse p
     JOIN labeling_response r ON r.id = p.response_id
     JOIN labeling_prompt q ON q.id = r.prompt_id
     WHERE p.comparison_id = labeling_comparison.id)
"""
RESPONSES_ON = {
    "postgresql": RESPONSES.format(
        group="json_agg",
        object="json_build_object",
        extra="r.extra",
        messages="q.messages",
        prompt_extra="q.extra",
    ),
    "sqlite": RESPONSES.format(
        group="json_group_array",
        object="json_object",
        extra="json(r.extra)",
        messages="json(q.messages)",
        prompt_extra="json(q.extra)",
    ),
}
GOLD_LINES = (GOLD_FROM_RANDOM_KEY, GOLD)


@dataclass(frozen=True)
class ClaimedRow:
    """The row of the comparison that a claim took, and its responses."""

    comparison_id: int
    waiting_since: datetime | str | None
    state: str
    first_order: str | None
    comes_again: bool
    responses: list[dict[str, Any]]


def take(lines: list[str], parameters: dict[str, Any]) -> ClaimedRow | None:
    """Takes the first comparison that one of the lines has, in one statement."""
    can_skip = connection.features.has_select_for_update_skip_locked
    first_order = FIRST_ORDER if REPEAT in lines or BEGUN in lines else "NULL"
    sql = CLAIM.format(
        lines=", ".join([*lines, "NULL"]),
        first_order=first_order,
        comes_again=COMES_AGAIN if BEGUN in lines else "0",
        responses=RESPONSES_ON[connection.vendor],
    )
    sql = sql.replace("{lock}", "FOR UPDATE OF c SKIP LOCKED" if can_skip else "")
    with connection.cursor() as database:
        database.execute(sql, parameters)
        row = database.fetchone()
    if row is None:
        return None
    pk, waiting_since, state, first_order, comes_again, responses = row
    # PostgreSQL's driver reads JSON by itself, SQLite has text for it.
    responses = json.loads(responses) if isinstance(responses, str) else responses
    return ClaimedRow(pk, waiting_since, state, first_order, bool(comes_again), responses)
