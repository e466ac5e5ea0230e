"""The filter that shows Markdown; see labeling/rendering.py."""

from django import template
from django.utils.safestring import SafeString

from labeling.rendering import render_markdown

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    return render_markdown(text)
