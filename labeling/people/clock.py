"""Whose day and whose time: the reader's for times and for their own work, the server's for what a
project's pages count by day, so that everybody who looks at a project sees the same figures.

A labeler's own measures go by the server's midnight too: who could choose when they are brought up
to date would learn from them which answer was to a check.
"""

from datetime import date, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone


def server_zone() -> tzinfo:
    return timezone.get_default_timezone()


def midnight() -> datetime:
    """When the reader's day began."""
    return _midnight(timezone.localtime())


def server_midnight() -> datetime:
    """When the project's day began."""
    return _midnight(timezone.localtime(timezone=server_zone()))


def server_today() -> date:
    return timezone.localdate(timezone=server_zone())


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


@cache
def zone_names() -> list[str]:
    """The zones to choose from, by place; the rest are older names of these."""
    places = (name for name in available_timezones() if "/" in name)
    return ["UTC", *sorted(name for name in places if not name.startswith(("Etc/", "SystemV/")))]


def zone_named(name: str) -> ZoneInfo | None:
    """None for what is no zone: the name comes from a cookie or from an older list."""
    return ZoneInfo(name) if name in zone_names() else None


def offset_of(now: datetime) -> str:
    """UTC, UTC+1, UTC−3:30."""
    minutes = int(now.utcoffset().total_seconds()) // 60  # type: ignore[union-attr]
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}{f':{rest:02}' if rest else ''}"


def zone_in_words(zone: tzinfo) -> str:
    """Europe/Berlin (UTC+1)."""
    name, offset = str(zone), offset_of(timezone.localtime(timezone=zone))
    return name if name == offset else f"{name} ({offset})"
