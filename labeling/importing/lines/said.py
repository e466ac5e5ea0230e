"""What named people said of one pair in one file, gathered in the first row about it.

Noted in the file's scratch database while it is checked, as unnamed votes are (votes.py). Of
several answers of one person about one pair the last one counts: by the times that the file gives,
or else by its order.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, replace

from labeling.importing.lines.named_votes import NamedVote
from labeling.importing.lines.opinions import Opinion
from labeling.importing.reports import ImportRefused, Problem

# So many people's answers about one pair are held in memory at once.
MOST_LABELERS = 5_000


class FileSaid:
    """Notes the named votes of one file by pair; `side` is +1 where the row's first response is the
    pair's first."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        database.execute("CREATE TABLE said (pair BLOB, line INTEGER, labeler TEXT, vote TEXT)")

    def note(self, votes: Iterable[tuple[bytes, int, int, NamedVote]]) -> None:
        rows = [
            (pair, line, vote.labeler, json.dumps(astuple(vote if side > 0 else vote.turned())))
            for pair, line, side, vote in votes
        ]
        self.database.executemany("INSERT INTO said VALUES (?, ?, ?, ?)", rows)

    def close(self) -> bool:
        """Call when all rows were noted; True when some pair was judged more than once, or by
        votes beside it that name nobody. Raises ImportRefused for a pair of too many people."""
        database = self.database
        database.execute("CREATE INDEX said_by_pair ON said (pair, line)")
        database.execute(
            "CREATE TABLE said_first AS SELECT pair, min(line) AS first, count(*) AS number "
            "FROM said GROUP BY pair"
        )
        database.execute("CREATE UNIQUE INDEX said_first_once ON said_first (pair)")
        most = database.execute(
            "SELECT number, first FROM said_first ORDER BY number DESC LIMIT 1"
        ).fetchone()
        if most and most[0] > MOST_LABELERS:
            problem = f"{most[0]:,} judgments of one pair; at most {MOST_LABELERS:,} are taken."
            raise ImportRefused([Problem(most[1], "annotator", problem)], 1)
        several = "SELECT 1 FROM said_first WHERE number > 1 LIMIT 1"
        beside = "SELECT 1 FROM said_first JOIN votes USING (pair) LIMIT 1"
        return any(database.execute(query).fetchone() for query in (several, beside))

    def has(self, pair: bytes) -> bool:
        """Whether somebody who is named judged this pair."""
        query = "SELECT 1 FROM said_first WHERE pair = ?"
        return self.database.execute(query, (pair,)).fetchone() is not None

    def gathered(self, opinion: Opinion, pair: bytes, line: int, side: int) -> Opinion:
        """The opinion of this row: with all that was said of its pair where it is the first of
        them, else marked as gathered there."""
        query = "SELECT first, number FROM said_first WHERE pair = ?"
        first, number = self.database.execute(query, (pair,)).fetchone()
        if number == 1:
            return opinion
        if first != line:
            return replace(opinion, said=(), is_gathered=True)
        last: dict[str, NamedVote] = {}
        before: list[NamedVote] = []
        for (written,) in self.database.execute(
            "SELECT vote FROM said WHERE pair = ? ORDER BY line", (pair,)
        ):
            vote = NamedVote(*json.loads(written))
            other = last.get(vote.labeler)
            if other is None or not _is_earlier(vote, other):
                last[vote.labeler] = vote
                before += [other] if other else []
            else:
                before.append(vote)
        said, said_before = (
            tuple(vote if side > 0 else vote.turned() for vote in votes)
            for votes in (last.values(), before)
        )
        return replace(opinion, said=said, said_before=said_before)


def _is_earlier(vote: NamedVote, other: NamedVote) -> bool:
    """Whether the vote was given before another one, which stands in an earlier row."""
    return bool(vote.judged_at) and other.judged_at > vote.judged_at
