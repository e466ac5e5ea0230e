"""When a day begins."""

from datetime import datetime

from django.utils import timezone


def midnight() -> datetime:
    """When today began, in the server's time zone."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
