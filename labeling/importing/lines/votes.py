"""Several triples about one pair in one file are votes, and are counted together.

While a file is checked its triples are noted in a scratch database, which SQLite keeps on disk when
it grows. Then the first triple of each pair carries what all of them come to, by the rule for
judgments (labeling/preferences/settling.py), and the others say that they are counted.

A line of an export is what people's votes came to already: it is no vote, and the first counts.
What people who are named said is gathered, and not counted (said.py).
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from labeling.importing.lines.opinions import MOST_VOTES, Opinion
from labeling.importing.lines.rows import CheckedRow, digests_of
from labeling.importing.lines.said import FileSaid
from labeling.models import Preference
from labeling.preferences.settling import EVEN

Kind = Preference.Kind

# The pair's first response is the one with the lower digest; `way` is +1 for it, -1 for the other.
TABLE = "CREATE TABLE votes (pair BLOB, line INTEGER, kind TEXT, way, share, weight, strength)"
SUMS = """
SELECT count(*), sum(weight), sum(weight * (2 * share - 1)), sum(weight * share),
       sum(kind = 'prefer' AND way > 0), sum(kind = 'prefer' AND way < 0),
       sum(kind = 'tie'), sum(kind = 'both_bad'),
       sum(CASE kind WHEN 'both_bad' THEN weight ELSE 0 END),
       count(strength), sum(way * strength)
FROM votes WHERE pair = ?
"""


@dataclass(frozen=True)
class _Sums:
    count: int
    weight: float
    balance: float
    share: float
    first: int
    second: int
    ties: int
    both_bad: int
    bad_weight: float
    graded: int
    strength: float | None


class FileVotes:
    """Notes the triples of one file, and counts those of one pair together."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        database.execute(TABLE)
        self.said = FileSaid(database)
        self.has_said = False

    def note(self, rows: Sequence[CheckedRow]) -> None:
        noted = [values for row in rows if (values := _noted(row))]
        self.database.executemany("INSERT INTO votes VALUES (?, ?, ?, ?, ?, ?, ?)", noted)
        said = [
            (*pair, vote)
            for row in rows
            if row.opinion and row.opinion.said and (pair := _pair_of(row))
            for vote in row.opinion.said
        ]
        if said:
            self.has_said = True
            self.said.note((pair, line, side, vote) for pair, line, side, vote in said)

    def close(self) -> bool:
        """Call when all rows were noted; True when some pair has several votes."""
        self.database.execute("CREATE INDEX by_pair ON votes (pair, line)")
        self.database.execute(
            "CREATE TABLE several AS SELECT pair, min(line) AS first FROM votes "
            "GROUP BY pair HAVING count(*) > 1"
        )
        self.database.execute("CREATE UNIQUE INDEX several_once ON several (pair)")
        has_several = self.database.execute("SELECT 1 FROM several").fetchone() is not None
        return (self.has_said and self.said.close()) or has_several

    def counted(self, rows: Sequence[CheckedRow]) -> list[CheckedRow]:
        """The rows, with what all votes on a pair come to in the first of them."""
        return [self._counted(row) for row in rows]

    def _counted(self, row: CheckedRow) -> CheckedRow:
        if self.has_said and row.opinion and (place := _pair_of(row)):
            pair, line, side = place
            if row.opinion.said:
                said = self.said.gathered(row.opinion, pair, line, side)
                return row if said is row.opinion else replace(row, opinion=said)
            if self.said.has(pair):
                return replace(row, opinion=replace(row.opinion, is_unnamed=True))
        noted = _noted(row)
        if noted is None or row.opinion is None:
            return row
        pair = noted[0]
        several = self.database.execute("SELECT first FROM several WHERE pair = ?", (pair,))
        first = several.fetchone()
        if first is None:
            return row
        if first[0] != row.line:
            return replace(row, opinion=replace(row.opinion, is_counted=True))
        sums = _Sums(*self.database.execute(SUMS, (pair,)).fetchone())
        return _with_verdict(row, row.opinion, sums)


def _pair_of(row: CheckedRow) -> tuple[bytes, int, int] | None:
    """The pair of a triple, its line, and +1 where chosen is the pair's first response; None where
    both are one."""
    prompt, (chosen, rejected) = digests_of(row)
    if chosen == rejected:
        return None
    low, high = sorted((chosen, rejected))
    pair = hashlib.sha256(f"{prompt}{low}{high}".encode()).digest()[:16]
    return pair, row.line, 1 if chosen == low else -1


def _noted(row: CheckedRow) -> tuple[bytes, int, str, int, float, float, float | None] | None:
    opinion = row.opinion
    if opinion is None or opinion.is_settled or opinion.said:
        return None
    place = _pair_of(row)
    if place is None:
        return None
    pair, _, side = place
    way = side if opinion.kind == Kind.PREFER else 0
    target = 0.5 if opinion.kind == Kind.BOTH_BAD else opinion.target
    share = target if side > 0 else 1 - target
    strength = opinion.strength
    return (pair, row.line, str(opinion.kind), way, share, opinion.weight, strength)


def _with_verdict(row: CheckedRow, opinion: Opinion, sums: _Sums) -> CheckedRow:
    """Gives the row what the votes come to, by the rule of `labeling.preferences.settling.weigh`.
    Here a vote may also be a share."""
    _, (chosen, rejected) = digests_of(row)
    share = min(1.0, max(0.0, sums.share / sums.weight))
    first, second = (min(count, MOST_VOTES) for count in (sums.first, sums.second))
    ties, both_bad = (min(count, MOST_VOTES) for count in (sums.ties, sums.both_bad))
    if sums.bad_weight * 2 > sums.weight + EVEN:
        kind, way, agreeing = Kind.BOTH_BAD, 0, sums.both_bad
    elif abs(sums.balance) < EVEN:
        kind, way, agreeing = Kind.TIE, 0, sums.ties
    else:
        way = 1 if sums.balance > 0 else -1
        kind, agreeing = Kind.PREFER, sums.first if way > 0 else sums.second
    is_low_first = chosen < rejected
    takes_first = is_low_first if way == 0 else way > 0
    strength = None
    if sums.graded and way:
        strength = min(3.0, abs(sums.strength or 0.0) / (sums.graded + sums.ties))
    responses = row.responses if takes_first == is_low_first else row.responses[::-1]
    votes = (first, second, ties, both_bad) if takes_first else (second, first, ties, both_bad)
    verdict = replace(
        opinion,
        kind=str(kind),
        target=0.5 if kind == Kind.TIE else share if takes_first else 1 - share,
        strength=strength or None,
        weight=min(1.0, max(0.0001, sums.weight / sums.count)),
        vote_share=agreeing / sums.count,
        votes=votes,
    )
    return replace(row, opinion=verdict, responses=responses)
