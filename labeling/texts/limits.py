"""How much one text, one conversation, one row and one file may hold: declared here, and read by
the importer, the pages and their words.

What is let in can be shown: the largest comparison that these limits allow is no larger than what
a page shows.
"""

from dataclasses import dataclass

MAX_TEXT = 1_200_000  # characters of one message or response, about 300,000 tokens
MAX_CONVERSATION = 1_500_000  # characters of all messages of a prompt
MAX_MESSAGES = 1_000
MAX_COMPARED = 9  # responses of one comparison
MAX_SHOWN = MAX_CONVERSATION + MAX_COMPARED * MAX_TEXT  # characters on one page

MAX_RESPONSES = 1_000  # of one row
MAX_KEYS = 200  # of one row
MAX_VALUES = 100_000  # in one row, at any depth: each costs memory, however short it is
MAX_TAGS = 100
# Of one prompt or one response: what is searched and shown beside it, not a place for documents.
MAX_METADATA_KEYS = 100
MAX_METADATA_NAME = 200  # characters of a key
MAX_METADATA_TEXT = 10_000  # characters of one text
MAX_METADATA_DEPTH = 5
MAX_METADATA = 50_000  # characters of all of it, as JSON

MAX_LINE_BYTES = 16 * 2**20


@dataclass(frozen=True)
class FileLimits:
    """What a file may cost to read. A few kilobytes of gzip can unpack to gigabytes, and an empty
    line takes as long to read as a short row."""

    max_bytes: int = 4 * 2**30  # unpacked
    max_lines: int = 5_000_000  # blank ones too
    max_ratio: int | None = 100  # unpacked to packed, beyond the first megabyte

    def packed_allows(self, packed: int) -> int:
        """The bytes that a gzip file of this size may unpack to."""
        if self.max_ratio is None:
            return self.max_bytes
        return min(self.max_bytes, 2**20 + self.max_ratio * packed)


# Whoever runs a command on the server waits for it alone; memory stays bounded all the same.
UPLOADED = FileLimits()
ON_THE_SERVER = FileLimits(max_bytes=64 * 2**30, max_lines=200_000_000, max_ratio=None)

# Blank lines that a file may have beyond one for each row.
BLANK_LINES = 10_000
# A file with more faults is not read on.
COUNTED_PROBLEMS = 10_000

BIGGEST_ID = 2**63 - 1  # of a column of the database
