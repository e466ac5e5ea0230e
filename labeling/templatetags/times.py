"""Shows times in the reader's zone, with the whole moment as a title and for machines.

Every template has these filters without loading them."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from labeling.people.clock import server_zone, zone_in_words

register = template.Library()


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """Shows “14:02” today and “3 Nov, 14:02” on other days, with the year if it is another one."""
    if at is None:
        return ""
    local, now = timezone.localtime(at), timezone.localtime()
    if local.date() == now.date():
        return _element(local, f"{local:%H:%M}")
    return _element(local, f"{_day(local, now)}, {local:%H:%M}")


@register.filter
def exact(at: datetime | None) -> SafeString | str:
    """Shows “3 Nov 2026, 14:02:09”."""
    return "" if at is None else _element(timezone.localtime(at), "{0:%-d %b %Y, %H:%M:%S}")


@register.filter
def day(at: datetime | None) -> SafeString | str:
    """Shows “3 Nov 2026”."""
    return "" if at is None else _element(timezone.localtime(at), "{0:%-d %b %Y}")


@register.simple_tag
def reader_zone() -> str:
    return zone_in_words(timezone.get_current_timezone())


@register.simple_tag
def project_zone() -> str:
    """Names the zone by whose days a project's figures are counted."""
    return str(server_zone())


def _day(local: datetime, now: datetime) -> str:
    return f"{local:%-d %b}" + (f" {local:%Y}" if local.year != now.year else "")


def _element(local: datetime, text: str) -> SafeString:
    whole = f"{local:%-d %B %Y, %H:%M:%S}, {zone_in_words(timezone.get_current_timezone())}"
    shown = text.format(local)
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), whole, shown)
