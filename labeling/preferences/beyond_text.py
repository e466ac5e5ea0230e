"""Which preferences say more than texts can: what plain texts would drop is refused instead."""

from typing import ClassVar

from django.db.models import BooleanField, Q, QuerySet

from labeling.database.templates import TemplateFunc
from labeling.models import Preference


class CannotBeTexts(ValueError):
    """Some rows hold more than a style has a place for. The message is a sentence for people."""


class HoldsMore(TemplateFunc):
    """Whether a message has another key than role and content, or a role without a speaker."""

    output_field: ClassVar = BooleanField()
    sqlite = (
        "EXISTS (SELECT 1 FROM json_each(%(expressions)s) said, json_each(said.value) part"
        " WHERE part.key NOT IN ('role', 'content')"
        " OR part.key = 'role' AND part.value IN ('tool', 'developer'))"
    )
    postgresql = (
        "EXISTS (SELECT 1 FROM jsonb_array_elements(%(expressions)s) AS said,"
        " jsonb_each_text(said) AS part WHERE part.key NOT IN ('role', 'content')"
        " OR part.key = 'role' AND part.value IN ('tool', 'developer'))"
    )


def refuse_beyond_text(preferences: QuerySet[Preference], style: str) -> None:
    """Raises CannotBeTexts where one of these preferences is more than texts."""
    plain = Q(chosen__extra={}, rejected__extra={}, prompt__extra={})
    rows = preferences.alias(holds_more=HoldsMore("prompt__messages"))
    count = rows.filter(~plain | Q(holds_more=True)).count()
    if count:
        raise CannotBeTexts(
            f"{count:,} of these preferences hold more than texts (tool calls, reasoning, tools, "
            f"names, or messages of a tool or developer), which style={style} would drop. Export "
            "them with style=messages."
        )
