"""Says on the labeling page why there is nothing to compare."""

from django import template

from labeling.queue.outlook import Expect, NothingToCompare, Outlook

register = template.Library()


@register.filter
def outlook(nothing: NothingToCompare) -> Outlook:
    return Outlook(Expect(nothing.reason))
