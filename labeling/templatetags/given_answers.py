"""Marks in the form what its labeler had answered; see labeling/pages/judging/given_answer.py."""

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
BEFORE = mark_safe('<span class="sr-only"> (your answer before)</span>')


@register.simple_tag
def ticked(given: Any, name: str, number: Any, value: Any) -> SafeString:
    """Returns ` checked` if the field `name` + `number` held this value. `given` may be missing."""
    is_ticked = bool(given) and (f"{name}{number}", str(value)) in given.ticks
    return mark_safe(" checked" if is_ticked else "")


@register.simple_tag
def pressed(given: Any, value: str) -> SafeString:
    """Returns a class for the button that was pressed, and "" for all others."""
    return mark_safe(" was-given" if given and given.choice == value else "")


@register.simple_tag
def before(given: Any, value: str) -> SafeString:
    """Returns words for screen readers beside the button that was pressed, and "" for others."""
    return BEFORE if given and given.choice == value else mark_safe("")
