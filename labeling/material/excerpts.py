"""Texts of prompts taken out by the database, for the rows of a table and for the search."""

from typing import Any, ClassVar

from django.db.models import F, Func, QuerySet, TextField
from django.db.models.functions import Left

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


def with_excerpts(rows: QuerySet[Preference]) -> QuerySet[Preference]:
    """What a table row shows, in one query and without reading 200 kB texts."""
    return rows.annotate(
        prompt_excerpt=Left(LastContent("prompt__messages"), EXCERPT),
        chosen_excerpt=Left("chosen__text", EXCERPT),
        rejected_excerpt=Left("rejected__text", EXCERPT),
        chosen_source=F("chosen__source"),
        chosen_version=F("chosen__policy_version"),
        rejected_source=F("rejected__source"),
        rejected_version=F("rejected__policy_version"),
    )
