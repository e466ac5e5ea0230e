from typing import Any

import django.db.models.deletion
from django.db import migrations, models

# Indexes of one column with which a unique one begins as well: each costs every import a tenth of
# its time, and answers nothing that the other does not.
REDUNDANT = [("response", "prompt"), ("comparison", "prompt"), ("comparisonresponse", "comparison")]


def drop_redundant(apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    for name, column in REDUNDANT:
        table = apps.get_model("labeling", name)._meta.db_table
        with connection.cursor() as cursor:
            constraints = connection.introspection.get_constraints(cursor, table)
        for index, about in constraints.items():
            is_single = about["index"] and not about["unique"]
            if is_single and about["columns"] == [f"{column}_id"]:
                schema_editor.execute(f"DROP INDEX {connection.ops.quote_name(index)}")


def make_again(apps: Any, schema_editor: Any) -> None:
    quote = schema_editor.connection.ops.quote_name
    for name, column in REDUNDANT:
        table = apps.get_model("labeling", name)._meta.db_table
        columns = f"{quote(table)} ({quote(column + '_id')})"
        schema_editor.execute(f"CREATE INDEX {quote(f'{table}_{column}_again')} ON {columns}")


def parent(model: str, name: str) -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name=name,
        to=f"labeling.{model}",
    )


class Migration(migrations.Migration):
    dependencies = [("labeling", "0037_export")]

    operations = [
        migrations.AddField(
            "prompt",
            "metadata",
            models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text="What else is known of it (labeling/texts/metadata.py). Never shown to "
                "labelers.",
            ),
        ),
        migrations.AddField(
            "response",
            "metadata",
            models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text="What else is known of it, such as scores. Never shown to labelers.",
            ),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop_redundant, make_again)],
            state_operations=[
                migrations.AlterField("response", "prompt", parent("prompt", "responses")),
                migrations.AlterField("comparison", "prompt", parent("prompt", "comparisons")),
                migrations.AlterField(
                    "comparisonresponse",
                    "comparison",
                    parent("comparison", "comparison_responses"),
                ),
            ],
        ),
    ]
