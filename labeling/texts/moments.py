"""How a moment is written in files and answers."""

from datetime import UTC, datetime


def timestamp(at: datetime) -> str:
    """The moment in UTC with Z, always in the same number of characters, so that a column has one
    type. A plus sign would be a space in an address."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
