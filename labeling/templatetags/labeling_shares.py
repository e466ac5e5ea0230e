"""Shares written as per cent."""

from django import template

register = template.Library()


@register.filter
def percentage(share: float) -> str:
    return f"{100 * share:.3g} %"
