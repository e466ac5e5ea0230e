"""Shows Markdown in templates; see labeling/material/shown/rendering.py."""

import re

from django import template
from django.utils.safestring import SafeString, mark_safe

from labeling.material.shown.rendering import TOP_HEADING, render_markdown

register = template.Library()
HEADING = re.compile(r"(?<=<)(/?)h([1-6])(?=[ >])")


@register.filter
def markdown(text: str, top: int = TOP_HEADING) -> SafeString:
    """Renders Markdown. `top` is the level of its first heading, so that a page skips no level."""
    html = render_markdown(text)
    if top == TOP_HEADING:
        return html
    # Only tags have this form: a text's own signs are escaped.
    return mark_safe(HEADING.sub(lambda tag: f"{tag[1]}h{int(tag[2]) + top - TOP_HEADING}", html))
