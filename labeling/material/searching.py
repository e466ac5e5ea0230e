"""Prompts by their tag and by the text of their messages."""

from typing import Any, ClassVar

from django.db.models import BooleanField, F, QuerySet, Value

from labeling.database.templates import TemplateFunc
from labeling.material.excerpts import AllContents
from labeling.models import Prompt


class HasEntry(TemplateFunc):
    """Whether a JSON list of texts holds this one."""

    output_field: ClassVar = BooleanField()
    sqlite = "EXISTS (SELECT 1 FROM json_each(%(expressions)s))"
    postgresql = "jsonb_exists(%(expressions)s)"

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        """Puts the text into a condition, where a list of arguments has its comma."""
        joiner = ") WHERE value = ("
        return self.as_sql(compiler, connection, template=self.sqlite, arg_joiner=joiner)


def with_tag(prompts: QuerySet[Prompt], tag: str) -> QuerySet[Prompt]:
    return prompts.filter(HasEntry(F("tags"), Value(tag)))


def holding_text(prompts: QuerySet[Prompt], text: str) -> QuerySet[Prompt]:
    """Those whose messages hold the text. No index helps: narrow them first."""
    contents = prompts.alias(all_contents=AllContents("messages"))
    return contents.filter(all_contents__icontains=text)
