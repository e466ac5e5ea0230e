"""Texts of prompts taken out by the database, for the rows of a table and for the search."""

from typing import Any, ClassVar

from django.db.models import F, Func, IntegerField, QuerySet, TextField, Value
from django.db.models.functions import Coalesce, Left, NullIf

from labeling.models import Preference

EXCERPT = 240


class LastContent(Func):
    """Content of a prompt's last message, taken out by the database."""

    output_field: ClassVar = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="json_extract(%(expressions)s, '$[#-1].content')"
        )

    def as_postgresql(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s->-1->>'content')")


class EarlierMessages(Func):
    """How many messages of a prompt come before its last one; none where there is no list."""

    output_field: ClassVar = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:
        template = "max(json_array_length(%(expressions)s) - 1, 0)"
        return self.as_sql(compiler, connection, template=template)

    def as_postgresql(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:
        # In its lax mode a path takes what is no list for a list of one.
        template = (
            "(SELECT greatest(count(*) - 1, 0) FROM jsonb_path_query(%(expressions)s, '$[*]'))::int"
        )
        return self.as_sql(compiler, connection, template=template)


class AllContents(Func):
    """Contents of all messages of a prompt as one text: what a search looks through.

    A cast of the column would also find the words role, user and content in every prompt, and
    on SQLite no letter beyond ASCII.
    """

    output_field: ClassVar = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:
        template = (
            "(SELECT group_concat(json_extract(value, '$.content'), char(10))"
            " FROM json_each(%(expressions)s))"
        )
        return self.as_sql(compiler, connection, template=template)

    def as_postgresql(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:
        template = (
            "(SELECT string_agg(message->>'content', chr(10))"
            " FROM jsonb_array_elements(%(expressions)s) AS message)"
        )
        return self.as_sql(compiler, connection, template=template)


class AllValues(Func):
    """Values of all keys of a JSON object, at any depth, as one text; null for an empty one."""

    output_field: ClassVar = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:
        template = (
            "(SELECT group_concat(atom, ' ') FROM json_tree(%(expressions)s)"
            " WHERE atom IS NOT NULL)"
        )
        return self.as_sql(compiler, connection, template=template)

    def as_postgresql(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:
        template = "NULLIF((%(expressions)s)::text, '{}')"
        return self.as_sql(compiler, connection, template=template)


def _excerpt(side: str) -> Coalesce:
    """The response's text, or where it has none what it says instead."""
    text = NullIf(Left(f"{side}__text", EXCERPT), Value(""))
    return Coalesce(text, Left(AllValues(f"{side}__extra"), EXCERPT), Value(""))


def with_excerpts(rows: QuerySet[Preference]) -> QuerySet[Preference]:
    """What a table row shows, in one query and without reading 200 kB texts."""
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
