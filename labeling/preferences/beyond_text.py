"""Which preferences say more than texts can: what plain texts would drop is refused instead."""

from typing import ClassVar

from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet

from labeling.database.templates import TemplateFunc
from labeling.models import ComparisonResponse, Preference

PLAIN = Q(chosen__extra={}, rejected__extra={}, prompt__extra={})


class CannotBeTexts(ValueError):
    """Some rows hold more than a style has a place for. The message is a sentence for people."""


class CannotBeColumns(CannotBeTexts):
    """Some rows hold more than a file with one type for each column has a place for."""


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


class HoldsFurtherKeys(TemplateFunc):
    """Whether a message has another key than role and content."""

    output_field: ClassVar = BooleanField()
    sqlite = (
        "EXISTS (SELECT 1 FROM json_each(%(expressions)s) said, json_each(said.value) part"
        " WHERE part.key NOT IN ('role', 'content'))"
    )
    postgresql = (
        "EXISTS (SELECT 1 FROM jsonb_array_elements(%(expressions)s) AS said,"
        " jsonb_object_keys(said) AS part WHERE part NOT IN ('role', 'content'))"
    )


def refuse_beyond_content(
    preferences: QuerySet[Preference], *, of_prompts: bool, of_comparisons: bool = False
) -> None:
    """Raises CannotBeColumns where one of these messages is more than a role and a content.
    `of_prompts`: only prompts are exported. `of_comparisons`: all responses that were compared."""
    plain = Q(prompt__extra={}) if of_prompts else PLAIN
    if of_comparisons:
        others = ComparisonResponse.objects.filter(comparison=OuterRef("comparison"))
        plain = plain & Q(~Exists(others.exclude(response__extra={})))
    rows = preferences.alias(further=HoldsFurtherKeys("prompt__messages"))
    count = rows.filter(~plain | Q(further=True)).count()
    if count:
        raise CannotBeColumns(
            f"{count:,} of these preferences hold more than a role and a content (tool calls, "
            "reasoning, tools, names), and each column of a Parquet file has one type. Export "
            "them as JSON lines."
        )


def refuse_beyond_text(preferences: QuerySet[Preference], style: str) -> None:
    """Raises CannotBeTexts where one of these preferences is more than texts."""
    rows = preferences.alias(holds_more=HoldsMore("prompt__messages"))
    count = rows.filter(~PLAIN | Q(holds_more=True)).count()
    if count:
        raise CannotBeTexts(
            f"{count:,} of these preferences hold more than texts (tool calls, reasoning, tools, "
            f"names, or messages of a tool or developer), which style={style} would drop. Export "
            "them with style=messages."
        )
