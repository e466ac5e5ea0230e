"""Texts of prompts taken out by the database, for the rows of a table and for the search."""

from typing import ClassVar

from django.db.models import F, IntegerField, QuerySet, TextField, Value
from django.db.models.functions import Coalesce, Left, NullIf

from labeling.database.templates import TemplateFunc
from labeling.models import Preference

EXCERPT = 240


class LastContent(TemplateFunc):
    """Content of a prompt's last message, taken out by the database."""

    output_field: ClassVar = TextField()
    sqlite = "json_extract(%(expressions)s, '$[#-1].content')"
    postgresql = "(%(expressions)s->-1->>'content')"


class EarlierMessages(TemplateFunc):
    """How many messages of a prompt come before its last one; none where there is no list."""

    output_field: ClassVar = IntegerField()
    sqlite = "max(json_array_length(%(expressions)s) - 1, 0)"
    # In its lax mode a path takes what is no list for a list of one.
    postgresql = (
        "(SELECT greatest(count(*) - 1, 0) FROM jsonb_path_query(%(expressions)s, '$[*]'))::int"
    )


class AllContents(TemplateFunc):
    """Contents of all messages of a prompt as one text: what a search looks through.

    A cast of the column would also find the words role, user and content in every prompt, and
    on SQLite no letter beyond ASCII.
    """

    output_field: ClassVar = TextField()
    sqlite = (
        "(SELECT group_concat(json_extract(value, '$.content'), char(10))"
        " FROM json_each(%(expressions)s))"
    )
    postgresql = (
        "(SELECT string_agg(message->>'content', chr(10))"
        " FROM jsonb_array_elements(%(expressions)s) AS message)"
    )


class AllValues(TemplateFunc):
    """Values of all keys of a JSON object, at any depth, as one text; null for an empty one."""

    output_field: ClassVar = TextField()
    sqlite = (
        "(SELECT group_concat(atom, ' ') FROM json_tree(%(expressions)s) WHERE atom IS NOT NULL)"
    )
    postgresql = "NULLIF((%(expressions)s)::text, '{}')"


def _excerpt(side: str) -> Coalesce:
    """The beginning of the response's text; where it has none, of the values in its `extra`."""
    text = NullIf(Left(f"{side}__text", EXCERPT), Value(""))
    return Coalesce(text, Left(AllValues(f"{side}__extra"), EXCERPT), Value(""))


def with_excerpts(rows: QuerySet[Preference]) -> QuerySet[Preference]:
    """Adds what a table row shows, in one query and without reading 200 kB texts."""
    return rows.annotate(
        prompt_excerpt=Left(LastContent("prompt__messages"), EXCERPT),
        earlier_messages=EarlierMessages("prompt__messages"),
        chosen_excerpt=_excerpt("chosen"),
        rejected_excerpt=_excerpt("rejected"),
        chosen_source=F("chosen__source"),
        chosen_version=F("chosen__policy_version"),
        rejected_source=F("rejected__source"),
        rejected_version=F("rejected__policy_version"),
    )
